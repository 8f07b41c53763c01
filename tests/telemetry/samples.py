"""Messages of a controller's, made up for these tests."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec

from messages.patient import NextDay, Profile, TodayCheck
from messages.plan import Phase, PhaseKind, Plan
from messages.wire import About, EventRecord, SessionRecord, Snapshot

PLAN = Plan(patient="p-17", mass_kg=71.5, phases=(Phase(PhaseKind.WARM_UP, 60.0, 0.2), Phase(PhaseKind.WORK, 120.0, 0.4)))


PROFILE = Profile(patient="p-17", mass_kg=71.5, height_m=1.75)
TODAY = TodayCheck(
    on=date(2026, 3, 1),
    by="doc-1",
    systolic_mm_hg=124,
    diastolic_mm_hg=80,
    heart_rate_per_min=66,
    new_symptoms=False,
    falls_since=False,
    pain=1,
    next_day=NextDay.GOOD,
)


def now_text() -> str:
    """The wall clock as the controller writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def about(boot_id: str = "boot-1") -> About:
    """Who the controller is."""
    return About(
        version="0.1.0",
        boot_id=boot_id,
        clinic="north",
        treadmill="t-1",
        drive={"target": "host", "lease_ms": 150},
        limits={"speed_m_s": 1.2},
    )


def event(event_id: int, code: str = "rail-released", session: str = "s-1", time: str = "2026-03-01T12:00:00.000Z") -> EventRecord:
    """One event."""
    return EventRecord(
        id=event_id,
        at_ns=event_id * 1000,
        time=time,
        code=code,
        severity="warning",
        effect="record",
        priority="medium",
        state="exercising",
        text="A rail was let go",
        remedy="Hold both rails",
        detail={"side": "left", "load_n": 12.5},
        session=session,
    )


def snapshot(sequence: int = 1, **changes: object) -> Snapshot:
    """The machine during a session."""
    base = Snapshot(
        at_ns=10_000_000_000 + sequence,
        time=now_text(),
        sequence=sequence,
        lost=0,
        state="exercising",
        phase="work",
        since_ns=4_000_000_000,
        cause="",
        cause_text="",
        remedy="",
        display=("a", "b", "c", "d"),
        asked_speed_m_s=0.4,
        accepted_speed_m_s=0.38,
        measured_speed_m_s=0.37,
        granted_speed_m_s=0.4,
        distance_m=12.0,
        load_n=20.0,
        load_body_weight_percent=2.8,
        rails=(True, False),
        attendant=True,
        inputs_closed={"clip": True},
        lamps={"green": True},
        alarms=(),
        lateness_ms=0.4,
        drive_state="running",
        drive_current_ma=1500,
        session="s-1",
        patient="p-17",
        phase_index=1,
        phase_remaining_s=100.0,
        session_remaining_s=100.0,
        balance_losses=0,
    )
    return msgspec.structs.replace(base, **changes)


def session(status: str = "running", name: str = "s-1", time: str = "2026-03-01T12:00:00.000Z") -> SessionRecord:
    """A session's record."""
    return SessionRecord(
        session=name,
        time=time,
        status=status,
        patient="p-17",
        plan=PLAN,
        belt_time_s=30.0,
        distance_m=12.0,
        work_time_s=20.0,
        balance_losses=0,
        stops=0,
        ended_by="",
    )
