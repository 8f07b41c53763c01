"""Whether a proposed session may be prepared: screening, then the plan against the treadmill and against the patient. Pure."""

from __future__ import annotations

import msgspec

from controller.core.limits import SessionLimits
from controller.core.settings import CoreSettings
from controller.session.caps import judge_plan
from controller.session.facts import DeckGrade
from controller.session.local_day import Clock, session_day
from controller.session.patient_plan import judge_plan_for_patient
from controller.session.screening import screen, session_limits
from controller.session.settings import ClinicalSettings
from controller.session.verdict import Demand, Limit, Verdict
from messages.patient import Screening
from messages.plan import Plan
from settings_files.problems import Problem

_MISSING = Problem(
    "screening",
    "",
    "the patient's profile, today's check and the sessions so far",
    "prepare with a screening: without it nobody knows what this patient may do",
)


class Admission(msgspec.Struct, frozen=True):
    """limits: what the scan must keep; None while there are problems."""

    problems: tuple[Problem, ...]
    limits: SessionLimits | None


def admit(
    plan: Plan, screening: Screening | None, clock: Clock, core: CoreSettings, clinical: ClinicalSettings, grade: DeckGrade
) -> Admission:
    """Returns every reason against the session at once, or the limits that were computed here and nowhere else."""
    if screening is None:
        return Admission((_MISSING, *judge_plan(plan, core)), None)
    verdict = screen(screening, clock, core, clinical, grade)
    patients = judge_plan_for_patient(plan, verdict, screening.profile)
    named = {(problem.key, problem.value) for problem in patients}
    treadmills = judge_plan(plan, core, _first_session_ceiling_m_s(verdict))
    problems = (*patients, *(problem for problem in treadmills if (problem.key, problem.value) not in named))
    if problems:
        return Admission(problems, None)
    limits = session_limits(verdict, screening)
    day = session_day(clock, screening)
    vouched_on = day.on if day.is_vouched_for else None
    return Admission((), msgspec.structs.replace(limits, least_slack_m=_least_slack_m(plan, core, clinical), vouched_on=vouched_on))


# Control C-HARNESS-CHECK.
def _least_slack_m(plan: Plan, core: CoreSettings, clinical: ClinicalSettings) -> float:
    """Running bounces the harness point by up to 12 cm: with less slack the bounce itself stops the belt (docs/balance-loss.md)."""
    runs = any(phase.speed_m_s > clinical.prescription.walking_ceiling_m_s for phase in plan.phases)
    return core.session.running_slack_minimum_m if runs else 0.0


def _first_session_ceiling_m_s(verdict: Verdict) -> float | None:
    """A first session's ceiling is the patient's own where one was measured; None where it is not a first session."""
    return verdict.cap(Limit.CEILING_M_S).value if verdict.asks_for(Demand.FAMILIARISATION) else None
