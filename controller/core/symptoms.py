"""What an answer means: from a symptom's grade, or what was measured by hand, to the event that acts on it. Pure.

Numbers: docs/decisions/0010-symptom-checks.md. Nothing here can do more than slow, pause or end.
"""

from __future__ import annotations

import enum

import msgspec

from controller.core.events import Event
from controller.core.limits import SessionLimits
from messages.figures import Question
from messages.wire import Symptom

PAIN_SLOWS, PAIN_ENDS = 4, 6
"""NPRS, whatever it was before the session [O]."""
PAIN_RISE_SLOWS, PAIN_RISE_ENDS = 2, 3
"""NPRS above today's before the session [O]."""
DIZZINESS_ENDS = 4
EFFORT_SLOWS, EFFORT_ENDS = 5, 7
"""Borg CR10 [O]."""
BREATH_PAUSES = 7
LEGS_GIVE_WAY = 7
SYSTOLIC_FALL_MM_HG = 10
"""A larger fall against today's resting value ends the session (Trials 14:91)."""


class Band(enum.IntEnum):
    """What can be said without numbers: nothing, something, much."""

    FINE = 0
    SOME = 1
    MUCH = 2


class Judged(msgspec.Struct, frozen=True, gc=False):
    """The lowest grades of SOME and MUCH, and what each of them leads to. Equal: there is no SOME."""

    some_from: int
    much_from: int
    some: Event
    much: Event


_SAME_FOR_EVERYBODY = {
    Question.NAUSEA: Judged(1, 1, Event.NAUSEA, Event.NAUSEA),
    Question.EFFORT: Judged(EFFORT_SLOWS, EFFORT_ENDS, Event.EFFORT_HIGH, Event.EFFORT_SEVERE),
    Question.BREATH: Judged(1, BREATH_PAUSES, Event.BREATH_SHORT, Event.BREATHLESS),
}


def bands(question: Question, limits: SessionLimits | None, dizzy_before: bool) -> Judged:
    """Returns where the question's bands begin for this patient today, and what each leads to."""
    if question is Question.DIZZINESS:
        some = Event.DIZZINESS_AGAIN if dizzy_before else Event.DIZZINESS_MILD
        return Judged(1, DIZZINESS_ENDS, some, Event.DIZZINESS_SEVERE)
    if question is Question.PAIN:
        today = limits.pain_today if limits is not None else 0
        slows = min(PAIN_SLOWS, today + PAIN_RISE_SLOWS)
        return Judged(slows, max(slows, min(PAIN_ENDS, today + PAIN_RISE_ENDS)), Event.PAIN_RAISED, Event.PAIN_SEVERE)
    if question is Question.LEGS:
        ends = limits is None or limits.legs_end
        return Judged(1, LEGS_GIVE_WAY, Event.LEG_SYMPTOMS if ends else Event.LEGS_UNSURE, Event.LEG_SYMPTOMS)
    return _SAME_FOR_EVERYBODY[question]


def band_of(grade: int, judged: Judged) -> Band:
    """Returns the band that a grade of 0-10 falls into; what is above 10 is much."""
    if grade >= judged.much_from:
        return Band.MUCH
    return Band.SOME if grade >= judged.some_from else Band.FINE


def grade_of(band: Band, judged: Judged) -> int:
    """Returns the band's lowest grade: what a panel without numbers can say for certain."""
    return (0, judged.some_from, judged.much_from)[band]


def event_of(band: Band, judged: Judged) -> Event | None:
    """Returns what the answer leads to; None when all is well."""
    return (None, judged.some, judged.much)[band]


def judge_measured(symptom: Symptom, limits: SessionLimits | None) -> Event | None:
    """Returns what a heart rate or blood pressure entered by hand leads to; None when within limits, or none was entered."""
    if limits is None:
        return None
    systolic, diastolic, heart_rate = symptom.systolic_mm_hg, symptom.diastolic_mm_hg, symptom.heart_rate_per_min
    if systolic is not None and systolic > limits.systolic_limit_mm_hg:
        return Event.BLOOD_PRESSURE_HIGH
    if diastolic is not None and diastolic > limits.diastolic_limit_mm_hg:
        return Event.BLOOD_PRESSURE_HIGH
    if systolic is not None and systolic < limits.systolic_today_mm_hg - SYSTOLIC_FALL_MM_HG:
        return Event.BLOOD_PRESSURE_FALL
    if heart_rate is not None and heart_rate > limits.heart_rate_limit_per_min:
        return Event.HEART_RATE_HIGH
    return None


ALWAYS_ENDS = {"spinning": Event.DIZZINESS_SEVERE, "giving_way": Event.LEG_SYMPTOMS}
"""Kinds that a person may report and that need no grade."""
