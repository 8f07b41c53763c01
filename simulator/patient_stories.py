"""Patients of the plays who are not simply well and known: new, trusted without the rails, here too often, not to walk at all."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec.structs import replace

from messages.patient import Flag, FlagName, Grade, NextDay, PastSession, Screening
from messages.plan import Plan
from simulator.patients import CLINICIAN, returning_patient

_WORK_S = 600.0


def new_patient(plan: Plan, on: date) -> Screening:
    """Never here before; the backward walk test was done today."""
    known = returning_patient(plan, on)
    profile = known.profile
    test = replace(profile.walk_test, on=on) if profile.walk_test is not None else None
    return replace(
        known,
        profile=replace(profile, walk_test=test),
        today=replace(known.today, next_day=NextDay.NONE_BEFORE),
        history=(),
    )


def hands_free_patient(plan: Plan, on: date) -> Screening:
    """Well, known, and allowed to let go of the rails."""
    known = returning_patient(plan, on)
    return replace(known, profile=replace(known.profile, hands_free=True))


def here_twice_this_week(plan: Plan, on: date) -> Screening:
    """Two counted sessions within the last seven days."""
    known = returning_patient(plan, on)
    before = tuple(
        PastSession(on=on - timedelta(days=days), belt_time_s=2 * _WORK_S, work_time_s=_WORK_S, distance_m=200.0, top_speed_m_s=0.4)
        for days in (5, 2)
    )
    return replace(known, history=before)


def osteoporotic_patient(plan: Plan, on: date) -> Screening:
    """Severe osteoporosis was noted a month ago."""
    known = returning_patient(plan, on)
    flag = Flag(name=FlagName.OSTEOPOROSIS, grade=Grade.SEVERE, on=on - timedelta(days=30), by=CLINICIAN)
    return replace(known, profile=replace(known.profile, flags=(flag,)))
