"""What a clinician may change in a profile: each takes a profile and returns a new one. Pure; its sense is judged afterwards.

Stages, limits and measures are set by key, as they stand in the JSON. Findings, clearances and prescriptions carry who and when,
and have commands of their own; the accepted plan changes by a decision alone.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any, get_type_hints

import msgspec

from controller.session.record_file import load_profile
from messages.patient import Clearance, Flag, FlagName, Grade, Prescription, PrescriptionKind, Profile, WalkTest
from settings_files.problems import Problem, ProblemsError, written

SETTABLE = (
    "mass_kg",
    "height_m",
    "usual_forward_session_s",
    "usable_hand",
    "rails",
    "attendant",
    "hands_free",
    "ceiling_m_s",
    "belt_time_s",
    "resting_heart_rate_limit_per_min",
)


def set_fields(profile: Profile, assignments: list[str], source: str = "set") -> Profile:
    """Returns the profile with `key=value` set; value as in JSON, words without quotes. Raises ProblemsError with every mistake."""
    document = msgspec.to_builtins(profile)
    problems = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or key not in SETTABLE:
            allowed = f"key=value with key one of {', '.join(SETTABLE)}"
            problems.append(
                Problem(key or assignment, text, allowed, "findings, clearances and prescriptions have their own commands")
            )
        else:
            document[key] = _value(text)
    if problems:
        raise ProblemsError(source, tuple(problems))
    return load_profile(json.dumps(document).encode())


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def with_walk_test(profile: Profile, time_s: float, on: date, by: str) -> Profile:
    """Returns the profile with the 3 m backward walk test of a day."""
    return _checked(profile, walk_test=WalkTest(on=on, by=by, time_s=time_s))


def with_flag(profile: Profile, name: str, grade: str, on: date, by: str) -> Profile:
    """Returns the profile with a finding, in the place of an older one of the same name. A clearance of it is over with that."""
    flag = Flag(name=_word(FlagName, name, "flag"), grade=_word(Grade, grade, "grade"), on=on, by=by)
    flags = (*(other for other in profile.flags if other.name is not flag.name), flag)
    clearances = tuple(other for other in profile.clearances if other.flag is not flag.name)
    return _checked(profile, flags=flags, clearances=clearances)


def without_flag(profile: Profile, name: str) -> Profile:
    """Returns the profile without a finding; raises ProblemsError when it is not there."""
    flag = _word(FlagName, name, "flag")
    if all(other.name is not flag for other in profile.flags):
        noted = ", ".join(other.name.value for other in profile.flags) or "none"
        raise ProblemsError(
            profile.patient, (Problem("flag", written(name), f"a finding of this patient: {noted}", "see it again"),)
        )
    flags = tuple(other for other in profile.flags if other.name is not flag)
    clearances = tuple(other for other in profile.clearances if other.flag is not flag)
    return _checked(profile, flags=flags, clearances=clearances)


def with_clearance(profile: Profile, name: str, on: date, by: str, reason: str) -> Profile:
    """Returns the profile with a finding marked as compensated on a day."""
    clearance = Clearance(flag=_word(FlagName, name, "flag"), on=on, by=by, reason=reason)
    others = tuple(other for other in profile.clearances if other.flag is not clearance.flag)
    return _checked(profile, clearances=(*others, clearance))


def with_prescription(profile: Profile, kind: str, on: date, until: date, by: str, reason: str) -> Profile:
    """Returns the profile with a prescription, in the place of an older one of its kind."""
    new = Prescription(kind=_word(PrescriptionKind, kind, "prescription"), on=on, until=until, by=by, reason=reason)
    others = tuple(other for other in profile.prescriptions if other.kind is not new.kind)
    return _checked(profile, prescriptions=(*others, new))


def _word(kind: Any, text: str, key: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(f'"{member.value}"' for member in kind)
        raise ProblemsError("command", (Problem(key, written(text), allowed, "correct the word"),)) from None


def _checked(profile: Profile, **changes: Any) -> Profile:
    """Types and ranges once more, as if it had come out of a file: what is kept can always be read again."""
    changed = msgspec.structs.replace(profile, **changes)
    return load_profile(json.dumps(msgspec.to_builtins(changed)).encode())


def difference(before: Profile | None, after: Profile) -> str:
    """Returns in words what changed."""
    if before is None:
        return "new patient"
    keys = [key for key in get_type_hints(Profile) if getattr(before, key) != getattr(after, key)]
    return "; ".join(f"{key}: {_short(getattr(before, key))} -> {_short(getattr(after, key))}" for key in keys) or "nothing"


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} of them"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else "..."
