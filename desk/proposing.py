"""What a session of today could be: the patient's screening, its verdict, a plan within it. Reads the files, decides nothing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import msgspec

from controller.session.proposal import ProposedPlan, propose_plan
from controller.session.repetition import repeat_plan
from controller.session.screening import screen
from controller.session.verdict import Verdict
from desk.place import Place, known_profile
from desk.today import todays_check
from messages.patient import PastSession, Screening
from messages.progression import Accepted, Changed, Decision, Proposal, Variable
from telemetry.past_sessions import local_day
from telemetry.patient_records import Check, Decided, Entry
from telemetry.patients import PatientFile
from telemetry.screening import fitting
from telemetry.utc import rfc3339


class Case(msgspec.Struct, frozen=True):
    """One patient today."""

    screening: Screening
    verdict: Verdict
    since_change: tuple[PastSession, ...] | None
    """Sessions that began after the last change that a clinician made; None: there was none."""


def open_case(options: argparse.Namespace, place: Place, patient: str) -> Case:
    """Returns the patient's case, and keeps a new check; raises ProblemsError or PatientsError."""
    time = rfc3339(place.now())
    day = local_day(time, place.zone)
    with PatientFile(place.patients) as file:
        profile = known_profile(file, patient)
        entries = file.entries(patient)
        check, is_new = todays_check(options, entries, day)
        history = place.history(file, patient)
        changed = last_change(entries)
        since_change = place.history(file, patient, changed.time) if changed is not None else None
    if is_new:
        entry = Entry(time=time, on=day, by=check.by, content=Check(today=check))
        with PatientFile(place.patients, write=True) as file:
            file.write_down(patient, entry)
    screening = fitting(None, profile, check, history)
    configuration = place.configuration
    verdict = screen(screening, place.clock(), configuration.core, configuration.clinical)
    return Case(screening, verdict, since_change)


def last_change(entries: Sequence[Entry]) -> Entry | None:
    """The newest decision that changed something."""
    changes = [entry for entry in entries if isinstance(entry.content, Decided) and _changes(entry.content.decision)]
    return changes[-1] if changes else None


def _changes(decision: Decision) -> bool:
    """What was rejected left all as it was, and so did nothing that was accepted."""
    return isinstance(decision, Changed) or (isinstance(decision, Accepted) and decision.proposal.variable is not Variable.NOTHING)


def propose(case: Case, place: Place, *, repeat: bool = False, change: Proposal | None = None) -> ProposedPlan:
    """Returns today's plan: the last accepted one again, or what the rules propose. Raises ProblemsError."""
    core, clinical, screening = place.configuration.core, place.configuration.clinical, case.screening
    if repeat:
        return repeat_plan(screening.profile, case.verdict, core, clinical)
    return propose_plan(case.verdict, screening.profile, screening.history, core, clinical, change)
