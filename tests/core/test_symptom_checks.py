"""Symptom checks on the whole core with the real firmware: asked at intervals, answered at the panel, obeyed by the belt."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import State
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.preparation import Step
from messages.figures import Question
from messages.plan import Phase, PhaseKind
from messages.wire import Symptom
from tests.core.machine import PLAN, Machine

pytestmark = pytest.mark.hazard("H-24", "C-SYMPTOMS")
LONG = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 30, 0.1), Phase(PhaseKind.WORK, 600, 0.2)))
ALL = tuple(Question)


def walking(*questions: Question, **limits: object) -> Machine:
    machine = Machine()
    machine.to_walking(LONG, questions=questions or ALL, **{"check_interval_s": 20.0, **limits})
    return machine


def test_it_comes_after_so_much_belt_time_and_asks_one_thing_after_the_other() -> None:
    machine = walking()
    machine.run(17)
    assert Event.CHECK_ASKED not in machine.events
    machine.asked(within_s=5)
    assert machine.state.exercise.belt_time_ns == pytest.approx(20e9, abs=0.1e9)
    shown = []
    for _ in Question:
        shown.append(machine.lines()[1].strip())
        machine.press(Input.OK)
    assert len(set(shown)) == len(Question), shown
    assert not machine.state.exercise.check.asking
    assert [answer.question for answer in machine.state.exercise.done.symptoms] == list(Question)
    assert machine.chart is State.WARM_UP
    assert machine.belt_m_s > 0.08, "a patient who is well walks on"
    machine.asked(again=True, within_s=25)
    assert machine.state.exercise.belt_time_ns == pytest.approx(40e9, abs=0.5e9)


def test_a_prompt_beeps_and_no_rise_is_offered_meanwhile() -> None:
    machine = walking(Question.PAIN)
    machine.asked(within_s=25)
    assert machine.outputs.buzzer
    machine.run(15)
    assert Event.RISE_OFFERED not in machine.events


def test_faster_pressed_in_a_check_is_no_answer_and_makes_nothing_faster() -> None:
    machine = walking(Question.PAIN)
    machine.asked(within_s=25)
    for _ in range(4):
        machine.press(Input.FASTER)
        assert machine.state.exercise.check.asking
    machine.run(1)
    assert machine.belt_m_s < 0.12


def test_nobody_answers_the_belt_slows_then_pauses_and_does_not_start_before_the_answer() -> None:
    machine = walking(Question.PAIN)
    machine.asked(within_s=25)
    asked_ns = machine.now_ns
    machine.run_until(lambda m: Event.CHECK_MISSED in m.events, 21)
    assert machine.now_ns - asked_ns == pytest.approx(20e9, abs=0.1e9)
    machine.run_until(lambda m: m.chart is State.PAUSED, 11)
    machine.to_rest()
    machine.run(1)
    machine.press(Input.START, 0.3)
    assert "symptom check" in dict(machine.happenings[-1].detail)["missing"]
    machine.press(Input.OK)
    assert machine.state.preparation.step is Step.ARROW, "the answer is not the step's OK"
    machine.press(Input.OK)
    machine.start()
    assert machine.state.exercise.check.missed == 1


def test_a_late_answer_ends_the_reminder() -> None:
    machine = walking(Question.PAIN)
    machine.asked(within_s=25)
    machine.run(21)
    machine.press(Input.OK)
    machine.run(15)
    assert Event.CHECK_PAUSE not in machine.events
    assert machine.state.alarms.active == ()


def test_raised_pain_slows_and_is_asked_again_after_a_minute() -> None:
    machine = walking(Question.PAIN, check_interval_s=500.0)
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 60)
    machine.press(Input.FASTER)
    machine.run(3)
    assert machine.belt_m_s > 0.13
    machine.report("pain", grade=2)
    assert Event.PAIN_RAISED in machine.events
    machine.run(3)
    assert machine.belt_m_s < 0.11
    rises = machine.events.count(Event.RISE_OFFERED)
    machine.run(56)
    assert machine.events.count(Event.RISE_OFFERED) == rises, "no rise before the pain was asked again"
    machine.asked(within_s=3)
    machine.press(Input.OK)
    machine.run_until(lambda m: m.events.count(Event.RISE_OFFERED) > rises, 15)


def test_dizziness_pauses_and_allows_one_restart_after_two_minutes() -> None:
    machine = walking(Question.DIZZINESS)
    machine.asked(within_s=25)
    machine.press(Input.SLOWER)
    machine.to_rest()
    dizzy_ns = machine.now_ns
    machine.press(Input.OK)
    machine.run(1)
    machine.press(Input.START, 0.3)
    assert "rest 1" in dict(machine.happenings[-1].detail)["missing"], machine.happenings[-1]
    machine.asked(again=True, within_s=125)
    assert machine.now_ns - dizzy_ns > 115e9
    machine.press(Input.OK)
    machine.harness_check()
    machine.start()
    machine.run(3)
    machine.report("dizziness", grade=1)
    assert machine.chart is State.COMPLETE
    assert machine.state.exercise.over == "dizziness-again"


def test_the_patients_button_stops_the_belt_in_a_check_as_always() -> None:
    machine = walking(Question.EFFORT)
    machine.asked(within_s=25)
    machine.open(Input.SYMPTOM)
    machine.scan()
    assert machine.chart is State.PAUSED
    machine.run(0.3)
    machine.close(Input.SYMPTOM)
    machine.run(1)
    assert machine.state.exercise.check.asking, "how much is being asked"
    machine.run(3)
    assert Event.EFFORT_HIGH in machine.events, "one press is something"


@pytest.mark.parametrize("how", ["twice", "held"])
def test_pressed_again_or_held_the_button_says_much(how: str) -> None:
    machine = walking(Question.EFFORT)
    machine.asked(within_s=25)
    machine.open(Input.SYMPTOM)
    machine.run(1.2 if how == "held" else 0.2)
    machine.close(Input.SYMPTOM)
    machine.run(0.3)
    if how == "twice":
        machine.tap_symptom()
    assert machine.state.exercise.over == "effort-severe"


@pytest.mark.parametrize(
    ("kind", "measured", "state"),
    [
        ("spinning", {}, State.COMPLETE),
        ("giving_way", {}, State.COMPLETE),
        ("nausea", {"grade": 1}, State.COMPLETE),
        ("pain", {}, State.PAUSED),
        ("pain", {"grade": 1}, State.WARM_UP),
        ("something else", {}, State.PAUSED),
        ("something else", {"grade": 0}, State.PAUSED),
        ("measured", {"heart_rate_per_min": 90}, State.WARM_UP),
        ("measured", {"heart_rate_per_min": 90, "systolic_mm_hg": 251}, State.COMPLETE),
        ("effort", {"grade": 9, "heart_rate_per_min": 90}, State.COMPLETE),
    ],
)
def test_what_the_desk_reports_slows_pauses_or_ends_and_nothing_else(kind: str, measured: dict, state: State) -> None:
    machine = walking()
    machine.report(kind, **measured)
    assert machine.chart is state
    assert machine.answers[-1].accepted
    machine.run(2)
    assert machine.belt_m_s < 0.11


def test_a_report_that_ends_takes_a_prepared_session_back() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare(LONG)
    machine.report("spinning")
    assert machine.chart is State.STANDBY
    assert Event.SESSION_CANCELLED in machine.events


def stopped_at_the_deck_end() -> Machine:
    """Latched, with a session that may be resumed."""
    machine = walking()
    machine.run(3)
    machine.open(Input.DECK_REAR)
    machine.run(0.3)
    machine.close(Input.DECK_REAR)
    machine.to_rest()
    machine.run(1)
    return machine


def test_what_ends_a_session_ends_it_under_a_latch_as_well() -> None:
    machine = stopped_at_the_deck_end()
    machine.report("dizziness", grade=9)
    assert machine.chart is State.PROTECTIVE_STOP
    assert machine.state.stopped_by is Event.DECK_REAR, "the display still says what to clear"
    machine.report("spinning")
    assert machine.state.exercise.over == "dizziness-severe", "what ended it first"
    machine.press(Input.RESET)
    assert machine.chart is State.COMPLETE
    assert machine.state.stopped_by is Event.DIZZINESS_SEVERE, "now it says why the session is over"
    travel_m = machine.drive.travel_m
    machine.press(Input.OK)
    machine.press(Input.START, 0.3)
    machine.run(3)
    assert machine.drive.travel_m - travel_m < 0.001


def test_what_ends_nothing_under_a_latch_leaves_the_session() -> None:
    machine = stopped_at_the_deck_end()
    machine.report("effort", grade=2)
    machine.run(1)
    machine.report("dizziness", grade=1)
    assert machine.events[-1] is Event.DIZZINESS_MILD
    assert machine.state.exercise.over == ""
    machine.press(Input.RESET)
    assert machine.chart is State.PAUSED


def test_a_report_that_ends_counts_in_the_scan_that_latches() -> None:
    machine = walking()
    machine.run(3)
    machine.open(Input.DECK_REAR)
    machine.requests.append(Symptom("r", "desk", "spinning"))
    machine.scan()
    assert machine.chart is State.PROTECTIVE_STOP
    assert machine.state.exercise.over == "dizziness-severe"


def test_the_guard_against_floods_drops_nothing_that_ends() -> None:
    machine = walking()
    machine.run(3)
    machine.open(Input.STOP)
    machine.run(0.2)
    machine.close(Input.STOP)
    machine.to_rest()
    machine.run(2)
    machine.requests += [Symptom("1", "desk", "effort", grade=2), Symptom("2", "desk", "spinning")]
    machine.run(0.1)
    assert machine.chart is State.COMPLETE
    told = len(machine.happenings)
    for number in range(50):
        machine.requests.append(Symptom(f"again-{number}", "desk", "spinning"))
        machine.scan()
    assert len(machine.happenings) <= told + 8, "once it is over, a flood of the same is no flood of events"


def test_a_flood_of_harmless_reports_is_some_events_a_second_and_what_is_not_taken_is_answered_so() -> None:
    machine = walking()
    machine.run(2)
    machine.answers.clear()
    machine.requests += [Symptom(str(number), "desk", "pain", grade=1) for number in range(20)]
    machine.run(0.5)
    assert [answer.accepted for answer in machine.answers] == [True] * 8 + [False] * 12
    assert machine.answers[-1].reason == "too many reports in a second: say it again"
    assert machine.events.count(Event.CHECK_ANSWERED) == len(machine.state.exercise.done.symptoms) == 8
    machine.run(0.4)
    machine.report("pain", grade=1)
    assert machine.events.count(Event.CHECK_ANSWERED) == 8
    machine.run(0.2)
    machine.report("pain", grade=1)
    assert machine.events.count(Event.CHECK_ANSWERED) == 9, "a second after the first"


def test_what_is_told_at_once_is_all_taken() -> None:
    """A therapist's program sends the answers to all questions together."""
    machine = walking()
    machine.run(2)
    machine.requests += [
        Symptom("1", "desk", "effort", grade=2),
        Symptom("2", "desk", "breath", grade=3),
        Symptom("3", "desk", "pain", grade=2),
    ]
    machine.run(0.1)
    assert [(answer.question, answer.grade) for answer in machine.state.exercise.done.symptoms] == [
        (Question.EFFORT, 2),
        (Question.BREATH, 3),
        (Question.PAIN, 2),
    ]


