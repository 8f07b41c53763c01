"""STOP, by frame and by wire: always obeyed, harder but never softer, latched until a hand starts anew."""

from __future__ import annotations

import pytest

from firmware_bridge.codec import encode
from firmware_bridge.drive import DriveFault, DriveState, StatusFrame, Stop
from hil_tests.bench import Bench, Hands
from hil_tests.conformance.steps import BRAKE_MARGIN_MS, grant, lies_still, walk
from hil_tests.simulated import Simulated

WALKING_MM_S = 300


def braking_rate_mm_s2(bench: Bench) -> float:
    """The set-point's slope over the braking that was heard, by the drive's own clock."""
    falling = [status for _, status, _ in bench.heard if is_ramping_down(status)]
    first, last = falling[0], falling[-1]
    return 1000 * (first.commanded_mm_s - last.commanded_mm_s) / (last.tick - first.tick)


def is_ramping_down(status: StatusFrame) -> bool:
    return status.state is DriveState.BRAKING and status.commanded_mm_s > 0


@pytest.mark.parametrize(
    ("asked_mm_s2", "braked_mm_s2"),
    [
        pytest.param(0, 150, id="none asked: the softest"),
        pytest.param(149, 150, id="softer than allowed"),
        pytest.param(300, 300, id="as asked"),
        pytest.param(1000, 1000, id="hard"),
        pytest.param(65535, 1500, id="harder than allowed: the hardest"),
    ],
)
def test_a_stop_frame_brakes_within_its_range_to_rest(bench: Bench, hands: Hands, asked_mm_s2: int, braked_mm_s2: int) -> None:
    walk(bench, hands, WALKING_MM_S)
    bench.fall_silent()
    bench.stop(asked_mm_s2)
    took_ms = bench.pass_until(lambda: not bench.drive.relay_commanded, 3000)
    bench.pass_ms(40)

    assert took_ms <= 1000 * WALKING_MM_S / braked_mm_s2 + BRAKE_MARGIN_MS + 5
    assert braking_rate_mm_s2(bench) == pytest.approx(braked_mm_s2, rel=0.06)
    assert bench.state is DriveState.LATCHED
    assert bench.status.faults == 0
    assert lies_still(bench)


