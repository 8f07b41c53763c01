"""How often: two in any 7 consecutive days, three by prescription; and which day it is when the clock cannot be trusted."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from controller.session.local_day import Clock, session_day
from controller.session.week import counts_for_week, judge_week
from messages.patient import Ending, PastSession, PrescriptionKind, SessionKind
from tests.session.records import CLINICAL, TODAY, days_ago, judged, past, prescription, records, refused_keys

RULES = CLINICAL.prescription
THREE = (prescription(PrescriptionKind.THREE_A_WEEK),)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"work_time_s": 180.0}, True),
        ({"work_time_s": 179.9}, False),
        ({"work_time_s": 10.0, "ending": Ending.SYMPTOM}, True),
        ({"work_time_s": 10.0, "ending": Ending.FALL}, True),
        ({"work_time_s": 10.0, "ending": Ending.CHOSEN}, False),
        ({"work_time_s": 179.0, "ending": Ending.TECHNICAL}, False),
        ({"work_time_s": 300.0, "ending": Ending.TECHNICAL}, True),
        ({"kind": SessionKind.FORWARD}, False),
        ({"kind": SessionKind.BALANCE}, False),
        ({"kind": SessionKind.FORWARD, "ending": Ending.FALL}, False),
    ],
)
def test_what_counts_as_a_session(changes: dict[str, Any], counts: bool) -> None:
    assert counts_for_week(past(3, **changes), RULES) is counts


@pytest.mark.parametrize(
    ("days", "prescribed", "allowed"),
    [
        ((), False, True),
        ((1,), False, True),
        ((6, 1), False, False),
        ((7, 1), False, True),
        ((6, 6), False, False),
        ((0,), False, True),
        ((0, 0), False, False),
        ((20, 13, 7), False, True),
        ((4, 2), True, True),
        ((6, 1), True, False),
        ((3, 2), True, False),
        ((2, 0), True, False),
        ((1,), True, True),
        ((6, 4, 2), True, False),
        ((7, 4, 2), True, True),
        ((2, 4), True, True),
    ],
)
def test_sessions_in_any_seven_consecutive_days(days: tuple[int, ...], prescribed: bool, allowed: bool) -> None:
    history = tuple(past(each) for each in days)
    assert (judge_week(history, THREE if prescribed else (), TODAY, RULES) is None) is allowed


def test_forward_sessions_and_balance_work_stand_beside() -> None:
    history = tuple(past(each, kind=kind) for each in (1, 2, 3) for kind in (SessionKind.FORWARD, SessionKind.BALANCE))
    assert judge_week((*history, past(4)), (), TODAY, RULES) is None


@pytest.mark.parametrize(("first", "length", "allowed"), [(10, 10, True), (10, 9, False), (0, 5, True)])
def test_a_prescription_holds_from_its_first_day_to_its_last(first: int, length: int, allowed: bool) -> None:
    each = (prescription(PrescriptionKind.THREE_A_WEEK, first, length),)
    assert (judge_week((past(4), past(2)), each, TODAY, RULES) is None) is allowed


def test_a_running_prescription_is_none_for_a_third_session() -> None:
    assert judge_week((past(4), past(2)), (prescription(PrescriptionKind.RUNNING),), TODAY, RULES) is not None


def test_the_third_session_is_refused_with_its_days_and_what_to_do() -> None:
    verdict = judged(records(history=(past(5), past(2))))
    assert refused_keys(verdict) == ["history"]
    problem = verdict.problems[0]
    assert "2026-03-26, 2026-03-29" in problem.value
    assert "clinician may prescribe three a week" in problem.remedy


def test_the_fourth_is_refused_whatever_is_prescribed() -> None:
    problem = judge_week((past(6), past(4), past(2)), THREE, TODAY, RULES)
    assert problem is not None
    assert problem.allowed == "at most 3 with today's, a free day between"
    assert problem.remedy == "come again after a free day; the prescription allows no more than this"


@pytest.mark.parametrize(("month", "day"), [(3, 29), (3, 30), (10, 25), (10, 26), (2, 28), (12, 31)])
def test_neither_daylight_saving_nor_the_ends_of_months_and_years_change_a_count(month: int, day: int) -> None:
    """Europe changes its clocks on 2026-03-29 and 2026-10-25."""
    on = date(2026, month, day)
    at = [PastSession(on=date.fromordinal(on.toordinal() - back), work_time_s=300.0, belt_time_s=300.0) for back in (6, 3)]
    before = PastSession(on=date.fromordinal(on.toordinal() - 7), work_time_s=300.0, belt_time_s=300.0)
    assert judge_week(tuple(at), (), on, RULES) is not None
    assert judge_week((before, at[1]), (), on, RULES) is None


OVERRIDE = {"clock_override_by": "physio-1"}


@pytest.mark.parametrize(
    ("clock", "today", "keys"),
    [
        (Clock(TODAY, True), {}, []),
        (Clock(TODAY, True), OVERRIDE, []),
        (Clock(days_ago(-1), True), {}, ["today.on"]),  # past midnight: the check is of yesterday
        (Clock(days_ago(-1), True), OVERRIDE, ["today.on"]),  # nobody vouches against a clock that is right
        (Clock(TODAY, False), {}, ["clock"]),
        (Clock(TODAY, False), OVERRIDE, []),
        (Clock(None, False), {}, ["clock"]),
        (Clock(None, True), {}, ["clock"]),
        (Clock(None, False), OVERRIDE, []),
        (Clock(date(1970, 1, 1), False), {}, ["clock"]),
        (Clock(date(1970, 1, 1), False), OVERRIDE, []),
        (Clock(days_ago(30), True), {}, ["history.on"]),  # set back: a session lies in its future
        (Clock(days_ago(30), True), OVERRIDE, []),
    ],
)
def test_the_day_is_the_clocks_or_a_clinicians_word(clock: Clock, today: dict[str, Any], keys: list[str]) -> None:
    verdict = judged(records(today=today), clock)
    assert refused_keys(verdict) == keys
    assert all("clock_override_by" in each.remedy for each in verdict.problems if each.key != "today.on")


def test_an_override_is_said() -> None:
    verdict = judged(records(today=OVERRIDE), Clock(None, False))
    assert any("physio-1 vouches that today is 2026-03-31" in note.text for note in verdict.notes)
    assert session_day(Clock(TODAY, True), records(today=OVERRIDE)).notes == ()


def test_sessions_dated_in_the_future_count_for_this_week_when_somebody_vouches() -> None:
    screening = records(today=OVERRIDE, history=(past(20), past(-3), past(-10)))
    verdict = judged(screening, Clock(TODAY, True))
    assert refused_keys(verdict) == ["history"]
