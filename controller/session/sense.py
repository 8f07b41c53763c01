"""Whether a patient's records make sense beyond types and ranges: dates, bodies, findings that contradict each other. Pure.

Nothing is mended here: what makes no sense is refused with its field, its value, what is allowed and what to do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec

from controller.session.settings import ScreeningSettings
from messages.patient import Clearance, FlagName, NextDay, Prescription, Profile, Screening, SessionKind, TodayCheck, UsableHand
from messages.plan import RailStage
from settings_files.problems import Problem, written

LEAST_BMI, GREATEST_BMI = 12.0, 60.0
"""kg/m²: beyond these mass or height was mistyped."""
SHORTEST_SESSION_S = 60.0
FASTEST_WALK_TEST_S = 1.0
"""3 m backward in less time was mistyped: 3 m/s is a run."""
CLEARABLE = frozenset({FlagName.VESTIBULAR, FlagName.CARDIAC})
"""Findings that a named clinician may mark as compensated."""
_STAGES_OF_HAND = {
    UsableHand.BOTH: frozenset(RailStage),
    UsableHand.LEFT: frozenset({RailStage.LEFT}),
    UsableHand.RIGHT: frozenset({RailStage.RIGHT}),
}


def judge_profile(profile: Profile, on: date, settings: ScreeningSettings = ScreeningSettings()) -> tuple[Problem, ...]:  # noqa: B008  frozen
    """Returns everything in a profile that makes no sense on this day; empty when it may be kept."""
    problems = tuple(_judge_finite(profile, ""))
    if problems:
        return problems
    return (
        *_judge_body(profile),
        *_judge_times(profile, on),
        *_judge_flags(profile, on),
        *_judge_clearances(profile, on),
        *_judge_prescriptions(profile, on, settings),
        *_judge_hands(profile),
        *_judge_accepted(profile),
    )


def judge_today(today: TodayCheck) -> tuple[Problem, ...]:
    """Returns everything in today's check that makes no sense by itself."""
    if today.diastolic_mm_hg < today.systolic_mm_hg:
        return ()
    allowed = f"less than the systolic pressure, {today.systolic_mm_hg} mmHg"
    return (Problem("today.diastolic_mm_hg", str(today.diastolic_mm_hg), allowed, "measure again: they were perhaps exchanged"),)


def judge_screening(screening: Screening, on: date, settings: ScreeningSettings) -> tuple[Problem, ...]:
    """Returns everything that makes no sense in profile, today's check and history together; keys name the part."""
    profile = (
        msgspec.structs.replace(problem, key=f"profile.{problem.key}") for problem in judge_profile(screening.profile, on, settings)
    )
    return (*profile, *judge_today(screening.today), *_judge_history(screening))


def _judge_finite(value: Any, where: str) -> Iterator[Problem]:
    """Numbers that are none, wherever they hide."""
    if isinstance(value, float) and not math.isfinite(value):
        yield Problem(where, written(value), "a finite number", "correct it")
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _judge_finite(getattr(value, name), f"{where}.{name}" if where else name)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _judge_finite(item, f"{where}[{index}]")


def _judge_body(profile: Profile) -> Iterator[Problem]:
    bmi = profile.mass_kg / profile.height_m**2
    if not LEAST_BMI <= bmi <= GREATEST_BMI:
        least, greatest = (bound * profile.height_m**2 for bound in (LEAST_BMI, GREATEST_BMI))
        allowed = f"{least:.0f} to {greatest:.0f} kg at height_m = {profile.height_m:g} (BMI {LEAST_BMI:g} to {GREATEST_BMI:g})"
        yield Problem("mass_kg", written(profile.mass_kg), allowed, "weigh and measure again: every harness threshold rests on it")


def _judge_times(profile: Profile, on: date) -> Iterator[Problem]:
    usual_s = profile.usual_forward_session_s
    if usual_s is not None and not (usual_s == 0 or usual_s >= SHORTEST_SESSION_S):
        allowed = f"0 for none, or at least {SHORTEST_SESSION_S:g} s"
        yield Problem("usual_forward_session_s", written(usual_s), allowed, "it is in seconds: 20 min are 1200")
    if profile.belt_time_s is not None and not profile.belt_time_s >= SHORTEST_SESSION_S:
        allowed = f"at least {SHORTEST_SESSION_S:g} s"
        yield Problem("belt_time_s", written(profile.belt_time_s), allowed, "it is in seconds; leave it out for no limit")
    test = profile.walk_test
    if test is not None:
        yield from _judge_past("walk_test.on", test.on, on)
        if not test.time_s >= FASTEST_WALK_TEST_S:
            remedy = "time 3 m of walking backward again; leave the test out if it was not done"
            yield Problem("walk_test.time_s", written(test.time_s), f"at least {FASTEST_WALK_TEST_S:g} s", remedy)


