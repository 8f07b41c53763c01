"""How often: two sessions in any 7 consecutive local calendar days, three by prescription with a free day between.

Forward sessions and balance work do not count. Days are compared, never hours: daylight saving shows nowhere.
"""

from __future__ import annotations

import itertools
from datetime import date

from controller.session.settings import PrescriptionSettings
from messages.patient import Ending, PastSession, Prescription, PrescriptionKind, SessionKind
from settings_files.problems import Problem

DAYS_IN_WINDOW = 7
_FREE_DAY_BETWEEN = 2
"""Two sessions with a free day between lie so many days apart."""
_ENDINGS_THAT_COUNT = frozenset({Ending.SYMPTOM, Ending.FALL})


def counts_for_week(session: PastSession, settings: PrescriptionSettings) -> bool:
    """Whether it was a session: enough work, or ended by a symptom or a fall. A technical abort counts by its minutes alone."""
    if session.kind is not SessionKind.BACKWARD:
        return False
    return session.ending in _ENDINGS_THAT_COUNT or _has_worked(session, settings)


def _has_worked(session: PastSession, settings: PrescriptionSettings) -> bool:
    return session.work_time_s >= settings.counted_work_s


def is_familiar(history: tuple[PastSession, ...], settings: PrescriptionSettings) -> bool:
    """Whether one session at least came to the work of a session: a symptom or a fall after seconds makes nobody familiar."""
    return any(past.kind is SessionKind.BACKWARD and _has_worked(past, settings) for past in history)


def counted_sessions(history: tuple[PastSession, ...], settings: PrescriptionSettings) -> tuple[PastSession, ...]:
    """Returns the sessions that count, oldest first, whatever order they came in."""
    return tuple(sorted((past for past in history if counts_for_week(past, settings)), key=lambda past: past.on))


def is_prescribed(kind: PrescriptionKind, prescriptions: tuple[Prescription, ...], on: date) -> bool:
    """Whether a prescription of this kind holds on the day, its first and last day included."""
    return any(each.kind is kind and each.on <= on <= each.until for each in prescriptions)


def judge_week(
    history: tuple[PastSession, ...], prescriptions: tuple[Prescription, ...], on: date, settings: PrescriptionSettings
) -> Problem | None:
    """Returns why there is no session on this day, or None.

    A session dated after the day (the clock was set back, and somebody vouches for the date) counts as one of these 7 days.
    """
    days = [past.on for past in counted_sessions(history, settings) if (on - past.on).days < DAYS_IN_WINDOW]
    if len(days) < settings.sessions_a_week:
        return None
    shown = f"{len(days)} sessions in the {DAYS_IN_WINDOW} days to {on}: {', '.join(map(str, days))}"
    if not is_prescribed(PrescriptionKind.THREE_A_WEEK, prescriptions, on):
        allowed = f"at most {settings.sessions_a_week} with today's"
        remedy = (
            "come again later in the week; a named clinician may prescribe three a week, off the treadmill, with reason and end"
        )
        return Problem("history", shown, allowed, remedy)
    allowed = f"at most {settings.prescribed_sessions_a_week} with today's, a free day between"
    if len(days) < settings.prescribed_sessions_a_week and _have_free_days([*days, on]):
        return None
    return Problem("history", shown, allowed, "come again after a free day; the prescription allows no more than this")


def _have_free_days(days: list[date]) -> bool:
    return all((later - earlier).days >= _FREE_DAY_BETWEEN for earlier, later in itertools.pairwise(sorted(days)))
