"""The treadmill's own limits against a plan that nobody trusts: each cap at its boundary, and numbers that are none."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.settings import CoreSettings, SessionSettings, SpeedSettings
from controller.session.caps import judge_plan
from messages.plan import Phase, PhaseKind, Plan

WARM_UP, WORK, REST, COOL_DOWN = PhaseKind.WARM_UP, PhaseKind.WORK, PhaseKind.REST, PhaseKind.COOL_DOWN
CORE = CoreSettings(
    speed=SpeedSettings(first_m_s=0.10, ceiling_m_s=0.8, first_session_ceiling_m_s=0.25),
    session=SessionSettings(belt_time_limit_s=1200, first_session_belt_time_s=600, pause_limit_s=300),
)
PLAN = Plan(
    patient="p-1",
    mass_kg=70.0,
    phases=(Phase(WARM_UP, 60, 0.1), Phase(WORK, 120, 0.25), Phase(REST, 60), Phase(WORK, 60, 0.2), Phase(COOL_DOWN, 60, 0.1)),
)


def keys(plan: Plan) -> list[str]:
    return [problem.key for problem in judge_plan(plan, CORE)]


def with_phases(*phases: Phase, first_session: bool = False) -> Plan:
    return msgspec.structs.replace(PLAN, phases=phases, first_session=first_session)


def with_kinds(*kinds: PhaseKind) -> Plan:
    return with_phases(*(Phase(kind, 30, 0.0 if kind is REST else 0.1) for kind in kinds))


def test_a_sound_plan_is_taken() -> None:
    assert keys(PLAN) == []
    assert keys(msgspec.structs.replace(PLAN, first_session=True)) == []


@pytest.mark.parametrize(("mass_kg", "taken"), [(20, True), (200, True), (19.9, False), (200.1, False), (math.nan, False)])
def test_the_mass_is_a_patients(mass_kg: float, taken: bool) -> None:
    assert keys(msgspec.structs.replace(PLAN, mass_kg=mass_kg)) == ([] if taken else ["mass_kg"])


def test_what_is_wrong_is_told_with_its_value_and_what_is_allowed() -> None:
    (mass,) = judge_plan(msgspec.structs.replace(PLAN, mass_kg=19.5), CORE)
    assert (mass.value, mass.allowed) == ("19.5", "a number from 20 to 200 kg")
    assert mass.remedy == "weigh the patient: every harness threshold rests on it"
    (kinds,) = judge_plan(with_kinds(WARM_UP, COOL_DOWN), CORE)
    assert (kinds.value, kinds.allowed) == ("", 'at least one phase of kind "work"')
    (alone,) = judge_plan(with_kinds(WARM_UP), CORE)
    assert alone.allowed == 'at least one phase of kind "work"', "one phase is not too few of them"


@pytest.mark.parametrize(
    ("first_session", "whose", "ceiling_m_s"), [(True, "a first session", 0.25), (False, "this treadmill", 0.8)]
)
def test_a_speed_is_held_against_its_ceiling_give_or_take_rounding(first_session: bool, whose: str, ceiling_m_s: float) -> None:
    def at(speed_m_s: float) -> Plan:
        return with_phases(Phase(WARM_UP, 60, 0.1), Phase(WORK, 60, speed_m_s), first_session=first_session)

    assert judge_plan(at(ceiling_m_s + 1e-9), CORE) == ()
    (problem,) = judge_plan(at(ceiling_m_s + 1e-6), CORE)
    assert problem.remedy == f"{ceiling_m_s:g} m/s is the ceiling of {whose}, 0.1 m/s the speed that START grants"


@pytest.mark.parametrize("fraction", [0.01, 0.3, -0.1, math.nan, math.inf])
def test_the_harness_never_lifts(fraction: float) -> None:
    assert keys(msgspec.structs.replace(PLAN, body_weight_support_fraction=fraction)) == ["body_weight_support_fraction"]


@pytest.mark.parametrize(
    ("first_session", "speed_m_s", "taken"),
    [
        (False, 0.8, True),
        (False, 0.801, False),
        (True, 0.25, True),
        (True, 0.251, False),
        (False, 0.10, True),
        (False, 0.099, False),
        (False, 0.0, False),
        (False, -0.1, False),
        (False, math.nan, False),
        (False, math.inf, False),
        (True, math.nan, False),
    ],
)
@pytest.mark.parametrize("kind", [WARM_UP, WORK, COOL_DOWN])
@pytest.mark.hazard("H-23", "C-CAPS")
def test_speeds_lie_between_the_first_speed_and_the_ceiling(
    kind: PhaseKind, first_session: bool, speed_m_s: float, taken: bool
) -> None:
    phases = [Phase(WARM_UP, 60, 0.1), Phase(WORK, 60, 0.1), Phase(COOL_DOWN, 60, 0.1)]
    index = [WARM_UP, WORK, COOL_DOWN].index(kind)
    phases[index] = Phase(kind, 60, speed_m_s)
    assert keys(with_phases(*phases, first_session=first_session)) == ([] if taken else [f"phases[{index}].speed_m_s"])


@pytest.mark.parametrize("speed_m_s", [0.1, 1e-9, -0.1, math.nan])
def test_the_belt_rests_in_a_rest(speed_m_s: float) -> None:
    plan = with_phases(Phase(WARM_UP, 60, 0.1), Phase(WORK, 60, 0.1), Phase(REST, 60, speed_m_s), Phase(WORK, 60, 0.1))
    assert keys(plan) == ["phases[2].speed_m_s"]


@pytest.mark.parametrize(
    ("kind", "duration_s", "taken"),
    [
        (WORK, 1, True),
        (WORK, 0.99, False),
        (WORK, 0, False),
        (WORK, -5, False),
        (WORK, math.nan, False),
        (REST, 300, True),
        (REST, 300.1, False),
        (REST, 0, False),
        (REST, math.inf, False),
    ],
)
def test_phases_have_a_length(kind: PhaseKind, duration_s: float, taken: bool) -> None:
    phase = Phase(kind, duration_s, 0.0 if kind is REST else 0.1)
    plan = with_phases(Phase(WARM_UP, 60, 0.1), Phase(WORK, 60, 0.1), phase, Phase(WORK, 60, 0.1))
    assert keys(plan) == ([] if taken else ["phases[2].duration_s"])


@pytest.mark.parametrize(
    ("kinds", "problems"),
    [
        ((WARM_UP, WORK), []),
        ((WARM_UP, WARM_UP, WORK, WORK, COOL_DOWN, COOL_DOWN), []),
        ((WARM_UP, REST, WORK), []),
        ((WARM_UP, WORK, REST, COOL_DOWN), []),
        ((WORK, COOL_DOWN), ["phases[0].kind"]),
        ((REST, WORK), ["phases[0].kind"]),
        ((WARM_UP, WORK, WARM_UP, WORK), ["phases[2].kind"]),
        ((WARM_UP, WORK, REST, REST, WORK), ["phases[3].kind"]),
        ((WARM_UP, WORK, COOL_DOWN, WORK), ["phases[3].kind"]),
        ((WARM_UP, WORK, COOL_DOWN, REST), ["phases[3].kind", "phases[3].kind"]),
        ((WARM_UP, WORK, REST), ["phases[2].kind"]),
        ((WARM_UP, COOL_DOWN), ["phases"]),
    ],
)
def test_phases_follow_each_other_as_the_chart_has_it(kinds: tuple[PhaseKind, ...], problems: list[str]) -> None:
    found = judge_plan(with_kinds(*kinds), CORE)
    assert [problem.key for problem in found] == problems
    for problem in found:
        if problem.key != "phases":
            assert problem.value == f'"{kinds[int(problem.key[7:-6])].value}"'


def test_there_are_at_least_one_and_at_most_sixty_phases() -> None:
    assert keys(with_phases()) == ["phases"]
    assert keys(with_phases(Phase(WARM_UP, 2, 0.1), *[Phase(WORK, 2, 0.1)] * 59)) == []
    assert keys(with_phases(Phase(WARM_UP, 2, 0.1), *[Phase(WORK, 2, 0.1)] * 60)) == ["phases"]


@pytest.mark.parametrize(
    ("first_session", "work_s", "taken"), [(False, 1140, True), (False, 1141, False), (True, 540, True), (True, 541, False)]
)
def test_the_belt_time_is_limited_and_rests_do_not_count(first_session: bool, work_s: float, taken: bool) -> None:
    halves = (Phase(WORK, work_s / 2, 0.1), Phase(REST, 300), Phase(WORK, work_s / 2, 0.1))
    plan = with_phases(Phase(WARM_UP, 60, 0.1), *halves, first_session=first_session)
    assert keys(plan) == ([] if taken else ["phases"])


_numbers = st.floats() | st.sampled_from([0.0, 0.1, 0.25, 60.0])
_phases = st.builds(Phase, st.sampled_from(PhaseKind), _numbers, _numbers)


@settings(max_examples=500, deadline=None)
@given(st.builds(Plan, st.just("p"), _numbers, st.lists(_phases, max_size=6).map(tuple), first_session=st.booleans()))
@pytest.mark.hazard("H-23", "C-CAPS")
def test_whatever_is_taken_keeps_every_cap(plan: Plan) -> None:
    if judge_plan(plan, CORE):
        return
    ceiling = 0.25 if plan.first_session else 0.8
    moving = [phase for phase in plan.phases if phase.kind is not REST]
    assert 20 <= plan.mass_kg <= 200
    assert all(0.1 <= round(phase.speed_m_s, 6) <= ceiling for phase in moving)
    assert math.fsum(phase.duration_s for phase in moving) <= (600 if plan.first_session else 1200)
    assert plan.phases[0].kind is WARM_UP
    assert any(phase.kind is WORK for phase in plan.phases)


@pytest.mark.parametrize(
    ("first_session", "acceleration_m_s2", "taken"),
    [
        (False, 0.0, True),
        (False, 0.03, True),
        (False, 0.10, True),
        (False, 0.029, False),
        (False, 0.101, False),
        (False, -0.1, False),
        (False, math.nan, False),
        (True, 0.05, True),
        (True, 0.051, False),
    ],
)
def test_a_ramp_is_gentler_than_the_treadmills_and_uses_its_grant_in_time(
    first_session: bool, acceleration_m_s2: float, taken: bool
) -> None:
    phases = (Phase(WARM_UP, 60, 0.1, acceleration_m_s2), Phase(WORK, 60, 0.2))
    found = keys(with_phases(*phases, first_session=first_session))
    assert found == ([] if taken else ["phases[0].acceleration_m_s2"])
