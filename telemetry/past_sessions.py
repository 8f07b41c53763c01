"""From a session's record to what the rules look at: the day it began on, how it ended, the worst that was felt. Pure.

The day is the clinic's local calendar day on which the belt first moved, or the one for which a clinician vouched because the clock
could not be trusted. What ended a session is the code of one event of the controller's; every code that can end one is in a set
here, and a test compares them with the controller's table.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, tzinfo

from messages.figures import Question, SymptomAnswer
from messages.patient import Ending, PastSession
from messages.wire import SessionRecord

FALLS = frozenset({"harness-loaded", "loading-fast", "overload-switch", "nurse-call"})
"""The last of them: something else had stopped the belt, and then the patient hung in the harness."""
SYMPTOMS = frozenset(
    {
        "pain-severe",
        "dizziness-severe",
        "dizziness-again",
        "nausea",
        "leg-symptoms",
        "effort-severe",
        "breathless",
        "heart-rate-high",
        "blood-pressure-high",
        "blood-pressure-fall",
        "symptom-button",
        "network-symptom",
    }
)
CHOSEN = frozenset({"session-ended", "pause-too-long", "stop-pressed", "network-stop", "emergency-pressed", "lanyard-pulled"})
"""A hand ended it, or nobody went on. Whoever presses the mushroom does not say why."""
COMPLETE = "session-complete"
ENDED = frozenset({"complete", "ended"})
SYMPTOM_BEFORE_END_S = 30.0
"""Nobody goes on after a pause: a symptom told so shortly before, in belt time, was the reason."""
LONGEST_S, FURTHEST_M, FASTEST_M_S, MOST_LOSSES = 14400.0, 50000.0, 5.0, 10000


def local_day(time: str, zone: tzinfo | None) -> date:
    """Returns the calendar day of a time (RFC 3339, UTC) in a time zone; None: the machine's."""
    return datetime.fromisoformat(time).astimezone(zone).date()


def past_session(
    record: SessionRecord, started_time: str, zone: tzinfo | None, later: Iterable[SymptomAnswer] = ()
) -> PastSession | None:
    """Returns the session as the rules look at it; None when the belt never moved.

    later: numbers that were entered after it. One without an end (a power cut) is a technical abort: call it for no session that
    still runs.
    """
    if not record.belt_time_s > 0:
        return None
    figures = record.figures
    answers = (*figures.symptoms, *later)
    return PastSession(
        on=record.vouched_on or local_day(started_time, zone),
        belt_time_s=min(record.belt_time_s, LONGEST_S),
        work_time_s=min(record.work_time_s, record.belt_time_s, LONGEST_S),
        distance_m=min(record.distance_m, FURTHEST_M),
        top_speed_m_s=min(figures.top_speed_m_s, FASTEST_M_S),
        hands_free_s=min(figures.hands_free_s, LONGEST_S),
        balance_losses=min(record.balance_losses, MOST_LOSSES),
        worst_pain=_worst(answers, Question.PAIN),
        worst_dizziness=_worst(answers, Question.DIZZINESS),
        ending=ending_of(record),
    )


def ending_of(record: SessionRecord) -> Ending:
    """Returns how a session ended, by the event that ended it; what is not known is technical."""
    code = record.ended_by
    if record.status not in ENDED:
        return Ending.TECHNICAL
    if code in FALLS:
        return Ending.FALL
    if code in SYMPTOMS or (code in CHOSEN and _symptom_at_the_end(record)):
        return Ending.SYMPTOM
    if code in CHOSEN:
        return Ending.CHOSEN
    return Ending.COMPLETE if code == COMPLETE else Ending.TECHNICAL


def _symptom_at_the_end(record: SessionRecord) -> bool:
    last = record.belt_time_s - SYMPTOM_BEFORE_END_S
    return any(answer.at_s >= last and answer.grade != 0 for answer in record.figures.symptoms)


def _worst(answers: Iterable[SymptomAnswer], question: Question) -> int:
    return max((min(answer.grade or 0, 10) for answer in answers if answer.question is question), default=0)
