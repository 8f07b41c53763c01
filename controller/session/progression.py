"""From the last sessions one proposal with its reason, and what a clinician's decision makes of a profile. Pure.

One variable at a time: time, then speed, then rails and hands-free windows, then the attendant. Nothing here is applied by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from controller.core.exercise import increment_m_s
from controller.core.settings import CoreSettings
from controller.session.facts import FIXED_FLAT, Facts
from controller.session.rules_patient import why_not_running
from controller.session.settings import ClinicalSettings
from controller.session.verdict import ATTENDANTS, Limit, Verdict
from controller.session.week import is_prescribed
from messages.patient import Ending, NextDay, PastSession, PrescriptionKind, Profile, Screening, UsableHand
from messages.plan import AttendantStage, Plan, RailStage
from messages.progression import Accepted, Changed, Decision, Proposal, Variable
from settings_files.problems import Problem, ProblemsError, written

_STAGE_RULE = "stage"
_SAME_SPEED_M_S, _SAME_TIME_FRACTION = 0.03, 0.9
"""Sessions within these are at the same level."""


class _Case(msgspec.Struct, frozen=True):
    """What the proposals look at."""

    facts: Facts
    verdict: Verdict
    last: PastSession
    since_change: tuple[PastSession, ...]
    """Of the sessions that count, those that show how the patient bears the last change."""

    def allows(self, limit: Limit, value: float) -> bool:
        """Whether every rule but the patient's own stage would allow this stage."""
        return all(cap.value >= value for cap in self.verdict.caps if cap.limit is limit and cap.rule != _STAGE_RULE)


def propose_progression(
    screening: Screening,
    verdict: Verdict,
    core: CoreSettings,
    clinical: ClinicalSettings,
    since_change: tuple[PastSession, ...] | None = None,
) -> Proposal:
    """Returns the one change that is due, a step back, or NOTHING with the reason. The day is that of today's check.

    since_change: of the history, what began after the last change that a clinician made; None: there was none.
    """
    facts = Facts(screening.profile, screening.today, screening.history, screening.today.on, FIXED_FLAT, core, clinical)
    if not facts.familiar:
        return _nothing("the first session comes first")
    if verdict.refusals:
        return _nothing(f"no session today: {verdict.refusals[0].problem}")
    counted = facts.counted
    borne = counted if since_change is None else tuple(past for past in counted if past in since_change)
    case = _Case(facts, verdict, counted[-1], borne)
    back = _step_back(case)
    if back is not None:
        return back
    waiting = _why_wait(case)
    if waiting:
        return _nothing(waiting)
    for propose in _IN_ORDER:
        proposal = propose(case)
        if proposal is not None:
            return proposal
    return _nothing("everything is at today's caps: " + _caps_that_hold(verdict))


def apply_decision(profile: Profile, decision: Decision, plan: Plan | None = None) -> Profile:
    """Returns the profile after a clinician's decision; a rejected proposal leaves it as it was.

    plan: the plan that was proposed with the change, for a change of the plan; a Changed decision brings its own. Raises
    ProblemsError for another patient's decision, and where a plan is needed and not given.
    """
    if decision.patient != profile.patient:
        allowed = written(profile.patient)
        raise ProblemsError("decision", (Problem("patient", written(decision.patient), allowed, "take this patient's"),))
    if isinstance(decision, Changed):
        return msgspec.structs.replace(profile, accepted_plan=decision.plan, accepted_by=decision.by)
    if not isinstance(decision, Accepted):
        return profile
    variable, after = decision.proposal.variable, decision.proposal.after
    if variable is Variable.RAILS:
        return msgspec.structs.replace(profile, rails=RailStage(after))
    if variable is Variable.ATTENDANT:
        return msgspec.structs.replace(profile, attendant=AttendantStage(after))
    if variable is Variable.HANDS_FREE:
        return msgspec.structs.replace(profile, hands_free=True)
    if variable is Variable.NOTHING:
        return profile
    if plan is None:
        raise ProblemsError("decision", (Problem("plan", "", "the plan that was proposed with the change", "propose it again"),))
    return msgspec.structs.replace(profile, accepted_plan=plan, accepted_by=decision.by)


def _nothing(reason: str) -> Proposal:
    return Proposal(variable=Variable.NOTHING, before="", after="", reason=reason)


def _step_back(case: _Case) -> Proposal | None:
    fraction = case.facts.clinical.caution.step_back_fraction
    if case.last.ending is Ending.FALL:
        reason = f"a fall ended the session of {case.last.on}"
    elif case.last.ending is Ending.SYMPTOM:
        reason = f"a symptom ended the session of {case.last.on}"
    elif case.facts.today.next_day is NextDay.WORSE:
        reason = "worse on the day after the last session"
    else:
        return None
    before = f"{case.last.top_speed_m_s:.2f} m/s, {case.last.belt_time_s:g} s"
    return Proposal(variable=Variable.STEP_BACK, before=before, after=f"{fraction:.0%} of both", reason=reason, value=fraction)


