"""Patients' records for plays and tests: what a clinic would have entered before the simulated session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from messages.patient import NextDay, PastSession, Profile, Screening, TodayCheck, WalkTest
from messages.plan import Plan

PatientRecords = Callable[[Plan, date], Screening]
"""From a plan and the day to what is known of its patient."""
CLINICIAN = "demo-physio"
_LAST_SESSION_DAYS = 10
_LONG_FORWARD_SESSION_S = 3600.0


def returning_patient(plan: Plan, on: date) -> Screening:
    """Returns a screening that lets the plan's patient walk: healthy, here before, at the stages that the plan has.

    The date is vouched for by hand: the machine that plays may have no clock that anybody keeps.
    """
    before = on - timedelta(days=_LAST_SESSION_DAYS)
    return Screening(
        by=CLINICIAN,
        profile=Profile(
            patient=plan.patient,
            mass_kg=plan.mass_kg,
            height_m=1.75,
            usual_forward_session_s=_LONG_FORWARD_SESSION_S,
            walk_test=WalkTest(on=before, by=CLINICIAN, time_s=3.0),
            rails=plan.rails,
            attendant=plan.attendant,
        ),
        today=TodayCheck(
            on=on,
            by=CLINICIAN,
            systolic_mm_hg=125,
            diastolic_mm_hg=80,
            heart_rate_per_min=70,
            new_symptoms=False,
            falls_since=False,
            pain=0,
            next_day=NextDay.GOOD,
            clock_override_by=CLINICIAN,
        ),
        history=(PastSession(on=before, belt_time_s=1200.0, work_time_s=900.0, distance_m=480.0, top_speed_m_s=0.5),),
    )