def test_dizziness_that_is_told_in_a_pause_just_after_something_else_is_not_forgotten() -> None:
    machine = walking()
    machine.run(2)
    machine.open(Input.STOP)
    machine.to_rest()
    machine.close(Input.STOP)
    machine.requests.append(Symptom("1", "desk", "heart_rate", heart_rate_per_min=90))
    machine.run(0.3)
    machine.report("dizziness", grade=3)
    assert machine.state.exercise.check.dizzy
    assert machine.state.exercise.rest_until_at_ns > machine.now_ns


def test_after_the_session_it_is_asked_once_more_and_holds_nobody_back() -> None:
    machine = walking(Question.PAIN, Question.LEGS)
    machine.report("spinning")
    machine.to_rest()
    machine.run(0.1)
    assert machine.lines()[0].startswith("CHECK/unclip")
    machine.press(Input.OK)
    machine.open(Input.CLIP)
    machine.run(0.2)
    assert machine.chart is State.STANDBY
    assert machine.state.exercise.check.asking == ()


def dizzy_at_ready() -> Machine:
    """Before START, dizziness is reported; two minutes later it is asked for again."""
    machine = Machine()
    machine.to_standby()
    machine.prepare(LONG)
    machine.report("dizziness", grade=2)
    machine.run(110)
    assert not machine.state.exercise.check.asking
    machine.run(11)
    assert machine.state.exercise.check.asking == (Question.DIZZINESS,)
    return machine


def test_dizziness_told_before_the_start_is_asked_for_again_before_the_start() -> None:
    machine = dizzy_at_ready()
    assert machine.lines()[1] == "dizzy, lost the way?"
    machine.press(Input.OK)
    assert not machine.state.exercise.check.asking
    machine.press(Input.OK)
    machine.start()
    machine.run(1)
    assert machine.events.count(Event.CHECK_ASKED) == 1


def test_who_is_dizzy_again_before_the_start_does_not_start() -> None:
    machine = dizzy_at_ready()
    machine.press(Input.START, 0.3)
    machine.run(1)
    assert machine.belt_m_s == 0.0
    machine.press(Input.SLOWER)
    assert Event.DIZZINESS_AGAIN in machine.events
    assert Event.SESSION_CANCELLED in machine.events
    assert machine.chart is State.STANDBY
    assert not machine.state.exercise.session
    assert not machine.state.alarms.active
