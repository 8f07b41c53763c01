"""Sessions on the whole core with the real firmware: what moves the belt, what does not, and that nothing is hidden in between."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from controller.core.chart import State
from controller.core.commands import Action
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.preparation import HARNESS_STEPS, Step
from controller.core.readings import DriveState
from controller.core.state import CoreState
from messages.figures import Question
from messages.plan import AttendantStage, Phase, PhaseKind, RailStage
from messages.wire import Cancel, Stop
from tests.core.machine import PLAN, WEIGHT_N, Machine, proposal

LONG = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 30, 0.1), Phase(PhaseKind.WORK, 600, 0.2)))


def test_a_whole_session_by_hands_alone() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 30)
    machine.press(Input.FASTER)
    machine.run_until(lambda m: m.belt_m_s > 0.145, 5)
    machine.run_until(lambda m: m.events.count(Event.RISE_OFFERED) == 2, 30)
    machine.run_until(lambda m: Event.RISE_DECLINED in m.events, 11)
    machine.run_until(lambda m: m.chart is State.REST, 60)
    machine.to_rest()
    machine.run_until(lambda m: m.state.preparation.step is Step.ARROW, 10)
    machine.press(Input.OK)
    machine.start()
    machine.run_until(lambda m: m.chart is State.COMPLETE, 30)
    machine.to_rest()
    exercise = machine.state.exercise
    assert exercise.over == "session-complete"
    assert exercise.work_time_ns == pytest.approx(50e9, abs=0.1e9)
    assert exercise.distance_m == pytest.approx(machine.drive.travel_m, rel=0.05)
    machine.open(Input.CLIP)
    machine.run(0.2)
    assert machine.chart is State.STANDBY


@pytest.mark.hazard("H-04", "C-GRANT")
def test_the_belt_never_exceeds_what_presses_released() -> None:
    machine = Machine()
    machine.to_walking()
    presses = 0
    for _ in range(6000):
        machine.scan()
        if machine.state.exercise.offered_until_ns and presses < 1 and not machine.closed & Input.FASTER.bit:
            machine.press(Input.FASTER)
            presses += 1
        assert machine.belt_m_s <= 0.10 + 0.05 * presses + 0.02
        if machine.chart is State.REST:
            return
    pytest.fail("the work phase never ended")


@pytest.mark.parametrize(
    "missing",
    [Input.CLIP, Input.RAIL_LEFT, Input.RAIL_RIGHT, Input.ATTENDANT, Input.DECK_FRONT, Input.STOP, Input.SYMPTOM, Input.LANYARD],
)
@pytest.mark.hazard("H-01", "H-12", "C-CLIP")
def test_start_without_one_thing_moves_nothing(missing: Input) -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1)
    machine.open(missing)
    machine.run(0.2)
    machine.press(Input.START, 0.3)
    machine.run(3)
    assert machine.belt_m_s < 0.005
    assert machine.drive.travel_m < 0.001


@pytest.mark.parametrize("what", ["telemetry", "display", "load", "drive"])
def test_no_session_starts_without(what: str) -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1)
    if what == "load":
        machine.load_n = 0.2 * WEIGHT_N
    elif what == "drive":
        machine.chain_broken = True
    else:
        setattr(machine, what, False)
    machine.run(0.3)
    machine.press(Input.START, 0.3)
    machine.run(3)
    assert machine.drive.travel_m < 0.001


def test_a_running_session_goes_on_without_telemetry_and_display() -> None:
    machine = Machine()
    machine.to_walking()
    machine.telemetry = machine.display = False
    machine.run(5)
    assert machine.chart is State.WARM_UP
    assert machine.belt_m_s > 0.08


@pytest.mark.parametrize(("held_s", "moves"), [(0.03, False), (0.2, True), (1.8, True), (2.3, False)])
@pytest.mark.hazard("H-01", "H-26", "C-FRESH-START")
def test_start_is_a_press_of_a_hand(held_s: float, moves: bool) -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1)
    machine.press(Input.START, held_s)
    machine.run(3)
    assert (machine.belt_m_s > 0.05) is moves
    if held_s > 2:
        assert Event.BUTTON_STUCK in machine.events


def test_start_pressed_before_ready_moves_nothing_and_kills_the_drives_grant() -> None:
    machine = Machine()
    machine.to_standby()
    machine.run(1)
    machine.press(Input.START, 0.3)
    machine.run(0.1)
    assert machine.state.drive.granted_m_s == 0.0
    machine.run(5)
    assert machine.drive.travel_m < 0.001


@pytest.mark.hazard("H-01", "H-19", "C-NO-START-MESSAGE")
def test_no_message_starts_the_belt_or_makes_it_faster() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    for number in range(200):
        machine.requests.append(proposal(str(number), "x", PLAN))
        machine.requests.append(Stop(str(number), "x"))
        machine.scan()
    assert machine.drive.travel_m < 0.001


@pytest.mark.hazard("H-02", "H-08", "C-FITTING-STOP")
def test_a_pause_restarts_at_the_first_speed_with_ok_and_a_new_start() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 30)
    machine.press(Input.FASTER)
    machine.run(2)
    machine.open(Input.SYMPTOM)
    machine.to_rest()
    machine.close(Input.SYMPTOM)
    machine.run(0.5)
    machine.press(Input.START, 0.3)
    machine.run(2)
    assert machine.belt_m_s < 0.005, "START alone must not restart: the patient faces the arrow first"
    machine.press(Input.OK)
    machine.run(1)
    machine.start()
    machine.run(3)
    assert machine.belt_m_s <= 0.105


def test_a_long_pause_and_an_open_clip_ask_for_the_harness_again() -> None:
    machine = Machine()
    machine.to_walking()
    machine.open(Input.STOP)
    machine.to_rest()
    machine.close(Input.STOP)
    machine.run(1)
    assert machine.state.preparation.step is Step.ARROW
    machine.open(Input.CLIP)
    machine.run(0.1)
    assert machine.state.preparation.step is Step.CLIP
    assert machine.chart is State.PAUSED
    machine.harness_check()
    machine.run(125)
    assert machine.state.preparation.step in (Step.CLIP, Step.TAUT)


BRISK = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 60, 0.1), Phase(PhaseKind.WORK, 200, 0.2)))


@pytest.mark.hazard("H-08", "C-FITTING-STOP")
@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ((Input.STOP,), (), [150, 150]),
        ((Input.SYMPTOM,), (), [300, 300]),
        ((Input.STOP,), (Input.SYMPTOM,), [150, 300]),
        ((Input.SYMPTOM,), (Input.STOP,), [300, 300]),
        ((Input.STOP, Input.SYMPTOM), (), [300, 300]),
    ],
)
def test_a_harder_stop_raises_the_braking_and_a_softer_one_never_lowers_it(
    first: tuple[Input, ...], then: tuple[Input, ...], expected: list[int]
) -> None:
    machine = Machine()
    machine.to_walking(BRISK)
    machine.run(3)
    asked = []
    for opened in (first, then):
        machine.open(*opened)
        machine.scan()
        asked.append(machine.outputs.command.rate_mm_s2)
        machine.run(0.1)
    assert asked == expected
    assert machine.chart is State.PAUSED
    slower_m_s = machine.belt_m_s
    machine.run(0.1)
    fell_m_s2 = (slower_m_s - machine.belt_m_s) / 0.1
    assert fell_m_s2 == pytest.approx(expected[-1] / 1000, rel=0.35), "and the drive brakes so"


def test_a_symptom_brakes_harder_while_the_belt_slows_at_the_sessions_end() -> None:
    machine = Machine()
    machine.to_walking(BRISK)
    machine.run(3)
    machine.report("spinning")
    assert machine.chart is State.COMPLETE
    assert machine.outputs.command.rate_mm_s2 == 150
    machine.open(Input.SYMPTOM)
    machine.scan()
    assert machine.outputs.command.rate_mm_s2 == 300


@pytest.mark.parametrize("step", [Step.TAUT, Step.SLACK, Step.SIT, Step.ARROW, Step.READY])
@pytest.mark.hazard("H-10", "H-12", "C-HARNESS-CHECK")
def test_a_clip_opened_before_the_start_takes_the_harness_check_back(step: Step) -> None:
    """Whatever was found of the strap may be another strap's, or let out by a metre."""
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    steps = HARNESS_STEPS[HARNESS_STEPS.index(step) :]
    preparation = msgspec.structs.replace(machine.state.preparation, steps=steps)
    machine.state = msgspec.structs.replace(machine.state, preparation=preparation)
    machine.open(Input.CLIP)
    machine.run(20)
    assert machine.state.preparation.step is Step.CLIP
    machine.close(Input.CLIP)
    machine.run(1)
    machine.press(Input.START, 0.3)
    machine.run(2)
    assert machine.state.preparation.step is Step.TAUT
    assert machine.drive.travel_m < 0.001
    machine.harness_check()
    machine.start()
    assert machine.chart is State.WARM_UP


