"""Judges a plan against a patient's verdict: whatever made the plan, no number in it may exceed a cap. Pure.

The treadmill's own limits are judged in `controller.session.caps`; both must be content.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.session.screening import rails_stage
from controller.session.verdict import ATTENDANTS, Demand, Limit, Verdict
from messages.patient import Profile, UsableHand
from messages.plan import Phase, PhaseKind, Plan, RailStage
from settings_files.problems import Problem, written

MASS_WITHIN_FRACTION = 0.1
"""A plan's mass comes from the scale of the day: further from the profile's than this one of them is wrong."""
_EQUAL_WITHIN = 1e-9
_KEPT_BY = {
    RailStage.BOTH: frozenset({RailStage.BOTH}),
    RailStage.LEFT: frozenset({RailStage.LEFT, RailStage.BOTH}),
    RailStage.RIGHT: frozenset({RailStage.RIGHT, RailStage.BOTH}),
    RailStage.ONE: frozenset(RailStage),
}
"""Which stages hold at least what a stage asks for."""


def judge_plan_for_patient(plan: Plan, verdict: Verdict, profile: Profile) -> tuple[Problem, ...]:
    """Returns everything in the plan that this patient may not do today, the verdict's refusals first; never raises."""
    if verdict.refusals:
        return verdict.problems
    return (
        *_judge_identity(plan, profile),
        *_judge_stages(plan, verdict, profile),
        *_judge_phases(plan, verdict),
        *_judge_times(plan, verdict),
        *_judge_rests(plan, verdict),
    )


def walking_time_s(phases: tuple[Phase, ...]) -> float:
    """Returns the belt time of the phases: rests do not count."""
    total_s = 0.0
    for phase in phases:
        if phase.kind is not PhaseKind.REST:
            total_s += phase.duration_s
    return total_s


def stretches(phases: tuple[Phase, ...]) -> tuple[tuple[Phase, ...], ...]:
    """Returns the stretches of walking between rests."""
    found: list[list[Phase]] = [[]]
    for phase in phases:
        if phase.kind is PhaseKind.REST:
            found.append([])
        else:
            found[-1].append(phase)
    return tuple(tuple(stretch) for stretch in found if stretch)


def _judge_identity(plan: Plan, profile: Profile) -> Iterator[Problem]:
    if plan.patient != profile.patient:
        yield Problem("patient", written(plan.patient), written(profile.patient), "take this patient's plan, or their profile")
    if not abs(plan.mass_kg - profile.mass_kg) <= MASS_WITHIN_FRACTION * profile.mass_kg:
        allowed = f"within {MASS_WITHIN_FRACTION:.0%} of the profile's {profile.mass_kg:g} kg"
        yield Problem("mass_kg", written(plan.mass_kg), allowed, "weigh again, and correct plan or profile")


def _judge_stages(plan: Plan, verdict: Verdict, profile: Profile) -> Iterator[Problem]:
    cap = verdict.cap(Limit.RAILS)
    needed = rails_stage(profile, cap)
    allowed = _KEPT_BY[needed] if profile.usable_hand is UsableHand.BOTH else frozenset({needed})
    if plan.rails not in allowed:
        yield _over("rails", written(plan.rails.value), " or ".join(sorted(f'"{stage.value}"' for stage in allowed)), cap.rule)
    cap = verdict.cap(Limit.ATTENDANT)
    if not ATTENDANTS.index(plan.attendant) <= cap.value:
        closest = ATTENDANTS[int(cap.value)].value
        yield _over("attendant", written(plan.attendant.value), f"{closest} or closer", cap.rule)
    if verdict.asks_for(Demand.FAMILIARISATION) and not plan.first_session:
        remedy = "the first session is for familiarisation: plan it as one"
        yield Problem("first_session", "false", "true: no session of this patient has had enough work yet", remedy)


def _over(key: str, value: str, allowed: str, rule: str) -> Problem:
    return Problem(key, value, allowed, f"change the plan (cap of rule {rule})")


def _judge_phases(plan: Plan, verdict: Verdict) -> Iterator[Problem]:
    ceiling, ramp = verdict.cap(Limit.CEILING_M_S), verdict.cap(Limit.ACCELERATION_M_S2)
    for index, phase in enumerate(plan.phases):
        if not phase.speed_m_s <= ceiling.value + _EQUAL_WITHIN:
            key = f"phases[{index}].speed_m_s"
            yield _over(key, written(phase.speed_m_s), f"at most {ceiling.value:.4g} m/s", ceiling.rule)
        if not phase.acceleration_m_s2 <= ramp.value + _EQUAL_WITHIN:
            key = f"phases[{index}].acceleration_m_s2"
            yield _over(key, written(phase.acceleration_m_s2), f"at most {ramp.value:g} m/s²", ramp.rule)


def _judge_times(plan: Plan, verdict: Verdict) -> Iterator[Problem]:
    belt_time, ends = verdict.cap(Limit.BELT_TIME_S), verdict.cap(Limit.ENDS_FRACTION)
    walking_s = walking_time_s(plan.phases)
    if not walking_s <= belt_time.value + _EQUAL_WITHIN:
        yield _over("phases", f"{walking_s:g} s", f"at most {belt_time.value:g} s of belt time", belt_time.rule)
    ends_s = walking_time_s(tuple(phase for phase in plan.phases if phase.kind is not PhaseKind.WORK))
    if not ends_s <= ends.value * walking_s + _EQUAL_WITHIN:
        allowed = f"warm-up and cool-down together at most {ends.value:.0%} of the belt time, {ends.value * walking_s:g} s"
        yield _over("phases", f"{ends_s:g} s", allowed, ends.rule)


def _judge_rests(plan: Plan, verdict: Verdict) -> Iterator[Problem]:
    bout, bouts, rest = verdict.cap(Limit.BOUT_S), verdict.cap(Limit.BOUTS), verdict.cap(Limit.REST_S)
    found = stretches(plan.phases)
    for stretch in found:
        walking_s = walking_time_s(stretch)
        if not walking_s <= bout.value + _EQUAL_WITHIN:
            yield _over("phases", f"{walking_s:g} s without a rest", f"at most {bout.value:g} s", bout.rule)
    if not len(found) <= bouts.value:
        yield _over("phases", f"{len(found)} stretches of walking", f"at most {bouts.value:g}", bouts.rule)
    for index, phase in enumerate(plan.phases):
        if phase.kind is PhaseKind.REST and not phase.duration_s >= rest.value - _EQUAL_WITHIN:
            yield _over(f"phases[{index}].duration_s", written(phase.duration_s), f"a rest of at least {rest.value:g} s", rest.rule)
