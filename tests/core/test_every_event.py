"""Every row of the event table, brought about on the whole core with the real firmware, and its effect seen on the belt.

`BRINGS` has one entry an event: a missing one fails `test_no_event_is_without_a_test`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from controller.core.chart import LATCHED_STATES, MOVING_STATES, State
from controller.core.events import RULES, Effect, Event
from controller.core.inputs import Input
from messages.figures import Question
from messages.wire import Cancel, Refused, Stop, Symptom
from tests.core.machine import PLAN, WEIGHT_N, Machine, proposal

Bring = Callable[[Machine], None]
BRINGS: dict[Event, Bring] = {}


def brings(event: Event, *, walking: bool = True, **limits: object) -> Callable[[Bring], Bring]:
    """Registers how an event comes about; from a walking patient unless said otherwise, whose limits may be given."""

    def register(function: Bring) -> Bring:
        def bring(machine: Machine) -> None:
            if walking:
                machine.to_walking(PLAN, **limits)
                machine.run(3)
            function(machine)

        BRINGS[event] = bring
        return function

    return register


def opens(event: Event, *names: Input) -> None:
    def bring(machine: Machine) -> None:
        machine.open(*names)
        machine.run(0.3)

    brings(event)(bring)


opens(Event.EMERGENCY_PRESSED, Input.EMERGENCY_A, Input.EMERGENCY_B)
opens(Event.EMERGENCY_DISCREPANCY, Input.EMERGENCY_A)
opens(Event.LANYARD_PULLED, Input.LANYARD)
opens(Event.STOP_PRESSED, Input.STOP)
opens(Event.SYMPTOM_BUTTON, Input.SYMPTOM)
opens(Event.CLIP_OPEN, Input.CLIP)
opens(Event.OVERLOAD_SWITCH, Input.OVERLOAD)
opens(Event.DECK_FRONT, Input.DECK_FRONT)
opens(Event.DECK_REAR, Input.DECK_REAR)


@brings(Event.DRIVE_STOP_INPUT_OPEN)
def _(machine: Machine) -> None:
    machine.chain_broken = True
    machine.run(0.3)


@brings(Event.STOP_CHAIN_CLOSED)
def _(machine: Machine) -> None:
    machine.chain_shorted = True
    machine.open(Input.LANYARD)
    machine.run(0.5)


@brings(Event.SLOWER_PRESSED)
def _(machine: Machine) -> None:
    machine.press(Input.SLOWER)


@brings(Event.NETWORK_STOP)
def _(machine: Machine) -> None:
    machine.requests.append(Stop("1", "dashboard"))
    machine.run(0.1)
    assert machine.answers[-1].accepted


@brings(Event.NETWORK_SYMPTOM)
def _(machine: Machine) -> None:
    machine.requests.append(Symptom("1", "dashboard", "dizzy"))
    machine.run(0.1)
    assert machine.answers[-1].accepted


@brings(Event.CHECK_ASKED, questions=(Question.PAIN,), check_interval_s=5.0)
def _(machine: Machine) -> None:
    machine.asked()


@brings(Event.CHECK_ANSWERED, questions=(Question.PAIN,), check_interval_s=5.0)
def _(machine: Machine) -> None:
    machine.asked()
    machine.press(Input.OK)
    assert machine.state.exercise.done.symptoms[-1].grade == 0


@brings(Event.CHECK_MISSED, questions=(Question.PAIN,), check_interval_s=5.0)
def _(machine: Machine) -> None:
    machine.asked()
    machine.run(20.2)
    assert machine.state.exercise.check.missed == 1


@brings(Event.CHECK_PAUSE, questions=(Question.PAIN,), check_interval_s=5.0)
def _(machine: Machine) -> None:
    machine.asked()
    machine.run(30.2)


def answers(event: Event, question: Question, *, much: bool = False, **limits: object) -> None:
    """At the panel: SLOWER for something, the symptom button twice for much."""

    def bring(machine: Machine) -> None:
        machine.asked()
        if much:
            machine.tap_symptom()
            machine.tap_symptom()
        else:
            machine.press(Input.SLOWER)

    brings(event, questions=(question,), check_interval_s=5.0, **limits)(bring)


answers(Event.PAIN_RAISED, Question.PAIN)
answers(Event.PAIN_SEVERE, Question.PAIN, much=True)
answers(Event.DIZZINESS_MILD, Question.DIZZINESS)
answers(Event.DIZZINESS_SEVERE, Question.DIZZINESS, much=True)
answers(Event.NAUSEA, Question.NAUSEA)
answers(Event.LEGS_UNSURE, Question.LEGS)
answers(Event.LEG_SYMPTOMS, Question.LEGS, legs_end=True)
answers(Event.EFFORT_HIGH, Question.EFFORT)
answers(Event.EFFORT_SEVERE, Question.EFFORT, much=True)
answers(Event.BREATH_SHORT, Question.BREATH)
answers(Event.BREATHLESS, Question.BREATH, much=True)


@brings(Event.DIZZINESS_AGAIN, questions=(Question.DIZZINESS,), check_interval_s=5.0)
def _(machine: Machine) -> None:
    machine.asked()
    machine.tap_symptom()
    machine.press(Input.OK)
    machine.asked(again=True, within_s=125)
    machine.tap_symptom()
    machine.press(Input.OK)


@brings(Event.HEART_RATE_HIGH, heart_rate_limit_per_min=130)
def _(machine: Machine) -> None:
    machine.report("heart_rate", heart_rate_per_min=131)


@brings(Event.BLOOD_PRESSURE_HIGH)
def _(machine: Machine) -> None:
    machine.report("blood_pressure", systolic_mm_hg=200, diastolic_mm_hg=116)


@brings(Event.BLOOD_PRESSURE_FALL, systolic_today_mm_hg=130)
def _(machine: Machine) -> None:
    machine.report("blood_pressure", systolic_mm_hg=119, diastolic_mm_hg=80)


@brings(Event.HANDS_FREE_BEGUN, hands_free=True)
def _(machine: Machine) -> None:
    machine.press(Input.OK, 2.2)


@brings(Event.HANDS_FREE_ENDED, hands_free=True)
def _(machine: Machine) -> None:
    machine.press(Input.OK, 2.2)
    machine.run(10)


@brings(Event.BOUT_TOO_LONG, bout_s=10.0)
def _(machine: Machine) -> None:
    machine.run(8)


@brings(Event.POST_FALL_FORM)
def _(machine: Machine) -> None:
    machine.load_n = 0.5 * WEIGHT_N
    machine.to_rest()
    machine.load_n = 0.0
    machine.run(1)
    machine.press(Input.RESET)


@brings(Event.HARNESS_LOADED)
def _(machine: Machine) -> None:
    machine.load_n = 0.5 * WEIGHT_N
    machine.run(0.3)


@brings(Event.RAIL_RELEASED)
def _(machine: Machine) -> None:
    machine.open(Input.RAIL_LEFT)
    machine.run(0.1)


@brings(Event.RAIL_SLOW)
def _(machine: Machine) -> None:
    machine.open(Input.RAIL_LEFT)
    machine.run(1.3)


@brings(Event.RAIL_PAUSE)
def _(machine: Machine) -> None:
    machine.open(Input.RAIL_LEFT)
    machine.run(3.3)


@brings(Event.ATTENDANT_GONE)
def _(machine: Machine) -> None:
    machine.open(Input.ATTENDANT)
    machine.run(0.7)


@brings(Event.ATTENDANT_PAUSE)
def _(machine: Machine) -> None:
    machine.open(Input.ATTENDANT)
    machine.run(3.7)


@brings(Event.LOAD_GAP)
def _(machine: Machine) -> None:
    machine.load_silent = True
    machine.run(0.3)


@brings(Event.LOAD_STUCK)
def _(machine: Machine) -> None:
    machine.load_frozen = True
    machine.run(3.0)


@brings(Event.LOAD_OUT_OF_RANGE)
def _(machine: Machine) -> None:
    machine.load_n = 50_000.0
    machine.run(0.3)


@brings(Event.INPUT_CHATTER)
def _(machine: Machine) -> None:
    for _ in range(60):
        machine.edges = Input.OK.bit
        machine.scan()


@brings(Event.BUTTON_STUCK)
def _(machine: Machine) -> None:
    machine.close(Input.OK)
    machine.run(5.2)


@brings(Event.START_DISAGREES)
def _(machine: Machine) -> None:
    machine.start_wire_cut = True
    machine.close(Input.START)
    machine.run(0.5)
    machine.open(Input.START)


@brings(Event.DRIVE_SILENT)
def _(machine: Machine) -> None:
    machine.drive_connected = False
    machine.run(0.3)


@brings(Event.DRIVE_RESTARTED)
def _(machine: Machine) -> None:
    machine.drive.reset()
    machine.run(0.1)


@brings(Event.DRIVE_FAULT)
def _(machine: Machine) -> None:
    machine.drive.set_faults(encoder_slip=1.0)
    machine.run(3.0)


@brings(Event.DRIVE_TICK_STUCK)
def _(machine: Machine) -> None:
    machine.status_frozen = True
    machine.run(0.3)


@brings(Event.LEASE_LOST)
def _(machine: Machine) -> None:
    machine.commands_lost = True
    machine.run(0.3)
    machine.commands_lost = False


@brings(Event.RUN_REFUSED)
def _(machine: Machine) -> None:
    machine.nonce_garbled = True
    machine.run(0.14)
    machine.nonce_garbled = False


@brings(Event.RUNAWAY)
def _(machine: Machine) -> None:
    machine.status_changes = {"measured_mm_s": 600}
    machine.run(0.4)
    machine.status_changes = {}


@brings(Event.WRONG_DIRECTION)
def _(machine: Machine) -> None:
    machine.status_changes = {"direction": 2}
    machine.run(0.2)
    machine.status_changes = {}


@brings(Event.BRAKING_FAILED)
def _(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.status_changes = {"measured_mm_s": 100}
    machine.run(2.0)
    machine.status_changes = {}


@brings(Event.MOTION_AT_REST)
def _(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.to_rest()
    machine.run(0.2)
    machine.status_changes = {"measured_mm_s": 30}
    machine.run(0.1)
    machine.status_changes = {}


@brings(Event.BELT_STALLED)
def _(machine: Machine) -> None:
    machine.status_changes = {"measured_mm_s": 0}
    machine.run(1.3)
    machine.status_changes = {}


@brings(Event.GATE_DENIED)
def _(machine: Machine) -> None:
    machine.status_changes = {"state": 0}
    machine.run(0.1)
    machine.status_changes = {}


@brings(Event.SCAN_LATE)
def _(machine: Machine) -> None:
    machine.lateness_ns = 21_000_000
    machine.scan()


@brings(Event.SCAN_OVERRUN)
def _(machine: Machine) -> None:
    machine.lateness_ns = 51_000_000
    machine.run(0.1)


@brings(Event.TELEMETRY_LOST)
def _(machine: Machine) -> None:
    machine.telemetry = False
    machine.run(1)


@brings(Event.TELEMETRY_BACK)
def _(machine: Machine) -> None:
    machine.telemetry = False
    machine.run(1)
    machine.telemetry = True
    machine.run(1)


@brings(Event.DISPLAY_LOST)
def _(machine: Machine) -> None:
    machine.display = False
    machine.run(1)


@brings(Event.STARTED, walking=False)
@brings(Event.SELF_TEST_PASSED, walking=False)
def _(machine: Machine) -> None:
    machine.to_standby()


@brings(Event.UNCLEAN_START, walking=False)
def _(machine: Machine) -> None:
    machine.state = msgspec.structs.replace(machine.state, unclean=True)
    machine.run(3)


@brings(Event.RESTART_LOOP, walking=False)
def _(machine: Machine) -> None:
    machine.state = msgspec.structs.replace(machine.state, unclean=True, unclean_starts=3)
    machine.run(3)


@brings(Event.SELF_TEST_FAILED, walking=False)
def _(machine: Machine) -> None:
    machine.open(Input.LANYARD)
    machine.run(11)


@brings(Event.LATCH_RESET)
def _(machine: Machine) -> None:
    machine.open(Input.CLIP)
    machine.to_rest()
    machine.close(Input.CLIP)
    machine.run(0.2)
    machine.press(Input.RESET)


@brings(Event.RESET_REFUSED)
def _(machine: Machine) -> None:
    machine.open(Input.CLIP)
    machine.to_rest()
    machine.press(Input.RESET)


@brings(Event.REQUEST_REFUSED)
def _(machine: Machine) -> None:
    machine.requests.append(proposal("1", "dashboard", PLAN))
    machine.run(0.1)
    assert not machine.answers[-1].accepted
    assert "standby" in machine.answers[-1].reason
    for number in range(20):
        machine.requests.append(Cancel(str(number), "dashboard"))
    machine.scan()
    assert not machine.answers[-1].accepted
    assert machine.events.count(Event.REQUEST_REFUSED) == 1, "a flood of refusals is one event a second"
    machine.run(1)
    machine.requests.append(Refused("somebody", "start", "no such command"))
    machine.run(0.1)
    assert machine.events.count(Event.REQUEST_REFUSED) == 2


@brings(Event.START_REFUSED, walking=False)
def _(machine: Machine) -> None:
    machine.to_standby()
    machine.prepare()
    machine.open(Input.RAIL_LEFT)
    machine.run(1)
    machine.press(Input.START)


@brings(Event.SESSION_PREPARED, walking=False)
@brings(Event.STEP_CONFIRMED, walking=False)
def _(machine: Machine) -> None:
    machine.to_standby()
    machine.prepare()


@brings(Event.SESSION_CANCELLED, walking=False)
def _(machine: Machine) -> None:
    machine.to_standby()
    machine.prepare()
    machine.requests.append(Cancel("1", "dashboard"))
    machine.run(0.1)
    assert machine.chart is State.STANDBY


@brings(Event.SESSION_ENDED)
def _(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.to_rest()
    machine.close(Input.STOP)
    machine.requests.append(Cancel("1", "dashboard"))
    machine.run(0.1)
    assert machine.chart is State.COMPLETE


@brings(Event.SESSION_LAPSED, walking=False)
def _(machine: Machine) -> None:
    machine.to_standby()
    machine.prepare()
    machine.run(301)
    assert machine.chart is State.STANDBY


@brings(Event.STEP_REFUSED, walking=False)
def _(machine: Machine) -> None:
    machine.to_standby()
    machine.requests.append(proposal("1", "test", PLAN))
    machine.open(Input.CLIP)
    machine.run(0.2)
    machine.confirm_list()
    machine.load_n = 200.0
    machine.run(1.5)
    machine.press(Input.OK)


@brings(Event.SESSION_STARTED)
@brings(Event.PHASE_STARTED)
def _(machine: Machine) -> None:
    assert machine.chart is State.WARM_UP


@brings(Event.RISE_OFFERED)
def _(machine: Machine) -> None:
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 30)


@brings(Event.RISE_ACCEPTED)
def _(machine: Machine) -> None:
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 30)
    machine.press(Input.FASTER)
    machine.run(2.5)
    assert 0.14 <= machine.belt_m_s <= 0.16


@brings(Event.RISE_DECLINED)
def _(machine: Machine) -> None:
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 30)
    machine.run(10.5)
    assert machine.belt_m_s <= 0.105


@brings(Event.SESSION_RESUMED)
def _(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.to_rest()
    machine.close(Input.STOP)
    machine.run(0.2)
    machine.press(Input.OK)
    machine.start()


@brings(Event.SESSION_COMPLETE)
def _(machine: Machine) -> None:
    machine.run_until(lambda m: m.chart is State.REST, 60)
    machine.to_rest()
    machine.run(6)
    machine.press(Input.OK)
    machine.start()
    machine.run_until(lambda m: Event.SESSION_COMPLETE in m.events, 30)


@brings(Event.PAUSE_TOO_LONG)
def _(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.run(302)


@brings(Event.NURSE_CALL)
def _(machine: Machine) -> None:
    machine.load_n = 0.9 * WEIGHT_N
    machine.run(1)
    assert machine.outputs.nurse_call


@brings(Event.HANGING_AT_REST)
def _(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.to_rest()
    machine.load_n = 0.4 * WEIGHT_N
    machine.run(61)
    assert machine.outputs.nurse_call
    assert machine.chart is State.PAUSED, "a call, and no latch"


@brings(Event.HANGING_60_S)
def _(machine: Machine) -> None:
    machine.load_n = 0.9 * WEIGHT_N
    machine.run(61)


@brings(Event.HANGING_180_S)
def _(machine: Machine) -> None:
    machine.load_n = 0.9 * WEIGHT_N
    machine.run(182)


@brings(Event.TENSION_LOST, walking=False)
def _(machine: Machine) -> None:
    machine.hang_from_retractor()
    machine.to_walking()
    machine.run(3)
    machine.retractor_n = 0.0
    machine.run(0.5)


BY_THE_DETECTOR = {
    Event.LOADING_FAST,
    Event.SUSTAINED_SUPPORT,
    Event.BALANCE_RECOVERED,
    Event.RAILS_GRABBED,
}
"""These come from the detector's own rules; tests/balance brings each of them about."""