def test_a_clip_that_opens_before_its_step_takes_nothing_back() -> None:
    machine = Machine()
    machine.to_standby()
    machine.open(Input.CLIP)
    machine.run(0.2)
    machine.requests.append(proposal("r", "test", PLAN))
    machine.run(0.2)
    machine.press(Input.OK)
    assert machine.state.preparation.step is Step.LIST
    machine.close(Input.CLIP)
    machine.run(0.2)
    machine.open(Input.CLIP)
    machine.run(0.2)
    assert machine.state.preparation.step is Step.LIST


@pytest.mark.hazard("H-08", "H-09", "H-10", "H-11", "H-39", "C-FITTING-STOP", "C-LOADED-HARNESS")
def test_after_a_fall_the_session_is_over_and_the_belt_stops_under_the_patient() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(3)
    began_m = machine.drive.travel_m
    machine.load_n = 0.8 * WEIGHT_N
    machine.scan()
    machine.scan()
    assert machine.outputs.command.action is Action.STOP
    assert machine.outputs.command.rate_mm_s2 == 1000
    machine.to_rest()
    assert machine.drive.travel_m - began_m < 0.05
    assert machine.outputs.nurse_call
    machine.press(Input.RESET)
    assert machine.chart is State.PROTECTIVE_STOP, "the strap is loaded: RESET must not open the latch"
    machine.load_n = 0.0
    machine.run(1)
    machine.press(Input.RESET)
    assert machine.chart is State.COMPLETE
    assert machine.lines()[0].startswith("COMPLETE"), "nobody is asked to clip a patient who fell"
    assert machine.lines()[3].startswith("unclip the patient")


