"""From a record to a past session: its day, its ending, its worst; and every event that ends one is classified."""

from __future__ import annotations

from datetime import UTC, date
from zoneinfo import ZoneInfo

import msgspec
import pytest

from controller.core.events import EVENT_TABLE, Effect
from controller.core.latch import ENDED_BY_FALL
from messages.figures import Question, SessionFigures, SymptomAnswer
from messages.patient import Ending
from messages.wire import SessionRecord
from telemetry.journal import decode_session, encode_session
from telemetry.past_sessions import CHOSEN, COMPLETE, FALLS, SYMPTOMS, ending_of, local_day, past_session
from tests.telemetry import samples

BERLIN = ZoneInfo("Europe/Berlin")
START = "2026-03-01T12:00:00.000Z"


def ended(by: str, status: str = "ended", **changes: object) -> SessionRecord:
    return msgspec.structs.replace(samples.session(status), ended_by=by, **changes)


@pytest.mark.parametrize(
    ("time", "zone", "day"),
    [
        ("2026-03-01T22:59:59.999Z", BERLIN, date(2026, 3, 1)),
        ("2026-03-01T23:00:00.000Z", BERLIN, date(2026, 3, 2)),
        ("2026-06-30T21:59:00.000Z", BERLIN, date(2026, 6, 30)),
        ("2026-06-30T22:00:00.000Z", BERLIN, date(2026, 7, 1)),
        ("2026-03-29T00:59:00.000Z", BERLIN, date(2026, 3, 29)),
        ("2026-03-29T01:01:00.000Z", BERLIN, date(2026, 3, 29)),
        ("2026-10-24T22:30:00.000Z", BERLIN, date(2026, 10, 25)),
        ("2026-10-25T22:59:00.000Z", BERLIN, date(2026, 10, 25)),
        ("2026-10-25T23:00:00.000Z", BERLIN, date(2026, 10, 26)),
        ("2026-03-01T04:59:00.000Z", ZoneInfo("America/New_York"), date(2026, 2, 28)),
        ("2026-12-31T10:00:00.000Z", ZoneInfo("Pacific/Kiritimati"), date(2027, 1, 1)),
        ("2026-03-01T23:59:59.999Z", UTC, date(2026, 3, 1)),
    ],
)
def test_the_day_is_the_clinics_own(time: str, zone: ZoneInfo, day: date) -> None:
    assert local_day(time, zone) == day
    past = past_session(ended(COMPLETE, "complete", time="2026-12-31T23:59:00.000Z"), time, zone)
    assert past is not None
    assert past.on == day, "the day it began on, whenever it ended"


def test_the_day_for_which_somebody_vouched_is_the_sessions_whatever_the_clock_said() -> None:
    """Without network and clock chip the clock stands still whenever the treadmill is off, and its days fall further back."""
    record = ended(COMPLETE, "complete", vouched_on=date(2026, 3, 9))
    for started_time in ("1970-01-01T00:10:00.000Z", "2026-02-20T08:00:00.000Z", "2099-01-01T00:00:00.000Z"):
        past = past_session(decode_session(encode_session(record)), started_time, UTC)
        assert past is not None
        assert past.on == date(2026, 3, 9)


def test_a_record_of_an_earlier_version_has_the_clocks_day() -> None:
    fields = msgspec.to_builtins(ended(COMPLETE, "complete"))
    del fields["vouched_on"]
    past = past_session(decode_session(msgspec.msgpack.encode(fields)), START, UTC)
    assert past is not None
    assert past.on == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("record", "ending"),
    [
        (ended(COMPLETE, "complete"), Ending.COMPLETE),
        (ended("harness-loaded"), Ending.FALL),
        (ended("loading-fast"), Ending.FALL),
        (ended("overload-switch"), Ending.FALL),
        (ended("dizziness-severe"), Ending.SYMPTOM),
        (ended("nausea"), Ending.SYMPTOM),
        (ended("blood-pressure-fall"), Ending.SYMPTOM),
        (ended("pause-too-long"), Ending.CHOSEN),
        (ended("session-ended"), Ending.CHOSEN),
        (ended("emergency-pressed"), Ending.CHOSEN),
        (ended("drive-silent"), Ending.TECHNICAL),
        (ended("something-new"), Ending.TECHNICAL),
        (ended("", "running"), Ending.TECHNICAL),
        (ended("", "paused"), Ending.TECHNICAL),
    ],
)
def test_what_ended_it(record: SessionRecord, ending: Ending) -> None:
    assert ending_of(record) is ending


