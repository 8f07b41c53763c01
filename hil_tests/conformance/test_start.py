"""START: only a press as a hand makes it, at proven standstill, with everything healthy."""

from __future__ import annotations

import pytest

from firmware_bridge.drive import BeltDirection, DriveFault, DriveInput, DriveState
from hil_tests.bench import Bench, Hands
from hil_tests.conformance.steps import FIRST_SPEED_MM_S, START_OPEN_MS, grant, has, lies_still, walk
from hil_tests.simulated import Simulated


@pytest.mark.hazard("H-01", "C-GRANT", "C-FRESH-START")
def test_a_fresh_press_grants_first_speed_and_moves_nothing(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)

    assert bench.status.granted_mm_s == FIRST_SPEED_MM_S
    assert lies_still(bench)


def test_the_first_valid_run_after_it_starts_the_belt(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)

    assert bench.state is DriveState.RUNNING
    assert bench.status.direction is BeltDirection.BACKWARD_GAIT
    assert bench.drive.speed_m_s == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("open_ms", "closed_ms", "grants"),
    [
        pytest.param(1100, 30, False, id="shorter than 50 ms"),
        pytest.param(1100, 49, False, id="just shorter than 50 ms"),
        pytest.param(1100, 52, True, id="just long enough"),
        pytest.param(1100, 1995, True, id="just short enough"),
        pytest.param(1100, 2020, False, id="longer than 2 s"),
        pytest.param(500, 200, False, id="open for half a second only"),
    ],
)
@pytest.mark.hazard("H-01", "H-26", "C-FRESH-START")
def test_the_length_of_a_press(simulated: Simulated, open_ms: int, closed_ms: int, grants: bool) -> None:
    bench, _, hands = simulated
    bench.pass_ms(2000)
    hands.press("start", 20)  # ends the long open time without being a press
    bench.pass_ms(open_ms)

    hands.press("start", closed_ms)
    bench.pass_ms(100)

    assert (bench.state is DriveState.GRANTED) is grants
    assert lies_still(bench)


def test_nothing_is_granted_while_it_is_still_closed(simulated: Simulated) -> None:
    bench, _, hands = simulated
    bench.pass_ms(START_OPEN_MS)
    hands.hold("start", True)
    bench.follow(FIRST_SPEED_MM_S)
    bench.pass_ms(1500)

    assert bench.state is DriveState.IDLE
    assert lies_still(bench)


def test_a_bouncing_contact_is_one_press(simulated: Simulated) -> None:
    bench, _, hands = simulated
    bench.pass_ms(START_OPEN_MS)
    for closed in (True, False, True, False, True):
        hands.hold("start", closed)
        bench.pass_ms(2)
    bench.pass_ms(200)
    for closed in (False, True, False, True, False):
        hands.hold("start", closed)
        bench.pass_ms(2)
    bench.pass_ms(100)

    assert bench.state is DriveState.GRANTED


def test_a_noisy_contact_adds_up_to_no_press(simulated: Simulated) -> None:
    """Spikes of 3 ms, far more than ten of them: each must be forgotten before the next."""
    bench, _, hands = simulated
    bench.pass_ms(START_OPEN_MS)
    bench.forget()
    for _ in range(40):
        hands.press("start", 3)
        bench.pass_ms(7)

    assert not any(status.inputs & DriveInput.START_CLOSED for _, status, _ in bench.heard)
    assert bench.state is DriveState.IDLE


