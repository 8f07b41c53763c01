"""`sternway plan`, `prepare`, `progress`, `events` and `symptom`: what they show, and what reaches the controller's real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from controller.session.local_day import Clock
from desk import events_command, plan_command, prepare_command, progress_command, symptom_command
from desk.place import DONE, NOT_REACHED, REFUSED, WRONG_INPUT
from desk.proposing import last_change
from messages.figures import SessionFigures
from messages.patient import Flag, FlagName, Grade, Profile
from messages.plan import PhaseKind, Plan
from messages.progression import Accepted, Changed, Proposal, Rejected, Variable
from messages.wire import Prepare, Reply, Symptom
from telemetry.patient_records import Check, Decided, Entry
from telemetry.patients import PatientFile
from tests.command_line.conftest import Machine
from tests.desk.clinic import DAY, PLAN, PROFILE, TODAY, Clinic
from tests.telemetry import samples

CHECK = ("--by", "doc-1", "--pressure", "124/80", "--heart-rate", "66", "--pain", "1", "--next-day")
FIRST, LATER = (*CHECK, "none_before"), (*CHECK, "good")


@pytest.fixture
def machine(clinic: Clinic, tmp_path: Path) -> Iterator[Machine]:
    """The controller's real channel, at the clinic's socket."""
    served = Machine(tmp_path)
    served.answer = lambda request: Reply(request.request, True, "", "boot-9")
    yield served
    served.close()


def profile_now(clinic: Clinic) -> Profile:
    with PatientFile(clinic.place.patients) as file:
        profile = file.profile("p-17")
    assert profile is not None
    return profile


def test_a_plan_is_shown_with_the_rule_behind_each_number_and_a_curve(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    clinic.keep()
    assert plan_command.main(["p-17", *FIRST]) == DONE
    shown = capsys.readouterr().out
    assert "Plan for p-17" in shown
    assert "█" in shown
    assert "warm-up" in shown
    assert "because" in shown
    assert plan_command.main(["p-17", "--json"]) == DONE, "the check was asked earlier today"
    plan = msgspec.json.decode(capsys.readouterr().out, type=Plan)
    assert plan.first_session
    assert max(phase.speed_m_s for phase in plan.phases) <= 0.25
    with PatientFile(clinic.place.patients) as file:
        checks = [entry.content.today for entry in file.entries("p-17") if isinstance(entry.content, Check)]
    assert checks == [TODAY], "kept once"


def test_who_may_not_walk_today_hears_why(clinic: Clinic, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    severe = Flag(name=FlagName.OSTEOPOROSIS, grade=Grade.SEVERE, on=DAY, by="doc-1")
    clinic.keep(msgspec.structs.replace(PROFILE, flags=(severe,)))
    assert plan_command.main(["p-17", *FIRST]) == REFUSED
    assert "osteoporosis" in capsys.readouterr().out
    assert prepare_command.main(["p-17", *FIRST]) == REFUSED
    assert "No session for p-17 today" in capsys.readouterr().err
    assert machine.requests == []
    assert profile_now(clinic).accepted_plan is None


def test_a_session_is_prepared_with_its_screening_and_repeated_in_one_step(
    clinic: Clinic, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic.keep()
    assert prepare_command.main(["p-17", *FIRST]) == DONE
    assert "Session boot-9 is prepared for p-17. Go on at the panel." in capsys.readouterr().out
    (first,) = machine.requests
    assert isinstance(first, Prepare)
    assert first.screening is not None
    assert (first.screening.profile, first.screening.today, first.screening.history) == (PROFILE, TODAY, ())
    accepted = profile_now(clinic)
    assert (accepted.accepted_plan, accepted.accepted_by) == (first.plan, "doc-1")

    clinic.record("boot-1", time="2026-03-06T08:00:00.000Z", figures=SessionFigures(top_speed_m_s=0.2))
    assert prepare_command.main(["p-17", "--repeat", *LATER]) == DONE
    again = machine.requests[1]
    assert isinstance(again, Prepare)
    assert again.screening is not None
    assert [past.on for past in again.screening.history] == [date(2026, 3, 6)]
    assert max(p.speed_m_s for p in again.plan.phases) <= max(p.speed_m_s for p in first.plan.phases)


def test_a_session_that_is_prepared_is_said_to_be_although_the_profile_was_changed_meanwhile(
    clinic: Clinic, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic.keep()

    def while_another_desk_writes(request: Prepare) -> Reply:
        clinic.keep(msgspec.structs.replace(PROFILE, mass_kg=72.0))
        return Reply(request.request, True, "", "boot-9")

    machine.answer = while_another_desk_writes
    assert prepare_command.main(["p-17", *FIRST]) == DONE
    said = capsys.readouterr()
    assert "Session boot-9 is prepared for p-17" in said.out
    assert "Only this was not kept" in said.err
    assert "was changed in the meantime" in said.err
    assert profile_now(clinic).mass_kg == 72.0
    assert profile_now(clinic).accepted_plan is None


@pytest.mark.parametrize("words", [("pain", "9" * 30), ("--heart-rate", "9" * 30), ("--heart-rate", "-1")])
def test_a_number_that_no_message_can_carry_is_a_wrong_command(clinic: Clinic, machine: Machine, words: tuple[str, ...]) -> None:
    assert symptom_command.main(list(words)) == WRONG_INPUT
    assert machine.requests == []


def test_the_third_session_of_a_week_is_refused(clinic: Clinic, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    clinic.keep()
    for number, day in enumerate((5, 8)):
        clinic.record(f"boot-{number}", time=f"2026-03-0{day}T08:00:00.000Z")
    assert prepare_command.main(["p-17", *LATER]) == REFUSED
    said = capsys.readouterr().err
    assert "2026-03-05, 2026-03-08" in said
    assert machine.requests == []


def test_a_day_that_nobody_knows_is_refused_until_somebody_vouches_for_it(clinic: Clinic, machine: Machine) -> None:
    clinic.keep()
    clinic.clock = Clock(None, False)
    assert prepare_command.main(["p-17", *FIRST]) == REFUSED
    assert prepare_command.main(["p-17", *FIRST, "--clock-override-by", "doc-1"]) == DONE
    assert len(machine.requests) == 1


def test_the_controllers_no_is_said_and_nothing_is_remembered(
    clinic: Clinic, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic.keep()
    machine.answer = lambda request: Reply(request.request, False, "the display is lost")
    assert prepare_command.main(["p-17", *FIRST]) == REFUSED
    assert "Refused: the display is lost" in capsys.readouterr().err
    assert profile_now(clinic).accepted_plan is None


def test_nobody_at_the_socket(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    clinic.keep()
    assert prepare_command.main(["p-17", *FIRST]) == NOT_REACHED
    assert "is not running" in capsys.readouterr().err
    assert profile_now(clinic).accepted_plan is None


PLAN_TOML = """
patient = "p-17"
mass_kg = 71.5
first_session = true
[[phases]]
kind = "warm_up"
duration_s = 40
speed_m_s = 0.1
[[phases]]
kind = "work"
duration_s = 60
speed_m_s = 0.2
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("speed_m_s = 0.2", "speed_m_s = 1.1", "phases[1].speed_m_s"),
        ("duration_s = 60", "duration_s = 0", "phases[1].duration_s"),
        ("mass_kg = 71.5", "mass_kg = -3", "mass_kg"),
        ("mass_kg = 71.5", "mass_kg = nan", "mass_kg"),
        ('patient = "p-17"', 'patient = "p-18"', "p-18"),
        ("first_session = true", "fast = true", "fast"),
        ('kind = "work"', 'kind = "sprint"', "sprint"),
    ],
)
def test_a_wrong_plan_is_never_sent(
    clinic: Clinic, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    clinic.keep()
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN_TOML.replace(old, new), encoding="utf-8")
    assert prepare_command.main(["p-17", "--plan", str(plan), *FIRST]) == WRONG_INPUT
    assert said in capsys.readouterr().err
    assert machine.requests == []
    plan.write_bytes(b"#" * (10 * 1024 * 1024))
    assert prepare_command.main(["p-17", "--plan", str(plan), *FIRST]) == WRONG_INPUT
    assert "at most 64 KiB" in capsys.readouterr().err