def test_no_event_is_without_a_test() -> None:
    assert set(Event) - set(BRINGS) - BY_THE_DETECTOR == set()


@pytest.mark.parametrize("event", BRINGS, ids=lambda event: event.value)
@pytest.mark.hazard("H-09", "H-12", "H-13", "H-14", "H-15", "H-16", "H-17", "H-24", "H-36")
@pytest.mark.hazard(
    "C-LOADED-HARNESS",
    "C-DECK-ENDS",
    "C-CLIP",
    "C-RAILS",
    "C-ATTENDANT",
    "C-TWO-CHANNELS",
    "C-LATE-SCAN",
    "C-LOAD-CHAIN",
    "C-SYMPTOMS",
)
def test_the_event_comes_and_does_what_its_row_says(event: Event) -> None:
    machine = Machine()
    BRINGS[event](machine)
    assert event in machine.events, machine.where()
    rule = RULES[event]
    if rule.latches:
        assert machine.chart in LATCHED_STATES, machine.where()
        _is_at_rest_and_stays(machine)
    elif rule.effect is Effect.PAUSE:
        assert machine.chart is State.PAUSED, machine.where()
        _is_at_rest_and_stays(machine)
    elif rule.effect is Effect.END:
        assert machine.chart is State.COMPLETE, machine.where()
        _is_at_rest_and_stays(machine)
    elif rule.effect is Effect.SLOW:
        machine.run(0.5)
        assert machine.belt_m_s <= 0.11


def _is_at_rest_and_stays(machine: Machine) -> None:
    """At rest in good time, and nothing that is put right, pressed or sent but START makes it move again."""
    machine.run(7.5)
    assert abs(machine.belt_m_s) < 0.005
    machine.close(*(name for name in Input if name.bit & ~machine.buttons_mask))
    machine.load_n, machine.load_silent, machine.load_frozen = 0.0, False, False
    machine.drive_connected, machine.chain_broken, machine.status_frozen = True, False, False
    travel_m = machine.drive.travel_m
    for name in (Input.RESET, Input.OK, Input.FASTER, Input.SLOWER, Input.RESET):
        machine.press(name)
        machine.run(1.5)
    assert machine.drive.travel_m - travel_m < 0.005
    assert machine.chart not in MOVING_STATES