@pytest.mark.parametrize(
    ("at_s", "grade", "ending"), [(25.0, 2, Ending.SYMPTOM), (25.0, None, Ending.SYMPTOM), (25.0, 0, Ending.CHOSEN)]
)
def test_nobody_goes_on_after_a_symptom(at_s: float, grade: int | None, ending: Ending) -> None:
    """The pause was too long, and a symptom was why: a symptom ended it."""
    figures = SessionFigures(symptoms=(SymptomAnswer(at_s, Question.DIZZINESS, grade),))
    assert ending_of(ended("pause-too-long", figures=figures)) is ending
    long_ago = ended("pause-too-long", figures=figures, belt_time_s=300.0)
    assert ending_of(long_ago) is Ending.CHOSEN


def test_every_event_that_can_end_a_session_is_classified() -> None:
    """What is in none of the sets is technical: a fault. Nothing that a patient felt, and no fall, may be among those."""
    ending = {rule.event.value for rule in EVENT_TABLE if rule.effect >= Effect.END} | {event.value for event in ENDED_BY_FALL}
    technical = ending - FALLS - SYMPTOMS - CHOSEN - {COMPLETE}
    felt = {"pain", "dizz", "nausea", "leg-", "effort", "breath", "blood", "heart", "symptom", "fall"}
    assert not {code for code in technical if any(part in code for part in felt)}
    faults = {rule.event.value for rule in EVENT_TABLE if rule.effect >= Effect.PROTECTIVE_STOP}
    assert technical <= faults
    assert {event.value for event in ENDED_BY_FALL} == FALLS


def test_the_worst_is_kept_and_later_numbers_count() -> None:
    answers = (
        SymptomAnswer(60.0, Question.PAIN, 2),
        SymptomAnswer(120.0, Question.PAIN, 1),
        SymptomAnswer(61.0, Question.DIZZINESS, None),
        SymptomAnswer(62.0, Question.EFFORT, 9),
    )
    figures = SessionFigures(symptoms=answers, hands_free_s=12.0, top_speed_m_s=0.4)
    record = ended(COMPLETE, "complete", figures=figures, balance_losses=2)
    past = past_session(record, START, UTC)
    assert past is not None
    assert (past.worst_pain, past.worst_dizziness, past.hands_free_s, past.top_speed_m_s, past.balance_losses) == (
        2,
        0,
        12.0,
        0.4,
        2,
    )
    later = (SymptomAnswer(0.0, Question.DIZZINESS, 3), SymptomAnswer(0.0, Question.PAIN, 1))
    past = past_session(record, START, UTC, later)
    assert past is not None
    assert (past.worst_pain, past.worst_dizziness) == (2, 3)


def test_a_belt_that_never_moved_is_no_session() -> None:
    for status in ("prepared", "cancelled", "lapsed", "ended"):
        assert past_session(ended("", status, belt_time_s=0.0), START, UTC) is None
    assert past_session(ended("", "running", belt_time_s=float("nan")), START, UTC) is None


def test_work_never_exceeds_belt_time_and_all_stays_in_range() -> None:
    past = past_session(ended("", belt_time_s=99999.0, work_time_s=999999.0, distance_m=1e9), START, UTC)
    assert past is not None
    assert msgspec.convert(msgspec.to_builtins(past), type(past)) == past