def _judge_past(key: str, day: date, on: date) -> Iterator[Problem]:
    if day > on:
        yield Problem(key, str(day), f"a day up to {on}", "correct the date: it lies in the future")


def _judge_flags(profile: Profile, on: date) -> Iterator[Problem]:
    counts = Counter(flag.name for flag in profile.flags)
    for index, flag in enumerate(profile.flags):
        yield from _judge_past(f"flags[{index}].on", flag.on, on)
        if counts[flag.name] > 1:
            remedy = "keep one: the grade that holds today"
            yield Problem(f"flags[{index}].name", written(flag.name.value), "each finding once", remedy)


def _judge_clearances(profile: Profile, on: date) -> Iterator[Problem]:
    flags = {flag.name: flag for flag in profile.flags}
    for index, clearance in enumerate(profile.clearances):
        yield from _judge_past(f"clearances[{index}].on", clearance.on, on)
        yield from _judge_clearance(f"clearances[{index}]", clearance, {name: flag.on for name, flag in flags.items()})


def _judge_clearance(where: str, clearance: Clearance, noted: dict[FlagName, date]) -> Iterator[Problem]:
    name = clearance.flag
    if name not in CLEARABLE:
        allowed = " or ".join(sorted(f'"{flag.value}"' for flag in CLEARABLE))
        yield Problem(f"{where}.flag", written(name.value), allowed, "nobody can clear this one: remove the clearance")
    elif name not in noted:
        yield Problem(f"{where}.flag", written(name.value), "a finding among the flags", "add the flag, or remove the clearance")
    elif clearance.on < noted[name]:
        remedy = "examine again: it was cleared before it was noted"
        yield Problem(f"{where}.on", str(clearance.on), f"a day from {noted[name]}, when it was noted", remedy)


def _judge_prescriptions(profile: Profile, on: date, settings: ScreeningSettings) -> Iterator[Problem]:
    for index, each in enumerate(profile.prescriptions):
        yield from _judge_past(f"prescriptions[{index}].on", each.on, on)
        yield from _judge_length(f"prescriptions[{index}].until", each, settings)


def _judge_length(key: str, each: Prescription, settings: ScreeningSettings) -> Iterator[Problem]:
    longest = timedelta(days=settings.prescription_longest_days)
    if not timedelta(0) <= each.until - each.on <= longest:
        allowed = f"a day from {each.on}, its first, to at most {settings.prescription_longest_days} days later"
        yield Problem(key, str(each.until), allowed, "correct it, or prescribe anew when it ends")


def _judge_hands(profile: Profile) -> Iterator[Problem]:
    hand = profile.usable_hand
    if hand is UsableHand.BOTH and any(flag.name is FlagName.HEMIPLEGIA for flag in profile.flags):
        yield Problem("usable_hand", written(hand.value), '"left" or "right" with hemiplegia', "name the hand that holds the rail")
    if profile.rails not in _STAGES_OF_HAND[hand]:
        allowed = " or ".join(sorted(f'"{stage.value}"' for stage in _STAGES_OF_HAND[hand]))
        remedy = f"with usable_hand = {hand.value} no other stage can be kept"
        yield Problem("rails", written(profile.rails.value), allowed, remedy)
    if profile.hands_free and hand is not UsableHand.BOTH:
        remedy = f"with usable_hand = {hand.value} the escape from a window, both rails grabbed, is out of reach"
        yield Problem("hands_free", "true", "false", remedy)


def _judge_accepted(profile: Profile) -> Iterator[Problem]:
    plan, by = profile.accepted_plan, profile.accepted_by
    if plan is not None and by is None:
        yield Problem("accepted_by", "", "the pseudonym of the clinician who accepted accepted_plan", "add it")
    if plan is None and by is not None:
        yield Problem("accepted_plan", "", "the plan that accepted_by accepted", "add it, or remove accepted_by")
    if plan is not None and plan.patient != profile.patient:
        allowed = written(profile.patient)
        yield Problem("accepted_plan.patient", written(plan.patient), allowed, "this is another patient's plan: remove it")


def _judge_history(screening: Screening) -> Iterator[Problem]:
    yield from _judge_finite(screening.history, "history")
    for index, past in enumerate(screening.history):
        if not past.work_time_s <= past.belt_time_s:
            allowed = f"at most belt_time_s = {past.belt_time_s:g}"
            yield Problem(f"history[{index}].work_time_s", written(past.work_time_s), allowed, "correct the record")
    been_here = any(past.kind is SessionKind.BACKWARD for past in screening.history)
    if been_here and screening.today.next_day is NextDay.NONE_BEFORE:
        allowed = '"good", "sore" or "worse": there was a session before'
        yield Problem("today.next_day", '"none_before"', allowed, "ask how the patient was on the day after it")
