"""What is known of a patient, by pseudonym: the profile, today's check, past sessions. Who judges them stands elsewhere.

A profile comes over a socket or out of a file and is not trusted: types and ranges are checked where it is read, its sense (a flag
without grade, a mass that no body of that height has) by `controller.session`, again at every request to prepare.
Dates are the clinic's local calendar days.
"""

from __future__ import annotations

import enum
from datetime import date
from typing import Annotated

import msgspec

from messages.plan import AttendantStage, Plan, Pseudonym, RailStage

Nprs = Annotated[int, msgspec.Meta(ge=0, le=10, description="numeric pain rating, 0 none to 10 worst")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=300, description="1 to 300 characters")]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=14400)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what is kept of a patient."""


class FlagName(enum.Enum):
    """What screening asks for. From `pregnancy` on: contraindications of the harness."""

    OSTEOPOROSIS = "osteoporosis"
    VESTIBULAR = "vestibular"
    LUMBAR = "lumbar"
    KNEE = "knee"
    ANKLE = "ankle"
    VISUAL_FIELD_LOSS = "visual_field_loss"
    VARIFOCALS = "varifocals"
    HEMIPLEGIA = "hemiplegia"
    CARDIAC = "cardiac"
    COGNITION = "cognition"
    PREGNANCY = "pregnancy"
    ABDOMINAL_SURGERY = "abdominal_surgery"
    THORACIC_SURGERY = "thoracic_surgery"
    STOMA = "stoma"
    HERNIA = "hernia"


class Grade(enum.Enum):
    """How much of it there is. What each grade of each finding leads to stands in docs/prescription.md."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


class Flag(Record, frozen=True, kw_only=True):
    """One finding, with the clinician who noted it. on: when it was noted; for an operation, its day."""

    name: FlagName
    grade: Grade
    on: date
    by: Pseudonym


class Clearance(Record, frozen=True, kw_only=True):
    """A named clinician, off the treadmill, marks a finding as compensated; it lasts 30 days."""

    flag: FlagName
    on: date
    by: Pseudonym
    reason: Reason


class WalkTest(Record, frozen=True, kw_only=True):
    """The 3 m backward walk test, overground."""

    on: date
    by: Pseudonym
    time_s: Annotated[float, msgspec.Meta(ge=0.5, le=300)]


class PrescriptionKind(enum.Enum):
    """What a clinician may prescribe beyond the defaults."""

    THREE_A_WEEK = "three_a_week"
    RUNNING = "running"


class Prescription(Record, frozen=True, kw_only=True):
    """By a named clinician, with reason and last day; entered off the treadmill."""

    kind: PrescriptionKind
    on: date
    until: date
    by: Pseudonym
    reason: Reason


class UsableHand(enum.Enum):
    """Which hand can hold a rail."""

    BOTH = "both"
    LEFT = "left"
    RIGHT = "right"


class Profile(Record, frozen=True, kw_only=True):
    """One patient. `ceiling_m_s`, `belt_time_s`: limits that a clinician has set; None: none.

    usual_forward_session_s: the patient's usual session of walking forward; None or 0: unknown or none.
    """

    patient: Pseudonym
    mass_kg: Annotated[float, msgspec.Meta(ge=20, le=200)]
    height_m: Annotated[float, msgspec.Meta(ge=1.0, le=2.3)]
    usual_forward_session_s: Seconds | None = None
    walk_test: WalkTest | None = None
    flags: Annotated[tuple[Flag, ...], msgspec.Meta(max_length=32)] = ()
    clearances: Annotated[tuple[Clearance, ...], msgspec.Meta(max_length=32)] = ()
    prescriptions: Annotated[tuple[Prescription, ...], msgspec.Meta(max_length=32)] = ()
    usable_hand: UsableHand = UsableHand.BOTH
    rails: RailStage = RailStage.BOTH
    attendant: AttendantStage = AttendantStage.CONTACT_GUARD
    hands_free: bool = False
    ceiling_m_s: Annotated[float, msgspec.Meta(ge=0.05, le=5)] | None = None
    belt_time_s: Seconds | None = None
    resting_heart_rate_limit_per_min: Annotated[int, msgspec.Meta(ge=60, le=160)] | None = None
    accepted_plan: Plan | None = None
    accepted_by: Pseudonym | None = None


class NextDay(enum.Enum):
    """How the patient was on the day after the last session."""

    NONE_BEFORE = "none_before"
    GOOD = "good"
    SORE = "sore"
    WORSE = "worse"


class TodayCheck(Record, frozen=True, kw_only=True):
    """Asked before every session, by a named clinician.

    leg_symptoms: pain, numbness or weakness in a leg; asked where there is a lumbar finding, None: not asked.
    examined_by: the clinician who has examined the patient today for new symptoms or falls, off the treadmill, and lets a careful
    session go on; None: nobody has. clock_override_by: the clinician who vouches for `on` because the treadmill's clock cannot be
    trusted; None: the clock decides.
    """

    on: date
    by: Pseudonym
    systolic_mm_hg: Annotated[int, msgspec.Meta(ge=50, le=300)]
    diastolic_mm_hg: Annotated[int, msgspec.Meta(ge=20, le=200)]
    heart_rate_per_min: Annotated[int, msgspec.Meta(ge=20, le=250)]
    new_symptoms: bool
    falls_since: bool
    pain: Nprs
    next_day: NextDay
    leg_symptoms: bool | None = None
    examined_by: Pseudonym | None = None
    clock_override_by: Pseudonym | None = None


class SessionKind(enum.Enum):
    """Backward sessions count for the week; forward sessions and balance work are logged beside them."""

    BACKWARD = "backward"
    FORWARD = "forward"
    BALANCE = "balance"


class Ending(enum.Enum):
    """Why a session was over. A technical abort counts its minutes only."""

    COMPLETE = "complete"
    CHOSEN = "chosen"
    SYMPTOM = "symptom"
    FALL = "fall"
    TECHNICAL = "technical"


class PastSession(Record, frozen=True, kw_only=True):
    """One session that was, as screening, the weekly rule and progression look at it."""

    on: date
    kind: SessionKind = SessionKind.BACKWARD
    belt_time_s: Seconds = 0.0
    work_time_s: Seconds = 0.0
    distance_m: Annotated[float, msgspec.Meta(ge=0, le=50000)] = 0.0
    top_speed_m_s: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.0
    hands_free_s: Seconds = 0.0
    balance_losses: Annotated[int, msgspec.Meta(ge=0, le=10000)] = 0
    worst_pain: Nprs = 0
    worst_dizziness: Nprs = 0
    ending: Ending = Ending.COMPLETE


class Screening(Record, frozen=True, kw_only=True):
    """Everything that a request to prepare must bring, so that the controller can compute every cap for itself.

    by: the clinician who proposes the session. history: newest last.
    """

    by: Pseudonym
    profile: Profile
    today: TodayCheck
    history: Annotated[tuple[PastSession, ...], msgspec.Meta(max_length=60)] = ()
