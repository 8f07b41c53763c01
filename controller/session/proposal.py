"""Proposes a plan within all caps. Pure.

Every number of a proposed plan has a row that says which rule made it so.
"""

from __future__ import annotations

import math

import msgspec

from controller.core.settings import CoreSettings
from controller.session.patient_plan import stretches, walking_time_s
from controller.session.screening import rails_stage
from controller.session.settings import ClinicalSettings
from controller.session.verdict import ATTENDANTS, Demand, Limit, Verdict
from controller.session.week import counted_sessions
from messages.patient import PastSession, Profile
from messages.plan import Phase, PhaseKind, Plan
from messages.progression import Proposal, Variable
from settings_files.problems import ProblemsError

LONGEST_END_S = 180.0
_ENDS_SHARE = 1 / 6
"""Warm-up and cool-down each, of the belt time, as far as the cap on both allows."""
_GENTLE_SHARE = 0.5
"""Their speed, of the work's."""


class PlanRow(msgspec.Struct, frozen=True):
    """One number of a plan: what it is, its value with unit, the rule (or the session, or the proposal) that made it so."""

    what: str
    value: str
    rule: str


class ProposedPlan(msgspec.Struct, frozen=True):
    """A plan within all of today's caps, where its numbers come from, and what people should know."""

    plan: Plan
    rows: tuple[PlanRow, ...]
    notes: tuple[str, ...]


class Target(msgspec.Struct, frozen=True):
    """What is aimed at, and why, before a cap speaks."""

    value: float
    why: str


def propose_plan(
    verdict: Verdict,
    profile: Profile,
    history: tuple[PastSession, ...],
    core: CoreSettings,
    clinical: ClinicalSettings,
    proposal: Proposal | None = None,
) -> ProposedPlan:
    """Returns a plan for today: as the last session was, with an accepted proposal's one change, and never above a cap.

    Raises ProblemsError, with every reason, for a patient whom screening refuses.
    """
    refuse_refused(verdict, profile)
    counted = counted_sessions(history, clinical.prescription)
    last = None if verdict.asks_for(Demand.FAMILIARISATION) or not counted else counted[-1]
    speed = capped(verdict, Limit.CEILING_M_S, _aimed_speed(last, proposal))
    time = capped(verdict, Limit.BELT_TIME_S, _aimed_time(last, proposal, clinical))
    return compose(verdict, profile, core, clinical, speed, time)


def refuse_refused(verdict: Verdict, profile: Profile) -> None:
    """Raises ProblemsError, with every reason, for a patient whom screening refuses."""
    if verdict.refusals:
        raise ProblemsError(profile.patient, verdict.problems)


def _aimed_speed(last: PastSession | None, proposal: Proposal | None) -> Target:
    """A first session has no aim of its own: as fast as it may."""
    if last is None or last.top_speed_m_s <= 0:
        return Target(math.inf, "")
    if proposal is not None and proposal.value is not None:
        if proposal.variable in (Variable.SPEED, Variable.RUNNING):
            return Target(proposal.value, f"proposal: {proposal.variable.value}")
        if proposal.variable is Variable.STEP_BACK:
            return Target(last.top_speed_m_s * proposal.value, "proposal: step back")
    return Target(last.top_speed_m_s, f"as on {last.on}")


def _aimed_time(last: PastSession | None, proposal: Proposal | None, clinical: ClinicalSettings) -> Target:
    if last is None:
        first = clinical.first_session
        return Target(first.bouts * first.bout_s, f"first session: {first.bouts} x {first.bout_s / 60:g} min")
    least_s = clinical.prescription.too_short_s
    if proposal is not None and proposal.value is not None:
        if proposal.variable is Variable.TIME:
            return Target(max(proposal.value, least_s), "proposal: time")
        if proposal.variable is Variable.STEP_BACK:
            return Target(max(last.belt_time_s * proposal.value, least_s), "proposal: step back")
    return Target(max(last.belt_time_s, least_s), f"as on {last.on}")


def capped(verdict: Verdict, limit: Limit, target: Target) -> Target:
    """Returns the target, or the cap with its rule where the target is not below it."""
    cap = verdict.cap(limit)
    return target if target.value < cap.value else Target(cap.value, cap.rule)


def _hundredths(value: float) -> float:
    """Rounded down: a plan is never a hair above its cap."""
    return math.floor(value * 100 + 1e-6) / 100


