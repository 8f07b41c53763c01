"""Every line of the exercise's table that screening keeps: who is refused, what is capped, by which rule."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from controller.core.settings import SpeedSettings
from controller.session.facts import DeckGrade
from controller.session.rules import RULES
from controller.session.screening import screen, session_limits
from controller.session.verdict import Demand, Limit, Verdict
from messages.figures import Question
from messages.patient import Ending, FlagName, Grade, NextDay, PrescriptionKind, SessionKind, UsableHand, WalkTest
from messages.plan import AttendantStage, RailStage
from tests.session.records import (
    CHECK,
    CLINICAL,
    CLOCK,
    CORE,
    FELL,
    clearance,
    days_ago,
    flag,
    judged,
    new_patient,
    past,
    prescription,
    records,
    refused_keys,
)

MILD, MODERATE, SEVERE = Grade.MILD, Grade.MODERATE, Grade.SEVERE


def cap(verdict: Verdict, limit: Limit) -> tuple[float, str]:
    found = verdict.cap(limit)
    return found.value, found.rule


def flagged(name: FlagName, grade: Grade = MILD, **profile: Any) -> Verdict:
    return judged(records(profile={"flags": (flag(name, grade),), **profile}))


def test_a_healthy_returning_patient_has_the_treadmills_caps_and_half_the_usual_session() -> None:
    verdict = judged(records())
    assert verdict.problems == ()
    assert cap(verdict, Limit.CEILING_M_S) == (1.0, "treadmill")
    assert cap(verdict, Limit.BELT_TIME_S) == (1200.0, "half-the-usual-session")
    assert cap(verdict, Limit.ATTENDANT) == (1.0, "stage")
    assert cap(verdict, Limit.HANDS_FREE) == (0.0, "stage")
    assert cap(verdict, Limit.CHECK_INTERVAL_S) == (300.0, "treadmill")
    assert {each.limit for each in verdict.caps} == set(Limit)


@pytest.mark.hazard("H-22", "C-SCREENING")
@pytest.mark.parametrize(
    ("name", "grade", "refused"),
    [
        (FlagName.OSTEOPOROSIS, SEVERE, True),
        (FlagName.OSTEOPOROSIS, MODERATE, False),
        (FlagName.VESTIBULAR, MILD, True),
        (FlagName.VESTIBULAR, SEVERE, True),
        (FlagName.CARDIAC, SEVERE, True),
        (FlagName.CARDIAC, MODERATE, True),
        (FlagName.CARDIAC, MILD, False),
        (FlagName.COGNITION, SEVERE, True),
        (FlagName.COGNITION, MODERATE, False),
        (FlagName.PREGNANCY, MILD, True),
        (FlagName.STOMA, MILD, True),
        (FlagName.HERNIA, MILD, True),
        (FlagName.ABDOMINAL_SURGERY, MILD, True),
        (FlagName.THORACIC_SURGERY, MILD, True),
        (FlagName.LUMBAR, SEVERE, False),
        (FlagName.KNEE, SEVERE, False),
        (FlagName.ANKLE, SEVERE, False),
    ],
)
def test_contraindications_are_refused_by_name_and_say_who_may_decide(name: FlagName, grade: Grade, refused: bool) -> None:
    verdict = flagged(name, grade)
    assert refused_keys(verdict) == ([f"profile.flags.{name.value}"] if refused else [])
    assert all("clinician" in each.remedy or "physician" in each.remedy or "surgeon" in each.remedy for each in verdict.problems)


@pytest.mark.parametrize(("days", "taken"), [(0, True), (30, True), (31, False)])
@pytest.mark.parametrize(("name", "grade"), [(FlagName.VESTIBULAR, SEVERE), (FlagName.CARDIAC, MODERATE)])
def test_a_clearance_by_a_clinician_lasts_thirty_days(name: FlagName, grade: Grade, days: int, taken: bool) -> None:
    profile = {"flags": (flag(name, grade, days=60),), "clearances": (clearance(name, days),)}
    verdict = judged(records(profile=profile))
    assert (verdict.problems == ()) is taken
    assert cap(verdict, Limit.CHECK_INTERVAL_S) == (120.0, name.value)


def test_nobody_clears_a_severe_osteoporosis() -> None:
    profile = {"flags": (flag(FlagName.OSTEOPOROSIS, SEVERE),), "clearances": (clearance(FlagName.OSTEOPOROSIS),)}
    verdict = judged(records(profile=profile))
    assert refused_keys(verdict) == ["profile.clearances[0].flag"]


@pytest.mark.parametrize(("grade", "speed_m_s", "attendant"), [(MILD, 0.5, 1.0), (MODERATE, 0.5, 1.0), (SEVERE, 0.3, 0.0)])
def test_a_lumbar_problem_has_the_caution_profile_and_its_legs_are_asked(grade: Grade, speed_m_s: float, attendant: float) -> None:
    verdict = flagged(FlagName.LUMBAR, grade)
    assert cap(verdict, Limit.CEILING_M_S) == (speed_m_s, "lumbar")
    assert cap(verdict, Limit.ACCELERATION_M_S2) == (0.05, "lumbar")
    assert cap(verdict, Limit.BOUT_S) == (180.0, "lumbar")
    assert cap(verdict, Limit.BELT_TIME_S) == (600.0, "lumbar")
    assert verdict.cap(Limit.ATTENDANT).value == attendant
    limits = session_limits(verdict, records())
    assert Question.LEGS in limits.questions
    assert limits.legs_end
    assert Question.LEGS not in session_limits(judged(records()), records()).questions


@pytest.mark.parametrize(("legs", "keys"), [(False, []), (True, ["today.leg_symptoms"]), (None, ["today.leg_symptoms"])])
def test_with_a_lumbar_finding_the_legs_are_asked_before(legs: bool | None, keys: list[str]) -> None:
    screening = records(profile={"flags": (flag(FlagName.LUMBAR),)}, today={"leg_symptoms": legs})
    assert refused_keys(judged(screening)) == keys
    assert judged(records(today={"leg_symptoms": legs})).problems == ()


@pytest.mark.parametrize(
    ("grade", "pain", "indicated"), [(MILD, 0, True), (MILD, 3, True), (MILD, 4, False), (MODERATE, 0, False), (SEVERE, 3, False)]
)
def test_a_mild_knee_is_noted_as_an_indication(grade: Grade, pain: int, indicated: bool) -> None:
    verdict = judged(records(profile={"flags": (flag(FlagName.KNEE, grade),)}, today={"pain": pain}))
    assert any(note.text.startswith("indication: mild knee") for note in verdict.notes) is indicated
    assert (verdict.cap(Limit.BOUT_S).value == 180.0) is not indicated


@pytest.mark.parametrize("name", [FlagName.ANKLE, FlagName.VISUAL_FIELD_LOSS, FlagName.VARIFOCALS])
def test_ankle_and_sight_cap_the_speed_and_bring_somebody_near(name: FlagName) -> None:
    verdict = flagged(name, attendant=AttendantStage.SUPERVISION)
    assert verdict.cap(Limit.CEILING_M_S).value == 0.5
    assert verdict.cap(Limit.ATTENDANT).value == 1.0
    assert verdict.asks_for(Demand.ASK_GLASSES) is (name is not FlagName.ANKLE)
    assert session_limits(verdict, records()).ask_glasses is (name is not FlagName.ANKLE)


@pytest.mark.parametrize(("hand", "stage"), [(UsableHand.LEFT, RailStage.LEFT), (UsableHand.RIGHT, RailStage.RIGHT)])
def test_with_hemiplegia_the_usable_hand_holds_its_rail(hand: UsableHand, stage: RailStage) -> None:
    screening = records(profile={"flags": (flag(FlagName.HEMIPLEGIA),), "usable_hand": hand, "rails": stage})
    verdict = judged(screening)
    assert session_limits(verdict, screening).rails is stage
    both = records(profile={"flags": (flag(FlagName.HEMIPLEGIA),)})
    assert refused_keys(judged(both)) == ["profile.usable_hand"]


def test_cardiac_and_cognition_bring_care() -> None:
    verdict = flagged(FlagName.CARDIAC)
    assert cap(verdict, Limit.HEART_RATE_PER_MIN) == (120.0, "cardiac")
    screening = records(profile={"flags": (flag(FlagName.COGNITION, MODERATE),), "rails": RailStage.ONE, "hands_free": True})
    limits = session_limits(judged(screening), screening)
    assert (limits.rails, limits.attendant, limits.hands_free) == (RailStage.BOTH, AttendantStage.CONTACT_GUARD, False)


@pytest.mark.parametrize(("days", "taken"), [(0, False), (89, False), (90, True)])
def test_an_operation_needs_time_before_a_harness(days: int, taken: bool) -> None:
    verdict = judged(records(profile={"flags": (flag(FlagName.ABDOMINAL_SURGERY, days=days),)}))
    assert (verdict.problems == ()) is taken


@pytest.mark.parametrize(("mass_kg", "taken"), [(120.0, True), (120.1, False)])
def test_the_harness_is_rated(mass_kg: float, taken: bool) -> None:
    verdict = judged(records(profile={"mass_kg": mass_kg}))
    assert refused_keys(verdict) == ([] if taken else ["profile.mass_kg"])


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"systolic_mm_hg": 200, "diastolic_mm_hg": 100}, []),
        ({"systolic_mm_hg": 201}, ["today.systolic_mm_hg"]),
        ({"systolic_mm_hg": 89}, ["today.systolic_mm_hg"]),
        ({"diastolic_mm_hg": 101}, ["today.diastolic_mm_hg"]),
        ({"diastolic_mm_hg": 125}, ["today.diastolic_mm_hg"]),
        ({"heart_rate_per_min": 100}, []),
        ({"heart_rate_per_min": 101}, ["today.heart_rate_per_min"]),
        ({"heart_rate_per_min": 39}, ["today.heart_rate_per_min"]),
        ({"pain": 5}, []),
        ({"pain": 6}, ["today.pain"]),
        ({"new_symptoms": True}, ["today.new_symptoms"]),
        ({"falls_since": True}, ["today.falls_since"]),
        ({"new_symptoms": True, "falls_since": True}, ["today.falls_since", "today.new_symptoms"]),
        ({"new_symptoms": True, "falls_since": True, "examined_by": "doctor-2"}, []),
        ({"next_day": NextDay.NONE_BEFORE}, ["today.next_day"]),
        ({"on": days_ago(1)}, ["today.on"]),
    ],
)
def test_todays_check(changes: dict[str, Any], keys: list[str]) -> None:
    assert refused_keys(judged(records(today=changes))) == keys


@pytest.mark.parametrize(
    ("changes", "value", "allowed"),
    [
        ({"diastolic_mm_hg": 125}, "125", "less than the systolic pressure, 125 mmHg"),
        ({"systolic_mm_hg": 200, "diastolic_mm_hg": 101}, "101", "at most 100 mmHg at rest"),
        ({"systolic_mm_hg": 201}, "201", "90 to 200 mmHg at rest"),
        ({"heart_rate_per_min": 101}, "101", "40 to 100 a minute at rest"),
        ({"leg_symptoms": True}, "true", "false"),
        ({"leg_symptoms": None}, "not asked", "true or false"),
        ({"next_day": NextDay.NONE_BEFORE}, '"none_before"', '"good", "sore" or "worse": there was a session before'),
    ],
)
def test_a_refusal_says_the_value_and_what_is_allowed(changes: dict[str, Any], value: str, allowed: str) -> None:
    (problem,) = judged(records(profile={"flags": (flag(FlagName.LUMBAR),)}, today=changes)).problems
    assert (problem.value, problem.allowed) == (value, allowed)
    assert isinstance(problem.remedy, str)
    assert problem.remedy


def test_a_finding_that_needs_a_clearance_is_said_to_have_none() -> None:
    (problem,) = flagged(FlagName.VESTIBULAR, SEVERE).problems
    assert problem.value == "not cleared"


def test_records_that_make_no_sense_are_refused_as_that() -> None:
    assert [refusal.rule for refusal in judged(records(today={"diastolic_mm_hg": 125})).refusals] == ["records"]


@pytest.mark.parametrize(("answer", "word"), [(NextDay.SORE, "no more than then"), (NextDay.WORSE, "a step back")])
def test_the_day_after_is_noted_with_what_follows(answer: NextDay, word: str) -> None:
    notes = [note.text for note in judged(records(today={"next_day": answer})).notes]
    assert f"{answer.value} on the day after the last session: {word}" in notes


def test_the_patients_own_heart_rate_limit_can_only_be_lower() -> None:
    own = {"resting_heart_rate_limit_per_min": 80}
    assert refused_keys(judged(records(profile=own, today={"heart_rate_per_min": 81}))) == ["today.heart_rate_per_min"]
    own = {"resting_heart_rate_limit_per_min": 150}
    assert refused_keys(judged(records(profile=own, today={"heart_rate_per_min": 101}))) == ["today.heart_rate_per_min"]


def test_an_examined_patient_walks_carefully() -> None:
    verdict = judged(records(today={"falls_since": True, "examined_by": "doctor-2"}, profile={"hands_free": True}))
    assert cap(verdict, Limit.CEILING_M_S) == (0.3, "new-symptoms")
    assert cap(verdict, Limit.ATTENDANT) == (0.0, "new-symptoms")
    assert cap(verdict, Limit.HANDS_FREE) == (0.0, "new-symptoms")


@pytest.mark.parametrize(("pain", "speed_m_s"), [(3, 1.0), (4, 0.5), (5, 0.5)])
def test_pain_before_the_session_makes_it_careful(pain: int, speed_m_s: float) -> None:
    screening = records(today={"pain": pain})
    verdict = judged(screening)
    assert verdict.cap(Limit.CEILING_M_S).value == speed_m_s
    assert session_limits(verdict, screening).pain_today == pain


@pytest.mark.parametrize(
    ("answer", "speed_m_s", "time_s"), [(NextDay.GOOD, 1.0, 1200.0), (NextDay.SORE, 0.5, 1200.0), (NextDay.WORSE, 0.4, 960.0)]
)
def test_the_next_days_response_holds_or_steps_back(answer: NextDay, speed_m_s: float, time_s: float) -> None:
    verdict = judged(records(today={"next_day": answer}))
    assert verdict.cap(Limit.CEILING_M_S).value == pytest.approx(speed_m_s)
    assert verdict.cap(Limit.BELT_TIME_S).value == pytest.approx(time_s)


def test_after_a_fall_the_next_session_steps_back_with_every_hand_and_somebody_near() -> None:
    verdict = judged(records(history=(past(20), past(10, **FELL)), profile={"rails": RailStage.ONE, "hands_free": True}))
    assert cap(verdict, Limit.CEILING_M_S) == (pytest.approx(0.4), "last-ending")
    assert [verdict.cap(limit).value for limit in (Limit.RAILS, Limit.ATTENDANT, Limit.HANDS_FREE)] == [0, 0, 0]
    symptom = judged(records(history=(past(20), past(10, ending=Ending.SYMPTOM))))
    assert symptom.cap(Limit.BELT_TIME_S).value == pytest.approx(960.0)


@pytest.mark.parametrize(
    ("time_s", "days", "speed_m_s"),
    [(None, 0, 0.25), (3.0, 20, 0.40), (5.0, 20, 0.30), (10.0, 20, 0.15), (3.0, 90, 0.40), (3.0, 91, 0.25), (10.0, 91, 0.25)],
)
def test_a_first_session_is_slow_short_and_guarded(time_s: float | None, days: int, speed_m_s: float) -> None:
    test = None if time_s is None else WalkTest(on=days_ago(days), by="physio-1", time_s=time_s)
    screening = new_patient(walk_test=test, rails=RailStage.ONE, hands_free=True, attendant=AttendantStage.SUPERVISION)
    verdict = judged(screening)
    limits = session_limits(verdict, screening)
    assert verdict.asks_for(Demand.FAMILIARISATION)
    assert limits.ceiling_m_s == pytest.approx(speed_m_s)
    assert (limits.acceleration_m_s2, limits.belt_time_s, limits.bout_s, limits.check_interval_s) == (0.05, 600.0, 120.0, 120.0)
    assert (limits.rails, limits.attendant, limits.hands_free) == (RailStage.BOTH, AttendantStage.CONTACT_GUARD, False)
    assert (verdict.cap(Limit.BOUTS).value, verdict.cap(Limit.REST_S).value) == (3, 60)


def test_an_indication_does_not_skip_familiarisation() -> None:
    assert judged(new_patient(flags=(flag(FlagName.KNEE),))).asks_for(Demand.FAMILIARISATION)


@pytest.mark.parametrize("ending", list(Ending))
def test_only_a_session_of_enough_work_ends_familiarisation(ending: Ending) -> None:
    """Whatever ended it: nausea after ten seconds counts for the week, and makes nobody familiar."""
    short = past(5, ending=ending, work_time_s=179.0)
    verdict = judged(records(history=(short,)))
    assert verdict.asks_for(Demand.FAMILIARISATION)
    assert verdict.cap(Limit.BOUT_S).value == 120.0
    forward = past(5, kind=SessionKind.FORWARD, work_time_s=180.0)
    assert judged(records(history=(forward, short))).asks_for(Demand.FAMILIARISATION)
    assert not judged(records(history=(past(9, work_time_s=180.0), short))).asks_for(Demand.FAMILIARISATION)
    assert not judged(records(history=(past(5, ending=ending, work_time_s=180.0),))).asks_for(Demand.FAMILIARISATION)
    assert not judged(records(history=(past(5, work_time_s=180.0),))).asks_for(Demand.FAMILIARISATION)


def test_who_may_not_go_as_fast_as_the_belt_starts_does_not_go() -> None:
    slow = WalkTest(on=days_ago(1), by="physio-1", time_s=16.0)
    verdict = judged(new_patient(walk_test=slow))
    assert refused_keys(verdict) == ["ceiling_m_s"]
    assert "START already grants 0.1 m/s" in verdict.problems[0].remedy
    edge = WalkTest(on=days_ago(1), by="physio-1", time_s=15.0)
    assert judged(new_patient(walk_test=edge)).problems == ()
    first_m_s = CORE.speed.first_m_s
    assert judged(records(profile={"ceiling_m_s": first_m_s - 1e-9})).problems == (), "what rounding takes is let pass"
    assert refused_keys(judged(records(profile={"ceiling_m_s": first_m_s - 2e-9}))) == ["ceiling_m_s"]


@pytest.mark.parametrize(("time_s", "attendant"), [(4.5, 1.0), (4.6, 0.0)])
def test_a_slow_backward_walk_brings_contact_guard(time_s: float, attendant: float) -> None:
    test = WalkTest(on=days_ago(1), by="physio-1", time_s=time_s)
    assert judged(records(profile={"walk_test": test})).cap(Limit.ATTENDANT).value == attendant


@pytest.mark.parametrize(
    ("usual_s", "cap_s", "is_default"), [(2400.0, 1200.0, False), (4800.0, 1800.0, False), (None, 600.0, True), (0.0, 600.0, True)]
)
def test_the_belt_time_is_half_the_usual_session_or_a_default_that_says_so(
    usual_s: float | None, cap_s: float, is_default: bool
) -> None:
    verdict = judged(records(profile={"usual_forward_session_s": usual_s}))
    assert verdict.cap(Limit.BELT_TIME_S).value == cap_s
    assert any("is the default, not half" in note.text for note in verdict.notes) is is_default


@pytest.mark.parametrize(
    ("grade", "refused"),
    [
        (DeckGrade(False), False),
        (DeckGrade(True, 0.0), False),
        (DeckGrade(True, 0.05), False),
        (DeckGrade(True, 1.0), True),
        (DeckGrade(True, -1.0), True),
        (DeckGrade(True, math.nan), True),
        (DeckGrade(True, None), True),
    ],
)
def test_the_deck_is_flat_and_read_back_where_it_could_be_raised(grade: DeckGrade, refused: bool) -> None:
    verdict = judged(records(), grade=grade)
    assert refused_keys(verdict) == (["grade_percent"] if refused else [])
    assert not refused or verdict.problems[0].allowed.startswith("0")
    assert any("fixed flat" in note.text for note in verdict.notes) is not grade.can_change


RUNS = tuple(past(days, top_speed_m_s=1.0, hands_free_s=60.0) for days in (40, 35, 30, 25, 20, 10))


@pytest.mark.parametrize(
    ("prescribed", "history", "runs"),
    [
        (True, RUNS, True),
        (False, RUNS, False),
        (True, RUNS[1:], False),
        (True, (*RUNS[:-1], past(10, top_speed_m_s=0.985, hands_free_s=60.0)), False),
        (True, (*RUNS[:-1], past(10, top_speed_m_s=0.995, hands_free_s=60.0)), True),
        (True, (*RUNS[:-1], past(10, top_speed_m_s=1.0)), False),
        (True, (*RUNS[:-1], past(10, top_speed_m_s=1.0, hands_free_s=60.0, balance_losses=1)), False),
        (True, (past(40, top_speed_m_s=1.0, hands_free_s=60.0, balance_losses=1), *RUNS[1:]), True),
        (True, (*RUNS[:-2], past(20, top_speed_m_s=1.0, hands_free_s=60.0, ending=Ending.FALL), RUNS[-1]), False),
        (True, (past(40, top_speed_m_s=1.0, hands_free_s=60.0, ending=Ending.FALL), *RUNS[1:]), True),
    ],
)
def test_walking_becomes_running_by_prescription_through_a_gate(prescribed: bool, history: Any, runs: bool) -> None:
    prescriptions = (prescription(PrescriptionKind.RUNNING),) if prescribed else ()
    core = msgspec.structs.replace(CORE, speed=SpeedSettings(ceiling_m_s=1.6))
    verdict = screen(records(profile={"prescriptions": prescriptions}, history=history), CLOCK, core, CLINICAL)
    assert verdict.cap(Limit.CEILING_M_S).value == (1.6 if runs else 1.2)


def test_every_rule_has_a_name_of_its_own_words_and_a_source() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.what and rule.source for rule in RULES)


def test_limits_carry_todays_pressure_and_the_rules_that_end_a_session() -> None:
    limits = session_limits(judged(records()), records())
    assert limits.systolic_today_mm_hg == CHECK.systolic_mm_hg
    assert (limits.systolic_limit_mm_hg, limits.diastolic_limit_mm_hg, limits.heart_rate_limit_per_min) == (250, 115, 150)