@pytest.mark.hazard("H-08", "H-11", "H-28", "C-FITTING-STOP")
def test_a_stop_under_somebody_on_their_feet_is_gentle_and_hardens_as_soon_as_they_hang() -> None:
    """Whether the stop was needed or not. A load that trips nothing by itself is somebody who hangs all the same."""
    machine = Machine()
    machine.to_walking(BRISK)
    machine.run(3)
    machine.open(Input.DECK_FRONT)
    machine.run(0.05)
    assert machine.outputs.command.rate_mm_s2 == 500
    machine.load_n = 0.2 * WEIGHT_N
    machine.run(0.1)
    assert machine.outputs.command.rate_mm_s2 == 1000
    assert Event.HARNESS_LOADED not in machine.events


def test_nobody_is_asked_to_unclip_before_the_belt_is_at_rest() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run_until(lambda m: m.chart is State.REST, 60)
    machine.to_rest()
    machine.run(6)
    machine.press(Input.OK)
    machine.start()
    machine.run_until(lambda m: m.chart is State.COMPLETE, 30)
    assert machine.lines()[3].startswith("belt is slowing")
    machine.to_rest()
    assert machine.lines()[3].startswith("OK, or unclip")
    machine.press(Input.OK)
    machine.press(Input.OK)
    assert machine.lines()[3].startswith("unclip the patient")


@pytest.mark.hazard("H-29", "C-FALL-RULES-MOVING")
def test_a_hoisted_patient_latches_nothing() -> None:
    machine = Machine()
    machine.to_standby()
    machine.load_n = 1.0 * WEIGHT_N
    machine.run(10)
    assert machine.chart is State.STANDBY
    assert not machine.outputs.nurse_call


