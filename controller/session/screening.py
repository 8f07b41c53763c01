"""Screening: from a patient's records and the day to a verdict. Pure; the same records always come to the same verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from controller.core.limits import SessionLimits
from controller.core.settings import CoreSettings
from controller.session.facts import FIXED_FLAT, DeckGrade, Facts, Rule
from controller.session.local_day import Clock, session_day
from controller.session.rules import RULES
from controller.session.sense import judge_screening
from controller.session.settings import ClinicalSettings
from controller.session.verdict import ATTENDANTS, Cap, Demand, Finding, Limit, Note, Refusal, Verdict, make_verdict
from messages.figures import Question
from messages.patient import Profile, Screening, UsableHand
from messages.plan import RailStage
from settings_files.problems import Problem

_ALL_HANDS = {UsableHand.BOTH: RailStage.BOTH, UsableHand.LEFT: RailStage.LEFT, UsableHand.RIGHT: RailStage.RIGHT}
_EQUAL_WITHIN = 1e-9


# Control C-SCREENING.
def screen(
    screening: Screening,
    clock: Clock,
    core: CoreSettings,
    clinical: ClinicalSettings,
    grade: DeckGrade = FIXED_FLAT,
    rules: tuple[Rule, ...] = RULES,
) -> Verdict:
    """Returns what the patient may do today. Never raises: records that make no sense, or a day that nobody knows, are refusals.

    The day comes first, then sense: the rules only see what has passed both.
    """
    day = session_day(clock, screening)
    problems = (*day.problems, *judge_screening(screening, day.on, clinical.screening))
    if problems:
        return make_verdict(Refusal(problem, "records") for problem in problems)
    facts = Facts(screening.profile, screening.today, screening.history, day.on, grade, core, clinical)
    found = list(_named(facts, rules))
    found += (Note(text, "clock") for text in day.notes)
    verdict = make_verdict(found)
    too_slow = _slower_than_the_belt(verdict, core)
    return make_verdict([*found, too_slow]) if too_slow is not None else verdict


def _named(facts: Facts, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """Every rule's findings, with its name."""
    for rule in rules:
        for finding in rule.judge(facts):
            yield msgspec.structs.replace(finding, rule=rule.name)


def _slower_than_the_belt(verdict: Verdict, core: CoreSettings) -> Refusal | None:
    """Who may not go as fast as the belt starts may not go at all."""
    cap, first_m_s = verdict.cap(Limit.CEILING_M_S), core.speed.first_m_s
    if cap.value >= first_m_s - _EQUAL_WITHIN:
        return None
    remedy = f"no session on this treadmill: START already grants {first_m_s:g} m/s; practise overground, and measure again"
    allowed = f"at least {first_m_s:g} m/s (speed.first_m_s)"
    return Refusal(Problem("ceiling_m_s", f"{cap.value:.3g}", allowed, f"{remedy} (cap of rule {cap.rule})"), cap.rule)


def rails_stage(profile: Profile, cap: Cap) -> RailStage:
    """Returns the least that must be held: every hand that can, or what the patient's stage says."""
    return _ALL_HANDS[profile.usable_hand] if cap.value < 1 else profile.rails


def session_limits(verdict: Verdict, screening: Screening) -> SessionLimits:
    """Returns what the scan must keep, for a verdict without refusals; raises LookupError for one that has no caps."""
    today = screening.today

    def value(limit: Limit) -> float:
        return verdict.cap(limit).value

    return SessionLimits(
        ceiling_m_s=value(Limit.CEILING_M_S),
        acceleration_m_s2=value(Limit.ACCELERATION_M_S2),
        belt_time_s=value(Limit.BELT_TIME_S),
        bout_s=value(Limit.BOUT_S),
        check_interval_s=value(Limit.CHECK_INTERVAL_S),
        rails=rails_stage(screening.profile, verdict.cap(Limit.RAILS)),
        attendant=ATTENDANTS[math.floor(value(Limit.ATTENDANT))],
        hands_free=value(Limit.HANDS_FREE) >= 1,
        questions=tuple(each for each in Question if each is not Question.LEGS or verdict.asks_for(Demand.ASK_LEGS)),
        pain_today=today.pain,
        legs_end=verdict.asks_for(Demand.LEGS_END),
        ask_glasses=verdict.asks_for(Demand.ASK_GLASSES),
        heart_rate_limit_per_min=math.floor(value(Limit.HEART_RATE_PER_MIN)),
        systolic_limit_mm_hg=math.floor(value(Limit.SYSTOLIC_MM_HG)),
        diastolic_limit_mm_hg=math.floor(value(Limit.DIASTOLIC_MM_HG)),
        systolic_today_mm_hg=today.systolic_mm_hg,
    )
