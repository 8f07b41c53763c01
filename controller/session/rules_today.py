"""Rules of today's check and of past sessions. Each is a row of `controller.session.rules`."""

from __future__ import annotations

from collections.abc import Iterator

from controller.session.facts import Facts
from controller.session.rules_patient import CONTACT_GUARD, EVERY_HAND, NONE, bouts_of, careful
from controller.session.verdict import Ask, Cap, Demand, Finding, Limit, Note, Refusal
from controller.session.week import judge_week
from messages.patient import Ending, NextDay
from settings_files.problems import Problem

_AGAIN = "let the patient sit for 5 min and measure again; if it stays so, no session, and the physician is told"
_EXAMINE = (
    "a clinician examines the patient off the treadmill and enters their pseudonym as today.examined_by: then a careful session"
)


def judge_blood_pressure(facts: Facts) -> Iterator[Finding]:
    """Resting blood pressure."""
    today, limits = facts.today, facts.clinical.screening
    least, most = limits.systolic_least_mm_hg, limits.systolic_limit_mm_hg
    if not least <= today.systolic_mm_hg <= most:
        yield Refusal(Problem("today.systolic_mm_hg", str(today.systolic_mm_hg), f"{least} to {most} mmHg at rest", _AGAIN))
    if not today.diastolic_mm_hg <= limits.diastolic_limit_mm_hg:
        allowed = f"at most {limits.diastolic_limit_mm_hg} mmHg at rest"
        yield Refusal(Problem("today.diastolic_mm_hg", str(today.diastolic_mm_hg), allowed, _AGAIN))


def judge_heart_rate(facts: Facts) -> Iterator[Finding]:
    """Resting heart rate, against the clinic's limit and the patient's own; the lower holds."""
    limits = facts.clinical.screening
    most = limits.heart_rate_limit_per_min
    own = facts.profile.resting_heart_rate_limit_per_min
    if own is not None and own < most:
        most = own
    least = limits.heart_rate_least_per_min
    if not least <= facts.today.heart_rate_per_min <= most:
        allowed = f"{least} to {most} a minute at rest"
        yield Refusal(Problem("today.heart_rate_per_min", str(facts.today.heart_rate_per_min), allowed, _AGAIN))


def judge_new_symptoms(facts: Facts) -> Iterator[Finding]:
    """New symptoms, or a fall since: nobody walks before a clinician has looked; then carefully."""
    today = facts.today
    found = [key for key, present in (("new_symptoms", today.new_symptoms), ("falls_since", today.falls_since)) if present]
    if not found:
        return
    if today.examined_by is None:
        for key in found:
            yield Refusal(Problem(f"today.{key}", "true", "false, or examined today by a named clinician", _EXAMINE))
    else:
        yield Note(f"{' and '.join(found)}: examined today by {today.examined_by}; a careful session")
    yield from careful(facts, severe=True)
    yield Cap(Limit.HANDS_FREE, NONE)


def judge_pain(facts: Facts) -> Iterator[Finding]:
    """Pain before the session."""
    limits, pain = facts.clinical.screening, facts.today.pain
    if pain >= limits.pain_refused:
        allowed = f"less than {limits.pain_refused}: so much would end a session"
        yield Refusal(Problem("today.pain", str(pain), allowed, "no session today; the responsible clinician decides what helps"))
    if pain >= limits.pain_caution:
        yield from careful(facts)


def judge_next_day(facts: Facts) -> Iterator[Finding]:
    """How the day after the last session was: sore, no more than then; worse, a step back."""
    answer = facts.today.next_day
    if not facts.counted or answer not in (NextDay.SORE, NextDay.WORSE):
        return
    fraction = facts.clinical.caution.step_back_fraction if answer is NextDay.WORSE else 1.0
    yield from _share_of_last(facts, fraction)
    yield Note(
        f"{answer.value} on the day after the last session: {'a step back' if answer is NextDay.WORSE else 'no more than then'}"
    )


def judge_last_ending(facts: Facts) -> Iterator[Finding]:
    """A fall or a symptom ended the last session: a step back."""
    if not facts.counted or facts.counted[-1].ending not in (Ending.FALL, Ending.SYMPTOM):
        return
    last = facts.counted[-1]
    yield from _share_of_last(facts, facts.clinical.caution.step_back_fraction)
    yield Note(f"a {last.ending.value} ended the session of {last.on}: a step back")
    if last.ending is Ending.FALL:
        yield Cap(Limit.ATTENDANT, CONTACT_GUARD)
        yield Cap(Limit.RAILS, EVERY_HAND)
        yield Cap(Limit.HANDS_FREE, NONE)


def _share_of_last(facts: Facts, fraction: float) -> Iterator[Finding]:
    """Never below the first speed and the shortest session worth its name: less than those is no session."""
    last = facts.counted[-1]
    yield Cap(Limit.CEILING_M_S, max(fraction * last.top_speed_m_s, facts.core.speed.first_m_s))
    yield Cap(Limit.BELT_TIME_S, max(fraction * last.belt_time_s, facts.clinical.prescription.too_short_s))


def judge_first_session(facts: Facts) -> Iterator[Finding]:
    """Familiarisation: slow, short, with rests. It is not skipped, whatever brings the patient here or ended an earlier try."""
    if facts.familiar:
        return
    core, first = facts.core, facts.clinical.first_session
    yield Ask(Demand.FAMILIARISATION)
    yield Cap(Limit.CEILING_M_S, _first_ceiling_m_s(facts))
    yield Cap(Limit.ACCELERATION_M_S2, core.ramp.first_session_acceleration_m_s2)
    yield Cap(Limit.BELT_TIME_S, core.session.first_session_belt_time_s)
    yield from bouts_of(facts, first.bout_s)
    yield Cap(Limit.BOUTS, first.bouts)
    yield Cap(Limit.REST_S, first.rest_s)
    yield Cap(Limit.CHECK_INTERVAL_S, first.check_interval_s)
    yield Cap(Limit.ATTENDANT, CONTACT_GUARD)
    yield Cap(Limit.RAILS, EVERY_HAND)
    yield Cap(Limit.HANDS_FREE, NONE)


def _first_ceiling_m_s(facts: Facts) -> float:
    first, measured_m_s = facts.clinical.first_session, facts.walk_test_m_s
    if measured_m_s is None:
        return facts.core.speed.first_session_ceiling_m_s
    return min(first.measured_ceiling_m_s, first.overground_fraction * measured_m_s)


def judge_walk_test(facts: Facts) -> Iterator[Finding]:
    """A slow backward walk overground is a high risk of falls; an old test counts as none."""
    test = facts.profile.walk_test
    if test is None:
        return
    if facts.walk_test_m_s is None:
        yield Note(
            f"the backward walk test of {test.on} is older than {facts.clinical.screening.walk_test_days} days: measure again"
        )
    if test.time_s > facts.clinical.screening.fall_risk_walk_test_s:
        yield Cap(Limit.ATTENDANT, CONTACT_GUARD)


def judge_sessions_a_week(facts: Facts) -> Iterator[Finding]:
    """How often."""
    problem = judge_week(facts.history, facts.profile.prescriptions, facts.on, facts.clinical.prescription)
    if problem is not None:
        yield Refusal(problem)