@pytest.mark.hazard("H-25", "C-NEXT-PATIENT")
def test_nothing_of_the_first_patient_is_left_for_the_second() -> None:
    machine = Machine()
    machine.to_walking()
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.to_rest()
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.5)
    machine.press(Input.RESET)
    assert machine.chart is State.COMPLETE
    machine.open(Input.CLIP)
    machine.run(0.3)
    fresh = CoreState(boot_id="", booted_ns=0, unclean=False)
    assert machine.state.exercise == fresh.exercise
    assert machine.state.preparation == fresh.preparation
    assert machine.state.digital.seen_changed == 0
    assert machine.state.causes == ()
    assert machine.state.alarms.active == ()


@pytest.mark.hazard("H-25", "C-NEXT-PATIENT", "C-SEEN-TO-CHANGE")
def test_a_session_that_is_taken_back_proves_no_input_for_the_next_patient() -> None:
    """The pedal may have been tied meanwhile."""
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.requests.append(Cancel("c", "desk"))
    machine.run(0.2)
    assert machine.chart is State.STANDBY
    assert machine.state.digital.seen_changed == 0


@pytest.mark.hazard("H-25", "C-NEXT-PATIENT", "C-SEEN-TO-CHANGE")
def test_a_clip_that_never_opened_gets_no_second_patient() -> None:
    """A magnet on the clip's switch: the first patient goes, and the treadmill does not believe it."""
    machine = Machine()
    machine.to_walking()
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.to_rest()
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.5)
    machine.press(Input.RESET)
    machine.run(60)
    machine.requests.append(proposal("2", "x", PLAN))
    machine.run(0.1)
    assert not machine.answers[-1].accepted
    assert machine.chart is State.COMPLETE


@pytest.mark.hazard("H-15", "C-SEEN-TO-CHANGE")
def test_a_tied_pedal_is_found_before_start() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    seen = machine.state.digital.seen_changed & ~Input.ATTENDANT.bit
    machine.state = msgspec.structs.replace(
        machine.state, digital=msgspec.structs.replace(machine.state.digital, seen_changed=seen)
    )
    machine.run(1)
    machine.press(Input.START, 0.3)
    assert Event.START_REFUSED in machine.events
    assert "try attendant" in dict(machine.happenings[-1].detail)["missing"]


@pytest.mark.hazard("H-23", "C-CAPS")
def test_a_first_session_is_capped_whatever_the_plan_says() -> None:
    machine = Machine()
    machine.to_walking(msgspec.structs.replace(PLAN, first_session=True))
    for _ in range(2500):
        machine.scan()
        if machine.state.exercise.offered_until_ns and not machine.closed & Input.FASTER.bit:
            machine.press(Input.FASTER)
        assert machine.belt_m_s <= 0.27


def test_stand_by_needs_one_rail_and_a_press_every_minute() -> None:
    phases = (Phase(PhaseKind.WARM_UP, 5, 0.1), Phase(PhaseKind.WORK, 200, 0.1), Phase(PhaseKind.COOL_DOWN, 5, 0.1))
    plan = msgspec.structs.replace(PLAN, attendant=AttendantStage.STAND_BY, rails=RailStage.ONE, phases=phases)
    machine = Machine()
    machine.to_walking(plan)
    machine.open(Input.RAIL_LEFT)
    machine.run(5)
    assert Event.RAIL_RELEASED not in machine.events
    machine.open(Input.ATTENDANT)
    machine.run(5)
    assert Event.ATTENDANT_GONE not in machine.events
    machine.run_until(lambda m: Event.ATTENDANT_GONE in m.events, 62)


@pytest.mark.parametrize("unclean", [False, True])
@pytest.mark.hazard("H-03", "H-38", "C-UNCLEAN-START")
def test_an_unclean_start_latches_and_reset_opens_it(unclean: bool) -> None:
    machine = Machine(unclean=unclean)
    machine.run(3)
    assert (machine.chart is State.FAULT) is unclean
    if unclean:
        machine.press(Input.RESET)
        assert machine.chart is State.STANDBY
        assert machine.lines()[0].startswith("STANDBY")


