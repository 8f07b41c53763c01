"""What seldom happens in a session, and what patient and therapist then see: the belt stands, or the display says why."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from controller.core.chart import State
from controller.core.commands import Action
from controller.core.events import Event
from controller.core.inputs import ALL_INPUTS_MASK, Input
from controller.core.patient import rails_as_planned
from controller.core.preparation import Step
from controller.core.readings import DriveState
from controller.core.state import Answer, ScanInputs
from controller.core.step import step
from controller.snapshot import session_record
from messages.figures import Question
from messages.patient import Ending
from messages.plan import Phase, PhaseKind, Plan, RailStage
from messages.wire import Acknowledge, Cancel, Silence
from telemetry.past_sessions import ending_of
from tests.core.machine import PLAN, Machine, proposal

LONG = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 30, 0.1), Phase(PhaseKind.WORK, 600, 0.2)))
RESTS_SOON = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 5, 0.1), Phase(PhaseKind.REST, 5), LONG.phases[1]))
ENDS_IN_REST = msgspec.structs.replace(PLAN, phases=RESTS_SOON.phases[:2])


def missing(machine: Machine) -> str:
    """Returns what the last START lacked."""
    refused = next(happening for happening in reversed(machine.happenings) if happening.event is Event.START_REFUSED)
    return str(dict(refused.detail)["missing"])


def resting(plan: Plan = RESTS_SOON, **limits: object) -> Machine:
    machine = Machine()
    machine.to_walking(plan, **limits)
    machine.run_until(lambda m: m.chart is State.REST, 15)
    machine.to_rest()
    return machine


# --- START -------------------------------------------------------------------------------------------------------------


def unproven_rest(machine: Machine) -> None:
    """The belt's rest has yet to last before it counts, as after a gap in what the drive says."""
    watch = msgspec.structs.replace(machine.state.watch, slow_since_ns=machine.now_ns)
    machine.state = msgspec.structs.replace(machine.state, watch=watch)


def test_while_the_belt_is_not_proven_at_rest_start_is_refused() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1.2)
    machine.close(Input.START)
    machine.run(0.3)
    unproven_rest(machine)
    machine.open(Input.START)
    machine.run(0.1)
    assert missing(machine) == "belt not at rest"
    machine.run(2)
    assert machine.belt_m_s == 0.0


def test_the_grant_of_a_refused_press_is_taken_back_at_once() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1.2)
    machine.open(Input.ATTENDANT)
    machine.close(Input.START)
    machine.run(0.3)
    machine.open(Input.START)
    machine.run(0.1)
    assert missing(machine) == "attendant's pedal"
    assert machine.drive_state is not DriveState.GRANTED
    machine.run(1)
    assert machine.belt_m_s == 0.0


@pytest.mark.parametrize("later_s", [1.5, 3.5, 4.2, 4.5, 4.8])
def test_a_press_soon_after_a_refused_one_has_the_whole_of_its_own_grant(later_s: float) -> None:
    """The firmware's grant lives for five seconds: on what is left of the first the belt would creep, or the gate would latch."""
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1.0)
    machine.open(Input.RAIL_LEFT)
    machine.press(Input.START, 0.3)
    assert missing(machine) == "hold the rails"
    machine.close(Input.RAIL_LEFT)
    machine.run(later_s - 0.4)
    machine.press(Input.START, 0.3)
    machine.run(5)
    assert machine.chart is State.WARM_UP, machine.where()
    assert Event.GATE_DENIED not in machine.events
    assert machine.belt_m_s == pytest.approx(0.10, abs=0.01)


def test_a_pedal_released_while_the_drive_is_awaited_is_named() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1.2)
    machine.start_wire_cut = True
    machine.press(Input.START, 0.3)
    assert Event.START_REFUSED not in machine.events
    machine.open(Input.ATTENDANT)
    machine.run(0.1)
    assert missing(machine) == "attendant's pedal"
    machine.close(Input.ATTENDANT)
    machine.start_wire_cut = False
    machine.run(1)
    assert machine.events.count(Event.START_REFUSED) == 1
    assert machine.belt_m_s == 0.0, "nothing is left of the press"


def test_a_grant_that_comes_once_the_step_is_gone_starts_nothing() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1.2)
    machine.start_wire_cut = True
    machine.press(Input.START, 0.3)
    preparation = msgspec.structs.replace(machine.state.preparation, steps=(Step.ARROW, Step.READY))
    machine.state = msgspec.structs.replace(machine.state, preparation=preparation)
    machine.run(0.05)
    assert missing(machine) == "not at the step READY"
    assert machine.belt_m_s == 0.0


