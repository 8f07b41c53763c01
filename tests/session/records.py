"""A patient's records for tests of the session's rules: healthy, here before, and ways to change them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec

from controller.core.settings import CoreSettings
from controller.session.facts import FIXED_FLAT, DeckGrade
from controller.session.local_day import Clock
from controller.session.screening import screen
from controller.session.settings import ClinicalSettings
from controller.session.verdict import Verdict
from messages.patient import (
    Clearance,
    Ending,
    Flag,
    FlagName,
    Grade,
    NextDay,
    PastSession,
    Prescription,
    PrescriptionKind,
    Profile,
    Screening,
    TodayCheck,
    WalkTest,
)
from messages.plan import AttendantStage

TODAY = date(2026, 3, 31)
CLOCK = Clock(TODAY, trusted=True)
CORE, CLINICAL = CoreSettings(), ClinicalSettings()


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def past(days: int, **changes: Any) -> PastSession:
    """A good session so many days ago: 20 min at 0.50 m/s."""
    fields = {"belt_time_s": 1200.0, "work_time_s": 900.0, "distance_m": 500.0, "top_speed_m_s": 0.5} | changes
    return PastSession(on=days_ago(days), **fields)


def flag(name: FlagName, grade: Grade = Grade.MILD, days: int = 5) -> Flag:
    return Flag(name=name, grade=grade, on=days_ago(days), by="physio-1")


def clearance(name: FlagName, days: int = 3) -> Clearance:
    return Clearance(flag=name, on=days_ago(days), by="doctor-2", reason="compensated")


def prescription(kind: PrescriptionKind, first: int = 10, length: int = 40) -> Prescription:
    on = days_ago(first)
    return Prescription(kind=kind, on=on, until=on + timedelta(days=length), by="doctor-2", reason="trial")


PROFILE = Profile(
    patient="p-017",
    mass_kg=70.0,
    height_m=1.72,
    usual_forward_session_s=2400.0,
    walk_test=WalkTest(on=days_ago(20), by="physio-1", time_s=3.0),
    attendant=AttendantStage.STAND_BY,
)
CHECK = TodayCheck(
    on=TODAY,
    by="physio-1",
    systolic_mm_hg=125,
    diastolic_mm_hg=80,
    heart_rate_per_min=70,
    new_symptoms=False,
    falls_since=False,
    pain=0,
    next_day=NextDay.GOOD,
    leg_symptoms=False,
)
HISTORY = (past(20), past(10))


def records(*, profile: dict[str, Any] | None = None, today: dict[str, Any] | None = None, history: Any = HISTORY) -> Screening:
    """The healthy patient's records with some fields replaced."""
    return Screening(
        by="physio-1",
        profile=msgspec.structs.replace(PROFILE, **(profile or {})),
        today=msgspec.structs.replace(CHECK, **(today or {})),
        history=tuple(history),
    )


def new_patient(**profile: Any) -> Screening:
    return records(profile=profile, today={"next_day": NextDay.NONE_BEFORE}, history=())


def judged(
    screening: Screening, clock: Clock = CLOCK, grade: DeckGrade = FIXED_FLAT, clinical: ClinicalSettings = CLINICAL
) -> Verdict:
    return screen(screening, clock, CORE, clinical, grade)


def refused_keys(verdict: Verdict) -> list[str]:
    return [problem.key for problem in verdict.problems]


FELL = {"ending": Ending.FALL, "work_time_s": 60.0}