def test_the_state_is_one_serialisable_value_and_nothing_hides_between_scans() -> None:
    """The same session twice: once as it is, once with the state sent through bytes at every scan."""
    plain, packed = Machine(), Machine()
    for machine, through_bytes in ((plain, False), (packed, True)):
        original = machine.scan

        def scan(machine: Machine = machine, original=original, through_bytes: bool = through_bytes) -> None:
            if through_bytes:
                data = msgspec.msgpack.encode(machine.state)
                machine.state = msgspec.msgpack.decode(data, type=CoreState)
            original()

        machine.scan = scan  # type: ignore[method-assign]
        machine.to_walking(PLAN, questions=tuple(Question), check_interval_s=12.0, hands_free=True)
        machine.run(2)
        machine.press(Input.OK, 2.2)
        machine.run(10)
        machine.asked()
        machine.press(Input.OK)
        machine.report("dizziness", grade=1)
        machine.run(5)
    assert Event.HANDS_FREE_BEGUN in plain.events
    assert plain.state.exercise.check.again
    assert plain.state.exercise.done.symptoms
    assert packed.happenings == plain.happenings
    assert packed.state == plain.state


def test_a_flood_of_stops_is_one_event() -> None:
    machine = Machine()
    machine.to_walking()
    for number in range(50):
        machine.requests.append(Stop(str(number), "flood"))
        machine.scan()
    assert machine.events.count(Event.NETWORK_STOP) == 1
    assert len(machine.answers) == 51


@pytest.mark.hazard("H-09", "H-28", "C-LOAD-CHAIN")
def test_a_load_cell_that_hiccups_at_rest_latches_nothing_but_refuses_start() -> None:
    machine = Machine()
    machine.to_standby()
    machine.load_silent = True
    machine.run(2)
    assert machine.chart is State.STANDBY


@pytest.mark.parametrize(("asked", "expected_s"), [(0.0, 0.10), (0.03, 0.03), (0.14, 0.10)])
def test_a_plan_may_be_gentler_than_the_treadmill_and_never_steeper(asked: float, expected_s: float) -> None:
    phases = (Phase(PhaseKind.WARM_UP, 20, 0.10, asked), *PLAN.phases[1:])
    machine = Machine()
    machine.to_standby()
    machine.prepare(msgspec.structs.replace(PLAN, phases=phases))
    machine.run(1)
    machine.press(Input.START, 0.3)
    steepest = 0.0
    for _ in range(400):
        before = machine.state.ramp.set_point_m_s
        machine.scan()
        steepest = max(steepest, (machine.state.ramp.set_point_m_s - before) / 0.01)
    assert steepest == pytest.approx(expected_s, rel=0.02)
    assert machine.belt_m_s > 0.09


@pytest.mark.hazard("H-16", "C-TWO-CHANNELS")
def test_a_channel_that_stayed_behind_is_trusted_again_only_after_both_opened_together() -> None:
    machine = Machine()
    machine.to_standby()
    machine.open(Input.EMERGENCY_A)
    machine.run(0.5)
    assert Event.EMERGENCY_DISCREPANCY in machine.events
    machine.close(Input.EMERGENCY_A)
    machine.run(1.5)
    machine.press(Input.RESET)
    assert machine.chart is State.FAULT
    assert "mushroom again" in " ".join(machine.lines())
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.5)
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(1.5)
    machine.press(Input.RESET)
    assert machine.chart is State.STANDBY


@pytest.mark.parametrize(("apart_s", "disagree"), [(0.15, False), (0.30, True)])
def test_channels_may_differ_for_as_long_as_a_contact_takes(apart_s: float, disagree: bool) -> None:
    machine = Machine()
    machine.to_standby()
    machine.open(Input.EMERGENCY_A)
    machine.run(apart_s)
    machine.open(Input.EMERGENCY_B)
    machine.run(0.5)
    assert (Event.EMERGENCY_DISCREPANCY in machine.events) is disagree


@pytest.mark.parametrize("opened", [Input.CLIP, Input.DECK_FRONT, Input.DECK_REAR])
@pytest.mark.hazard("H-10", "H-12", "C-HARNESS-CHECK")
def test_after_a_protective_stop_the_whole_harness_check_stands_before_the_restart(opened: Input) -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(2)
    machine.open(opened)
    machine.to_rest()
    machine.close(opened)
    machine.run(0.5)
    machine.press(Input.RESET)
    assert machine.chart is State.PAUSED
    assert machine.state.preparation.step is Step.TAUT, "the clip is closed; everything after it is checked again"
    machine.press(Input.OK)
    machine.press(Input.START, 0.3)
    machine.run(2)
    assert machine.belt_m_s < 0.005
    machine.harness_check()
    machine.start()
    assert machine.chart is State.WARM_UP