def test_a_host_that_goes_on_asking_is_not_heard_while_braking_nor_after(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    bench.stop(150)
    bench.pass_until(lambda: bench.state is DriveState.BRAKING, 30)
    bench.forget()
    bench.pass_ms(2500)  # `walk` left the host following at 100 mm/s

    assert bench.states_heard() == [DriveState.BRAKING, DriveState.LATCHED]
    assert lies_still(bench)


def test_a_later_stop_may_brake_harder(bench: Bench, hands: Hands) -> None:
    walk(bench, hands, WALKING_MM_S)
    bench.fall_silent()
    bench.stop(150)
    bench.pass_ms(200)
    bench.forget()
    bench.stop(1000)
    bench.pass_ms(4)
    bench.forget()
    took_ms = bench.pass_until(lambda: not bench.drive.relay_commanded, 3000)

    assert took_ms <= 270 + BRAKE_MARGIN_MS
    assert took_ms < 600


def test_a_later_stop_never_brakes_softer(bench: Bench, hands: Hands) -> None:
    walk(bench, hands, WALKING_MM_S)
    bench.fall_silent()
    bench.stop(600)
    bench.pass_ms(100)
    bench.forget()
    bench.stop(150)
    bench.pass_until(lambda: not bench.drive.relay_commanded, 3000)

    assert braking_rate_mm_s2(bench) == pytest.approx(600, rel=0.06)


def test_category_0_opens_the_relay_at_once_and_coasts(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands, WALKING_MM_S)
    bench.fall_silent()
    bench.stop(1500, category_0=True)
    bench.pass_until(lambda: not machine.relay_commanded, 5)

    assert machine.duty == 0
    assert machine.speed_m_s > 0.25
    bench.pass_ms(40)
    assert bench.state is DriveState.LATCHED
    assert bench.status.commanded_mm_s == 0
    bench.pass_until(lambda: lies_still(bench), 3000)


def test_category_0_cuts_a_stop_that_was_gentle(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    bench.fall_silent()
    bench.stop(150)
    bench.pass_ms(100)
    assert machine.relay_commanded
    bench.stop(150, category_0=True)
    bench.pass_until(lambda: not machine.relay_commanded, 5)


@pytest.mark.parametrize("category_0", [False, True])
def test_a_stop_ends_a_grant_before_it_was_used(bench: Bench, hands: Hands, category_0: bool) -> None:
    grant(bench, hands)
    bench.stop(category_0=category_0)
    bench.follow(100)
    bench.pass_ms(500)

    assert bench.state is DriveState.LATCHED
    assert bench.status.granted_mm_s == 0
    assert lies_still(bench)


@pytest.mark.hazard("H-11", "C-FRAMES")
def test_a_stop_needs_no_sequence_nonce_or_right_moment(bench: Bench, hands: Hands) -> None:
    """The very same bytes, sent at rest and again while walking, stop the belt."""
    same = encode(Stop(1000), 42)
    bench.drive.write(same)
    bench.pass_ms(40)
    assert bench.state is DriveState.IDLE
    walk(bench, hands)
    bench.drive.write(same)
    bench.pass_ms(30)

    assert bench.state is DriveState.BRAKING


def test_after_a_stop_a_fresh_start_walks_again(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    bench.fall_silent()
    bench.stop(1000)
    bench.pass_until(lambda: not bench.drive.relay_commanded, 1000)

    walk(bench, hands)

    assert bench.drive.speed_m_s == pytest.approx(0.1, abs=0.02)


@pytest.mark.hazard("H-16", "C-STOP-INPUT", "C-CHAIN")
def test_the_stop_input_brakes_hard_and_latches(bench: Bench, hands: Hands) -> None:
    walk(bench, hands, WALKING_MM_S)
    hands.set_stop_input(False)
    took_ms = bench.pass_until(lambda: not bench.drive.relay_commanded, 2000)
    bench.pass_ms(40)

    assert took_ms <= 300 + BRAKE_MARGIN_MS
    assert braking_rate_mm_s2(bench) == pytest.approx(1000, rel=0.06)
    assert bench.state is DriveState.LATCHED
    assert bench.status.faults == DriveFault.STOP_INPUT


@pytest.mark.hazard("H-16", "C-STOP-INPUT")
def test_one_millisecond_of_an_open_stop_input_is_enough(simulated: Simulated) -> None:
    bench, _, hands = simulated
    walk(bench, hands)
    hands.set_stop_input(False)
    bench.pass_ms(2)
    hands.set_stop_input(True)
    bench.pass_ms(30)
    assert bench.state is DriveState.BRAKING
    bench.pass_ms(1500)

    assert bench.state is DriveState.LATCHED
    assert lies_still(bench)


def test_the_stop_input_hardens_a_gentle_stop(simulated: Simulated) -> None:
    bench, _, hands = simulated
    walk(bench, hands, WALKING_MM_S)
    bench.fall_silent()
    bench.stop(150)
    bench.pass_ms(60)
    hands.set_stop_input(False)
    bench.pass_ms(2)
    bench.forget()
    bench.pass_until(lambda: not bench.drive.relay_commanded, 1000)

    assert braking_rate_mm_s2(bench) == pytest.approx(1000, rel=0.15)


@pytest.mark.hazard("H-02", "C-STOP-INPUT")
def test_closing_the_stop_input_restarts_nothing_and_only_start_ends_the_latch(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    hands.set_stop_input(False)
    bench.pass_until(lambda: not bench.drive.relay_commanded, 1000)
    hands.set_stop_input(True)
    bench.pass_ms(2000)
    assert bench.state is DriveState.LATCHED
    assert bench.status.faults == DriveFault.STOP_INPUT
    assert lies_still(bench)

    bench.fall_silent()
    grant(bench, hands)
    assert bench.status.faults == 0


@pytest.mark.hazard("H-02", "C-CHAIN")
def test_contactors_that_drop_while_walking_end_in_a_stall_not_in_a_restart(simulated: Simulated) -> None:
    """The hardware chain cuts the motor under the firmware: it must not wind up and jump when power returns."""
    bench, machine, hands = simulated
    walk(bench, hands, 200)
    machine.set_inputs(contactor_1=False, contactor_2=False)
    bench.pass_until(lambda: not machine.relay_commanded, 1600)
    machine.set_inputs(contactor_1=True, contactor_2=True)
    bench.pass_ms(1000)

    assert bench.state is DriveState.FAULT
    assert lies_still(bench)
