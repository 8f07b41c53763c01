"""Plans: each cap of the verdict at its boundary; what is proposed, with its reasons; the accepted plan repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.core.settings import SpeedSettings
from controller.session.admission import admit
from controller.session.facts import FIXED_FLAT
from controller.session.local_day import Clock
from controller.session.patient_plan import judge_plan_for_patient
from controller.session.plan_file import load_plan
from controller.session.plan_text import phase_rows, plan_curve, plan_rows
from controller.session.proposal import ProposedPlan, propose_plan
from controller.session.repetition import repeat_plan
from messages.patient import FlagName, Grade, PrescriptionKind, Screening, UsableHand
from messages.plan import AttendantStage, Phase, PhaseKind, Plan, RailStage
from messages.progression import Proposal, Variable
from settings_files.problems import ProblemsError
from tests.session.records import CLINICAL, CLOCK, CORE, flag, judged, new_patient, past, prescription, records

CONFIG = Path(__file__).parents[2] / "config"
WARM_UP, WORK, REST, COOL_DOWN = PhaseKind.WARM_UP, PhaseKind.WORK, PhaseKind.REST, PhaseKind.COOL_DOWN
PLAN = Plan(
    patient="p-017",
    mass_kg=71.0,
    phases=(Phase(WARM_UP, 120, 0.2), Phase(WORK, 480, 0.5), Phase(REST, 90), Phase(WORK, 480, 0.5), Phase(COOL_DOWN, 120, 0.2)),
    attendant=AttendantStage.STAND_BY,
)


def keys(plan: Plan, screening: Screening) -> list[str]:
    return [problem.key for problem in judge_plan_for_patient(plan, judged(screening), screening.profile)]


def with_work(speed_m_s: float = 0.5, work_s: float = 480, acceleration_m_s2: float = 0.0) -> Plan:
    phases = (Phase(WARM_UP, 120, 0.2), Phase(WORK, work_s, speed_m_s, acceleration_m_s2), *PLAN.phases[2:])
    return msgspec.structs.replace(PLAN, phases=phases)


@pytest.mark.parametrize(
    ("plan", "profile", "expected"),
    [
        (PLAN, {}, []),
        (with_work(0.6), {"ceiling_m_s": 0.6}, []),
        (with_work(0.61), {"ceiling_m_s": 0.6}, ["phases[1].speed_m_s"]),
        (with_work(work_s=481), {}, ["phases"]),
        (with_work(acceleration_m_s2=0.051), {"flags": (flag(FlagName.LUMBAR),)}, ["phases[1].acceleration_m_s2", *["phases"] * 3]),
        (msgspec.structs.replace(PLAN, patient="p-018"), {}, ["patient"]),
        (msgspec.structs.replace(PLAN, mass_kg=77.0), {}, []),
        (msgspec.structs.replace(PLAN, mass_kg=77.1), {}, ["mass_kg"]),
        (msgspec.structs.replace(PLAN, attendant=AttendantStage.SUPERVISION), {}, ["attendant"]),
        (msgspec.structs.replace(PLAN, attendant=AttendantStage.CONTACT_GUARD), {}, []),
        (msgspec.structs.replace(PLAN, rails=RailStage.ONE), {}, ["rails"]),
        (msgspec.structs.replace(PLAN, rails=RailStage.ONE), {"rails": RailStage.ONE}, []),
        (PLAN, {"rails": RailStage.ONE}, []),
        (msgspec.structs.replace(PLAN, rails=RailStage.RIGHT), {"rails": RailStage.LEFT}, ["rails"]),
        (PLAN, {"rails": RailStage.LEFT, "usable_hand": UsableHand.LEFT}, ["rails"]),
        (msgspec.structs.replace(PLAN, phases=(Phase(WARM_UP, 240, 0.2), Phase(WORK, 360, 0.5))), {}, []),
        (msgspec.structs.replace(PLAN, phases=(Phase(WARM_UP, 241, 0.2), Phase(WORK, 360, 0.5))), {}, ["phases"]),
    ],
)
def test_a_plan_from_outside_obeys_every_cap(plan: Plan, profile: dict[str, Any], expected: list[str]) -> None:
    assert keys(plan, records(profile=profile)) == expected


def test_how_close_the_attendant_has_to_stand_is_said() -> None:
    screening = records()
    far = msgspec.structs.replace(PLAN, attendant=AttendantStage.SUPERVISION)
    (problem,) = judge_plan_for_patient(far, judged(screening), screening.profile)
    assert (problem.value, problem.allowed) == ('"supervision"', "stand_by or closer")


@pytest.mark.hazard("H-22", "C-CAPS")
def test_who_must_not_exercise_is_admitted_with_no_plan_however_gentle() -> None:
    gentle = msgspec.structs.replace(PLAN, phases=(Phase(WARM_UP, 60, 0.1), Phase(WORK, 240, 0.1), Phase(COOL_DOWN, 60, 0.1)))
    refused = admit(
        gentle, records(profile={"flags": (flag(FlagName.OSTEOPOROSIS, Grade.SEVERE),)}), CLOCK, CORE, CLINICAL, FIXED_FLAT
    )
    assert refused.limits is None
    assert refused.problems
    assert admit(gentle, records(), CLOCK, CORE, CLINICAL, FIXED_FLAT).limits is not None


KNEE = {"flags": (flag(FlagName.KNEE, Grade.SEVERE),)}


@pytest.mark.parametrize(("rest_s", "expected"), [(1.0, ["phases[2].duration_s"]), (59.0, ["phases[2].duration_s"]), (60.0, [])])
@pytest.mark.hazard("H-23", "C-CAPS")
def test_between_two_of_the_longest_stretches_lies_a_rest_that_is_one(rest_s: float, expected: list[str]) -> None:
    """A second of standing would turn three stretches into one of nine minutes."""
    phases = (Phase(WARM_UP, 60, 0.2), Phase(WORK, 110, 0.2), Phase(REST, rest_s), Phase(WORK, 170, 0.2))
    assert keys(msgspec.structs.replace(PLAN, phases=phases), records(profile=KNEE)) == expected
    assert keys(msgspec.structs.replace(PLAN, phases=phases), records()) == [], "who needs no rest may have a short one"


def first_plan(*phases: Phase) -> Plan:
    return Plan(patient="p-017", mass_kg=70.0, phases=phases, first_session=True)


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ((Phase(WARM_UP, 30, 0.1), Phase(WORK, 90, 0.2), Phase(REST, 60), Phase(WORK, 120, 0.2)), []),
        ((Phase(WARM_UP, 30, 0.1), Phase(WORK, 91, 0.2)), ["phases"]),
        ((Phase(WARM_UP, 30, 0.1), Phase(WORK, 90, 0.2), Phase(REST, 59), Phase(WORK, 120, 0.2)), ["phases[2].duration_s"]),
        ((Phase(WARM_UP, 5, 0.1), Phase(WORK, 50, 0.2), *(Phase(REST, 60), Phase(WORK, 60, 0.2)) * 2), []),
        ((Phase(WARM_UP, 5, 0.1), Phase(WORK, 50, 0.2), *(Phase(REST, 60), Phase(WORK, 60, 0.2)) * 3), ["phases"]),
    ],
)
def test_a_first_session_has_three_stretches_of_two_minutes_with_rests(phases: tuple[Phase, ...], expected: list[str]) -> None:
    assert keys(first_plan(*phases), new_patient()) == expected
    not_so_called = msgspec.structs.replace(first_plan(*phases), first_session=False)
    assert keys(not_so_called, new_patient())[0] == "first_session"


@pytest.mark.parametrize(
    ("phases", "value", "allowed"),
    [
        ((Phase(WARM_UP, 30, 0.1), Phase(WORK, 91, 0.2)), "121 s without a rest", "at most 120 s"),
        ((Phase(WORK, 50, 0.2), *(Phase(REST, 60), Phase(WORK, 50, 0.2)) * 3), "4 stretches of walking", "at most 3"),
        ((Phase(WORK, 50, 0.2), Phase(REST, 59.5), Phase(WORK, 50, 0.2)), "59.5", "a rest of at least 60 s"),
    ],
)
def test_what_is_allowed_of_walking_and_rests_is_said(phases: tuple[Phase, ...], value: str, allowed: str) -> None:
    screening = new_patient()
    (problem,) = judge_plan_for_patient(first_plan(*phases), judged(screening), screening.profile)
    assert (problem.value, problem.allowed) == (value, allowed)
    assert problem.remedy == "change the plan (cap of rule first-session)"


def test_a_measured_first_session_is_admitted_up_to_its_own_ceiling() -> None:
    plan = first_plan(Phase(WARM_UP, 30, 0.1), Phase(WORK, 90, 0.40))
    assert admit(plan, new_patient(), CLOCK, CORE, CLINICAL, FIXED_FLAT).problems == ()
    unmeasured = admit(plan, new_patient(walk_test=None), CLOCK, CORE, CLINICAL, FIXED_FLAT)
    assert [(problem.key, problem.remedy) for problem in unmeasured.problems] == [
        ("phases[1].speed_m_s", "change the plan (cap of rule first-session)")
    ]


@pytest.mark.hazard("H-10", "C-HARNESS-CHECK")
@pytest.mark.parametrize(("speed_m_s", "least_slack_m"), [(1.2, 0.0), (1.21, 0.15)])
def test_a_plan_that_runs_asks_for_the_slack_of_running(speed_m_s: float, least_slack_m: float) -> None:
    runs = tuple(past(days, top_speed_m_s=1.2, hands_free_s=60.0) for days in (40, 35, 30, 25, 20, 10))
    screening = records(history=runs, profile={"prescriptions": (prescription(PrescriptionKind.RUNNING),)})
    core = msgspec.structs.replace(CORE, speed=SpeedSettings(ceiling_m_s=1.6))
    admission = admit(with_work(speed_m_s), screening, CLOCK, core, CLINICAL, FIXED_FLAT)
    assert admission.limits is not None, admission.problems
    assert admission.limits.least_slack_m == least_slack_m


def test_the_day_for_which_somebody_vouches_goes_with_the_session() -> None:
    plan, behind = first_plan(Phase(WARM_UP, 30, 0.1), Phase(WORK, 90, 0.2)), Clock(CLOCK.date, False)
    vouched = new_patient()
    vouched = msgspec.structs.replace(vouched, today=msgspec.structs.replace(vouched.today, clock_override_by="physio-1"))
    for clock, screening, day in ((CLOCK, new_patient(), None), (CLOCK, vouched, None), (behind, vouched, vouched.today.on)):
        admission = admit(plan, screening, clock, CORE, CLINICAL, FIXED_FLAT)
        assert admission.limits is not None, admission.problems
        assert admission.limits.vouched_on == day


def test_without_screening_there_is_no_session_and_every_other_reason_is_named() -> None:
    admission = admit(with_work(1.1), None, CLOCK, CORE, CLINICAL, FIXED_FLAT)
    assert [problem.key for problem in admission.problems] == ["screening", "phases[1].speed_m_s"]
    assert admission.limits is None


@pytest.mark.parametrize(("name", "screening"), [("first-session", new_patient()), ("standard", records())])
def test_the_shipped_plans_suit_the_patients_that_they_are_for(name: str, screening: Screening) -> None:
    plan = load_plan(CONFIG / "plans" / f"{name}.toml")
    profile = msgspec.structs.replace(screening.profile, patient=plan.patient, mass_kg=plan.mass_kg)
    screening = msgspec.structs.replace(screening, profile=profile)
    assert admit(plan, screening, CLOCK, CORE, CLINICAL, FIXED_FLAT).problems == ()


def proposed(screening: Screening, proposal: Proposal | None = None) -> ProposedPlan:
    return propose_plan(judged(screening), screening.profile, screening.history, CORE, CLINICAL, proposal)


def reasons(plan: ProposedPlan) -> dict[str, tuple[str, str]]:
    return {row.what: (row.value, row.rule) for row in plan.rows}


def test_a_first_session_is_proposed_as_three_times_two_minutes() -> None:
    found = proposed(new_patient(walk_test=None))
    assert [(phase.kind, phase.duration_s, phase.speed_m_s) for phase in found.plan.phases] == [
        (WARM_UP, 40, 0.12),
        (WORK, 80, 0.25),
        (REST, 90, 0.0),
        (WORK, 120, 0.25),
        (REST, 90, 0.0),
        (WORK, 80, 0.25),
        (COOL_DOWN, 40, 0.12),
    ]
    assert found.plan.first_session
    rows = reasons(found)
    assert rows["speed of work"] == ("0.25 m/s", "first-session")
    assert rows["belt time"] == ("360 s", "first session: 3 x 2 min")
    assert rows["attendant"] == ("contact guard", "first-session")
    assert rows["stretches of walking"] == ("3", "first-session")


def test_warm_up_and_cool_down_last_three_minutes_at_most() -> None:
    """A sixth of 20 minutes would be 200 s."""
    found = proposed(records(profile={"usual_forward_session_s": 2400.0}))
    assert [phase.duration_s for phase in found.plan.phases] == [180, 840, 180]


def test_the_next_session_is_as_the_last_one_and_says_so() -> None:
    rows = reasons(proposed(records()))
    assert rows["speed of work"] == ("0.50 m/s", "as on 2026-03-21")
    assert rows["belt time"] == ("1200 s", "half-the-usual-session")
    assert rows["hands-free windows"] == ("none", "stage")


@pytest.mark.parametrize(
    ("variable", "value", "what", "row"),
    [
        (Variable.SPEED, 0.6, "speed of work", ("0.60 m/s", "proposal: speed")),
        (Variable.SPEED, 1.4, "speed of work", ("1.00 m/s", "treadmill")),
        (Variable.TIME, 1100.0, "belt time", ("1100 s", "proposal: time")),
        (Variable.STEP_BACK, 0.8, "speed of work", ("0.40 m/s", "proposal: step back")),
        (Variable.STEP_BACK, 0.8, "belt time", ("960 s", "proposal: step back")),
        (Variable.RAILS, None, "belt time", ("1200 s", "half-the-usual-session")),
    ],
)
def test_an_accepted_proposal_changes_its_one_number(
    variable: Variable, value: float | None, what: str, row: tuple[str, str]
) -> None:
    proposal = Proposal(variable=variable, before="", after="", reason="", value=value)
    assert reasons(proposed(records(), proposal))[what] == row


def test_a_plan_that_is_too_short_says_so() -> None:
    short = proposed(records(profile={"usual_forward_session_s": 470.0}))
    assert short.notes[0] == "too short: 235 s of belt time, 240 s are the least worth its name"
    assert not any("too short" in note for note in proposed(records(profile={"usual_forward_session_s": 480.0})).notes)


def test_nothing_is_proposed_for_a_patient_who_is_refused() -> None:
    screening = records(profile={"flags": (flag(FlagName.OSTEOPOROSIS, Grade.SEVERE),)})
    with pytest.raises(ProblemsError, match=r"flags\.osteoporosis"):
        proposed(screening)
    with pytest.raises(ProblemsError, match=r"flags\.osteoporosis"):
        repeat_plan(screening.profile, judged(screening), CORE, CLINICAL)


def repeated(**profile: Any) -> ProposedPlan:
    screening = records(profile={"accepted_plan": PLAN, "accepted_by": "physio-1", **profile})
    return repeat_plan(screening.profile, judged(screening), CORE, CLINICAL)


def test_the_accepted_plan_is_repeated_in_one_step_with_todays_mass() -> None:
    found = repeated()
    assert found.plan == msgspec.structs.replace(PLAN, mass_kg=70.0)
    assert found.notes[0] == "the last accepted plan, unchanged"
    assert reasons(found)["speed, at most"] == ("0.50 m/s", "as accepted by physio-1")


def test_the_accepted_plan_is_cut_down_to_todays_caps_and_says_where() -> None:
    found = repeated(ceiling_m_s=0.4, belt_time_s=600.0)
    assert [(phase.kind, phase.duration_s, phase.speed_m_s) for phase in found.plan.phases] == [
        (WARM_UP, 60, 0.2),
        (WORK, 240, 0.4),
        (REST, 90, 0.0),
        (WORK, 240, 0.4),
        (COOL_DOWN, 60, 0.2),
    ]
    assert found.notes[0] == "cut down to today's caps"
    assert reasons(found)["speed, at most"] == ("0.40 m/s", "cut from 0.50 m/s: stage")
    assert reasons(found)["belt time"] == ("600 s", "cut from 1200 s: stage")


def test_a_rest_of_the_accepted_plan_that_is_too_short_today_is_made_longer() -> None:
    phases = (Phase(WARM_UP, 30, 0.2), Phase(WORK, 90, 0.3), Phase(REST, 10), Phase(WORK, 90, 0.3), Phase(COOL_DOWN, 30, 0.2))
    found = repeated(accepted_plan=msgspec.structs.replace(PLAN, phases=phases), flags=(flag(FlagName.LUMBAR),))
    assert found.notes[0] == "cut down to today's caps"
    assert [phase.duration_s for phase in found.plan.phases] == [30, 90, CORE.session.bout_rest_s, 90, 30]


def test_an_accepted_plan_whose_stretches_are_too_long_is_laid_out_anew() -> None:
    found = repeated(flags=(flag(FlagName.LUMBAR),))
    assert reasons(found)["walking without a rest"] == ("150 s", "at most 180 s: lumbar")
    assert found.plan.phases[1].acceleration_m_s2 == 0.05


def test_a_first_session_is_repeated_as_one_that_is_admitted() -> None:
    """Its measured ceiling was the first session's; familiar by now, the patient is no first patient any more."""
    first = first_plan(Phase(WARM_UP, 30, 0.1), Phase(WORK, 90, 0.40), Phase(REST, 90), Phase(WORK, 90, 0.40))
    screening = records(profile={"accepted_plan": first, "accepted_by": "physio-1"})
    found = repeat_plan(screening.profile, judged(screening), CORE, CLINICAL)
    assert not found.plan.first_session
    assert keys(found.plan, screening) == []


def test_there_must_be_an_accepted_plan_to_repeat() -> None:
    with pytest.raises(ProblemsError, match="let a clinician accept it"):
        repeated(accepted_plan=None, accepted_by=None)


def test_a_plan_is_shown_as_rows_and_a_curve() -> None:
    found = proposed(new_patient(walk_test=None))
    assert plan_rows(found)[0] == ("speed of work", "0.25 m/s", "first-session")
    assert phase_rows(found.plan)[:3] == (
        ("0:00", "warm-up", "0:40", "0.12 m/s"),
        ("0:40", "work", "1:20", "0.25 m/s"),
        ("2:00", "rest", "1:30", "standing"),
    )
    assert plan_curve(found.plan, width=27, height=2) == (
        " 0.25 |  ████    ██████     ████  ",
        "      |██████    ██████     ██████",
        " m/s  +---------------------------",
        "       0:00                   9:00",
    )
    with pytest.raises(ValueError, match="at least 20 x 2"):
        plan_curve(found.plan, width=10)
