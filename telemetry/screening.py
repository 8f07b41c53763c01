"""Puts together what a request to prepare must bring: profile, today's check, past sessions. Judges nothing of it."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

import msgspec

from messages.figures import SymptomAnswer
from messages.patient import PastSession, Profile, Screening, TodayCheck
from messages.plan import Phase, PhaseKind, Plan
from messages.wire import MAXIMUM_MESSAGE_BYTES, Prepare, encode
from telemetry.journal_reader import JournalReader, SessionEntry
from telemetry.past_sessions import local_day, past_session
from telemetry.patient_records import Entry, Logged, Numbers
from telemetry.patients import PatientFile, PatientsError

MAXIMUM_HISTORY = 60
LEAST_HISTORY = 6
"""Fewer sessions than these no request may carry: the week's rule and progression look at them."""


LONGEST_PLAN = Plan("x" * 32, 100.1, (Phase(PhaseKind.WARM_UP, 100.1, 0.1, 0.1),) * 60)


class Proposed(msgspec.Struct, frozen=True):
    """Plan and screening of one request."""

    plan: Plan
    screening: Screening


def history_of(
    journal: JournalReader | None, patient: str, entries: list[Entry], zone: tzinfo | None, after: str = ""
) -> tuple[PastSession, ...]:
    """Returns a patient's past sessions, oldest first: recorded here, and logged at the desk.

    after: only those that began after this time (RFC 3339, UTC); one that was logged has no more than a day.
    """
    recorded = journal.sessions_of(patient) if journal is not None else []
    recorded = [session for session in recorded if (session.started_time or session.first_time) > after]
    found = [past for session in recorded if (past := recorded_session(session, entries, zone)) is not None]
    logged = [entry.content.session for entry in entries if isinstance(entry.content, Logged)]
    found += [session for session in logged if not after or session.on > local_day(after, zone)]
    return tuple(sorted(found, key=lambda past: past.on))


def recorded_session(session: SessionEntry, entries: list[Entry], zone: tzinfo | None) -> PastSession | None:
    """Returns a recorded session with the numbers that were entered after it; None when the belt never moved."""
    later = [
        SymptomAnswer(entry.content.at_s or session.record.belt_time_s, entry.content.question, entry.content.grade)
        for entry in entries
        if entry.session == session.record.session and isinstance(entry.content, Numbers) and entry.content.question is not None
    ]
    return past_session(session.record, session.started_time or session.first_time, zone, later)


def propose(
    patients: Path, journal: Path, patient: str, plan: Plan | None, today: TodayCheck, zone: tzinfo | None = None
) -> Proposed:
    """Reads the files and returns plan and screening; without a plan, the one accepted last.

    Raises PatientsError when there is no profile or no plan, or the whole does not fit; sqlite3.Error, ValueError or OSError
    when a file cannot be read.
    """
    with PatientFile(patients) as file:
        profile = file.profile(patient)
        if profile is None:
            raise PatientsError(f"patient {patient}: no profile at this treadmill; add one at its desk")
        entries = file.entries(patient)
    plan = plan if plan is not None else profile.accepted_plan
    if plan is None:
        raise PatientsError(f"patient {patient}: no plan was accepted yet; send one, or accept one with: sternway progress")
    if journal.exists():
        with JournalReader(journal) as reader:
            history = history_of(reader, patient, entries, zone)
    else:
        history = history_of(None, patient, entries, zone)
    return Proposed(plan, fitting(plan, profile, today, history))


def fitting(plan: Plan | None, profile: Profile, today: TodayCheck, history: tuple[PastSession, ...]) -> Screening:
    """Returns the screening with as many of the newest sessions as one message carries; raises PatientsError with too few.

    plan: what goes with it; None: room is left for as long a plan as there may be.
    """
    beside = plan if plan is not None else LONGEST_PLAN
    kept = history[-MAXIMUM_HISTORY:]
    while True:
        screening = Screening(by=today.by, profile=profile, today=today, history=kept)
        try:
            encode(Prepare("x" * 64, "x" * 128, beside, screening))
        except ValueError:
            if len(kept) <= LEAST_HISTORY:
                raise PatientsError(
                    f"patient {profile.patient}: plan and profile are over {MAXIMUM_MESSAGE_BYTES} bytes; use fewer phases"
                ) from None
            kept = kept[1:]
        else:
            return screening
