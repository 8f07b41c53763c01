"""The symptom check at the panel: one question after another, answered with OK, SLOWER and the symptom button. Pure.

OK: fine. SLOWER: something, and the belt goes on slower. SYMPTOM: something, and it pauses the belt as it always does: a frightened
patient has one button, which stops. Pressed again, or held, it is much; else OK or a moment of silence confirms "something". A
question that nobody answers slows, then pauses.
"""

from __future__ import annotations

import msgspec

from controller.core.events import Event, Happening
from controller.core.settings import CheckSettings
from controller.core.symptoms import Band
from messages.figures import Question


class CheckState(msgspec.Struct, frozen=True, gc=False):
    """What is asked, and what will be.

    asking: questions left, the first is shown. shown_at_ns: since when. presses, pressed_at_ns: of SYMPTOM for the shown
    question. warned: 0 not yet, 1 slowed, 2 paused for want of an answer. checked_belt_ns: belt time of the last whole check.
    again: questions to ask once more, each with its time. dizzy: there was dizziness in this session. missed: checks unanswered in
    time. asked_after: the questions after the session have been put. reported_at_ns: when the second began in which `reported`
    reports have been taken from the network.
    """

    asking: tuple[Question, ...] = ()
    shown_at_ns: int = 0
    presses: int = 0
    pressed_at_ns: int = 0
    warned: int = 0
    checked_belt_ns: int = 0
    again: tuple[tuple[Question, int], ...] = ()
    dizzy: bool = False
    missed: int = 0
    asked_after: bool = False
    reported_at_ns: int = 0
    reported: int = 0


class CheckFacts(msgspec.Struct, frozen=True, gc=False):
    """The hands at one scan. moving: the belt is driven. symptom_pressed: in this scan; symptom_held: still."""

    moving: bool
    ok_pressed: bool
    slower_pressed: bool
    symptom_pressed: bool
    symptom_held: bool


def ask(state: CheckState, questions: tuple[Question, ...], now_ns: int) -> tuple[CheckState, tuple[Happening, ...]]:
    """Returns the state with these questions put, the first of them shown."""
    due = tuple((question, at_ns) for question, at_ns in state.again if question not in questions)
    asked = msgspec.structs.replace(state, asking=questions, shown_at_ns=now_ns, presses=0, pressed_at_ns=0, warned=0, again=due)
    return asked, (Happening(Event.CHECK_ASKED, now_ns, (("questions", " ".join(q.value for q in questions)),)),)


def ask_no_more(state: CheckState) -> CheckState:
    """Returns the state with nothing asked and nothing to ask again: the session is over."""
    return msgspec.structs.replace(state, asking=(), again=()) if state.asking or state.again else state


def due_questions(
    state: CheckState, questions: tuple[Question, ...], interval_s: float, belt_time_ns: int | None, now_ns: int
) -> tuple[Question, ...]:
    """Returns what is to be asked now: the whole check by the clock of the moving belt (None: it rests), or what is asked again."""
    if belt_time_ns is not None and questions and not belt_time_ns - state.checked_belt_ns < interval_s * 1e9:
        return questions
    if not state.again:
        return ()
    return tuple(question for question, at_ns in state.again if now_ns >= at_ns)


def advance_check(
    state: CheckState, facts: CheckFacts, settings: CheckSettings, now_ns: int
) -> tuple[CheckState, Band | None, tuple[Happening, ...]]:
    """Returns the state, the shown question's answer in the scan in which it is given, and what slowed or paused meanwhile."""
    if facts.symptom_pressed:
        state = msgspec.structs.replace(state, presses=state.presses + 1, pressed_at_ns=now_ns)
    answer = _answer(state, facts, settings, now_ns)
    if answer is not None:
        return _next_question(state, now_ns), answer, ()
    if not facts.moving:
        return state, None, ()
    waited_ns = now_ns - state.shown_at_ns
    detail = (("question", state.asking[0].value), ("waited_s", round(waited_ns / 1e9, 1)))
    if state.warned < 1 and waited_ns >= settings.answer_s * 1e9:
        late = msgspec.structs.replace(state, warned=1, missed=state.missed + 1)
        return late, None, (Happening(Event.CHECK_MISSED, now_ns, detail),)
    if state.warned == 1 and waited_ns >= (settings.answer_s + settings.slow_time_s) * 1e9:
        return msgspec.structs.replace(state, warned=2), None, (Happening(Event.CHECK_PAUSE, now_ns, detail),)
    return state, None, ()


def _answer(state: CheckState, facts: CheckFacts, settings: CheckSettings, now_ns: int) -> Band | None:
    if not state.presses:
        if facts.slower_pressed:
            return Band.SOME
        return Band.FINE if facts.ok_pressed else None
    pressed_ns = now_ns - state.pressed_at_ns
    if state.presses > 1 or (facts.symptom_held and pressed_ns >= settings.hold_s * 1e9):
        return Band.MUCH
    if facts.symptom_held:
        return None
    confirmed = facts.ok_pressed or facts.slower_pressed or pressed_ns >= settings.confirm_s * 1e9
    return Band.SOME if confirmed else None


def _next_question(state: CheckState, now_ns: int) -> CheckState:
    return msgspec.structs.replace(state, asking=state.asking[1:], shown_at_ns=now_ns, presses=0, pressed_at_ns=0, warned=0)