@pytest.mark.parametrize(
    ("stage", "held"),
    [
        (RailStage.BOTH, {3}),
        (RailStage.LEFT, {1, 3}),
        (RailStage.RIGHT, {2, 3}),
        (RailStage.ONE, {1, 2, 3}),
    ],
)
def test_the_hands_are_where_the_plan_wants_them(stage: RailStage, held: set[int]) -> None:
    """held: which of neither (0), left (1), right (2), both (3) will do."""
    plan = msgspec.structs.replace(PLAN, rails=stage)
    found = set()
    for hands in range(4):
        left, right = hands & 1, hands >> 1
        closed = ALL_INPUTS_MASK & ~((not left) * Input.RAIL_LEFT.bit | (not right) * Input.RAIL_RIGHT.bit)
        if rails_as_planned(plan, closed):
            found.add(hands)
    assert found == held


def test_before_there_is_a_plan_both_rails_count() -> None:
    assert rails_as_planned(None, ALL_INPUTS_MASK)
    assert not rails_as_planned(None, ALL_INPUTS_MASK & ~Input.RAIL_LEFT.bit)
    assert not rails_as_planned(None, ALL_INPUTS_MASK & ~Input.RAIL_RIGHT.bit)


# --- rests -------------------------------------------------------------------------------------------------------------


def test_a_rest_that_nobody_ends_ends_the_session() -> None:
    machine = resting()
    limit_s = machine.settings.core.session.pause_limit_s
    waited = machine.run_until(lambda m: m.chart is State.COMPLETE, limit_s + 10)
    assert waited == pytest.approx(5 + limit_s, abs=2.5), "the planned rest, and then as long as a pause may last"
    ended = next(happening for happening in machine.happenings if happening.event is Event.PAUSE_TOO_LONG)
    assert dict(ended.detail) == {"resting_s": round(5 + limit_s)}
    machine.press(Input.START, 0.3)
    machine.run(1)
    assert machine.belt_m_s == 0.0


def cancelled(machine: Machine) -> Answer:
    machine.requests.append(Cancel("c", "desk"))
    machine.scan()
    return machine.answers[-1]


@pytest.mark.parametrize("where", [State.REST, State.PAUSED])
def test_a_session_whose_belt_is_at_rest_can_be_ended_and_is_not_complete(where: State) -> None:
    machine = resting()
    if where is State.PAUSED:
        machine.open(Input.STOP)
        machine.run(0.2)
        machine.close(Input.STOP)
        machine.run(0.2)
    assert machine.chart is where
    assert cancelled(machine) == Answer("c", True, "")
    assert machine.chart is State.COMPLETE
    record = session_record(machine.state, "2026-01-01T00:00:00Z")
    assert record is not None
    assert (record.status, record.ended_by, ending_of(record)) == ("ended", "session-ended", Ending.CHOSEN)
    assert machine.lines()[:2] == ("COMPLETE            ", "Session ended early ")
    machine.press(Input.START, 0.3)
    machine.run(2)
    assert machine.belt_m_s == 0.0


def test_while_the_belt_moves_or_slows_no_session_can_be_cancelled() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.run(2)
    assert cancelled(machine) == Answer("c", False, "the belt is not at rest; stop it first (state warm_up)")
    machine.open(Input.STOP)
    machine.run(0.1)
    assert cancelled(machine) == Answer("c", False, "the belt is not at rest; stop it first (state paused)")
    machine.to_rest()
    assert machine.chart is State.PAUSED
    assert cancelled(machine) == Answer("c", True, "")
    assert cancelled(machine) == Answer("c", False, "there is nothing to cancel (state complete)")


def test_a_question_that_is_due_again_in_a_rest_is_answered_before_the_restarts_steps() -> None:
    machine = Machine()
    plan = msgspec.structs.replace(LONG, phases=(Phase(PhaseKind.WARM_UP, 25, 0.1), Phase(PhaseKind.REST, 90), LONG.phases[1]))
    machine.to_walking(plan, questions=(Question.PAIN,), check_interval_s=20.0)
    machine.asked(within_s=25)
    machine.press(Input.SLOWER)
    assert machine.state.exercise.check.again, "some pain: asked again"
    machine.run_until(lambda m: m.chart is State.REST, 30)
    machine.asked(again=True, within_s=100)
    assert machine.chart is State.REST
    machine.run_until(lambda m: m.state.preparation.step is Step.ARROW, 100)
    assert machine.lines()[0].startswith("CHECK")
    machine.press(Input.OK)
    assert machine.state.preparation.step is Step.ARROW, "the answer is not the step's OK"
    machine.press(Input.OK)
    assert machine.state.preparation.step is Step.READY


