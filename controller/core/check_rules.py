"""The symptom check within a scan: when it is asked, what an answer does, and what the network may report."""

from __future__ import annotations

import msgspec

from controller.core.alarms import clear_alarms
from controller.core.chart import EXERCISING_STATES, MOVING_STATES
from controller.core.checks import CheckFacts, advance_check, ask, due_questions
from controller.core.events import RULES, Effect, Event, Happening
from controller.core.exercise import ExerciseState
from controller.core.figures import with_answer
from controller.core.inputs import Input
from controller.core.state import Scan
from controller.core.symptoms import ALWAYS_ENDS, Band, band_of, bands, event_of, grade_of, judge_measured
from messages.figures import Question, SymptomAnswer
from messages.wire import Symptom

_REPORT_INTERVAL_NS = 1_000_000_000
_REPORTS_A_SECOND = 8
"""Every question at once and some numbers; more is no person."""
_QUESTIONS = {question.value: question for question in Question}


# Control C-SYMPTOMS.
def run_check(scan: Scan) -> bool:
    """One scan of asking; returns whether a question stands on the display."""
    exercise = scan.state.exercise
    if not exercise.check.asking and not _ask_if_due(scan, exercise):
        return False
    exercise = scan.state.exercise
    question = exercise.check.asking[0]
    facts = CheckFacts(
        moving=scan.state.chart in MOVING_STATES,
        ok_pressed=scan.digital.was_pressed(Input.OK),
        slower_pressed=scan.digital.was_pressed(Input.SLOWER),
        symptom_pressed=scan.digital.was_released(Input.SYMPTOM),
        symptom_held=not scan.digital.is_closed(Input.SYMPTOM),
    )
    check, band, happenings = advance_check(exercise.check, facts, scan.settings.core.checks, scan.now_ns)
    scan.happenings.extend(happenings)
    if check is not exercise.check:
        scan.state = msgspec.structs.replace(scan.state, exercise=msgspec.structs.replace(exercise, check=check))
    if band is not None:
        _take_answer(scan, question, band)
    return True


def _ask_if_due(scan: Scan, exercise: ExerciseState) -> bool:
    limits, check = exercise.limits, exercise.check
    if limits is None or exercise.offered_until_ns or exercise.hands_free.open:
        return False
    belt_time_ns = exercise.belt_time_ns if scan.state.chart in MOVING_STATES else None
    due = due_questions(check, limits.questions, limits.check_interval_s, belt_time_ns, scan.now_ns)
    if due:
        _put(scan, due, whole=due == limits.questions)
    return bool(due)


def ask_after_session(scan: Scan) -> None:
    """Puts the questions once more when the session is over; they hold nobody back from leaving."""
    exercise = scan.state.exercise
    if exercise.limits is None or exercise.check.asked_after or not exercise.limits.questions:
        return
    _put(scan, exercise.limits.questions, whole=True)
    exercise = scan.state.exercise
    asked = msgspec.structs.replace(exercise.check, asked_after=True, again=())
    scan.state = msgspec.structs.replace(scan.state, exercise=msgspec.structs.replace(exercise, check=asked))


def _put(scan: Scan, questions: tuple[Question, ...], *, whole: bool) -> None:
    exercise = scan.state.exercise
    check, asked = ask(exercise.check, questions, scan.now_ns)
    if whole:
        check = msgspec.structs.replace(check, checked_belt_ns=exercise.belt_time_ns)
    scan.happenings.extend(asked)
    scan.state = msgspec.structs.replace(scan.state, exercise=msgspec.structs.replace(exercise, check=check))


def _take_answer(scan: Scan, question: Question, band: Band) -> None:
    """Out of the answers of the panel: recorded, and acted on."""
    exercise = scan.state.exercise
    judged = bands(question, exercise.limits, exercise.check.dizzy)
    grade = grade_of(band, judged)
    _record(scan, question, grade)
    _say(scan, Event.CHECK_ANSWERED, question=question.value, grade=grade)
    if not exercise.check.asking:
        cleared = clear_alarms(scan.state.alarms, frozenset({Event.CHECK_MISSED}))
        scan.state = msgspec.structs.replace(scan.state, alarms=cleared)
    event = event_of(band, judged)
    if event is not None:
        _act(scan, event, question=question.value, grade=grade)