def _why_wait(case: _Case) -> str:
    """Enough good sessions in a row, all of them at the present level."""
    settings = case.facts.clinical.progression
    if case.facts.today.next_day is NextDay.SORE:
        return "sore on the day after the last session: as it was, once more"
    recent = case.since_change[-settings.good_sessions :]
    if len(recent) < settings.good_sessions <= len(case.facts.counted):
        return f"{len(recent)} of {settings.good_sessions} sessions since the last change: as it was, once more"
    good = sum(_is_good(past, settings.good_pain) and _is_at_level(past, case.last) for past in recent)
    if good == settings.good_sessions:
        return ""
    return f"{good} of the last {settings.good_sessions} sessions were good ones at this level: as it was, once more"


def _is_good(past: PastSession, highest_pain: int) -> bool:
    calm = past.balance_losses == 0 and past.worst_dizziness == 0 and past.worst_pain <= highest_pain
    return calm and past.ending is Ending.COMPLETE


def _is_at_level(past: PastSession, last: PastSession) -> bool:
    same_speed = past.top_speed_m_s >= last.top_speed_m_s - _SAME_SPEED_M_S
    return same_speed and past.belt_time_s >= _SAME_TIME_FRACTION * last.belt_time_s


def _time(case: _Case) -> Proposal | None:
    cap, step_s = case.verdict.cap(Limit.BELT_TIME_S), case.facts.clinical.progression.time_step_s
    after_s = math.floor(min(case.last.belt_time_s + step_s, cap.value))
    if after_s < case.last.belt_time_s + 1:
        return None
    before = f"{case.last.belt_time_s:g} s"
    reason = f"good sessions; time comes first (at most {cap.value:g} s: {cap.rule})"
    return Proposal(variable=Variable.TIME, before=before, after=f"{after_s} s", reason=reason, value=float(after_s))


def _speed(case: _Case) -> Proposal | None:
    cap, before_m_s = case.verdict.cap(Limit.CEILING_M_S), case.last.top_speed_m_s
    after_m_s = math.floor(min(before_m_s + increment_m_s(before_m_s, case.facts.core.speed), cap.value) * 100 + 1e-6) / 100
    if after_m_s < before_m_s + 0.005:
        return None
    runs = after_m_s > case.facts.clinical.prescription.walking_ceiling_m_s
    reason = f"good sessions, belt time at its cap (at most {cap.value:.2f} m/s: {cap.rule})"
    return Proposal(
        variable=Variable.RUNNING if runs else Variable.SPEED,
        before=f"{before_m_s:.2f} m/s",
        after=f"{after_m_s:.2f} m/s",
        reason=f"{reason}; running is prescribed, its gate passed" if runs else reason,
        value=after_m_s,
    )


def _rails(case: _Case) -> Proposal | None:
    profile = case.facts.profile
    if profile.rails is not RailStage.BOTH or profile.usable_hand is not UsableHand.BOTH or not case.allows(Limit.RAILS, 1):
        return None
    reason = "good sessions, time and speed at their caps; holding on hinders learning (TNSRE 2019)"
    return Proposal(variable=Variable.RAILS, before=RailStage.BOTH.value, after=RailStage.ONE.value, reason=reason)


def _hands_free(case: _Case) -> Proposal | None:
    """Only for who has two hands to grab the rails with: that is the way out of a window."""
    profile = case.facts.profile
    if profile.hands_free or profile.usable_hand is not UsableHand.BOTH or not case.allows(Limit.HANDS_FREE, 1):
        return None
    reason = "good sessions, time and speed at their caps"
    return Proposal(variable=Variable.HANDS_FREE, before="none", after="windows", reason=reason)


def _attendant(case: _Case) -> Proposal | None:
    stage = ATTENDANTS.index(case.facts.profile.attendant)
    if stage + 1 >= len(ATTENDANTS) or not case.allows(Limit.ATTENDANT, stage + 1):
        return None
    reason = "good sessions, everything else at its stage"
    return Proposal(variable=Variable.ATTENDANT, before=ATTENDANTS[stage].value, after=ATTENDANTS[stage + 1].value, reason=reason)


def _no_running_here(case: _Case) -> Proposal | None:
    """Says why a running prescription comes to nothing."""
    facts = case.facts
    if not is_prescribed(PrescriptionKind.RUNNING, facts.profile.prescriptions, facts.on):
        return None
    unmet = why_not_running(facts)
    if unmet:
        return _nothing(f"running is prescribed, but {' and '.join(unmet)}")
    ceiling, walking = facts.core.speed.ceiling_m_s, facts.clinical.prescription.walking_ceiling_m_s
    if ceiling > walking:
        return None
    return _nothing(
        f"running is prescribed, but this treadmill ends at {ceiling:g} m/s (speed.ceiling_m_s), walking at {walking:g}: a faster "
        "one needs ramp.loaded_deceleration_m_s2 to stop it in time (docs/decisions/0006)"
    )


_IN_ORDER: tuple[Callable[[_Case], Proposal | None], ...] = (_time, _speed, _rails, _hands_free, _attendant, _no_running_here)


def _caps_that_hold(verdict: Verdict) -> str:
    return ", ".join(f"{limit.value} {verdict.cap(limit).value:g} ({verdict.cap(limit).rule})" for limit in _SHOWN)


_SHOWN = (Limit.BELT_TIME_S, Limit.CEILING_M_S)