@pytest.mark.hazard("H-03", "C-SAFE-POWER-UP")
def test_held_at_power_up_it_grants_nothing(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    hands.hold("start", True)
    machine.reset()
    bench.pass_ms(1500)
    hands.hold("start", False)
    bench.pass_ms(200)

    assert bench.state is DriveState.IDLE
    assert bench.status.granted_mm_s == 0


@pytest.mark.hazard("H-26", "C-FRESH-START")
def test_held_longer_than_two_seconds_it_is_a_fault(simulated: Simulated) -> None:
    bench, _, hands = simulated
    bench.pass_ms(START_OPEN_MS)
    hands.hold("start", True)
    bench.pass_ms(1950)
    assert bench.state is DriveState.IDLE
    bench.pass_ms(100)

    assert bench.state is DriveState.FAULT
    assert bench.status.faults == DriveFault.START_STUCK


def test_stuck_while_walking_it_brakes_under_control_into_the_fault(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    hands.hold("start", True)
    bench.pass_until(lambda: bench.state is DriveState.BRAKING, 2100)
    assert machine.relay_commanded
    bench.pass_until(lambda: lies_still(bench), 1000)
    bench.pass_ms(40)

    assert bench.state is DriveState.FAULT
    assert bench.status.faults == DriveFault.START_STUCK


@pytest.mark.hazard("H-02", "C-STOP-INPUT")
def test_with_the_stop_input_open_nothing_is_granted(bench: Bench, hands: Hands) -> None:
    hands.set_stop_input(False)
    bench.pass_ms(START_OPEN_MS)
    assert bench.state is DriveState.LATCHED
    hands.press("start", 200)
    bench.pass_ms(100)

    assert bench.state is DriveState.LATCHED
    assert has(bench, DriveFault.STOP_INPUT)


def test_a_stop_input_that_opens_during_the_press_spoils_it(simulated: Simulated) -> None:
    bench, _, hands = simulated
    bench.pass_ms(START_OPEN_MS)
    hands.hold("start", True)
    bench.pass_ms(100)
    hands.set_stop_input(False)
    bench.pass_ms(5)
    hands.set_stop_input(True)
    bench.pass_ms(100)
    hands.hold("start", False)
    bench.pass_ms(100)

    assert bench.state is DriveState.LATCHED


@pytest.mark.hazard("H-02", "H-29", "C-FRESH-START")
def test_while_the_belt_still_coasts_nothing_is_granted(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    bench.fall_silent()
    bench.stop(category_0=True)
    bench.pass_ms(5)
    for _ in range(3):
        bench.pass_ms(1100, force_n=54)  # somebody keeps pushing: the belt never rests
        hands.hold("start", True)
        bench.pass_ms(200, force_n=54)
        hands.hold("start", False)
        bench.pass_ms(40, force_n=54)
    assert machine.speed_m_s > 0.02

    assert bench.state is DriveState.LATCHED


def test_a_press_that_began_before_standstill_was_proven_is_none(simulated: Simulated) -> None:
    bench, _, hands = simulated
    walk(bench, hands)
    bench.fall_silent()
    bench.stop(1500)
    bench.pass_until(lambda: lies_still(bench), 500)
    bench.pass_ms(500)
    hands.press("start", 1500)
    bench.pass_ms(100)

    assert bench.state is DriveState.LATCHED


@pytest.mark.parametrize(("after_ms", "grants"), [(900, False), (1050, True)])
def test_rest_under_power_is_no_part_of_standstill(simulated: Simulated, after_ms: int, grants: bool) -> None:
    """After a RUN to 0 the belt has rested for half a second when the relay opens; held by the motor, that proves little."""
    bench, machine, hands = simulated
    walk(bench, hands)
    bench.follow(0)
    bench.pass_until(lambda: not machine.relay_commanded, 2500)
    bench.fall_silent()
    bench.pass_ms(after_ms)
    hands.press("start", 200)
    bench.pass_ms(40)

    assert (bench.state is DriveState.GRANTED) is grants


def test_in_fault_nothing_is_granted(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    machine.reset(watchdog=True)
    bench.pass_ms(2000)
    hands.press("start", 200)
    bench.pass_ms(100)

    assert bench.state is DriveState.FAULT
    assert bench.status.granted_mm_s == 0


@pytest.mark.hazard("H-01", "C-GRANT")
def test_an_unused_grant_dies_after_five_seconds(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)
    bench.pass_ms(4900)
    assert bench.state is DriveState.GRANTED
    bench.pass_ms(200)
    assert bench.state is DriveState.IDLE

    bench.follow(FIRST_SPEED_MM_S)
    bench.pass_ms(500)
    assert bench.status.granted_mm_s == 0
    assert lies_still(bench)


def test_a_second_press_does_not_prolong_a_grant(simulated: Simulated) -> None:
    bench, _, hands = simulated
    grant(bench, hands)
    bench.pass_ms(3000)
    hands.press("start", 200)
    bench.pass_ms(2000)

    assert bench.state is DriveState.IDLE


def test_half_a_second_at_rest_ends_the_grant(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    bench.follow(0)
    bench.pass_until(lambda: bench.state is DriveState.IDLE, 2500)
    assert lies_still(bench)

    bench.follow(FIRST_SPEED_MM_S)
    bench.pass_ms(500)
    assert bench.state is DriveState.IDLE
    assert lies_still(bench)


def test_a_host_that_starts_the_belt_at_speed_zero_cannot_keep_the_grant_for_later(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)
    bench.follow(0)
    bench.pass_ms(800)
    assert bench.state is DriveState.IDLE

    bench.follow(FIRST_SPEED_MM_S)
    bench.pass_ms(500)
    assert lies_still(bench)


@pytest.mark.hazard("H-01", "C-GRANT")
@pytest.mark.parametrize("creep_mm_s", [1, 10, 19])
def test_a_belt_that_is_held_below_the_rest_speed_keeps_no_grant_for_faster(bench: Bench, hands: Hands, creep_mm_s: int) -> None:
    """Below 20 mm/s a belt rests, whatever its set-point: a press of FASTER minutes later would start it, not speed it up."""
    walk(bench, hands)
    bench.follow(creep_mm_s)
    bench.pass_until(lambda: bench.status.commanded_mm_s == creep_mm_s, 1000)
    bench.pass_until(lambda: bench.state is DriveState.IDLE, 2100)
    assert lies_still(bench)

    hands.press("faster", 200)
    bench.follow(creep_mm_s + 50)
    bench.pass_ms(500)
    assert bench.status.granted_mm_s == 0
    assert lies_still(bench)


def test_a_host_that_starts_the_belt_below_the_rest_speed_cannot_keep_the_grant_for_later(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)
    bench.follow(1)
    bench.pass_until(lambda: bench.state is DriveState.IDLE, 2200)

    bench.follow(FIRST_SPEED_MM_S)
    bench.pass_ms(500)
    assert lies_still(bench)


def test_a_belt_that_creeps_above_the_rest_speed_walks_on(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    bench.follow(30)
    bench.pass_ms(4000)

    assert bench.state is DriveState.RUNNING


def test_the_gentlest_start_that_a_controller_makes_is_not_taken_for_rest(bench: Bench, hands: Hands) -> None:
    """0.03 m/s2, reached at 0.05 m/s3: the target stays at 0 for 0.2 s, and below 20 mm/s for 1 s."""
    grant(bench, hands)
    for period in range(500):
        after_s = period / 100
        target_m_s = 0.025 * after_s**2 if after_s < 0.6 else 0.009 + 0.03 * (after_s - 0.6)
        bench.follow(min(FIRST_SPEED_MM_S, int(1000 * target_m_s)), 45)
        bench.pass_ms(10)

    assert bench.state is DriveState.RUNNING
    assert bench.status.refusals == 0
    assert bench.drive.speed_m_s == pytest.approx(0.1, abs=0.02)
