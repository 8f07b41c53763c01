"""Records that are wrong: refused with field, value and what is allowed; nothing is half read."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.session.record_file import (
    MAXIMUM_BYTES,
    RecordError,
    load_profile,
    load_record,
    load_screening,
    load_today,
)
from controller.session.sense import judge_profile, judge_screening
from messages.patient import FlagName, PrescriptionKind, Profile, UsableHand, WalkTest
from messages.plan import Phase, PhaseKind, Plan, RailStage
from tests.session.records import CHECK, CLINICAL, PROFILE, TODAY, clearance, days_ago, flag, past, prescription, records

PLAN = Plan(patient="p-017", mass_kg=70.0, phases=(Phase(PhaseKind.WARM_UP, 60, 0.1), Phase(PhaseKind.WORK, 120, 0.2)))
GOOD: dict[str, Any] = msgspec.to_builtins(
    msgspec.structs.replace(
        PROFILE,
        flags=(flag(FlagName.KNEE),),
        prescriptions=(prescription(PrescriptionKind.THREE_A_WEEK),),
        accepted_plan=PLAN,
        accepted_by="physio-1",
    )
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(GOOD))
    assert msgspec.to_builtins(load_profile(path)) == GOOD
    assert load_today(msgspec.json.encode(CHECK)) == CHECK
    assert load_record(Plan, msgspec.json.encode(PLAN)) == PLAN
    assert load_screening(msgspec.json.encode(records())) == records()


def changed(path: str, value: object) -> bytes:
    """The good profile with one field replaced; `...` takes it away."""
    document = json.loads(json.dumps(GOOD))
    *parents, last = path.split(".")
    target = document
    for parent in parents:
        target = target[int(parent)] if parent.isdigit() else target[parent]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value", "key", "words"),
    [
        ("mass_kg", -70, "mass_kg", "= -70: allowed is a number from 20 to 200 kg"),
        ("mass_kg", math.nan, "mass_kg", "= nan: allowed is a number from 20 to 200 kg"),
        ("mass_kg", math.inf, "mass_kg", "= inf: allowed is"),
        ("mass_kg", "70", "mass_kg", '= "70": allowed is a number'),
        ("mass_kg", True, "mass_kg", "= true: allowed is a number"),
        ("mass_kg", ..., "mass_kg", "it is missing"),
        ("mass_lb", 154, "mass_lb", "wrong unit: write mass_kg, in kg (154 lb = 69.85 kg)"),
        ("height_m", 172, "height_m", "a number from 1 to 2.3 m"),
        ("hight_m", 1.7, "hight_m", "perhaps height_m was meant"),
        ("patient", "Jane Doe", "patient", "a pseudonym, never a name"),
        ("patient", "p-1\n", "patient", "a pseudonym, never a name"),
        ("flags.0.name", "gout", "flags[0].name", '= "gout": allowed is "osteoporosis" or "vestibular"'),
        ("flags.0.grade", "awful", "flags[0].grade", '"mild" or "moderate" or "severe"'),
        ("flags.0.on", "31.3.2026", "flags[0].on", "a day as 2026-03-31"),
        ("flags.0.on", ..., "flags[0].on", "it is missing"),
        ("flags.0.since", "x", "flags[0].since", "one of name, grade, on, by"),
        ("flags", {}, "flags", "a list of 0 to 32"),
        ("flags", [GOOD["flags"][0]] * 33, "flags", "33 of them"),
        ("flags", [3], "flags[0]", "= 3: allowed is an object { ... }"),
        ("walk_test.time_s", 0.1, "walk_test.time_s", "a number from 0.5 to 300 s"),
        ("hands_free", 1, "hands_free", "true or false"),
        ("accepted_plan.phases.0.speed_m_s", math.nan, "accepted_plan.phases[0].speed_m_s", "a number from 0 to 5 m/s"),
        ("accepted_plan.phases.0.kind", "sprint", "accepted_plan.phases[0].kind", '"warm_up" or'),
        ("accepted_plan.phases", [], "accepted_plan.phases", "a list of 1 to 60"),
        ("prescriptions.0.reason", "worn \ud800 out", "prescriptions[0].reason", "'worn \\ud800 out': allowed is whole characters"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_is_allowed(path: str, value: object, key: str, words: str) -> None:
    with pytest.raises(RecordError) as caught:
        load_profile(changed(path, value))
    (problem,) = caught.value.problems
    assert problem.key == key
    assert words in str(problem)
    assert problem.remedy


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(RecordError) as caught:
        load_profile(b'{"mass_kg": -1, "height_m": 9, "flags": [{"name": "gout"}], "sunny": 1}')
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {"mass_kg", "height_m", "patient", "sunny", "flags[0].name", "flags[0].grade", "flags[0].on", "flags[0].by"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "allowed is JSON"),
        (b"{", "allowed is JSON"),
        (b"[]", "an object"),
        (b"\xff{}", "UTF-8"),
        (b"[" * 60_000, "deeply nested"),
        (b'{"mass_kg": ' + b"9" * 5000 + b"}", "allowed is"),
        (b'{"patient": "a", "patient": "b"}', "given twice"),
        (b" " * (MAXIMUM_BYTES + 1), "at most 64 KiB"),
    ],
)
def test_what_is_no_record_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        load_profile(content)


def test_a_ten_megabyte_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_bytes(json.dumps(GOOD).encode() + b" " * 10_000_000)
    with pytest.raises(RecordError, match="at most 64 KiB"):
        load_profile(path)
    with pytest.raises(RecordError, match="no such file"):
        load_profile(tmp_path / "away.json")


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.floats() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "x"]), x, max_size=5),
        max_leaves=12,
    ).map(lambda x: json.dumps(x).encode())
)
def test_whatever_comes_is_a_record_or_a_list_of_problems(content: bytes) -> None:
    with contextlib.suppress(RecordError):
        assert isinstance(load_profile(content), Profile)


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"mass_kg": 190.0, "height_m": 1.5}, "mass_kg", "BMI 12 to 60"),
        ({"mass_kg": 25.0}, "mass_kg", "36 to 178 kg at height_m = 1.72"),
        ({"mass_kg": math.nan}, "mass_kg", "mass_kg = nan: allowed is a finite number"),
        ({"walk_test": WalkTest(on=TODAY, by="p", time_s=math.inf)}, "walk_test.time_s", "a finite number"),
        ({"usual_forward_session_s": 30.0}, "usual_forward_session_s", "0 for none, or at least 60 s"),
        ({"belt_time_s": 0.0}, "belt_time_s", "at least 60 s"),
        ({"walk_test": WalkTest(on=days_ago(-1), by="p", time_s=4)}, "walk_test.on", "lies in the future"),
        ({"walk_test": WalkTest(on=TODAY, by="p", time_s=0.9)}, "walk_test.time_s", "at least 1 s"),
        ({"flags": (flag(FlagName.KNEE, days=-1),)}, "flags[0].on", "lies in the future"),
        ({"clearances": (clearance(FlagName.VESTIBULAR),)}, "clearances[0].flag", "a finding among the flags"),
        (
            {"flags": (flag(FlagName.VESTIBULAR, days=2),), "clearances": (clearance(FlagName.VESTIBULAR, 3),)},
            "clearances[0].on",
            "before",
        ),
        ({"flags": (flag(FlagName.STOMA),), "clearances": (clearance(FlagName.STOMA),)}, "clearances[0].flag", "nobody can clear"),
        ({"prescriptions": (prescription(PrescriptionKind.RUNNING, -1),)}, "prescriptions[0].on", "lies in the future"),
        ({"prescriptions": (prescription(PrescriptionKind.RUNNING, 5, -1),)}, "prescriptions[0].until", "at most 180 days later"),
        ({"prescriptions": (prescription(PrescriptionKind.RUNNING, 5, 181),)}, "prescriptions[0].until", "at most 180 days later"),
        ({"usable_hand": UsableHand.LEFT}, "rails", '"left"; with usable_hand = left'),
        ({"usable_hand": UsableHand.LEFT, "rails": RailStage.RIGHT}, "rails", '"left"'),
        (
            {"usable_hand": UsableHand.LEFT, "rails": RailStage.LEFT, "hands_free": True},
            "hands_free",
            "= true: allowed is false; with usable_hand",
        ),
        ({"accepted_plan": PLAN}, "accepted_by", "who accepted accepted_plan"),
        ({"accepted_by": "physio-1"}, "accepted_plan", "add it, or remove accepted_by"),
        (
            {"accepted_plan": msgspec.structs.replace(PLAN, patient="p-2"), "accepted_by": "p"},
            "accepted_plan.patient",
            "another patient's",
        ),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(changes: dict[str, Any], key: str, words: str) -> None:
    (problem,) = judge_profile(msgspec.structs.replace(PROFILE, **changes), TODAY)
    assert problem.key == key
    assert isinstance(problem.value, str)
    assert words in str(problem)


def test_a_finding_stands_once() -> None:
    profile = msgspec.structs.replace(PROFILE, flags=(flag(FlagName.KNEE), flag(FlagName.ANKLE), flag(FlagName.KNEE)))
    assert [problem.key for problem in judge_profile(profile, TODAY)] == ["flags[0].name", "flags[2].name"]


def test_a_good_profile_makes_sense() -> None:
    assert judge_profile(load_profile(json.dumps(GOOD).encode()), TODAY) == ()
    long = prescription(PrescriptionKind.RUNNING, 5, 180)
    assert judge_profile(msgspec.structs.replace(PROFILE, prescriptions=(long,)), TODAY) == ()
    assert long.until - long.on == timedelta(days=180)


def test_a_history_that_makes_no_sense_is_refused() -> None:
    screening = records(history=(past(5, work_time_s=1300.0), past(9, distance_m=math.nan)))
    keys = [problem.key for problem in judge_screening(screening, TODAY, CLINICAL.screening)]
    assert keys == ["history[1].distance_m", "history[0].work_time_s"]


@pytest.mark.parametrize("name", ["Jane Doe", "Jane.Doe", "jane@example.org", "", "-p", "p" * 33, "p-1\n", "Zoë"])
@pytest.mark.hazard("H-33", "C-PSEUDONYMS")
def test_nobody_is_taken_by_a_name(name: str) -> None:
    with pytest.raises(RecordError):
        load_profile(changed("patient", name))
