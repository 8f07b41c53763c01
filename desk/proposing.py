"""What a session of today could be: the patient's screening, its verdict, a plan within it. Reads the files, decides nothing."""

from __future__ import annotations

import argparse

import msgspec

from controller.session.proposal import ProposedPlan, propose_plan
from controller.session.repetition import repeat_plan
from controller.session.screening import screen
from controller.session.verdict import Verdict
from desk.place import Place, known_profile
from desk.today import todays_check
from messages.patient import Screening
from messages.progression import Proposal
from telemetry.past_sessions import local_day
from telemetry.patient_records import Check, Entry
from telemetry.patients import PatientFile
from telemetry.screening import fitting
from telemetry.utc import rfc3339


class Case(msgspec.Struct, frozen=True):
    """One patient today."""

    screening: Screening
    verdict: Verdict


def open_case(options: argparse.Namespace, place: Place, patient: str) -> Case:
    """Returns the patient's case, and keeps a new check; raises ProblemsError or PatientsError."""
    screening = _read(options, place, patient)
    configuration = place.configuration
    return Case(screening, screen(screening, place.clock(), configuration.core, configuration.clinical))


def _read(options: argparse.Namespace, place: Place, patient: str) -> Screening:
    time = rfc3339(place.now())
    day = local_day(time, place.zone)
    with PatientFile(place.patients) as file:
        profile = known_profile(file, patient)
        check, is_new = todays_check(options, file.entries(patient), day)
        history = place.history(file, patient)
    if is_new:
        entry = Entry(time=time, on=day, by=check.by, content=Check(today=check))
        with PatientFile(place.patients, write=True) as file:
            file.write_down(patient, entry)
    return fitting(None, profile, check, history)


def propose(case: Case, place: Place, *, repeat: bool = False, change: Proposal | None = None) -> ProposedPlan:
    """Returns today's plan: the last accepted one again, or what the rules propose. Raises ProblemsError."""
    core, clinical, screening = place.configuration.core, place.configuration.clinical, case.screening
    if repeat:
        return repeat_plan(screening.profile, case.verdict, core, clinical)
    return propose_plan(case.verdict, screening.profile, screening.history, core, clinical, change)
