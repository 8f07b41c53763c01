"""A clinic to test the desk in: configuration, journal and patients' file of its own; sessions recorded as telemetry records them.

The belt's speed is made, with a dip at each step.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from controller.configuration import load_configuration
from controller.session.local_day import Clock
from desk.place import Place
from messages.figures import PhaseDone, Question, SessionFigures, SymptomAnswer
from messages.patient import NextDay, Profile, TodayCheck
from messages.plan import Phase, PhaseKind, Plan
from messages.wire import BeltSpeed, EventRecord, SessionRecord, Snapshot
from telemetry.journal import open_journal
from telemetry.patients import PatientFile
from telemetry.settings import load_telemetry_settings
from telemetry.speed_blocks import SpeedBlock, SpeedCollector
from tests.telemetry import samples

CONFIG = Path(__file__).parents[2] / "config" / "treadmill.toml"
NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
DAY = date(2026, 3, 10)
PROFILE = Profile(patient="p-17", mass_kg=71.5, height_m=1.75, usual_forward_session_s=2400)
TODAY = TodayCheck(
    on=DAY,
    by="doc-1",
    systolic_mm_hg=124,
    diastolic_mm_hg=80,
    heart_rate_per_min=66,
    new_symptoms=False,
    falls_since=False,
    pain=1,
    next_day=NextDay.NONE_BEFORE,
)
PLAN = Plan(
    "p-17",
    71.5,
    (
        Phase(PhaseKind.WARM_UP, 40.0, 0.2),
        Phase(PhaseKind.WORK, 80.0, 0.4),
        Phase(PhaseKind.REST, 30.0),
        Phase(PhaseKind.WORK, 80.0, 0.45),
        Phase(PhaseKind.COOL_DOWN, 30.0, 0.2),
    ),
)


class Clinic:
    """Files of a treadmill, below a directory."""

    def __init__(self, directory: Path, socket: Path | None = None) -> None:
        self.directory = directory
        self.config = directory / "treadmill.toml"
        text = CONFIG.read_text(encoding="utf-8")
        text = text.replace("/run/sternway/controller.sock", str(socket or directory / "controller.sock"))
        text = text.replace("/var/lib/sternway/telemetry/journal.sqlite", str(directory / "journal.sqlite"))
        self.config.write_text(text, encoding="utf-8")
        assert str(directory / "journal.sqlite") in text
        self.clock = Clock(DAY, True)

    @property
    def place(self) -> Place:
        """The desk's place, with the clock standing still."""
        configuration, telemetry = load_configuration(self.config), load_telemetry_settings(self.config)
        return Place(configuration, telemetry, clock=lambda: self.clock, now=lambda: NOW, zone=UTC)

    def keep(self, profile: Profile = PROFILE) -> None:
        with PatientFile(self.place.patients, write=True) as file:
            file.save(profile, "doc-1", "new patient", NOW, seen=file.profile(profile.patient))

    def record(
        self,
        session: str = "boot-1",
        *,
        time: str = "2026-03-09T08:00:00.000Z",
        patient: str = "p-17",
        ended_by: str = "session-complete",
        events: tuple[EventRecord, ...] = (),
        blocks: tuple[SpeedBlock, ...] = (),
        **changes: object,
    ) -> SessionRecord:
        """Records a session as telemetry does."""
        plan = msgspec.structs.replace(PLAN, patient=patient)
        record = SessionRecord(session, time, "running", patient, plan, 0.1, 0.0, 0.0, 0, 0, "", SessionFigures())
        status = "complete" if ended_by == "session-complete" else "ended"
        end = msgspec.structs.replace(record, status=status, ended_by=ended_by, belt_time_s=240.0, work_time_s=190.0, **changes)
        journal, _ = open_journal(self.place.journal, 64, NOW)
        journal.store(events, [record], blocks)
        journal.store((), [end])
        journal.close()
        return end

    def record_running(self, session: str) -> None:
        """Records a session that has not come to its end."""
        journal, _ = open_journal(self.place.journal, 64, NOW)
        figures = SessionFigures()
        time = "2026-03-10T09:00:00.000Z"
        journal.store((), [SessionRecord(session, time, "running", "p-17", PLAN, 12.0, 1.0, 0.0, 0, 0, "", figures)])
        journal.close()