def _act(scan: Scan, event: Event, **detail: float | int | str) -> None:
    """Says the event, and remembers what must be asked again before the exercise goes on as it was."""
    _say(scan, event, **detail)
    exercise, checks = scan.state.exercise, scan.settings.core.checks
    check, rest_until_ns = exercise.check, exercise.rest_until_at_ns
    if event is Event.PAIN_RAISED:
        again_ns = scan.now_ns + int(checks.pain_again_s * 1e9)
        check = msgspec.structs.replace(check, again=_with(check.again, Question.PAIN, again_ns))
    elif event is Event.DIZZINESS_MILD:
        again_ns = scan.now_ns + int(checks.dizziness_again_s * 1e9)
        rest_until_ns = max(rest_until_ns, again_ns)  # of two rests the longer one
        check = msgspec.structs.replace(check, dizzy=True, again=_with(check.again, Question.DIZZINESS, again_ns))
    else:
        return
    moved = msgspec.structs.replace(exercise, check=check, rest_until_at_ns=rest_until_ns)
    scan.state = msgspec.structs.replace(scan.state, exercise=moved)


def _with(again: tuple[tuple[Question, int], ...], question: Question, at_ns: int) -> tuple[tuple[Question, int], ...]:
    return (*((other, due_ns) for other, due_ns in again if other is not question), (question, at_ns))


def _record(scan: Scan, question: Question, grade: int | None) -> None:
    exercise = scan.state.exercise
    answer = SymptomAnswer(round(exercise.belt_time_ns / 1e9, 1), question, grade)
    moved = msgspec.structs.replace(exercise, done=with_answer(exercise.done, answer))
    scan.state = msgspec.structs.replace(scan.state, exercise=moved)


def _say(scan: Scan, event: Event, **detail: float | int | str) -> None:
    scan.happenings.append(Happening(event, scan.now_ns, tuple(detail.items())))


def take_report(scan: Scan, symptom: Symptom) -> tuple[bool, Event | None]:
    """Takes a symptom from the network. Returns whether it was taken, and the event that it led to, None where it changes nothing.

    Of what stops and ends nothing, some are taken a second: a flood must not push real events out of the ring. A symptom that is
    not taken is to be answered so.
    """
    exercise = scan.state.exercise
    if not exercise.session:
        return True, None
    event = _event_of_report(symptom, exercise)
    effect = RULES[event].effect if event is not None else Effect.RECORD
    stops = effect >= Effect.PAUSE and scan.state.chart in EXERCISING_STATES
    ends = effect is Effect.END and not exercise.over
    began_ns, taken = exercise.check.reported_at_ns, exercise.check.reported
    if scan.now_ns - began_ns >= _REPORT_INTERVAL_NS:
        began_ns, taken = scan.now_ns, 0
    if not (stops or ends) and taken >= _REPORTS_A_SECOND:
        return False, None
    question = _QUESTIONS.get(symptom.kind)
    if question is not None:
        _record(scan, question, symptom.grade)
    exercise = scan.state.exercise
    reported = msgspec.structs.replace(exercise.check, reported_at_ns=began_ns, reported=taken + 1)
    scan.state = msgspec.structs.replace(scan.state, exercise=msgspec.structs.replace(exercise, check=reported))
    detail = _detail(symptom)
    if event is None:
        _say(scan, Event.CHECK_ANSWERED, **detail)
    else:
        _act(scan, event, **detail)
    return True, event


def _event_of_report(symptom: Symptom, exercise: ExerciseState) -> Event | None:
    """The gravest of what kind, grade and numbers lead to; None when all of it is within limits."""
    question = _QUESTIONS.get(symptom.kind)
    numbers = (symptom.heart_rate_per_min, symptom.systolic_mm_hg, symptom.diastolic_mm_hg)
    found = [ALWAYS_ENDS.get(symptom.kind), judge_measured(symptom, exercise.limits)]
    if question is not None and symptom.grade is not None:
        judged = bands(question, exercise.limits, exercise.check.dizzy)
        found.append(event_of(band_of(symptom.grade, judged), judged))
    elif question is not None or all(number is None for number in numbers):
        found.append(Event.NETWORK_SYMPTOM)
    return max((event for event in found if event is not None), key=lambda event: RULES[event].effect, default=None)


def _detail(symptom: Symptom) -> dict[str, float | int | str]:
    found: dict[str, float | int | str] = {"origin": symptom.origin, "kind": symptom.kind}
    numbers = {
        "grade": symptom.grade,
        "heart_rate_per_min": symptom.heart_rate_per_min,
        "systolic_mm_hg": symptom.systolic_mm_hg,
        "diastolic_mm_hg": symptom.diastolic_mm_hg,
    }
    found.update({key: value for key, value in numbers.items() if value is not None})
    return found
