"""The ceiling: each press of FASTER raises it by one increment; time, slowing and stops take it away."""

from __future__ import annotations

import pytest

from firmware_bridge.drive import DriveFault, DriveState
from hil_tests.bench import Bench, Hands
from hil_tests.conformance.steps import Refusal, grant, lies_still, walk
from hil_tests.simulated import Simulated


@pytest.mark.hazard("H-04", "C-GRANT")
def test_one_press_is_one_increment(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    hands.press("faster", 200)
    bench.pass_ms(60)

    assert bench.status.granted_mm_s == 150


@pytest.mark.parametrize(
    ("closed_ms", "granted_mm_s"),
    [
        pytest.param(30, 100, id="too short"),
        pytest.param(52, 150, id="just long enough"),
        pytest.param(1990, 150, id="just short enough"),
    ],
)
def test_the_length_of_a_press(simulated: Simulated, closed_ms: int, granted_mm_s: int) -> None:
    bench, _, hands = simulated
    walk(bench, hands)
    hands.press("faster", closed_ms)
    bench.pass_ms(60)

    assert bench.status.granted_mm_s == granted_mm_s


@pytest.mark.hazard("H-26", "C-GRANT")
def test_held_it_raises_nothing_and_after_two_seconds_brakes_into_a_fault(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    hands.hold("faster", True)
    bench.pass_ms(1900)
    assert bench.status.granted_mm_s == 100
    bench.pass_until(lambda: bench.state is DriveState.BRAKING, 200)
    assert machine.relay_commanded
    bench.pass_until(lambda: bench.state is DriveState.FAULT, 1000)

    assert bench.status.faults == DriveFault.FASTER_STUCK
    assert lies_still(bench)


def test_it_counts_only_while_the_belt_runs(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)
    hands.press("faster", 200)
    bench.pass_ms(60)
    assert bench.status.granted_mm_s == 100


def test_closed_before_the_belt_ran_it_does_not_count(simulated: Simulated) -> None:
    bench, _, hands = simulated
    grant(bench, hands)
    hands.hold("faster", True)
    bench.pass_ms(50)
    bench.follow(100)
    bench.pass_ms(200)
    assert bench.state is DriveState.RUNNING
    hands.hold("faster", False)
    bench.pass_ms(60)

    assert bench.status.granted_mm_s == 100


def test_from_half_a_metre_a_second_an_increment_is_twice_as_large(bench: Bench, hands: Hands) -> None:
    walk(bench, hands, 500)
    hands.press("faster", 200)
    bench.pass_ms(60)

    assert bench.status.granted_mm_s == 600


@pytest.mark.hazard("H-04", "C-CEILINGS")
def test_no_number_of_presses_goes_beyond_the_absolute_ceiling(simulated: Simulated) -> None:
    bench, _, hands = simulated
    walk(bench, hands)
    for _ in range(25):
        hands.press("faster", 100)
        bench.pass_ms(60)
        bench.follow(bench.status.granted_mm_s)
        bench.pass_ms(40)
    assert bench.status.granted_mm_s == 1600

    bench.fall_silent()
    bench.run(1601)
    bench.pass_ms(40)
    assert bench.status.refusal == Refusal.ABOVE_CEILING


@pytest.mark.hazard("H-04", "C-GRANT")
@pytest.mark.parametrize("pause_ms", [100, 4600])
def test_presses_that_the_host_does_not_follow_are_one_increment(bench: Bench, hands: Hands, pause_ms: int) -> None:
    """Each would otherwise keep the earlier ones alive, until the host takes them all in one leap."""
    walk(bench, hands)
    for _ in range(4):
        hands.press("faster", 200)
        bench.pass_ms(pause_ms)
        assert bench.status.granted_mm_s == 150
    bench.pass_ms(5100)

    assert bench.status.granted_mm_s == 100


def test_a_press_raises_from_what_was_used_of_the_last_one(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    hands.press("faster", 200)
    bench.pass_ms(60)
    bench.follow(130)
    bench.pass_ms(100)
    hands.press("faster", 200)
    bench.pass_ms(60)

    assert bench.status.granted_mm_s == 180


def test_a_press_takes_nothing_of_the_first_speed(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)
    bench.follow(30)
    bench.pass_ms(500)
    hands.press("faster", 200)
    bench.pass_ms(60)

    assert bench.status.granted_mm_s == 100


def test_an_unused_increment_dies_after_five_seconds(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    hands.press("faster", 200)
    bench.pass_ms(4900)
    assert bench.status.granted_mm_s == 150
    bench.pass_ms(200)

    assert bench.status.granted_mm_s == 100
    assert bench.state is DriveState.RUNNING


def test_of_an_increment_that_was_partly_used_the_rest_dies(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    hands.press("faster", 200)
    bench.pass_ms(60)
    bench.follow(130)
    bench.pass_ms(5200)

    assert bench.status.granted_mm_s == 130
    assert bench.drive.speed_m_s == pytest.approx(0.13, abs=0.02)


def test_a_first_speed_that_was_partly_used_dies_too(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)
    bench.follow(60)
    bench.pass_ms(5200)
    assert bench.status.granted_mm_s == 60

    bench.fall_silent()
    bench.run(61)
    bench.pass_ms(40)
    assert bench.status.refusal == Refusal.ABOVE_GRANTED


def test_slowing_spends_the_grant(bench: Bench, hands: Hands) -> None:
    walk(bench, hands, 200)
    bench.follow(120)
    bench.pass_ms(800)
    assert bench.status.granted_mm_s == 120

    bench.fall_silent()
    bench.run(200)
    bench.pass_ms(40)
    assert bench.status.refusal == Refusal.ABOVE_GRANTED
    assert bench.drive.speed_m_s < 0.14


def test_after_slowing_one_press_gives_one_increment_not_the_old_speed(bench: Bench, hands: Hands) -> None:
    walk(bench, hands, 200)
    bench.follow(100)
    bench.pass_ms(300)
    hands.press("faster", 200)
    bench.pass_ms(60)

    assert bench.status.granted_mm_s == 150


def test_a_stop_takes_every_grant(bench: Bench, hands: Hands) -> None:
    walk(bench, hands, 200)
    bench.stop()
    bench.pass_ms(40)

    assert bench.status.granted_mm_s == 0