def test_a_plan_file_within_the_caps_is_sent_as_it_stands(clinic: Clinic, machine: Machine, tmp_path: Path) -> None:
    clinic.keep()
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN_TOML, encoding="utf-8")
    assert prepare_command.main(["p-17", "--plan", str(plan), *FIRST]) == DONE
    (request,) = machine.requests
    assert isinstance(request, Prepare)
    assert [(phase.kind, phase.speed_m_s) for phase in request.plan.phases] == [(PhaseKind.WARM_UP, 0.1), (PhaseKind.WORK, 0.2)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--pressure"),
        (("--by", "doc-1", "--pressure", "124", "--heart-rate", "66", "--pain", "1", "--next-day", "good"), "such as 124/80"),
        (
            ("--by", "doc-1", "--pressure", "12/80", "--heart-rate", "66", "--pain", "1", "--next-day", "good"),
            "systolic_mm_hg = 12",
        ),
        (("--by", "doc-1", "--pressure", "124/80", "--heart-rate", "0", "--pain", "11", "--next-day", "good"), "pain = 11"),
        (("--by", "Jane Doe", "--pressure", "124/80", "--heart-rate", "66", "--pain", "1", "--next-day", "good"), "Jane Doe"),
    ],
)
def test_todays_check_is_asked_in_full(
    clinic: Clinic, machine: Machine, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    clinic.keep()
    assert prepare_command.main(["p-17", *words]) == WRONG_INPUT
    assert said in capsys.readouterr().err
    with PatientFile(clinic.place.patients) as file:
        assert file.entries("p-17") == []
    assert machine.requests == []


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (("--new-symptoms",), {"new_symptoms": True}),
        (("--falls-since", "--pain", "0"), {"falls_since": True, "pain": 0}),
        (("--leg-symptoms", "no", "--heart-rate", "70"), {"leg_symptoms": False, "heart_rate_per_min": 70}),
        (("--pressure", "130/85"), {"systolic_mm_hg": 130, "diastolic_mm_hg": 85}),
        (("--examined-by", "doc-3", "--clock-override-by", "doc-3"), {"examined_by": "doc-3", "clock_override_by": "doc-3"}),
    ],
)
def test_what_is_told_later_in_the_day_is_added_to_the_check_and_signed(
    clinic: Clinic, machine: Machine, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], answers: dict[str, object]
) -> None:
    clinic.keep()
    assert plan_command.main(["p-17", *FIRST]) == DONE
    assert plan_command.main(["p-17", *words]) == WRONG_INPUT
    assert "--by" in capsys.readouterr().err, "who was told it?"
    plan_command.main(["p-17", *words, "--by", "doc-2"])
    with PatientFile(clinic.place.patients) as file:
        checks = [entry.content.today for entry in file.entries("p-17") if isinstance(entry.content, Check)]
    assert checks == [TODAY, msgspec.structs.replace(TODAY, by="doc-2", **answers)]
    assert machine.requests == []


