"""The lists off the belt, before and after: what is asked, in how many presses, and that they hold nobody who wants to leave."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import State
from controller.core.events import Event
from controller.core.figures import MAXIMUM_ANSWERS, with_answer
from controller.core.inputs import Input
from controller.core.preparation import Step
from controller.snapshot import session_record
from messages.figures import PhaseDone, Question, SessionFigures, SymptomAnswer
from messages.plan import Phase, PhaseKind, RailStage
from messages.wire import MAXIMUM_MESSAGE_BYTES, encode
from tests.core.machine import PLAN, WEIGHT_N, Machine, proposal

FIRST = msgspec.structs.replace(PLAN, first_session=True)
LINES = [Step.AREA, Step.SHOES, Step.HARNESS, Step.LANYARD, Step.HIPS, Step.ANKLES]


class Presses(Machine):
    """Counts what is pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.pressed: list[Input] = []

    def press(self, name: Input, held_s: float = 0.2) -> None:
        self.pressed.append(name)
        super().press(name, held_s)


def steps_of(machine: Machine) -> list[str]:
    return [str(dict(h.detail)["step"]) for h in machine.happenings if h.event is Event.STEP_CONFIRMED]


@pytest.mark.parametrize("glasses", [False, True])
def test_a_first_session_goes_through_the_list_one_ok_a_line(glasses: bool) -> None:
    machine = Presses()
    machine.to_standby()
    machine.prepare(FIRST, ask_glasses=glasses)
    expected = [*LINES[:2], *([Step.GLASSES] if glasses else []), *LINES[2:]]
    assert steps_of(machine)[1 : 1 + len(expected)] == [step.value for step in expected]
    assert machine.pressed.count(Input.OK) == 1 + len(expected) + 4, "confirm, a line each, hook, taut, slack, arrow"


@pytest.mark.hazard("H-12", "C-HARNESS-CHECK")
@pytest.mark.parametrize("skipped", [*LINES, Step.CONFIRM, Step.EMPTY_HOOK])
def test_no_line_can_be_passed_without_its_ok(skipped: Step) -> None:
    machine = Machine()
    machine.to_standby()
    machine.open(Input.CLIP)
    machine.requests.append(proposal("r", "test", FIRST))
    machine.run(0.3)
    while machine.state.preparation.step is not skipped:
        machine.press(Input.OK)
        machine.run(1.2)
    machine.run(20)
    machine.press(Input.START, 0.3)
    assert machine.state.preparation.step is skipped
    machine.run(3)
    assert machine.drive.travel_m < 0.001


def test_a_returning_patient_confirms_the_list_once_and_walks_after_few_presses() -> None:
    machine = Presses()
    machine.to_standby()
    machine.prepare()
    clipped = machine.pressed.index(Input.OK, 2) + 1
    machine.run(1)
    machine.press(Input.START, 0.3)
    assert steps_of(machine)[:3] == ["CONFIRM", "LIST", "EMPTY HOOK"]
    assert len(machine.pressed) == 7, machine.pressed
    assert len(machine.pressed[clipped:]) == 4, "from the clip on: taut, slack, arrow, START"


def test_the_arrow_stands_on_the_display_before_the_belt_moves() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    assert steps_of(machine)[-1] == Step.ARROW.value
    assert machine.drive.travel_m < 0.001


@pytest.mark.parametrize("line", [step for step in Step if step not in (Step.CONFIRM,)])
def test_every_step_fits_the_display(line: Step) -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    steps = msgspec.structs.replace(machine.state.preparation, steps=(line,))
    machine.state = msgspec.structs.replace(machine.state, preparation=steps)
    lines = machine.lines()
    assert all(len(text) == 20 for text in lines)
    assert "".join(lines).strip()


def completed(plan=PLAN, **limits: object) -> Machine:
    short = msgspec.structs.replace(plan, phases=(Phase(PhaseKind.WARM_UP, 4, 0.1), Phase(PhaseKind.WORK, 4, 0.1)))
    machine = Machine()
    machine.to_walking(short, **limits)
    machine.run_until(lambda m: m.chart is State.COMPLETE, 20)
    machine.to_rest()
    machine.run(0.1)
    return machine


