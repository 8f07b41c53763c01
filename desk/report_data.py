"""Everything that a report shows of one session, read from journal and patients' file. Nothing is drawn here."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from controller.core.state import GRAVITY_M_S2
from controller.session.energy import Range, energy
from desk.gait import GaitFigures, NotMeasured, measure_gait
from desk.place import Place
from messages.patient import PastSession, Profile, SessionKind
from messages.wire import BeltSpeed, DetailValue, EventRecord
from settings_files.problems import Problem, ProblemsError, written
from settings_files.units import split_unit
from telemetry.journal_reader import JournalReader, SessionEntry
from telemetry.patient_records import Entry
from telemetry.patients import PatientFile
from telemetry.screening import history_of, recorded_session
from telemetry.speed_blocks import SpeedBlock

POINT_S = 0.5
LEAST_RAILS_S = 10.0
LAST = "last"
_STOPPING = frozenset({"pause", "end", "protective_stop", "emergency_stop", "fault", "power_off"})
_BALANCE = frozenset(
    {"balance-recovered", "rails-grabbed", "harness-loaded", "loading-fast", "sustained-support", "deck-front", "deck-rear"}
    | {"nurse-call", "hanging-at-rest", "hanging-60-s", "hanging-180-s"}
)
"""Balance lost, or weight in the harness."""
_SYMPTOM_PARTS = ("pain", "dizz", "nausea", "leg", "effort", "breath", "heart-rate", "blood-pressure", "symptom", "check-something")
_WORTH_TELLING = frozenset({"notice", "warning", "critical"})
_NOT_TOLD = frozenset(
    {"scan-late", "telemetry-lost", "display-lost", "request-refused", "step-refused", "start-refused", "rail-released"}
)


class Point(msgspec.Struct, frozen=True):
    """The session at one instant. Speeds in m/s; None: unknown, or not to be drawn. load: % of body weight."""

    at_s: float
    planned_m_s: float | None
    done_m_s: float | None
    load_percent: float | None
    phase_index: int
    rails_n: float | None = None
    """Mean force on the rails; None: unknown, or not measured."""


class RailFigures(msgspec.Struct, frozen=True):
    """How much the patient leaned on the rails while walking: mean force, its share of body weight, known for how long."""

    mean_n: float
    body_weight_percent: float
    known_s: float


class Mark(msgspec.Struct, frozen=True):
    """Something that happened. kind: `balance`, `symptom` or `stop`; number: as it stands in figure and list."""

    number: int
    at_s: float
    kind: str
    text: str
    remedy: str
    detail: str


class Report(msgspec.Struct, frozen=True):
    """One session. last: the one before it. later: what was entered of this session at the desk."""

    clinic: str
    treadmill: str
    entry: SessionEntry
    past: PastSession | None
    profile: Profile | None
    points: tuple[Point, ...]
    marks: tuple[Mark, ...]
    gait: GaitFigures | NotMeasured
    energy: Range | None
    last: PastSession | None
    last_points: tuple[Point, ...]
    rails: RailFigures | None
    last_rails: RailFigures | None
    later: tuple[Entry, ...]


def read_report(place: Place, session: str) -> Report:
    """Returns the report's contents; raises ProblemsError for a session that is not known. `last`: the newest one."""
    journal = place.open_journal()
    if journal is None:
        raise ProblemsError("report", (Problem("session", written(session), "a session in the journal", "there is none yet"),))
    with journal:
        entry = _find(journal, session)
        blocks = journal.speeds(entry.record.session)
        events = list(journal.events(entry.record.session))
        others = [each for each in journal.sessions_of(entry.record.patient) if each.first_time < entry.first_time]
        profile, entries = _of_patient(place, entry.record.patient)
        before = [past for past in history_of(None, entry.record.patient, entries, place.zone) if past.kind is SessionKind.BACKWARD]
        last = recorded_session(others[-1], entries, place.zone) if others else (before[-1] if before else None)
        last_blocks = journal.speeds(others[-1].record.session) if others else []
        last_plan = others[-1] if others else entry
    points, last_points = trace(blocks, entry), trace(last_blocks, last_plan)
    return Report(
        clinic=place.telemetry.identity.clinic,
        treadmill=place.telemetry.identity.treadmill,
        entry=entry,
        past=recorded_session(entry, entries, place.zone),
        profile=profile,
        points=points,
        marks=marks_of(events, start_ms(blocks)),
        gait=_gait(blocks),
        energy=_energy(entry, points),
        last=last,
        last_points=last_points,
        rails=rail_figures(points, entry.record.plan.mass_kg),
        last_rails=rail_figures(last_points, last_plan.record.plan.mass_kg),
        later=tuple(each for each in entries if each.session == entry.record.session),
    )


