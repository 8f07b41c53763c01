"""Repeats the last accepted plan in one step, cut down to today's caps where it is above one. Pure."""

from __future__ import annotations

import math

import msgspec

from controller.core.settings import CoreSettings
from controller.session.patient_plan import judge_plan_for_patient, walking_time_s
from controller.session.proposal import PlanRow, ProposedPlan, Target, capped, compose, plan_notes, refuse_refused, stage_rows
from controller.session.screening import rails_stage
from controller.session.settings import ClinicalSettings
from controller.session.verdict import ATTENDANTS, Demand, Limit, Verdict
from messages.patient import Profile, UsableHand
from messages.plan import PhaseKind, Plan, RailStage
from settings_files.problems import Problem, ProblemsError


def repeat_plan(profile: Profile, verdict: Verdict, core: CoreSettings, clinical: ClinicalSettings) -> ProposedPlan:
    """Returns the last accepted plan with today's mass, cut down to today's caps where it is above one; the rows say where.

    Raises ProblemsError where there is no accepted plan, or screening refuses the patient.
    """
    refuse_refused(verdict, profile)
    plan = profile.accepted_plan
    if plan is None:
        problem = Problem(
            "accepted_plan", "", "a plan that a clinician has accepted", "propose a plan, and let a clinician accept it"
        )
        raise ProblemsError(profile.patient, (problem,))
    cut = _cut_stages(_cut_phases(plan, verdict, core), verdict, profile)
    if judge_plan_for_patient(cut, verdict, profile):
        speed = Target(max(phase.speed_m_s for phase in cut.phases), "the accepted plan, laid out anew")
        time = Target(walking_time_s(cut.phases), "the accepted plan, laid out anew")
        return compose(
            verdict, profile, core, clinical, capped(verdict, Limit.CEILING_M_S, speed), capped(verdict, Limit.BELT_TIME_S, time)
        )
    accepted = f"as accepted by {profile.accepted_by}"
    rows = (
        PlanRow("speed, at most", f"{max(phase.speed_m_s for phase in cut.phases):.2f} m/s", _why(plan, cut, verdict, accepted)),
        PlanRow("belt time", f"{walking_time_s(cut.phases):g} s", _why_time(plan, cut, verdict, accepted)),
        *stage_rows(cut, verdict),
    )
    changed = msgspec.structs.replace(plan, mass_kg=profile.mass_kg) != cut
    note = "cut down to today's caps" if changed else "the last accepted plan, unchanged"
    return ProposedPlan(cut, rows, (note, *plan_notes(cut, verdict, clinical)))


def _cut_phases(plan: Plan, verdict: Verdict, core: CoreSettings) -> Plan:
    ceiling, ramp = verdict.cap(Limit.CEILING_M_S).value, verdict.cap(Limit.ACCELERATION_M_S2).value
    rest_s, belt_time_s = verdict.cap(Limit.REST_S).value, walking_time_s(plan.phases)
    share = min(1.0, verdict.cap(Limit.BELT_TIME_S).value / belt_time_s) if belt_time_s > 0 else 1.0
    phases = []
    for phase in plan.phases:
        if phase.kind is PhaseKind.REST:
            phases.append(msgspec.structs.replace(phase, duration_s=max(phase.duration_s, rest_s)))
            continue
        own = phase.acceleration_m_s2 or core.ramp.acceleration_m_s2
        gentler = ramp if ramp < own else phase.acceleration_m_s2
        duration_s = phase.duration_s if share >= 1 else max(1.0, math.floor(share * phase.duration_s))
        speed_m_s = min(phase.speed_m_s, ceiling)
        phases.append(msgspec.structs.replace(phase, duration_s=duration_s, speed_m_s=speed_m_s, acceleration_m_s2=gentler))
    return msgspec.structs.replace(plan, phases=tuple(phases))


def _cut_stages(plan: Plan, verdict: Verdict, profile: Profile) -> Plan:
    needed = rails_stage(profile, verdict.cap(Limit.RAILS))
    stricter = plan.rails is RailStage.BOTH and profile.usable_hand is UsableHand.BOTH
    nearest = int(verdict.cap(Limit.ATTENDANT).value)
    return msgspec.structs.replace(
        plan,
        mass_kg=profile.mass_kg,
        rails=plan.rails if stricter else needed,
        attendant=ATTENDANTS[min(nearest, ATTENDANTS.index(plan.attendant))],
        first_session=verdict.asks_for(Demand.FAMILIARISATION),
    )


def _why(plan: Plan, cut: Plan, verdict: Verdict, accepted: str) -> str:
    was, now = (max(phase.speed_m_s for phase in each.phases) for each in (plan, cut))
    return accepted if was == now else f"cut from {was:.2f} m/s: {verdict.cap(Limit.CEILING_M_S).rule}"


def _why_time(plan: Plan, cut: Plan, verdict: Verdict, accepted: str) -> str:
    was, now = (walking_time_s(each.phases) for each in (plan, cut))
    return accepted if was == now else f"cut from {was:g} s: {verdict.cap(Limit.BELT_TIME_S).rule}"