def test_after_the_session_hips_and_ankles_are_guided_however_late() -> None:
    machine = completed()
    assert machine.lines()[0].startswith("AFTER: HIPS")
    machine.run(400)
    machine.press(Input.OK)
    assert machine.lines()[0].startswith("AFTER: ANKLES")
    machine.press(Input.OK)
    assert machine.lines()[0].startswith("COMPLETE")
    assert steps_of(machine)[-2:] == ["AFTER: HIPS", "AFTER: ANKLES"]


@pytest.mark.parametrize("presses", [0, 1])
def test_opening_the_clip_leaves_whatever_the_list_says(presses: int) -> None:
    machine = completed(questions=(Question.PAIN,))
    for _ in range(presses):
        machine.press(Input.OK)
    machine.open(Input.CLIP)
    machine.run(0.2)
    assert machine.chart is State.STANDBY
    assert machine.state.preparation.steps == ()


def test_after_a_fall_the_form_is_asked_for_at_the_desk_and_nothing_else() -> None:
    machine = Machine()
    machine.to_walking(PLAN, questions=(Question.PAIN,))
    machine.load_n = 0.6 * WEIGHT_N
    machine.to_rest()
    machine.load_n = 0.0
    machine.run(1)
    machine.press(Input.RESET)
    machine.run(1)
    assert Event.POST_FALL_FORM in machine.events
    assert machine.lines()[2].startswith("post-fall form: desk")
    assert Event.CHECK_ASKED not in machine.events
    assert machine.state.exercise.over in ("harness-loaded", "loading-fast")


def test_the_record_says_what_was_done() -> None:
    machine = Machine()
    phases = (Phase(PhaseKind.WARM_UP, 12, 0.1), Phase(PhaseKind.WORK, 30, 0.15), Phase(PhaseKind.COOL_DOWN, 5, 0.1))
    plan = msgspec.structs.replace(PLAN, phases=phases)
    machine.to_walking(plan, questions=(Question.PAIN,), check_interval_s=20.0)
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 20)
    machine.press(Input.FASTER)
    machine.asked()
    machine.press(Input.SLOWER)
    machine.run_until(lambda m: m.chart is State.COMPLETE, 60)
    record = session_record(machine.state, "now")
    figures = record.figures
    assert [phase.index for phase in figures.phases] == [0, 1, 2]
    assert [phase.belt_time_s for phase in figures.phases] == [pytest.approx(p.duration_s, abs=0.011) for p in phases]
    assert sum(phase.distance_m for phase in figures.phases) == pytest.approx(record.distance_m, abs=0.005)
    assert figures.top_speed_m_s == max(phase.top_speed_m_s for phase in figures.phases) > 0.13
    assert figures.symptoms[0].question is Question.PAIN
    assert figures.symptoms[0].grade == 2
    assert 20.0 <= figures.symptoms[0].at_s < 30.0, "seconds of belt time"
    assert (figures.rises_accepted, figures.rises_declined, figures.checks_missed) == (1, 0, 0)


def test_where_nothing_was_fine_the_oldest_answer_gives_way() -> None:
    figures = SessionFigures()
    for number in range(MAXIMUM_ANSWERS + 1):
        figures = with_answer(figures, SymptomAnswer(float(number), Question.DIZZINESS, 1))
    assert [answer.at_s for answer in figures.symptoms] == [float(number) for number in range(1, MAXIMUM_ANSWERS + 1)]


def test_the_longest_record_fits_a_datagram() -> None:
    machine = Machine()
    phases = tuple(Phase(PhaseKind.WARM_UP, 1234.567, 0.123, 0.0456) for _ in range(60))
    machine.to_standby()
    machine.requests.append(proposal("r", "t", msgspec.structs.replace(PLAN, phases=phases, rails=RailStage.ONE)))
    machine.run(0.1)
    figures = SessionFigures(phases=tuple(PhaseDone(index, 1234.56, 1234.567, 1.234) for index in range(59)))
    for number in range(2 * MAXIMUM_ANSWERS):
        figures = with_answer(figures, SymptomAnswer(number + 0.1, Question.DIZZINESS, number % 2))
    exercise = msgspec.structs.replace(machine.state.exercise, done=figures, phase_elapsed_ns=1)
    record = session_record(msgspec.structs.replace(machine.state, exercise=exercise), "2026-01-01T00:00:00.000Z")
    assert len(encode(record)) < MAXIMUM_MESSAGE_BYTES
    assert len(record.figures.symptoms) == MAXIMUM_ANSWERS
    assert all(answer.grade == 1 for answer in record.figures.symptoms), "what said nothing gave way first"