def _find(journal: JournalReader, session: str) -> SessionEntry:
    if session == LAST:
        newest = [entry for entry in journal.sessions(20) if entry.started_time is not None]
        found = newest[0] if newest else None
    else:
        found = journal.session(session)
    if found is None:
        known = ", ".join(entry.record.session for entry in journal.sessions(5)) or "none yet"
        problem = Problem("session", written(session), f"a session in the journal, or `last`; the newest are {known}", "correct it")
        raise ProblemsError("report", (problem,))
    return found


def _of_patient(place: Place, patient: str) -> tuple[Profile | None, list[Entry]]:
    if not place.patients.exists():
        return None, []
    with PatientFile(place.patients) as file:
        return file.profile(patient), file.entries(patient)


def start_ms(blocks: list[SpeedBlock]) -> int | None:
    """Returns when the belt first moved, by the controller's clock; when recording began where it never did."""
    for block in blocks:
        for speed in block.speeds:
            if speed.speed_mm_s > 0:
                return _controller_ms(block, speed)
    return blocks[0].start_ms if blocks else None


def _controller_ms(block: SpeedBlock, speed: BeltSpeed) -> int:
    return block.start_ms + speed.at_ms - block.speeds[0].at_ms


def trace(blocks: list[SpeedBlock], entry: SessionEntry) -> tuple[Point, ...]:
    """Returns the session twice a second, from the belt's first motion on: where the plan wanted the speed, and the belt's own."""
    began_ms = start_ms(blocks)
    if began_ms is None:
        return ()
    phases = entry.record.plan.phases
    points = []
    for block in blocks:
        sums: dict[int, list[int]] = {}
        for speed in block.speeds:
            sums.setdefault(int((_controller_ms(block, speed) - began_ms) / 1000 / POINT_S), []).append(speed.speed_mm_s)
        for point in block.points:
            at_s = (point.at_ms - began_ms) / 1000
            measured = sums.get(int(at_s / POINT_S))
            walking = point.asked_mm_s > 0 and point.phase_index < len(phases)
            if at_s >= 0:
                points.append(
                    Point(
                        at_s,
                        phases[point.phase_index].speed_m_s if walking else 0.0,
                        sum(measured) / len(measured) / 1000 if measured else None,
                        point.load_percent,
                        point.phase_index,
                        point.rails_n,
                    )
                )
    return tuple(points)


def rail_figures(points: tuple[Point, ...], mass_kg: float) -> RailFigures | None:
    """Returns the figures of the stretches in which the plan walks; None where they are known for less than LEAST_RAILS_S."""
    known = [point.rails_n for point in points if point.rails_n is not None and (point.planned_m_s or 0.0) > 0]
    known_s = len(known) * POINT_S
    if known_s < LEAST_RAILS_S:
        return None
    mean_n = sum(known) / len(known)
    return RailFigures(mean_n, mean_n / (mass_kg * GRAVITY_M_S2) * 100, known_s)


def marks_of(events: Iterable[EventRecord], began_ms: int | None) -> tuple[Mark, ...]:
    """Returns what people want to see of the events, numbered in order."""
    found: list[Mark] = []
    for event in events:
        kind = _kind(event)
        if kind and event.code not in _NOT_TOLD:
            at_s = event.at_ns / 1e9 - began_ms / 1000 if began_ms is not None else 0.0
            detail = ", ".join(_words(key, value) for key, value in event.detail.items() if key not in ("session", "patient"))
            found.append(Mark(len(found) + 1, max(0.0, at_s), kind, event.text, event.remedy, detail))
    return tuple(found)


def _words(key: str, value: DetailValue) -> str:
    """The unit in a key's name goes behind the number."""
    name, unit = split_unit(key)
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{name.replace('_', ' ')} {shown}" + (f" {unit.text}" if unit is not None else "")


def _kind(event: EventRecord) -> str:
    if event.code in _BALANCE:
        return "balance"
    if any(part in event.code for part in _SYMPTOM_PARTS) and event.severity in _WORTH_TELLING:
        return "symptom"
    return "stop" if event.effect in _STOPPING and event.severity in _WORTH_TELLING else ""


def _gait(blocks: list[SpeedBlock]) -> GaitFigures | NotMeasured:
    samples = [(speed.at_ms / 1000, float(speed.speed_mm_s)) for block in blocks for speed in block.speeds]
    return measure_gait(samples) if samples else NotMeasured("the belt's speed was not kept, or is pruned by now")


def _energy(entry: SessionEntry, points: tuple[Point, ...]) -> Range | None:
    """From the belt's own speed where it was kept, else from the phases done."""
    plan = entry.record.plan
    stretches = [
        (later.at_s - earlier.at_s, earlier.done_m_s or 0.0) for earlier, later in pairwise(points) if later.at_s - earlier.at_s < 5
    ]
    if not stretches:
        done = [phase for phase in entry.record.figures.phases if phase.belt_time_s > 0]
        stretches = [(phase.belt_time_s, phase.distance_m / phase.belt_time_s) for phase in done]
    return energy(plan.mass_kg, stretches) if stretches else None
