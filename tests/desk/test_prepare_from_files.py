"""`sternway prepare` with plan and records in files: what no patient may do is said here, all else the controller says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest

from controller.session.plan_file import load_plan
from desk.place import DONE, REFUSED, WRONG_INPUT
from desk.prepare_command import main
from messages.patient import Clearance, FlagName, Prescription, PrescriptionKind
from messages.wire import Prepare, Reply
from simulator.demo_configuration import write_screening
from simulator.patients import returning_patient
from tests.command_line.conftest import Machine, machine

__all__ = ["machine"]

CONFIG = Path(__file__).parents[2] / "config"
PLAN = CONFIG / "plans" / "demo.toml"


@pytest.fixture
def configuration(machine: Machine, tmp_path: Path) -> Path:
    path = tmp_path / "treadmill.toml"
    text = (CONFIG / "treadmill.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("/run/sternway/controller.sock", str(machine.socket)), encoding="utf-8")
    return path


@pytest.fixture
def screening(tmp_path: Path) -> str:
    return str(write_screening(tmp_path, returning_patient(load_plan(PLAN), date(2026, 3, 2))))


def test_a_plan_is_proposed_as_it_stands_in_the_file(
    machine: Machine, configuration: Path, screening: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo-1", "--plan", str(PLAN), "--screening", screening, "--config", str(configuration)]) == DONE
    (request,) = machine.requests
    assert isinstance(request, Prepare)
    assert request.plan == load_plan(PLAN)
    assert request.screening == returning_patient(request.plan, date(2026, 3, 2))
    assert request.origin.startswith("command line, user ")
    assert capsys.readouterr().out == "Session boot-1 is prepared for demo-1. Go on at the panel.\n"


def test_a_refusal_is_said_with_its_reason(
    machine: Machine, configuration: Path, screening: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.answer = lambda request: Reply(request.request, False, "the display is lost")
    assert main(["demo-1", "--plan", str(PLAN), "--screening", screening, "--config", str(configuration)]) == REFUSED
    assert capsys.readouterr().err == "Refused: the display is lost\n"


@pytest.mark.parametrize(("old", "new", "words"), [("0.20", "0.45", "phases[1].speed_m_s"), ("45", "-4", "phases[1].duration_s")])
def test_a_plan_that_breaks_a_cap_is_never_sent(
    machine: Machine,
    configuration: Path,
    screening: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    words: str,
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.read_text(encoding="utf-8").replace(f"= {old}\n", f"= {new}\n"), encoding="utf-8")
    assert main(["demo-1", "--plan", str(plan), "--screening", screening, "--config", str(configuration)]) == WRONG_INPUT
    assert words in capsys.readouterr().err
    assert machine.requests == []


def test_records_that_cannot_be_read_are_never_sent(
    machine: Machine, configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = tmp_path / "records.json"
    records.write_text('{"by": "physio-1", "profile": {"mass_kg": -70}}', encoding="utf-8")
    assert main(["demo-1", "--plan", str(PLAN), "--screening", str(records), "--config", str(configuration)]) == WRONG_INPUT
    assert "profile.mass_kg = -70: allowed is a number from 20 to 200 kg" in capsys.readouterr().err
    assert machine.requests == []


def test_records_that_are_too_long_for_the_socket_are_never_sent(
    machine: Machine, configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screening = returning_patient(load_plan(PLAN), date(2026, 3, 2))
    long = Clearance(flag=FlagName.VESTIBULAR, on=date(2026, 3, 1), by="physio-1", reason="x" * 300)
    holds = Prescription(kind=PrescriptionKind.RUNNING, on=long.on, until=long.on, by="physio-1", reason="x" * 300)
    profile = msgspec.structs.replace(screening.profile, clearances=(long,) * 32, prescriptions=(holds,) * 32)
    history = screening.history * 60
    records = write_screening(tmp_path, msgspec.structs.replace(screening, profile=profile, history=history))
    assert main(["demo-1", "--plan", str(PLAN), "--screening", str(records), "--config", str(configuration)]) == WRONG_INPUT
    assert "at most 32 KiB together; keep the newest sessions" in capsys.readouterr().err
    assert machine.requests == []


def test_a_session_is_proposed_only_with_a_correct_configuration(machine: Machine, screening: str, tmp_path: Path) -> None:
    words = ["demo-1", "--plan", str(PLAN), "--screening", screening, "--config", str(tmp_path / "away.toml")]
    assert main([*words, "--socket", str(machine.socket)]) == WRONG_INPUT
    assert machine.requests == []


def test_another_patients_plan_is_never_sent(
    machine: Machine, configuration: Path, screening: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["p-9", "--plan", str(PLAN), "--screening", screening, "--config", str(configuration)]) == WRONG_INPUT
    assert 'patient = "demo-1": allowed is "p-9"' in capsys.readouterr().err
    assert main(["demo-1", "--screening", screening, "--config", str(configuration)]) == WRONG_INPUT
    assert "--plan" in capsys.readouterr().err
    assert machine.requests == []
