"""Judges a plan against the treadmill's own limits. Pure.

A plan comes over a socket and is not trusted: whatever made it, the controller judges it here again, against its own
configuration, at every request to prepare. What a session may reach while it runs is computed again in `controller.core.patient`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from controller.core.chart import STATE_OF_PHASE, TRANSITIONS, TRIGGER_OF_PHASE, State
from controller.core.patient import acceleration_m_s2, belt_time_limit_s, ceiling_m_s
from controller.core.settings import CoreSettings
from messages.plan import Phase, PhaseKind, Plan
from settings_files.problems import Problem, written

LEAST_MASS_KG, GREATEST_MASS_KG = 20.0, 200.0
SHORTEST_PHASE_S = 1.0
GENTLEST_RAMP_M_S2 = 0.03
MAXIMUM_PHASES = 60
_EQUAL_WITHIN = 1e-9


# Control C-CAPS.
def judge_plan(plan: Plan, settings: CoreSettings, first_session_ceiling_m_s: float | None = None) -> tuple[Problem, ...]:
    """Returns everything for which the plan is refused, whoever walks; empty when this treadmill may run it. Never raises,
    whatever the numbers. What a patient's screening caps besides is judged in `controller.session.patient_plan`.

    first_session_ceiling_m_s: what screening has computed from a walk test, in place of the unmeasured first session's ceiling.
    """
    ceiling = ceiling_m_s(plan, settings)
    if plan.first_session and first_session_ceiling_m_s is not None:
        ceiling = min(first_session_ceiling_m_s, settings.speed.ceiling_m_s)
    return (
        *_judge_patient(plan),
        *_judge_order(plan),
        *_judge_phases(plan, settings, ceiling),
        *_judge_belt_time(plan, settings),
    )


def _judge_patient(plan: Plan) -> Iterator[Problem]:
    if not LEAST_MASS_KG <= plan.mass_kg <= GREATEST_MASS_KG:
        allowed = f"a number from {LEAST_MASS_KG:g} to {GREATEST_MASS_KG:g} kg"
        yield Problem("mass_kg", written(plan.mass_kg), allowed, "weigh the patient: every harness threshold rests on it")
    if plan.body_weight_support_fraction != 0:
        value = written(plan.body_weight_support_fraction)
        remedy = "the harness catches and must not lift: with support a fall would not show in its load"
        yield Problem("body_weight_support_fraction", value, "0", remedy)


def _judge_order(plan: Plan) -> Iterator[Problem]:
    """Phases may follow each other as the state chart has it, from the warm-up on."""
    phases = plan.phases
    if not 1 <= len(phases) <= MAXIMUM_PHASES:
        yield Problem("phases", str(len(phases)), f"1 to {MAXIMUM_PHASES} phases", "split the plan, or add the phases")
        return
    if phases[0].kind is not PhaseKind.WARM_UP:
        yield Problem("phases[0].kind", written(phases[0].kind.value), '"warm_up"', "begin with a warm-up")
    for index in range(1, len(phases)):
        before, kind = phases[index - 1].kind, phases[index].kind
        if not _may_follow(before, kind):
            allowed = " or ".join(f'"{other.value}"' for other in PhaseKind if _may_follow(before, other))
            remedy = f"change the order: {kind.value} cannot follow {before.value}"
            yield Problem(f"phases[{index}].kind", written(kind.value), f"{allowed} after {before.value}", remedy)
    if phases[-1].kind is PhaseKind.REST:
        yield Problem(f"phases[{len(phases) - 1}].kind", '"rest"', "a phase of walking at the end", "leave the last rest out")
    if all(phase.kind is not PhaseKind.WORK for phase in phases):
        yield Problem("phases", "", 'at least one phase of kind "work"', "add it: there is no exercise in this plan")


def _may_follow(before: PhaseKind, after: PhaseKind) -> bool:
    state: State = STATE_OF_PHASE[before]
    return (state, TRIGGER_OF_PHASE[after]) in TRANSITIONS


def _judge_phases(plan: Plan, settings: CoreSettings, ceiling: float) -> Iterator[Problem]:
    for index, phase in enumerate(plan.phases):
        yield from _judge_duration(f"phases[{index}]", phase, settings)
        yield from _judge_ramp(f"phases[{index}]", phase, acceleration_m_s2(plan, None, settings))
        yield from _judge_speed(f"phases[{index}]", phase, plan.first_session, ceiling, settings.speed.first_m_s)


def _judge_duration(where: str, phase: Phase, settings: CoreSettings) -> Iterator[Problem]:
    longest_s = settings.session.pause_limit_s if phase.kind is PhaseKind.REST else math.inf
    if SHORTEST_PHASE_S <= phase.duration_s <= longest_s and math.isfinite(phase.duration_s):
        return
    allowed = f"at least {SHORTEST_PHASE_S:g} s"
    if phase.kind is PhaseKind.REST:
        allowed = f"from {SHORTEST_PHASE_S:g} to {longest_s:g} s for a rest (session.pause_limit_s)"
    yield Problem(f"{where}.duration_s", written(phase.duration_s), allowed, "correct it, or leave the phase out")


def _judge_ramp(where: str, phase: Phase, allowed_m_s2: float) -> Iterator[Problem]:
    """A grant that is not used within 5 s dies in the drive, so that a ramp cannot be as gentle as one likes."""
    if phase.acceleration_m_s2 == 0 or GENTLEST_RAMP_M_S2 <= phase.acceleration_m_s2 <= allowed_m_s2 + _EQUAL_WITHIN:
        return
    allowed = f"from {GENTLEST_RAMP_M_S2:g} to {allowed_m_s2:g} m/s², or 0 for the treadmill's own"
    remedy = "a plan may be gentler than the treadmill, not steeper; slower than that a hand's grant is lost"
    yield Problem(f"{where}.acceleration_m_s2", written(phase.acceleration_m_s2), allowed, remedy)


def _judge_speed(where: str, phase: Phase, first_session: bool, ceiling: float, first: float) -> Iterator[Problem]:
    value = written(phase.speed_m_s)
    if phase.kind is PhaseKind.REST:
        if phase.speed_m_s != 0:
            yield Problem(f"{where}.speed_m_s", value, "0 m/s in a rest", "leave it out: the patient stands")
        return
    if first - _EQUAL_WITHIN <= phase.speed_m_s <= ceiling + _EQUAL_WITHIN:
        return
    whose = "a first session" if first_session else "this treadmill"
    remedy = f"{ceiling:g} m/s is the ceiling of {whose}, {first:g} m/s the speed that START grants"
    yield Problem(f"{where}.speed_m_s", value, f"from {first:g} to {ceiling:g} m/s", remedy)


def _judge_belt_time(plan: Plan, settings: CoreSettings) -> Iterator[Problem]:
    belt_time_s = 0.0
    for phase in plan.phases:
        if phase.kind is not PhaseKind.REST:
            belt_time_s += phase.duration_s
    limit_s = belt_time_limit_s(plan, settings)
    if belt_time_s > limit_s:
        whose = "a first session" if plan.first_session else "a session"
        allowed = f"at most {limit_s:g} s of belt time in {whose}"
        yield Problem("phases", f"{belt_time_s:g} s", allowed, "shorten the phases of walking: rests do not count")
