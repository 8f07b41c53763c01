"""The machine breaks: each fault through its own knob of the simulated belt, and what the firmware makes of it."""

from __future__ import annotations

import pytest

from firmware_bridge.drive import BeltDirection, Clear, DriveFault, DriveInput, DriveState
from hil_tests.bench import Bench
from hil_tests.conformance.steps import BRAKE_MARGIN_MS, grant, has, lies_still, walk
from hil_tests.simulated import Simulated

RUN_TO_REST_MS = 1000
FRAME_MS = 4
"""A STOP's way to the drive, and the bench's own resolution."""


def check_cut(bench: Bench, fault: DriveFault) -> None:
    """Category 0: relay open, no duty, the fault latched whatever the host goes on asking."""
    assert not bench.drive.relay_commanded
    assert bench.drive.duty == 0
    bench.pass_ms(40)
    assert bench.state is DriveState.FAULT
    assert has(bench, fault)
    assert DriveState.BRAKING not in bench.states_heard()
    bench.pass_ms(1000)
    assert bench.state is DriveState.FAULT
    assert not bench.drive.relay_commanded


@pytest.mark.hazard("H-05", "C-ENCODER")
def test_motor_runaway_is_overspeed(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    machine.set_faults(motor_runaway=True)
    took_ms = bench.pass_until(lambda: not machine.relay_commanded, 300)

    assert took_ms < 120
    assert machine.speed_m_s < 0.9
    check_cut(bench, DriveFault.OVERSPEED)


@pytest.mark.hazard("H-05", "C-ENCODER")
def test_a_slow_overspeed_is_cut_after_100_ms(simulated: Simulated) -> None:
    """Pushed 0.1 m/s above the set-point, not far enough for the quick rule."""
    bench, machine, hands = simulated
    walk(bench, hands, 150)
    bench.forget()
    bench.pass_until(lambda: not machine.relay_commanded, 1000, force_n=700)
    over = [status for _, status, _ in bench.heard if status.measured_mm_s > status.commanded_mm_s + 100]

    assert over[-1].tick - over[0].tick in range(60, 121)
    check_cut(bench, DriveFault.OVERSPEED)


@pytest.mark.hazard("H-06", "C-ENCODER")
def test_a_reversed_motor_is_wrong_direction(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    machine.set_faults(motor_reversed=True)
    grant(bench, hands)
    bench.follow(100)
    bench.pass_until(lambda: bench.state is DriveState.RUNNING, 60)
    bench.pass_until(lambda: not machine.relay_commanded, 2000)

    assert abs(machine.travel_m) < 0.03
    check_cut(bench, DriveFault.WRONG_DIRECTION)


def test_creeping_the_wrong_way_is_noticed_by_distance(simulated: Simulated) -> None:
    """Never faster than the speed rule's 20 mm/s, for longer than its time: 20 mm of travel are the limit.

    The contactors are open, so that the motor does not resist; the set-point is too low for a stall.
    """
    bench, machine, hands = simulated
    grant(bench, hands)
    bench.follow(20)
    bench.pass_until(lambda: bench.state is DriveState.RUNNING, 60)
    machine.set_inputs(contactor_1=False, contactor_2=False)
    bench.pass_ms(100)
    bench.forget()
    began_m = machine.travel_m
    for _ in range(2500):
        bench.pass_ms(1, force_n=-56 if machine.speed_m_s > -0.011 else 0)
        if not machine.relay_commanded:
            break

    measured = [status for _, status, _ in bench.heard]
    assert {status.direction for status in measured} <= {BeltDirection.REST, BeltDirection.WRONG}
    assert max(status.measured_mm_s for status in measured) <= 20
    assert began_m - machine.travel_m == pytest.approx(0.02, abs=0.002)
    check_cut(bench, DriveFault.WRONG_DIRECTION)


def test_a_jammed_belt_is_a_stall(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    grant(bench, hands)
    bench.follow(100)
    bench.pass_ms(700, drag_n=2000)
    assert machine.relay_commanded
    bench.pass_until(lambda: not machine.relay_commanded, 1500, drag_n=2000)
    check_cut(bench, DriveFault.STALL)


@pytest.mark.hazard("H-05", "C-ENCODER")
def test_a_dead_encoder_is_a_stall_and_the_belt_hardly_gains_speed(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands, 300)
    machine.set_faults(encoder_slip=1.0)
    fastest_m_s = 0.0

    def cut() -> bool:
        nonlocal fastest_m_s
        fastest_m_s = max(fastest_m_s, machine.speed_m_s)
        return not machine.relay_commanded

    took_ms = bench.pass_until(cut, 1000)

    assert took_ms <= 540
    assert fastest_m_s < 0.55
    check_cut(bench, DriveFault.STALL)


def test_a_slipping_encoder_is_noticed_by_the_motors_effort(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands, 500)
    machine.set_faults(encoder_slip=0.6)
    bench.pass_until(lambda: not machine.relay_commanded, 3000)

    check_cut(bench, DriveFault.STALL)


@pytest.mark.hazard("H-27", "H-16", "C-RELAY-READ-BACK")
def test_a_welded_relay_is_a_fault_after_the_stop(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    machine.set_faults(relay_welded=True)
    bench.fall_silent()
    bench.stop(1000)
    bench.pass_until(lambda: not machine.relay_commanded, 1000)
    bench.pass_ms(140)

    assert machine.relay_closed
    assert bench.state is DriveState.FAULT
    assert has(bench, DriveFault.RELAY)
    assert bench.status.inputs & DriveInput.RELAY_CLOSED


def test_a_relay_that_never_closes_is_a_fault_and_no_duty_was_put_out(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    machine.set_faults(relay_open=True)
    grant(bench, hands)
    bench.follow(100)
    bench.pass_until(lambda: machine.relay_commanded, 60)
    bench.forget()
    took_ms = bench.pass_until(lambda: machine.duty != 0 or not machine.relay_commanded, 200)

    assert took_ms == pytest.approx(100, abs=5)
    assert max(status.commanded_mm_s for _, status, _ in bench.heard) == 0
    check_cut(bench, DriveFault.RELAY)


def test_a_relay_that_closed_once_and_now_does_not_gets_no_duty_either(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    bench.fall_silent()
    bench.stop(1000)
    bench.pass_until(lambda: not machine.relay_commanded, 1000)
    machine.set_faults(relay_open=True)
    grant(bench, hands)
    bench.follow(100)
    bench.pass_until(lambda: machine.relay_commanded, 60)
    bench.forget()
    bench.pass_until(lambda: machine.duty != 0 or not machine.relay_commanded, 200)

    check_cut(bench, DriveFault.RELAY)


@pytest.mark.hazard("H-27", "C-RELAY-READ-BACK")
def test_a_read_back_wire_that_breaks_while_walking_lets_the_belt_coast(simulated: Simulated) -> None:
    """The relay is still closed: without PWM the motor would be a short circuit, and brake a walking patient at 9 m/s2."""
    bench, machine, hands = simulated
    walk(bench, hands, 500)
    before_m_s = machine.speed_m_s
    machine.set_faults(read_back_broken=True)
    took_ms = bench.pass_until(lambda: not machine.relay_commanded, 200)

    assert took_ms == pytest.approx(100, abs=5)
    assert machine.speed_m_s == pytest.approx(before_m_s, abs=0.02)
    check_cut(bench, DriveFault.RELAY)


def test_a_read_back_that_chatters_is_not_felt_on_the_belt(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands, 500)
    slowest_m_s = machine.speed_m_s
    for _ in range(5):
        machine.set_faults(read_back_broken=True)
        bench.pass_ms(20)
        slowest_m_s = min(slowest_m_s, machine.speed_m_s)
        machine.set_faults(read_back_broken=False)
        bench.pass_ms(20)

    assert slowest_m_s > 0.48
    assert bench.states_heard() == [DriveState.RUNNING]


def test_a_stop_brakes_on_while_the_read_back_chatters(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands, 500)
    bench.fall_silent()
    bench.stop(300)
    bench.pass_ms(20)
    machine.set_faults(read_back_broken=True)
    bench.pass_ms(90)
    machine.set_faults(read_back_broken=False)
    began = next(status for _, status, _ in bench.heard if status.state is DriveState.BRAKING)

    assert bench.state is DriveState.BRAKING
    assert began.commanded_mm_s - bench.status.commanded_mm_s == pytest.approx(0.3 * (bench.status.tick - began.tick), abs=3)


@pytest.mark.hazard("H-11", "C-ENCODER")
def test_a_brake_that_does_not_brake_opens_the_relay_in_time(simulated: Simulated) -> None:
    """At 0.08 m/s, where overspeed, with its 0.1 m/s of tolerance, is never reached."""
    bench, machine, hands = simulated
    walk(bench, hands, 80)
    machine.set_faults(brake_failed=True)
    bench.pass_ms(20)
    bench.fall_silent()
    bench.stop(300)
    took_ms = bench.pass_until(lambda: not machine.relay_commanded, 2000)
    assert machine.speed_m_s > 0.06
    bench.pass_ms(40)

    slowest_ms, fastest_ms = (1000 * speed_mm_s / 300 + BRAKE_MARGIN_MS for speed_mm_s in (75, 95))
    assert slowest_ms <= took_ms <= fastest_ms + FRAME_MS
    assert bench.state is DriveState.FAULT
    assert bench.status.faults == DriveFault.BRAKE


def test_a_run_to_zero_that_is_not_obeyed_opens_the_relay_in_time(simulated: Simulated) -> None:
    """At 0.08 m/s again: a host that slows the belt by RUN has set no deadline, and nothing else would ever notice."""
    bench, machine, hands = simulated
    walk(bench, hands, 80)
    machine.set_faults(brake_failed=True)
    bench.pass_ms(20)
    bench.follow(0, 300)
    took_ms = bench.pass_until(lambda: not machine.relay_commanded, 2000)
    assert machine.speed_m_s > 0.06

    assert took_ms == pytest.approx(1000 * 80 / 300 + RUN_TO_REST_MS, abs=20)
    check_cut(bench, DriveFault.BRAKE)
    assert bench.status.faults == DriveFault.BRAKE


@pytest.mark.parametrize("deceleration_mm_s2", [30, 225, 1500])
def test_a_run_to_zero_is_no_fault_under_a_patient_who_pushes_the_belt(simulated: Simulated, deceleration_mm_s2: int) -> None:
    """The time counts from a set-point of 0, not from the RUN, and each moment at rest begins it again."""
    bench, _, hands = simulated
    walk(bench, hands, 300)
    bench.follow(0, deceleration_mm_s2)
    bench.pass_until(lambda: bench.status.commanded_mm_s == 0, 11_000)
    bench.forget()
    for _ in range(5):
        bench.pass_ms(200, drag_n=60)
        bench.pass_ms(400, force_n=150)
    assert max(status.measured_mm_s for _, status, _ in bench.heard) > 30
    bench.pass_ms(600)

    assert bench.states_heard() == [DriveState.RUNNING, DriveState.IDLE]
    assert bench.status.faults == 0


def test_a_harder_stop_brings_the_deadline_forward(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands, 80)
    machine.set_faults(brake_failed=True)
    bench.pass_ms(20)
    bench.fall_silent()
    bench.stop(150)
    bench.pass_ms(100)
    bench.stop(1500)
    took_ms = bench.pass_until(lambda: not machine.relay_commanded, 2000)
    bench.pass_ms(40)

    assert took_ms <= 1000 * 95 / 1500 + BRAKE_MARGIN_MS + FRAME_MS
    assert bench.status.faults == DriveFault.BRAKE


def test_a_fast_belt_that_does_not_brake_is_cut_sooner_as_overspeed(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands, 500)
    machine.set_faults(brake_failed=True)
    bench.pass_ms(20)
    bench.fall_silent()
    bench.stop(1000)
    took_ms = bench.pass_until(lambda: not machine.relay_commanded, 2000)
    bench.pass_ms(40)

    assert took_ms < 300
    assert bench.state is DriveState.FAULT
    assert has(bench, DriveFault.OVERSPEED)


@pytest.mark.parametrize("force_n", [80, -80])
@pytest.mark.hazard("H-27", "C-ENCODER")
def test_motion_with_the_relay_open_is_a_fault(simulated: Simulated, force_n: float) -> None:
    bench, _, _ = simulated
    bench.pass_ms(1200)
    bench.pass_ms(400, force_n=force_n)
    bench.pass_ms(40)

    assert bench.state is DriveState.FAULT
    assert has(bench, DriveFault.UNEXPECTED_MOTION)


def test_motion_while_granted_ends_the_grant(simulated: Simulated) -> None:
    bench, _, hands = simulated
    grant(bench, hands)
    bench.pass_ms(400, force_n=80)
    bench.follow(100)
    bench.pass_ms(300)

    assert bench.state is DriveState.FAULT
    assert bench.status.granted_mm_s == 0
    assert not bench.drive.relay_commanded


def test_a_belt_that_still_coasts_after_a_cut_is_no_unexpected_motion(simulated: Simulated) -> None:
    bench, _, hands = simulated
    walk(bench, hands, 300)
    bench.fall_silent()
    bench.stop(category_0=True)
    bench.pass_ms(2500)

    assert bench.state is DriveState.LATCHED
    assert bench.status.faults == 0


def test_a_push_just_after_the_relay_opened_is_no_unexpected_motion(simulated: Simulated) -> None:
    """A patient who steps off the belt pushes it: two seconds of rest before the relay opened have not armed the watch."""
    bench, machine, hands = simulated
    walk(bench, hands)
    bench.follow(1)
    bench.pass_until(lambda: not machine.relay_commanded, 3000)
    bench.pass_ms(300, force_n=100)
    bench.pass_ms(700)

    assert bench.state is DriveState.IDLE
    assert bench.status.faults == 0


def test_a_moment_of_motion_at_rest_is_no_fault(simulated: Simulated) -> None:
    """A patient who steps onto the belt nudges it by a few millimetres."""
    bench, _, _ = simulated
    bench.pass_ms(1200)
    bench.pass_ms(60, force_n=110)
    bench.pass_ms(500)

    assert bench.state is DriveState.IDLE
    assert bench.status.distance_mm >= 1


def test_over_current_is_cut(simulated: Simulated) -> None:
    """A drag that the motor can only just move: far more current than walking ever needs, yet motion, so no stall."""
    bench, machine, hands = simulated
    walk(bench, hands, 600)
    bench.pass_until(lambda: not machine.relay_commanded, 1500, drag_n=860)
    check_cut(bench, DriveFault.OVER_CURRENT)


CONTACTORS_FALL_MS = 5000
CONTACTORS = [("contactor_1", "contactor_2"), ("contactor_2", "contactor_1")]


def open_chain(simulated: Simulated, falls: tuple[str, ...], for_ms: int) -> None:
    """The chain opens: the STOP input at once, 2 s later the contactors that are sound; then it closes, and they with it."""
    bench, machine, hands = simulated
    hands.set_stop_input(False)
    bench.pass_ms(2000)
    machine.set_inputs(**dict.fromkeys(falls, False))
    bench.pass_ms(for_ms - 2000)
    machine.set_inputs(**dict.fromkeys(falls, True))
    hands.set_stop_input(True)
    bench.pass_ms(1200)


@pytest.mark.hazard("H-16", "H-27", "C-RELAY-READ-BACK")
@pytest.mark.parametrize(("sound", "welded"), CONTACTORS)
def test_a_welded_contactor_is_a_fault_until_both_have_been_seen_to_open(simulated: Simulated, sound: str, welded: str) -> None:
    """One still cuts the power; the next patient starts with two."""
    bench, _, hands = simulated
    open_chain(simulated, (sound,), CONTACTORS_FALL_MS + 100)
    assert bench.state is DriveState.FAULT
    assert has(bench, DriveFault.CONTACTOR)
    bench.send(Clear())
    bench.pass_ms(1200)
    assert bench.state is DriveState.FAULT, "with the chain closed it looks sound, and is not"
    open_chain(simulated, (sound, welded), 3000)
    assert bench.state is DriveState.FAULT, "mended, and still a fault that a hand resets"
    bench.send(Clear())
    bench.pass_ms(40)
    assert not has(bench, DriveFault.CONTACTOR)
    bench.fall_silent()
    walk(bench, hands)


@pytest.mark.parametrize(("late", "_other"), CONTACTORS)
def test_contactors_that_fall_in_time_are_no_fault(simulated: Simulated, late: str, _other: str) -> None:
    """The longest off-delay that commissioning lets pass, over and over: the time of each opening counts alone."""
    bench, machine, hands = simulated
    for _ in range(3):
        hands.set_stop_input(False)
        bench.pass_ms(CONTACTORS_FALL_MS - 100)
        machine.set_inputs(contactor_1=late != "contactor_1", contactor_2=late != "contactor_2")
        machine.set_inputs(contactor_1=False, contactor_2=False)
        bench.pass_ms(300)
        machine.set_inputs(contactor_1=True, contactor_2=True)
        hands.set_stop_input(True)
        bench.pass_ms(100)
    assert bench.status.faults == DriveFault.STOP_INPUT


def test_walking_with_foot_strikes_and_drag_trips_nothing(simulated: Simulated) -> None:
    """A machine that cries wolf is switched off: 20 s of a heavy, clumsy gait at 0.5 m/s."""
    bench, _, hands = simulated
    walk(bench, hands, 500)
    for _ in range(20):
        bench.pass_ms(150, force_n=-220, drag_n=60)
        bench.pass_ms(350, drag_n=120)
        bench.pass_ms(100, force_n=60, drag_n=60)

    assert bench.states_heard() == [DriveState.RUNNING]
    assert bench.status.faults == 0


class TestClear:
    """CLEAR opens the fault's latch only when its cause is gone, and never moves or grants anything."""

    def test_clears_at_standstill_and_then_waits_for_a_hand(self, simulated: Simulated) -> None:
        bench, machine, hands = simulated
        self._stick_start(simulated)
        bench.pass_ms(1200)
        bench.send(Clear())
        bench.pass_ms(40)

        assert bench.state is DriveState.IDLE
        assert bench.status.faults == 0
        bench.follow(100)
        bench.pass_ms(500)
        assert lies_still(bench)
        walk(bench, hands)
        assert machine.speed_m_s == pytest.approx(0.1, abs=0.02)

    def test_not_with_start_closed(self, simulated: Simulated) -> None:
        bench, _, hands = simulated
        self._stick_start(simulated)
        bench.pass_ms(1200)
        hands.hold("start", True)
        bench.pass_ms(40)
        self._check_refused(bench)

    def test_not_with_faster_closed(self, simulated: Simulated) -> None:
        bench, _, hands = simulated
        self._stick_start(simulated)
        bench.pass_ms(1200)
        hands.hold("faster", True)
        bench.pass_ms(40)
        self._check_refused(bench)

    def test_not_with_the_stop_input_open(self, simulated: Simulated) -> None:
        bench, _, hands = simulated
        self._stick_start(simulated)
        hands.set_stop_input(False)
        bench.pass_ms(1200)
        self._check_refused(bench)

    def test_not_before_standstill_is_proven(self, simulated: Simulated) -> None:
        bench, machine, hands = simulated
        walk(bench, hands)
        machine.set_faults(motor_runaway=True)
        bench.pass_until(lambda: bench.state is DriveState.FAULT, 300)
        machine.set_faults(motor_runaway=False)
        bench.pass_until(lambda: lies_still(bench), 3000)
        bench.pass_ms(800)
        self._check_refused(bench)
        bench.pass_ms(300)
        bench.send(Clear())
        bench.pass_ms(40)
        assert bench.state is DriveState.IDLE

    @pytest.mark.hazard("H-27", "C-RELAY-READ-BACK")
    def test_not_while_the_relay_is_welded(self, simulated: Simulated) -> None:
        bench, machine, hands = simulated
        walk(bench, hands)
        machine.set_faults(relay_welded=True)
        bench.fall_silent()
        bench.stop(1000)
        bench.pass_ms(2500)
        self._check_refused(bench)

    def test_after_a_stall_only_the_longest_coasting_time_proves_standstill(self, simulated: Simulated) -> None:
        """The encoder may be what failed: its zero is no proof."""
        bench, machine, hands = simulated
        walk(bench, hands)
        machine.set_faults(encoder_slip=1.0)
        bench.pass_until(lambda: bench.state is DriveState.FAULT, 1000)
        bench.fall_silent()
        bench.pass_ms(9500)
        self._check_refused(bench)
        bench.pass_ms(500)
        bench.send(Clear())
        bench.pass_ms(40)
        assert bench.state is DriveState.IDLE

    def test_once_cleared_the_encoder_is_trusted_again(self, simulated: Simulated) -> None:
        bench, machine, hands = simulated
        walk(bench, hands)
        machine.set_faults(encoder_slip=1.0)
        bench.pass_until(lambda: bench.state is DriveState.FAULT, 1000)
        machine.set_faults(encoder_slip=0.0)
        bench.fall_silent()
        bench.pass_ms(10_100)
        bench.send(Clear())
        walk(bench, hands)
        bench.fall_silent()
        bench.stop(1000)
        bench.pass_until(lambda: not machine.relay_commanded, 1000)
        grant(bench, hands)

    def test_it_does_not_end_the_latch_of_a_stop_input(self, simulated: Simulated) -> None:
        bench, _, hands = simulated
        self._stick_start(simulated)
        hands.set_stop_input(False)
        bench.pass_ms(10)
        hands.set_stop_input(True)
        bench.pass_ms(1200)
        bench.send(Clear())
        bench.pass_ms(40)

        assert bench.state is DriveState.LATCHED
        assert bench.status.faults == DriveFault.STOP_INPUT

    def test_it_does_nothing_to_a_walking_belt(self, simulated: Simulated) -> None:
        bench, _, hands = simulated
        walk(bench, hands)
        bench.send(Clear())
        bench.pass_ms(200)

        assert bench.states_heard() == [DriveState.RUNNING]
        assert bench.status.granted_mm_s == 100

    @staticmethod
    def _stick_start(simulated: Simulated) -> None:
        bench, _, hands = simulated
        bench.pass_ms(200)
        hands.press("start", 2100)
        bench.pass_ms(40)
        assert bench.state is DriveState.FAULT

    @staticmethod
    def _check_refused(bench: Bench) -> None:
        faults = bench.status.faults
        bench.send(Clear())
        bench.pass_ms(40)
        assert bench.state is DriveState.FAULT
        assert bench.status.faults == faults