@pytest.mark.hazard("H-16", "C-SELF-TEST")
def test_what_makes_the_machine_unready_after_preparing_keeps_it_from_starting_and_stops_nothing() -> None:
    """Under-voltage that comes while the patient is made ready refuses START; one that comes later lets the session go on."""
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.unready = ("under-voltage",)
    machine.run(1.0)
    assert "under-voltage" in machine.lines()[1]
    machine.press(Input.START, 0.3)
    machine.run(1.0)
    assert machine.events.count(Event.START_REFUSED) == 1
    assert machine.chart is State.PREPARED
    assert machine.belt_m_s == 0.0
    machine.unready = ()
    machine.start()
    machine.unready = ("under-voltage",)
    machine.run(2.0)
    assert machine.chart is State.WARM_UP
    assert machine.belt_m_s > 0.05


@pytest.mark.hazard("H-16", "C-SELF-TEST")
def test_an_unready_machine_prepares_nobody_and_says_why() -> None:
    machine = Machine()
    machine.to_standby()
    machine.unready = ("not calibrated", "self-test overdue")
    machine.requests.append(proposal("r", "test", PLAN))
    machine.scan()
    assert not machine.answers[-1].accepted
    assert "not calibrated, self-test overdue" in machine.answers[-1].reason
    assert machine.lines() == ("STANDBY, but:       ", "not calibrated      ", "self-test overdue   ", " " * 20)


def press_symptom(machine: Machine) -> None:
    machine.tap_symptom()


def press_stop(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.run(0.2)
    machine.close(Input.STOP)
    machine.run(0.2)


def report_breathless(machine: Machine) -> None:
    machine.report("breath", grade=8)


def stop_from_afar(machine: Machine) -> None:
    machine.requests.append(Stop("s", "desk"))
    machine.run(0.1)


@pytest.mark.parametrize("paused", [True, False], ids=["paused", "prepared"])
@pytest.mark.parametrize("asks_to_wait", [press_symptom, press_stop, report_breathless, stop_from_afar])
@pytest.mark.hazard("H-24", "C-SYMPTOMS")
def test_what_pauses_a_belt_takes_back_that_the_patient_is_ready(asks_to_wait: Callable[[Machine], None], paused: bool) -> None:
    """OK and START to go on, say all of these: at the step READY a START alone ran the belt."""
    machine = Machine()
    machine.to_standby()
    machine.prepare(LONG)
    if paused:
        machine.start()
        press_stop(machine)
        machine.to_rest()
        machine.press(Input.OK)
    assert machine.state.preparation.step is Step.READY, machine.where()
    asks_to_wait(machine)
    assert machine.state.preparation.step is Step.ARROW, machine.where()
    machine.run(1.0)
    machine.press(Input.START, 0.3)
    machine.run(1.0)
    assert machine.chart is (State.PAUSED if paused else State.PREPARED)
    assert machine.belt_m_s == 0.0
    machine.press(Input.OK)
    machine.start()


def test_a_stop_from_afar_while_the_drives_grant_is_awaited_keeps_the_belt_at_rest() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare(LONG)
    machine.run(1.0)
    machine.close(Input.START)
    machine.run(0.3)
    machine.status_changes = {"state": DriveState.IDLE}  # the drive's word of its grant is late
    machine.open(Input.START)
    machine.run_until(lambda m: m.state.start_until_ns > 0, 0.1)
    machine.requests.append(Stop("s", "desk"))
    machine.run(0.1)
    machine.status_changes = {}
    machine.run(1.0)
    assert machine.chart is State.PREPARED
    assert machine.belt_m_s == 0.0
    assert Event.NETWORK_STOP in machine.events
    machine.requests += [Stop("s2", "desk"), Stop("s3", "desk")]
    machine.run(0.1)
    assert machine.events.count(Event.NETWORK_STOP) == 1, "nothing waits for START any more"
