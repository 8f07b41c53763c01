"""A plan file is read whole or refused with every mistake named."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.session.plan_file import MAXIMUM_BYTES, PlanFileError, load_plan, parse_plan
from messages.plan import AttendantStage, Phase, PhaseKind, Plan, RailStage
from settings_files.problems import Problem

WHOLE = b"""
patient = "p-17"
mass_kg = 72
first_session = true
rails = "left"
attendant = "stand_by"
[[phases]]
kind = "warm_up"
duration_s = 60
speed_m_s = 0.1
[[phases]]
kind = "rest"
duration_s = 30.5
"""
LEAST: dict[str, Any] = {"patient": "p-17", "mass_kg": 72.0, "phases": [{"kind": "work", "duration_s": 60, "speed_m_s": 0.1}]}


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(PlanFileError) as caught:
        parse_plan({**LEAST, **changes})
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_a_plan_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(WHOLE)
    phases = (Phase(PhaseKind.WARM_UP, 60.0, 0.1), Phase(PhaseKind.REST, 30.5))
    assert load_plan(path) == Plan("p-17", 72.0, phases, RailStage.LEFT, AttendantStage.STAND_BY, first_session=True)


def test_what_is_left_out_is_the_closest_guard() -> None:
    plan = parse_plan(LEAST)
    assert (plan.rails, plan.attendant, plan.body_weight_support_fraction) == (RailStage.BOTH, AttendantStage.CONTACT_GUARD, 0.0)


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"patient": "Erika Mustermann"}, "patient", "allowed is text"),
        ({"mass_kg": 500}, "mass_kg", "from 20 to 200 kg"),
        ({"mass_kg": math.nan}, "mass_kg", "= nan"),
        ({"mass_lb": 160}, "mass_lb", "write mass_kg, in kg (160 lb = 72.57 kg)"),
        ({"body_weight_support_fraction": math.inf}, "body_weight_support_fraction", "= inf"),
        ({"rails": "none"}, "rails", '"both" or "one" or "left" or "right"'),
        ({"atendant": "stand_by"}, "atendant", "perhaps attendant was meant"),
        ({"phases": []}, "phases", "1 to 60 tables [[phases]]"),
        ({"phases": [{}] * 61}, "phases", "1 to 60 tables"),
        ({"phases": {"kind": "work"}}, "phases", "write each phase below [[phases]]"),
        ({"phases": [3]}, "phases[0]", "one table [[phases]]"),
        ({"phases": [{"kind": "run", "duration_s": 1}]}, "phases[0].kind", '"warm_up" or "work" or "rest" or "cool_down"'),
        ({"phases": [{"kind": "work", "duration_s": math.nan}]}, "phases[0].duration_s", "from 0 to 7200 s"),
        ({"phases": [{"kind": "work", "duration_min": 2}]}, "phases[0].duration_min", "2 min = 120 s"),
        ({"phases": [{"kind": "work", "duration_s": 1, "speed_km_h": 1}]}, "phases[0].speed_km_h", "1 km/h = 0.2778 m/s"),
        ({"phases": [{"kind": "work", "duration_s": 1, "speed_m_s": -0.1}]}, "phases[0].speed_m_s", "from 0 to 5 m/s"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], key: str, words: str) -> None:
    assert words in refused(**changes)[key]


def test_a_plan_without_phases_has_no_value_to_show() -> None:
    with pytest.raises(PlanFileError) as caught:
        parse_plan({key: value for key, value in LEAST.items() if key != "phases"})
    expected = Problem("phases", "", "1 to 60 tables [[phases]]", "add the session's phases in their order")
    assert caught.value.problems == (expected,)


def test_all_mistakes_come_at_once() -> None:
    phases = [{"kind": "run", "duration_s": -1}, {"kind": "work"}, {"kind": "work", "duration_s": 1, "speed": 2}]
    assert set(refused(mass_kg="72", patient="", phases=phases)) == {
        "mass_kg",
        "patient",
        "phases[0].kind",
        "phases[0].duration_s",
        "phases[1].duration_s",
        "phases[2].speed",
    }


def test_a_large_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(WHOLE + b"#" * (MAXIMUM_BYTES - len(WHOLE)))
    assert load_plan(path).patient == "p-17"
    path.write_bytes(WHOLE + b"#" * (MAXIMUM_BYTES - len(WHOLE) + 1))
    with pytest.raises(PlanFileError, match="at most 64 KiB"):
        load_plan(path)
    with pytest.raises(PlanFileError, match="no such file"):
        load_plan(tmp_path / "away.toml")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_phase = st.dictionaries(st.sampled_from(["kind", "duration_s", "speed_m_s", "x"]), _values | st.sampled_from(["work", "rest"]))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*Plan.__struct_fields__, "x"]), _values | st.lists(_phase, max_size=3)))
def test_no_document_brings_anything_but_a_plan_or_its_problems(document: dict[str, Any]) -> None:
    try:
        plan = parse_plan({**LEAST, **document})
    except PlanFileError:
        return
    assert "x" not in document
    assert 20 <= plan.mass_kg <= 200
    assert all(math.isfinite(phase.duration_s) and math.isfinite(phase.speed_m_s) for phase in plan.phases)