def test_start_after_a_plans_last_rest_completes_the_session_and_moves_nothing() -> None:
    machine = resting(ENDS_IN_REST)
    machine.run_until(lambda m: m.state.preparation.step is Step.ARROW, 10)
    machine.press(Input.OK)
    machine.run(1.0)
    travel_m = machine.drive.travel_m
    machine.press(Input.START, 0.3)
    machine.run(2)
    assert machine.chart is State.COMPLETE
    assert machine.state.exercise.over == "session-complete"
    assert machine.drive.travel_m == pytest.approx(travel_m, abs=1e-6)
    assert machine.drive_state is not DriveState.GRANTED


# --- what nobody should ever see -----------------------------------------------------------------------------------------


def test_a_belt_that_runs_without_a_plan_is_stopped_in_the_scan_that_finds_it() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.state = msgspec.structs.replace(machine.state, exercise=msgspec.structs.replace(machine.state.exercise, plan=None))
    machine.scan()
    assert machine.chart is State.COMPLETE
    assert machine.outputs.command.action is Action.STOP
    machine.to_rest()


def test_a_walk_without_a_word_of_the_drive_is_commanded_to_stop() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    inputs = msgspec.structs.replace(machine.inputs, drive=None)
    _, outputs = step(machine.state, inputs, machine.settings, machine.now_ns + 10_000_000)
    assert outputs.command.action is Action.STOP
    assert outputs.command.rate_mm_s2 > 0


def test_a_message_that_asks_nothing_of_the_core_changes_nothing() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    asked = msgspec.structs.replace(machine.inputs, requests=(Acknowledge(7),))
    plain: ScanInputs = msgspec.structs.replace(machine.inputs, requests=())
    now_ns = machine.now_ns + 10_000_000
    assert step(machine.state, asked, machine.settings, now_ns) == step(machine.state, plain, machine.settings, now_ns)


# --- words ---------------------------------------------------------------------------------------------------------------


def test_a_symptom_reported_of_nobody_is_heard_and_leads_to_nothing() -> None:
    machine = Machine()
    machine.to_standby()
    told = len(machine.happenings)
    machine.report("pain", grade=10)
    assert machine.answers[-1] == Answer("report", True, "")
    assert machine.happenings[told:] == []
    assert machine.state.exercise.done.symptoms == ()
    assert machine.chart is State.STANDBY


def test_symptom_pressed_once_in_a_check_shows_how_to_say_that_this_is_all() -> None:
    machine = Machine()
    machine.to_walking(LONG, questions=(Question.DIZZINESS,), check_interval_s=20.0)
    machine.asked(within_s=25)
    assert machine.lines() == ("CHECK        OK fine", "dizzy, lost the way?", "SLOWER: a little    ", "SYMPTOM 2x: much    ")
    machine.tap_symptom()
    assert machine.lines() == ("CHECK        OK done", "dizzy, lost the way?", " " * 20, "SYMPTOM 2x: much    ")


def test_a_session_asked_for_in_the_scan_that_finds_the_drive_faulty_is_refused() -> None:
    machine = Machine()
    machine.to_standby()
    faulty = msgspec.structs.replace(machine.inputs.drive, state=DriveState.FAULT)
    inputs = msgspec.structs.replace(machine.inputs, drive=faulty, requests=(proposal("r", "desk", PLAN),))
    state, outputs = step(machine.state, inputs, machine.settings, machine.now_ns + 10_000_000)
    assert outputs.answers == (Answer("r", False, "the drive is not healthy"),)
    assert state.chart is State.FAULT


def test_an_alarm_of_low_priority_is_silenced_and_comes_back() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.telemetry = False
    machine.run_until(lambda m: Event.TELEMETRY_LOST in m.events, 2)
    machine.requests.append(Silence("hush", "desk"))
    machine.scan()
    assert machine.answers[-1] == Answer("hush", True, "")
    assert not machine.outputs.buzzer
    assert machine.outputs.lamp_yellow, "silenced, not forgotten"


def test_an_alarm_of_high_priority_cannot_be_silenced() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.1)
    machine.requests.append(Silence("hush", "desk"))
    machine.scan()
    assert machine.answers[-1] == Answer("hush", False, "a high-priority alarm cannot be silenced")
    heard = 0
    for _ in range(100):
        machine.scan()
        heard += machine.outputs.buzzer
    assert heard


def test_a_machine_that_is_always_late_says_so_once_a_second_and_pushes_no_event_out_of_the_ring() -> None:
    machine = Machine()
    machine.to_standby()
    began = len(machine.happenings)
    for _ in range(500):
        machine.lateness_ns = 25_000_000
        machine.scan()
    late = [happening for happening in machine.happenings[began:] if happening.event is Event.SCAN_LATE]
    assert 5 <= len(late) <= 6
    assert dict(late[0].detail) == {"late_ms": 25.0}
    apart_ns = [later.at_ns - before.at_ns for before, later in itertools.pairwise(late)]
    assert min(apart_ns) >= 1_000_000_000
