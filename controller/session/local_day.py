"""Which day it is, when a rule needs one: the treadmill's clock where it can be trusted, else a clinician's word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from messages.patient import PastSession, Screening, TodayCheck
from settings_files.problems import Problem


class Clock(msgspec.Struct, frozen=True):
    """The treadmill's clock. date: the clinic's local calendar day, None where there is no clock. trusted: it is kept right by a
    time server or by a battery-backed clock."""

    date: date | None
    trusted: bool


class Day(msgspec.Struct, frozen=True):
    """The day that the rules go by, why there is none, and what people should know of it. is_vouched_for: a clinician named it."""

    on: date
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    is_vouched_for: bool = False


def session_day(clock: Clock, screening: Screening) -> Day:
    """Returns the day of today's check where clock and check agree, or a clinician vouches for it; a problem otherwise."""
    today = screening.today
    problems = tuple(_why_not_trusted(clock, screening.history))
    if not problems:
        return Day(today.on, tuple(_judge_date(clock, today)))
    if today.clock_override_by is None:
        return Day(today.on, problems)
    note = f"{today.clock_override_by} vouches that today is {today.on}: the treadmill's clock is not trusted"
    return Day(today.on, (), (note,), is_vouched_for=True)


def _why_not_trusted(clock: Clock, history: tuple[PastSession, ...]) -> Iterator[Problem]:
    by_hand = "or a clinician makes sure of today's date and enters their pseudonym as today.clock_override_by"
    if clock.date is None or not clock.trusted:
        shown = str(clock.date) if clock.date is not None else "no date"
        remedy = f"connect the treadmill to its time server, {by_hand}: sessions a week are counted in days"
        yield Problem("clock", shown, "a clock kept right by a time server, or by a battery", remedy)
        return
    latest = max((past.on for past in history), default=clock.date)
    if latest > clock.date:
        remedy = f"the clock was set back, or a record is wrong: correct it, {by_hand}"
        yield Problem("history.on", str(latest), f"a day up to today, {clock.date}", remedy)


def _judge_date(clock: Clock, today: TodayCheck) -> Iterator[Problem]:
    if today.on != clock.date:
        remedy = "ask today's check anew: an earlier one says nothing of today"
        yield Problem("today.on", str(today.on), f"today, {clock.date}", remedy)
