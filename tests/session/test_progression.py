"""One proposal with its reason: what comes next, when to wait, when to step back; and what a decision makes of a profile."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.core.settings import SpeedSettings
from controller.session.local_day import Clock
from controller.session.progression import apply_decision, propose_progression
from controller.session.screening import screen
from messages.patient import Ending, FlagName, Grade, NextDay, PrescriptionKind, Screening, UsableHand
from messages.plan import AttendantStage, Phase, PhaseKind, Plan, RailStage
from messages.progression import Accepted, Changed, Proposal, Rejected, Variable
from settings_files.problems import ProblemsError
from tests.session.records import CLINICAL, CORE, PROFILE, TODAY, flag, new_patient, past, prescription, records

FULL = (past(20, top_speed_m_s=1.0), past(10, top_speed_m_s=1.0))
STAGED = {"rails": RailStage.ONE, "hands_free": True, "attendant": AttendantStage.SUPERVISION}


def proposal(screening: Screening, ceiling_m_s: float = 1.0) -> Proposal:
    core = msgspec.structs.replace(CORE, speed=SpeedSettings(ceiling_m_s=ceiling_m_s))
    verdict = screen(screening, Clock(TODAY, trusted=True), core, CLINICAL)
    return propose_progression(screening, verdict, core, CLINICAL)


def sessions(**changes: Any) -> Screening:
    return records(history=(past(20), past(10, **changes)))


@pytest.mark.parametrize(
    ("screening", "variable", "after", "value"),
    [
        (records(history=(past(20, belt_time_s=900), past(10, belt_time_s=900))), Variable.TIME, "960 s", 960.0),
        (records(history=(past(20, belt_time_s=1170), past(10, belt_time_s=1170))), Variable.TIME, "1200 s", 1200.0),
        (records(), Variable.SPEED, "0.60 m/s", 0.6),
        (records(history=(past(20, top_speed_m_s=0.45), past(10, top_speed_m_s=0.45))), Variable.SPEED, "0.50 m/s", 0.5),
        (records(history=(past(20, top_speed_m_s=0.95), past(10, top_speed_m_s=0.95))), Variable.SPEED, "1.00 m/s", 1.0),
        (records(history=FULL), Variable.RAILS, "one", None),
        (records(history=FULL, profile={"rails": RailStage.ONE}), Variable.HANDS_FREE, "windows", None),
        (
            records(history=FULL, profile={"usable_hand": UsableHand.LEFT, "rails": RailStage.LEFT}),
            Variable.ATTENDANT,
            "supervision",
            None,
        ),
        (records(history=FULL, profile={"rails": RailStage.ONE, "hands_free": True}), Variable.ATTENDANT, "supervision", None),
        (records(history=FULL, profile=STAGED), Variable.NOTHING, "", None),
    ],
)
def test_one_variable_at_a_time_time_then_speed_then_rails_then_attendant(
    screening: Screening, variable: Variable, after: str, value: float | None
) -> None:
    found = proposal(screening)
    assert (found.variable, found.after, found.value) == (variable, after, value)
    assert found.reason


@pytest.mark.parametrize(
    ("screening", "words"),
    [
        (new_patient(), "the first session comes first"),
        (records(history=(past(10, work_time_s=179.0, ending=Ending.SYMPTOM),)), "the first session comes first"),
        (records(history=(past(10),)), "1 of the last 2"),
        (sessions(worst_pain=4), "1 of the last 2"),
        (sessions(worst_dizziness=1), "1 of the last 2"),
        (sessions(balance_losses=1), "1 of the last 2"),
        (sessions(ending=Ending.CHOSEN), "1 of the last 2"),
        (records(history=(past(20, top_speed_m_s=0.4), past(10))), "1 of the last 2"),
        (records(history=(past(20, belt_time_s=1000), past(10))), "1 of the last 2"),
        (records(today={"next_day": NextDay.SORE}), "sore on the day after"),
        (records(profile={"flags": (flag(FlagName.STOMA),)}), "no session today"),
        (records(history=FULL, profile=STAGED), "(half-the-usual-session)"),
    ],
)
def test_nothing_is_proposed_and_the_reason_is_said(screening: Screening, words: str) -> None:
    found = proposal(screening)
    assert found.variable is Variable.NOTHING
    assert words in found.reason


@pytest.mark.parametrize(
    ("screening", "words"),
    [
        (sessions(ending=Ending.FALL), "a fall ended"),
        (sessions(ending=Ending.SYMPTOM), "a symptom ended"),
        (records(today={"next_day": NextDay.WORSE}), "worse on the day after"),
    ],
)
def test_after_a_fall_or_symptoms_a_step_back_is_proposed(screening: Screening, words: str) -> None:
    found = proposal(screening)
    assert (found.variable, found.value) == (Variable.STEP_BACK, 0.8)
    assert words in found.reason


@pytest.mark.parametrize(("since", "words"), [(0, "0 of 2 sessions since"), (1, "1 of 2 sessions since"), (2, "")])
def test_a_change_has_to_be_borne_before_the_next(since: int, words: str) -> None:
    """The sessions that earned the rails earn nothing else: two stages would rise at once."""
    screening = records(history=FULL, profile={"rails": RailStage.ONE})
    verdict = screen(screening, Clock(TODAY, trusted=True), CORE, CLINICAL)
    found = propose_progression(screening, verdict, CORE, CLINICAL, screening.history[len(screening.history) - since :])
    assert found.variable is (Variable.NOTHING if words else Variable.HANDS_FREE)
    assert words in found.reason


def test_a_step_back_waits_for_nothing() -> None:
    screening = sessions(ending=Ending.FALL)
    verdict = screen(screening, Clock(TODAY, trusted=True), CORE, CLINICAL)
    assert propose_progression(screening, verdict, CORE, CLINICAL, ()).variable is Variable.STEP_BACK


def test_a_stage_that_a_rule_forbids_is_not_proposed() -> None:
    held = records(history=FULL, profile={"flags": (flag(FlagName.COGNITION, Grade.MODERATE),)})
    assert proposal(held).variable is Variable.NOTHING


RUNS = tuple(past(days, top_speed_m_s=1.2, hands_free_s=60.0) for days in (40, 35, 30, 25, 20, 10))
PRESCRIBED = {"prescriptions": (prescription(PrescriptionKind.RUNNING),), "usual_forward_session_s": 2400.0}


def test_running_comes_by_prescription_and_through_its_gate() -> None:
    found = proposal(records(history=RUNS, profile=PRESCRIBED), ceiling_m_s=1.6)
    assert (found.variable, found.value) == (Variable.RUNNING, 1.3)
    without = proposal(records(history=RUNS), ceiling_m_s=1.6)
    assert without.variable is Variable.RAILS
    losses = (*RUNS[:-2], msgspec.structs.replace(RUNS[-2], balance_losses=1), RUNS[-1])
    held = proposal(records(history=losses, profile={**PRESCRIBED, **STAGED}), ceiling_m_s=1.6)
    assert held.variable is Variable.NOTHING


def test_a_gate_that_is_not_passed_is_named() -> None:
    recent = RUNS[1:]
    found = proposal(records(history=recent, profile={**PRESCRIBED, **STAGED}), ceiling_m_s=1.6)
    assert found.variable is Variable.NOTHING
    assert "5 of 6 sessions were hands-free at 1 m/s or more" in found.reason


def test_a_treadmill_that_ends_below_running_says_so() -> None:
    runs = tuple(msgspec.structs.replace(past, top_speed_m_s=1.0) for past in RUNS)
    found = proposal(records(history=runs, profile={**PRESCRIBED, **STAGED}))
    assert found.variable is Variable.NOTHING
    assert "this treadmill ends at 1 m/s (speed.ceiling_m_s)" in found.reason


PLAN = Plan(patient="p-017", mass_kg=70.0, phases=(Phase(PhaseKind.WARM_UP, 60, 0.1), Phase(PhaseKind.WORK, 120, 0.2)))


def proposing(variable: Variable, after: str = "") -> Proposal:
    return Proposal(variable=variable, before="", after=after, reason="r", value=None)


def accepted(variable: Variable, after: str = "", patient: str = "p-017") -> Accepted:
    return Accepted(patient=patient, proposal=proposing(variable, after), on=TODAY, by="physio-9")


@pytest.mark.parametrize(
    ("variable", "after", "changes"),
    [
        (Variable.RAILS, "one", {"rails": RailStage.ONE}),
        (Variable.HANDS_FREE, "windows", {"hands_free": True}),
        (Variable.ATTENDANT, "supervision", {"attendant": AttendantStage.SUPERVISION}),
        (Variable.NOTHING, "", {}),
        (Variable.TIME, "", {"accepted_plan": PLAN, "accepted_by": "physio-9"}),
        (Variable.SPEED, "", {"accepted_plan": PLAN, "accepted_by": "physio-9"}),
        (Variable.STEP_BACK, "", {"accepted_plan": PLAN, "accepted_by": "physio-9"}),
    ],
)
def test_an_accepted_proposal_changes_one_thing(variable: Variable, after: str, changes: dict[str, Any]) -> None:
    assert apply_decision(PROFILE, accepted(variable, after), PLAN) == msgspec.structs.replace(PROFILE, **changes)


def test_a_changed_proposal_brings_its_own_plan_and_a_rejected_one_nothing() -> None:
    changed = Changed(patient="p-017", proposal=proposing(Variable.TIME), plan=PLAN, on=TODAY, by="physio-9", reason="knee")
    assert apply_decision(PROFILE, changed).accepted_plan == PLAN
    rejected = Rejected(patient="p-017", proposal=proposing(Variable.TIME), on=TODAY, by="physio-9", reason="tired")
    assert apply_decision(PROFILE, rejected, PLAN) == PROFILE


def test_a_decision_is_for_its_patient_and_a_plan_where_one_is_needed() -> None:
    with pytest.raises(ProblemsError, match="take this patient's") as refused:
        apply_decision(PROFILE, accepted(Variable.TIME, patient="p-2"), PLAN)
    assert [(problem.value, problem.allowed) for problem in refused.value.problems] == [('"p-2"', '"p-017"')]
    with pytest.raises(ProblemsError, match="propose it again"):
        apply_decision(PROFILE, accepted(Variable.TIME))


def test_decisions_are_told_apart_when_read_again() -> None:
    written = msgspec.json.encode(accepted(Variable.RAILS, "one"))
    assert msgspec.json.decode(written, type=Accepted | Changed | Rejected) == accepted(Variable.RAILS, "one")
