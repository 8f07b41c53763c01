"""Today's check on the command line: as a JSON file, or question by question; what was asked today need not be asked again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from controller.session.record_file import load_today
from messages.patient import NextDay, TodayCheck
from settings_files.problems import Problem, ProblemsError
from telemetry.patient_records import Check, Entry

_NEEDED = ("by", "pressure", "heart_rate", "pain", "next_day")
_BESIDE = ("new_symptoms", "falls_since", "leg_symptoms", "examined_by", "clock_override_by")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the questions of today's check."""
    group = parser.add_argument_group(
        "today's check", "a file, or each answer; after a check earlier today, only what is new, with --by"
    )
    group.add_argument("--today", type=Path, metavar="FILE", help="all of it, as JSON")
    group.add_argument("--by", metavar="CLINICIAN", help="pseudonym of the clinician who asks, and proposes the session")
    group.add_argument("--pressure", metavar="SYS/DIA", help="resting blood pressure, mmHg, such as 124/80")
    group.add_argument("--heart-rate", type=int, metavar="PER_MIN", help="resting heart rate")
    group.add_argument("--pain", type=int, metavar="0-10", help="pain now")
    group.add_argument("--next-day", choices=[each.value for each in NextDay], help="how it was on the day after the last session")
    group.add_argument("--new-symptoms", action="store_true", help="there are new symptoms")
    group.add_argument("--falls-since", action="store_true", help="there was a fall since the last session")
    group.add_argument("--leg-symptoms", choices=["yes", "no"], help="in a leg: pain, numbness, weakness")
    group.add_argument("--examined-by", metavar="CLINICIAN", help="who has examined them today, off the treadmill")
    group.add_argument("--clock-override-by", metavar="CLINICIAN", help="who vouches for today's date; the clock cannot be trusted")


def todays_check(options: argparse.Namespace, entries: Sequence[Entry], day: date) -> tuple[TodayCheck, bool]:
    """Returns the check, and whether it is new: what is told later in the day is added to what was asked before, and signed.

    Raises ProblemsError with every answer that is missing or wrong.
    """
    if options.today is not None:
        return load_today(options.today), True
    answers = _answers(options)
    missing = [name for name in _NEEDED if getattr(options, name) is None]
    asked = [entry.content.today for entry in entries if isinstance(entry.content, Check) and entry.content.today.on == day]
    if missing and asked:
        if answers.keys() <= {"by"}:
            return asked[-1], False
        missing = [name for name in missing if name == "by"]
        answers = {**msgspec.to_builtins(asked[-1]), **answers}
    if missing:
        remedy = "ask it, or name a file with --today"
        raise ProblemsError(
            "today's check", tuple(Problem(f"--{name.replace('_', '-')}", "", "an answer", remedy) for name in missing)
        )
    return load_today(json.dumps({"on": str(day), "new_symptoms": False, "falls_since": False, **answers}).encode()), True


def _answers(options: argparse.Namespace) -> dict[str, Any]:
    """Those that were given, as a file would have them: one place judges types and ranges."""
    answers = ((name, getattr(options, name)) for name in (*_NEEDED, *_BESIDE))
    given = {name: answer for name, answer in answers if answer is not None and answer is not False}
    if "pressure" in given:
        given["systolic_mm_hg"], given["diastolic_mm_hg"] = pressure(given.pop("pressure"))
    if "heart_rate" in given:
        given["heart_rate_per_min"] = given.pop("heart_rate")
    if "leg_symptoms" in given:
        given["leg_symptoms"] = given["leg_symptoms"] == "yes"
    return given


def pressure(text: str) -> tuple[int, int]:
    """Returns systolic and diastolic pressure of a text such as 124/80; raises ProblemsError for any other."""
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) <= 3 for part in parts):
        raise ProblemsError(
            "command", (Problem("--pressure", text[:40], "systolic/diastolic in mmHg, such as 124/80", "correct it"),)
        )
    return int(parts[0]), int(parts[1])