def compose(
    verdict: Verdict, profile: Profile, core: CoreSettings, clinical: ClinicalSettings, speed: Target, time: Target
) -> ProposedPlan:
    """Returns the plan for a speed and a belt time that are within the caps, laid out within all others."""
    work_m_s = max(_hundredths(speed.value), min(core.speed.first_m_s, verdict.cap(Limit.CEILING_M_S).value))
    gentle_m_s = max(_hundredths(_GENTLE_SHARE * work_m_s), min(core.speed.first_m_s, work_m_s))
    rest_s = max(clinical.prescription.rest_s, verdict.cap(Limit.REST_S).value)
    ramp = verdict.cap(Limit.ACCELERATION_M_S2)
    ramp_m_s2 = ramp.value if ramp.value < core.ramp.acceleration_m_s2 else 0.0
    phases = _lay_out(verdict, time.value, min(rest_s, core.session.pause_limit_s), work_m_s, gentle_m_s, ramp_m_s2)
    plan = Plan(
        patient=profile.patient,
        mass_kg=profile.mass_kg,
        phases=phases,
        rails=rails_stage(profile, verdict.cap(Limit.RAILS)),
        attendant=ATTENDANTS[int(verdict.cap(Limit.ATTENDANT).value)],
        first_session=verdict.asks_for(Demand.FAMILIARISATION),
    )
    rows = (
        PlanRow("speed of work", f"{work_m_s:.2f} m/s", speed.why),
        PlanRow("speed of warm-up and cool-down", f"{gentle_m_s:.2f} m/s", "half the work's, from the first speed"),
        PlanRow("belt time", f"{walking_time_s(phases):g} s", time.why),
        *_layout_rows(phases, verdict),
        PlanRow(
            "rest", f"{rest_s:g} s", verdict.cap(Limit.REST_S).rule if verdict.cap(Limit.REST_S).value >= rest_s else "default"
        ),
        *stage_rows(plan, verdict),
    )
    return ProposedPlan(plan, rows, plan_notes(plan, verdict, clinical))


def _lay_out(
    verdict: Verdict, belt_time_s: float, rest_s: float, work_m_s: float, gentle_m_s: float, ramp_m_s2: float
) -> tuple[Phase, ...]:
    """Equal stretches with rests between; the warm-up belongs to the first, the cool-down to the last. Whole seconds."""
    longest_s = verdict.cap(Limit.BOUT_S).value
    count = min(math.ceil(belt_time_s / longest_s), int(verdict.cap(Limit.BOUTS).value))
    stretch_s = math.floor(min(belt_time_s / count, longest_s))
    share = min(_ENDS_SHARE, verdict.cap(Limit.ENDS_FRACTION).value / 2)
    end_s = max(1, math.floor(min(LONGEST_END_S, share * count * stretch_s, stretch_s / 3)))
    phases: list[Phase] = [Phase(PhaseKind.WARM_UP, float(end_s), gentle_m_s, ramp_m_s2)]
    for index in range(count):
        ends_here = (index == 0) + (index == count - 1)
        phases.append(Phase(PhaseKind.WORK, float(stretch_s - ends_here * end_s), work_m_s, ramp_m_s2))
        if index < count - 1:
            phases.append(Phase(PhaseKind.REST, rest_s))
    return (*phases, Phase(PhaseKind.COOL_DOWN, float(end_s), gentle_m_s, ramp_m_s2))


def _layout_rows(phases: tuple[Phase, ...], verdict: Verdict) -> tuple[PlanRow, ...]:
    found = stretches(phases)
    longest_s = max(walking_time_s(stretch) for stretch in found)
    ends_s = walking_time_s(tuple(phase for phase in phases if phase.kind is not PhaseKind.WORK))
    bout, bouts, ends = verdict.cap(Limit.BOUT_S), verdict.cap(Limit.BOUTS), verdict.cap(Limit.ENDS_FRACTION)
    few = "as few as the belt time needs" if len(found) < bouts.value else bouts.rule
    return (
        PlanRow("stretches of walking", f"{len(found)}", few),
        PlanRow("walking without a rest", f"{longest_s:g} s", f"at most {bout.value:g} s: {bout.rule}"),
        PlanRow("warm-up and cool-down together", f"{ends_s:g} s", f"at most {ends.value:.0%} of the belt time: {ends.rule}"),
    )


def stage_rows(plan: Plan, verdict: Verdict) -> tuple[PlanRow, ...]:
    """Returns the rows of everything but speed and time."""

    def row(what: str, value: str, limit: Limit) -> PlanRow:
        return PlanRow(what, value, verdict.cap(limit).rule)

    free = "allowed" if verdict.cap(Limit.HANDS_FREE).value >= 1 else "none"
    pressures = (verdict.cap(limit).value for limit in (Limit.SYSTOLIC_MM_HG, Limit.DIASTOLIC_MM_HG))
    return (
        row("acceleration", f"{verdict.cap(Limit.ACCELERATION_M_S2).value:g} m/s²", Limit.ACCELERATION_M_S2),
        row("symptom checks every", f"{verdict.cap(Limit.CHECK_INTERVAL_S).value:g} s", Limit.CHECK_INTERVAL_S),
        row("rails", plan.rails.value, Limit.RAILS),
        row("attendant", plan.attendant.value.replace("_", " "), Limit.ATTENDANT),
        row("hands-free windows", free, Limit.HANDS_FREE),
        row("heart rate, at most", f"{verdict.cap(Limit.HEART_RATE_PER_MIN).value:g} a minute", Limit.HEART_RATE_PER_MIN),
        row("blood pressure, at most", "/".join(f"{each:g}" for each in pressures) + " mmHg", Limit.SYSTOLIC_MM_HG),
    )


def plan_notes(plan: Plan, verdict: Verdict, clinical: ClinicalSettings) -> tuple[str, ...]:
    """Returns what people should know of the plan: that it is too short, and what the rules noted."""
    belt_time_s, least_s = walking_time_s(plan.phases), clinical.prescription.too_short_s
    short = (
        (f"too short: {belt_time_s:g} s of belt time, {least_s:g} s are the least worth its name",) if belt_time_s < least_s else ()
    )
    return (*short, *(note.text for note in verdict.notes))
