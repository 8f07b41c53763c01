"""What the desk writes down of a patient beside the profile. All of it by pseudonym, all of it with who wrote it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from messages.figures import Question
from messages.patient import PastSession, Profile, Record, TodayCheck
from messages.plan import Pseudonym
from messages.progression import Decision

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=600)]
SessionName = Annotated[str, msgspec.Meta(max_length=64)]
Grade = Annotated[int, msgspec.Meta(ge=0, le=10)]
HeartRate = Annotated[int, msgspec.Meta(ge=20, le=250)]
Systolic = Annotated[int, msgspec.Meta(ge=50, le=300)]
Diastolic = Annotated[int, msgspec.Meta(ge=20, le=200)]


class Logged(Record, frozen=True, kw_only=True, tag="logged"):
    """A session that this treadmill did not record: walking forward, balance work, or one on another treadmill."""

    session: PastSession


class Check(Record, frozen=True, kw_only=True, tag="check"):
    """Today's check, as it was asked."""

    today: TodayCheck


class Note(Record, frozen=True, kw_only=True, tag="note"):
    """Free words on a session, 600 characters."""

    text: Text


class Numbers(Record, frozen=True, kw_only=True, tag="numbers"):
    """What was measured or said in a session and entered after it. at_s: belt time, None: not known, or after the end."""

    question: Question | None = None
    grade: Grade | None = None
    heart_rate_per_min: HeartRate | None = None
    systolic_mm_hg: Systolic | None = None
    diastolic_mm_hg: Diastolic | None = None
    at_s: Annotated[float, msgspec.Meta(ge=0, le=14400)] | None = None


class FallForm(Record, frozen=True, kw_only=True, tag="fall"):
    """After a fall or a loaded strap. head_hit, conscious: None where nobody can say."""

    head_hit: bool | None
    conscious: bool | None
    pain: Grade
    where_it_hurts: Annotated[str, msgspec.Meta(max_length=200)] = ""
    systolic_mm_hg: Systolic
    diastolic_mm_hg: Diastolic
    heart_rate_per_min: HeartRate | None = None
    seen_by_physician: bool = False


class Decided(Record, frozen=True, kw_only=True, tag="decided"):
    """What a named clinician made of a proposal of the machine's: accepted, changed or rejected."""

    decision: Decision


Content = Logged | Check | Note | Numbers | FallForm | Decided


class Entry(Record, frozen=True, kw_only=True):
    """One of them, as it stands in the file. on: local day. session: identifier, or empty."""

    time: Annotated[str, msgspec.Meta(max_length=32)]
    on: date
    by: Pseudonym
    session: SessionName = ""
    content: Content


class ProfileVersion(Record, frozen=True, kw_only=True):
    """A profile from some moment on. change: what was decided, in words."""

    time: Annotated[str, msgspec.Meta(max_length=32)]
    by: Pseudonym
    change: Annotated[str, msgspec.Meta(max_length=200)]
    profile: Profile


class PatientExport(Record, frozen=True, kw_only=True):
    """All that the desk keeps of one patient, to take along. recorded: sessions of this treadmill, for who reads it elsewhere."""

    format: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    versions: Annotated[tuple[ProfileVersion, ...], msgspec.Meta(min_length=1, max_length=1000)]
    entries: Annotated[tuple[Entry, ...], msgspec.Meta(max_length=5000)] = ()
    recorded: Annotated[tuple[PastSession, ...], msgspec.Meta(max_length=5000)] = ()
