"""What each number means: grades and measured values against the limits, at the last value allowed and the first that is not."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.events import RULES, Effect, Event
from controller.core.limits import SessionLimits
from controller.core.symptoms import Band, band_of, bands, event_of, grade_of, judge_measured
from exploration.limits import treadmill_limits
from messages.figures import Question
from messages.wire import Symptom
from tests.core.machine import CORE, PLAN

pytestmark = pytest.mark.hazard("H-24", "C-SYMPTOMS")
LIMITS = treadmill_limits(PLAN, CORE)


def limits(**changed: object) -> SessionLimits:
    return msgspec.structs.replace(LIMITS, **changed)


def event(question: Question, grade: int, *, dizzy: bool = False, **changed: object) -> Event | None:
    judged = bands(question, limits(**changed), dizzy)
    return event_of(band_of(grade, judged), judged)


@pytest.mark.parametrize(
    ("question", "today", "grade", "expected"),
    [
        (Question.PAIN, 2, 3, None),
        (Question.PAIN, 2, 4, Event.PAIN_RAISED),
        (Question.PAIN, 2, 5, Event.PAIN_SEVERE),
        (Question.PAIN, 3, 5, Event.PAIN_RAISED),
        (Question.PAIN, 3, 6, Event.PAIN_SEVERE),
        (Question.PAIN, 0, 1, None),
        (Question.PAIN, 0, 2, Event.PAIN_RAISED),
        (Question.PAIN, 0, 3, Event.PAIN_SEVERE),
        (Question.PAIN, 6, 4, Event.PAIN_RAISED),
        (Question.PAIN, 6, 6, Event.PAIN_SEVERE),
        (Question.DIZZINESS, 0, 0, None),
        (Question.DIZZINESS, 0, 1, Event.DIZZINESS_MILD),
        (Question.DIZZINESS, 0, 3, Event.DIZZINESS_MILD),
        (Question.DIZZINESS, 0, 4, Event.DIZZINESS_SEVERE),
        (Question.NAUSEA, 0, 0, None),
        (Question.NAUSEA, 0, 1, Event.NAUSEA),
        (Question.EFFORT, 0, 4, None),
        (Question.EFFORT, 0, 5, Event.EFFORT_HIGH),
        (Question.EFFORT, 0, 6, Event.EFFORT_HIGH),
        (Question.EFFORT, 0, 7, Event.EFFORT_SEVERE),
        (Question.BREATH, 0, 0, None),
        (Question.BREATH, 0, 1, Event.BREATH_SHORT),
        (Question.BREATH, 0, 6, Event.BREATH_SHORT),
        (Question.BREATH, 0, 7, Event.BREATHLESS),
        (Question.BREATH, 0, 10, Event.BREATHLESS),
        (Question.LEGS, 0, 0, None),
        (Question.LEGS, 0, 1, Event.LEGS_UNSURE),
        (Question.LEGS, 0, 10, Event.LEG_SYMPTOMS),
    ],
)
def test_a_grade_leads_to_its_rule(question: Question, today: int, grade: int, expected: Event | None) -> None:
    assert event(question, grade, pain_today=today) is expected


def test_dizziness_a_second_time_ends_the_session() -> None:
    assert event(Question.DIZZINESS, 1, dizzy=True) is Event.DIZZINESS_AGAIN
    assert RULES[Event.DIZZINESS_AGAIN].effect is Effect.END


def test_with_a_lumbar_profile_the_least_leg_symptom_ends_the_session() -> None:
    assert event(Question.LEGS, 1, legs_end=True) is Event.LEG_SYMPTOMS
    assert RULES[Event.LEG_SYMPTOMS].effect is Effect.END


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ({"systolic_mm_hg": 250, "diastolic_mm_hg": 115}, None),
        ({"systolic_mm_hg": 251}, Event.BLOOD_PRESSURE_HIGH),
        ({"diastolic_mm_hg": 116}, Event.BLOOD_PRESSURE_HIGH),
        ({"systolic_mm_hg": 120}, None),
        ({"systolic_mm_hg": 119}, Event.BLOOD_PRESSURE_FALL),
        ({"heart_rate_per_min": 140}, None),
        ({"heart_rate_per_min": 141}, Event.HEART_RATE_HIGH),
        ({}, None),
    ],
)
def test_what_was_measured_is_held_against_the_limits(measured: dict[str, int], expected: Event | None) -> None:
    allowed = limits(systolic_today_mm_hg=130, heart_rate_limit_per_min=140)
    assert judge_measured(Symptom("1", "desk", "measured", **measured), allowed) is expected


@given(question=st.sampled_from(Question), today=st.integers(0, 10), dizzy=st.booleans(), legs=st.booleans())
def test_more_is_never_answered_with_less_and_much_always_stops(question: Question, today: int, dizzy: bool, legs: bool) -> None:
    judged = bands(question, limits(pain_today=today, legs_end=legs), dizzy)
    effects = [Effect.RECORD if found is None else RULES[found].effect for found in map(event_of, Band, [judged] * 3)]
    assert effects == sorted(effects)
    assert effects[Band.MUCH] in (Effect.PAUSE, Effect.END)
    for band in Band:
        said = band_of(grade_of(band, judged), judged)
        assert said is band or judged.some_from == judged.much_from, "what the panel says means what it is recorded as"


def test_without_limits_no_number_means_anything_and_legs_end_the_session() -> None:
    high = Symptom("r", "o", "other", systolic_mm_hg=250, heart_rate_per_min=200)
    assert judge_measured(high, None) is None
    assert bands(Question.LEGS, None, False).some is Event.LEG_SYMPTOMS
    assert bands(Question.PAIN, None, False).some_from == 2