def test_new_symptoms_after_the_check_refuse_the_session(
    clinic: Clinic, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic.keep()
    assert plan_command.main(["p-17", *FIRST]) == DONE
    assert prepare_command.main(["p-17", "--new-symptoms", "--by", "doc-2"]) == REFUSED
    assert "No session for p-17 today" in capsys.readouterr().err
    assert prepare_command.main(["p-17"]) == REFUSED, "nor without saying it again"
    assert machine.requests == []


def test_todays_check_may_be_a_file(clinic: Clinic, machine: Machine, tmp_path: Path) -> None:
    clinic.keep()
    path = tmp_path / "today.json"
    path.write_text(json.dumps(msgspec.to_builtins(TODAY)), encoding="utf-8")
    assert prepare_command.main(["p-17", "--today", str(path)]) == DONE
    assert isinstance(machine.requests[0], Prepare)


# --- progression -----------------------------------------------------------------------------------------------------


def two_good_sessions(clinic: Clinic) -> None:
    clinic.keep()
    for number, day in enumerate((1, 5)):
        clinic.record(f"boot-{number}", time=f"2026-03-0{day}T08:00:00.000Z", figures=SessionFigures(top_speed_m_s=0.2))


def test_one_change_is_proposed_and_a_clinician_decides(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    two_good_sessions(clinic)
    assert progress_command.main(["p-17", *LATER]) == DONE
    shown = capsys.readouterr().out
    assert "Proposed: " in shown
    assert "Because: " in shown
    assert profile_now(clinic) == PROFILE, "nothing goes by itself"
    assert progress_command.main(["p-17", "--accept"]) == WRONG_INPUT
    assert "--decided-by" in capsys.readouterr().err
    assert progress_command.main(["p-17", "--reject", "--decided-by", "doc-2"]) == WRONG_INPUT
    assert "--reason" in capsys.readouterr().err
    assert progress_command.main(["p-17", "--reject", "--decided-by", "doc-2", "--reason", "caf\udce9"]) == WRONG_INPUT
    assert "--reason = 'caf\\udce9': allowed is text in UTF-8" in capsys.readouterr().err
    assert progress_command.main(["p-17", "--reject", "--decided-by", "doc-2", "--reason", "tired today"]) == DONE
    assert profile_now(clinic) == PROFILE
    assert progress_command.main(["p-17", "--accept", "--decided-by", "doc-3"]) == DONE
    changed = profile_now(clinic)
    assert changed.accepted_by == "doc-3"
    assert changed.accepted_plan is not None
    with PatientFile(clinic.place.patients) as file:
        decisions = [entry.content.decision for entry in file.entries("p-17") if isinstance(entry.content, Decided)]
    assert [(type(decision), decision.by) for decision in decisions] == [(Rejected, "doc-2"), (Accepted, "doc-3")]


def test_the_same_sessions_earn_one_change_and_no_second(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    two_good_sessions(clinic)
    assert progress_command.main(["p-17", *LATER, "--accept", "--decided-by", "doc-3"]) == DONE
    changed = profile_now(clinic)
    capsys.readouterr()
    assert progress_command.main(["p-17", "--accept", "--decided-by", "doc-4"]) == DONE
    assert profile_now(clinic) == changed
    assert progress_command.main(["p-17"]) == DONE
    assert "0 of 2 sessions since the last change" in capsys.readouterr().out


def test_only_a_decision_that_changed_something_is_a_change() -> None:
    faster = Proposal(variable=Variable.SPEED, before="0.20 m/s", after="0.25 m/s", reason="good sessions", value=0.25)
    nothing = Proposal(variable=Variable.NOTHING, before="", after="", reason="as it was")
    decisions = (
        Accepted(patient="p-17", proposal=faster, on=DAY, by="doc-1"),
        Accepted(patient="p-17", proposal=nothing, on=DAY, by="doc-1"),
        Rejected(patient="p-17", proposal=faster, on=DAY, by="doc-1", reason="tired"),
    )
    entries = [
        Entry(time=f"2026-03-0{number}T08:00:00.000Z", on=DAY, by="doc-1", content=Decided(decision=decision))
        for number, decision in enumerate(decisions, start=1)
    ]
    assert last_change(entries) == entries[0]
    own = Changed(patient="p-17", proposal=nothing, plan=PLAN, on=DAY, by="doc-1", reason="holiday")
    entries.append(Entry(time="2026-03-07T08:00:00.000Z", on=DAY, by="doc-1", content=Decided(decision=own)))
    assert last_change(entries) == entries[-1]
    assert last_change([]) is None


def test_a_clinicians_own_plan_is_judged_before_it_is_kept(
    clinic: Clinic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_good_sessions(clinic)
    plan = tmp_path / "plan.toml"
    words = ["p-17", "--change", str(plan), "--decided-by", "doc-2", "--reason", "goes on holiday", *LATER]
    plan.write_text(PLAN_TOML.replace("first_session = true", "").replace("0.2", "4.0"), encoding="utf-8")
    assert progress_command.main(words) == WRONG_INPUT
    assert "speed_m_s" in capsys.readouterr().err
    assert profile_now(clinic) == PROFILE


# --- events ----------------------------------------------------------------------------------------------------------


def test_events_are_told_with_why_and_what_to_do(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    assert events_command.main([]) == DONE
    assert "no journal yet" in capsys.readouterr().err
    told = [
        msgspec.structs.replace(samples.event(number), detail={"drive_faults": number}, effect=effect)
        for number, effect in enumerate(("record", "fault", "refuse", "slow", "record"), start=1)
    ]
    clinic.record(events=tuple(told))
    assert events_command.main([]) == DONE
    lines = capsys.readouterr().out.splitlines()
    one = told[1]
    assert lines[3:6] == [f"{one.time}  2  {one.code}: {one.text}", "    drive_faults: 2", f"    {one.remedy}"]
    assert [line.split()[1] for line in lines if line[0] != " "] == ["1", "2", "3", "4", "5"]
    assert events_command.main(["--last", "2"]) == DONE
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines() if line[0] != " "] == ["4", "5"]
    assert events_command.main(["--stops", "--last", "2"]) == DONE
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines() if line[0] != " "] == ["2", "4"]


@pytest.mark.parametrize("count", ["0", "-1", "10001", "many"])
def test_a_wrong_count_of_events_is_refused(clinic: Clinic, count: str) -> None:
    with pytest.raises(SystemExit) as ended:
        events_command.main(["--last", count])
    assert ended.value.code == WRONG_INPUT


# --- symptoms --------------------------------------------------------------------------------------------------------


def test_symptoms_and_numbers_reach_the_controller(clinic: Clinic, machine: Machine) -> None:
    machine.answer = lambda request: Reply(request.request, True, "")
    assert symptom_command.main(["dizziness", "3"]) == DONE
    assert symptom_command.main(["--heart-rate", "131", "--pressure", "170/95"]) == DONE
    told = [(r.kind, r.grade, r.heart_rate_per_min, r.systolic_mm_hg) for r in machine.requests if isinstance(r, Symptom)]
    assert told == [("dizziness", 3, None, None), ("measured", None, 131, 170)]


@pytest.mark.parametrize(
    "words", [[], ["pain", "11"], ["pain", "-1"], ["--heart-rate", "9"], ["--pressure", "170"], ["x" * 65, "1"]]
)
def test_a_wrong_number_is_not_sent(clinic: Clinic, machine: Machine, words: list[str]) -> None:
    assert symptom_command.main(words) == WRONG_INPUT
    assert machine.requests == []
