"""What a session came to, beside its plan: kept by the controller while it runs, recorded with it."""

from __future__ import annotations

import enum

import msgspec


class Question(enum.Enum):
    """What is asked at a symptom check, in the order of asking."""

    DIZZINESS = "dizziness"
    NAUSEA = "nausea"
    PAIN = "pain"
    LEGS = "legs"
    EFFORT = "effort"
    BREATH = "breath"


class SymptomAnswer(msgspec.Struct, frozen=True, gc=False):
    """One answer, `at_s` of belt time. grade: 0-10 as NPRS or Borg CR10; None: reported without a number.

    An answer by a button gives its band's lowest grade: what was said for certain, 0 where all was fine.
    """

    at_s: float
    question: Question
    grade: int | None


class PhaseDone(msgspec.Struct, frozen=True, gc=False):
    """One phase as it was done."""

    index: int
    belt_time_s: float
    distance_m: float
    top_speed_m_s: float


class SessionFigures(msgspec.Struct, frozen=True, gc=False):
    """The session's figures so far."""

    phases: tuple[PhaseDone, ...] = ()
    symptoms: tuple[SymptomAnswer, ...] = ()
    checks_missed: int = 0
    hands_free_s: float = 0.0
    hands_free_windows: int = 0
    rises_accepted: int = 0
    rises_declined: int = 0
    top_speed_m_s: float = 0.0