def walked_blocks(
    session: str = "boot-1", shorter_s: float = 0.0, seed: int = 1, rails_n: tuple[float, float] | None = None
) -> tuple[SpeedBlock, ...]:
    """PLAN as it was walked, through the collector that telemetry has. rails_n: what left and right rail bore, where measured."""
    collector, blocks = SpeedCollector(), []
    for snapshot in _snapshots(session, 260.0 - shorter_s, random.Random(seed)):
        if rails_n is not None:
            left_n, right_n = rails_n if snapshot.asked_speed_m_s > 0 else (400.0, 400.0)
            snapshot = msgspec.structs.replace(snapshot, rail_left_load_n=left_n, rail_right_load_n=right_n)  # noqa: PLW2901
        block = collector.take(snapshot)
        if block is not None:
            blocks.append(block)
    last = collector.finish()
    return (*blocks, *((last,) if last is not None else ()))


def _snapshots(session: str, seconds: float, chance: random.Random) -> Iterator[Snapshot]:
    speed, strike_s, at_s = 0.0, 0.0, 0.0
    for sequence in range(int(seconds * 10)):
        index, wanted = _wanted(at_s)
        speeds = []
        for _ in range(5):
            speed += max(-0.003, min(0.002, wanted - speed))
            if at_s >= strike_s:
                strike_s = at_s + 0.62 + chance.gauss(0, 0.012)
            since = strike_s - at_s
            dip = 0.02 * max(0.0, math.cos((since - 0.5) / 0.08 * math.pi / 2)) if speed > 0.05 and abs(since - 0.5) < 0.08 else 0.0
            speeds.append(BeltSpeed(round(7000 + at_s * 1000), max(0, round((speed - dip + chance.gauss(0, 0.003)) * 1000))))
            at_s += 0.02
        yield samples.snapshot(
            sequence,
            at_ns=round((1000 + at_s) * 1e9),
            state="exercising",
            session=session,
            phase_index=index,
            asked_speed_m_s=wanted,
            load_body_weight_percent=34.0 if 171.0 < at_s < 172.2 else 2.5 + abs(chance.gauss(0, 1.2)),
            belt_speeds=tuple(speeds),
        )


def _wanted(at_s: float) -> tuple[int, float]:
    for index, phase in enumerate(PLAN.phases):
        if at_s < phase.duration_s:
            return index, phase.speed_m_s
        at_s -= phase.duration_s
    return len(PLAN.phases) - 1, 0.0


FIGURES = SessionFigures(
    phases=(
        PhaseDone(0, 40.0, 7.2, 0.2),
        PhaseDone(1, 80.0, 30.8, 0.4),
        PhaseDone(3, 80.0, 33.0, 0.45),
        PhaseDone(4, 30.0, 6.1, 0.45),
    ),
    symptoms=(
        SymptomAnswer(60.0, Question.DIZZINESS, 0),
        SymptomAnswer(61.0, Question.PAIN, 2),
        SymptomAnswer(62.0, Question.EFFORT, 3),
        SymptomAnswer(150.0, Question.DIZZINESS, 2),
        SymptomAnswer(151.0, Question.PAIN, 4),
        SymptomAnswer(152.0, Question.NAUSEA, None),
    ),
    checks_missed=1,
    hands_free_s=22.0,
    hands_free_windows=2,
    rises_accepted=5,
    top_speed_m_s=0.45,
)


def happened(
    event_id: int, code: str, at_s: float, effect: str, severity: str, text: str, remedy: str, session: str = "boot-1"
) -> EventRecord:
    """An event of a session, at a time of its belt."""
    return msgspec.structs.replace(
        samples.event(event_id),
        at_ns=round((1000 + at_s) * 1e9),
        code=code,
        effect=effect,
        severity=severity,
        text=text,
        remedy=remedy,
        session=session,
        detail={"load_n": 241.5} if "balance" in code else {},
    )
