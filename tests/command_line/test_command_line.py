"""The command line: what it says, what it sends, and its exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from controller import __version__
from controller.command_line import DONE, NOT_REACHED, REFUSED, WRONG_INPUT, main
from controller.configuration_tables import PathSettings
from messages.wire import Cancel, CertificateDates, Health, Reply, Stop
from simulator.demo_configuration import write_configuration
from tests.command_line.conftest import ABOUT, SNAPSHOT, Machine

CONFIG = Path(__file__).parents[2] / "config"
PLAN = CONFIG / "plans" / "demo.toml"


@pytest.fixture
def configuration(machine: Machine, tmp_path: Path) -> Path:
    path = tmp_path / "treadmill.toml"
    text = (CONFIG / "treadmill.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("/run/sternway/controller.sock", str(machine.socket)), encoding="utf-8")
    return path


def test_a_correct_configuration_is_said_to_be_correct(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(CONFIG / "treadmill.toml")]) == DONE
    assert "correct, for treadmill-1 at example-clinic" in capsys.readouterr().out


def test_every_mistake_of_a_configuration_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[speed]\nfirst_km_h = 1\nceiling_m_s = nan\n[pins]\nclip = 5\n")
    assert main(["check-config", str(path)]) == WRONG_INPUT
    said = capsys.readouterr().err
    for words in ("bad.toml: 7 problems", "speed.first_km_h", "speed.ceiling_m_s = nan", "identity.clinic", "emergency_a and clip"):
        assert words in said
    assert main(["check-config", str(tmp_path / "away.toml")]) == WRONG_INPUT
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('driver = "reference"', 'driver = "refrence"', ('serial.driver = "refrence"', "known are: reference")),
        ('mounting = "belt_reversed"', 'mounting = "patient_turned"', ('identity.mounting = "patient_turned"', "belt_reversed")),
    ],
)
def test_a_driver_with_which_the_controller_would_not_start_is_no_correct_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], right: str, wrong: str, said: tuple[str, str]
) -> None:
    text = (CONFIG / "treadmill.toml").read_text(encoding="utf-8")
    path = tmp_path / "treadmill.toml"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    assert right in text
    assert main(["check-config", str(path)]) == WRONG_INPUT
    error = capsys.readouterr().err
    assert all(words in error for words in said)


def test_a_refusal_is_said_with_its_reason(machine: Machine, configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine.answer = lambda request: Reply(request.request, False, "nothing is prepared")
    assert main(["cancel", "--config", str(configuration)]) == REFUSED
    assert capsys.readouterr().err == "Refused: nothing is prepared\n"


@pytest.mark.parametrize(("command", "kind"), [("cancel", Cancel), ("stop", Stop)])
def test_cancel_and_stop_each_send_one_request(
    machine: Machine, configuration: Path, command: str, kind: type[Cancel | Stop]
) -> None:
    assert main([command, "--config", str(configuration)]) == DONE
    assert [type(request) for request in machine.requests] == [kind]


def test_a_wrong_configuration_keeps_nobody_from_stopping_the_belt(machine: Machine, tmp_path: Path) -> None:
    assert main(["stop", "--config", str(tmp_path / "away.toml"), "--socket", str(machine.socket)]) == DONE
    assert [type(request) for request in machine.requests] == [Stop]


def test_without_a_configuration_the_usual_socket_is_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = PathSettings(socket=tmp_path / "usual.sock")  # not the true one: a treadmill may be running here
    monkeypatch.setattr("controller.command_line.PathSettings", lambda: usual)
    assert main(["stop", "--config", str(tmp_path / "away.toml")]) == NOT_REACHED
    said = capsys.readouterr().err
    assert f"trying {tmp_path / 'usual.sock'}" in said
    assert "press STOP at the panel" in said


def test_the_status_says_state_reason_and_remedy(machine: Machine, configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", str(configuration)]) == DONE
    assert capsys.readouterr().out.splitlines() == [
        "one at clinic, Sternway 0.1.0",
        "State: protective stop, for 2 min 5 s",
        "Reason: Fall: harness loaded",
        "What to do: Take the patient's weight.",
        "Belt: 0.12 m/s measured, 0.00 m/s asked, 0.30 m/s granted by hand",
        "Harness: 412 N, 56 % of body weight",
        "Session: boot-1 for p-17; 1 min 1 s left of this phase, 2 min 5 s in all; 42 m walked, 1 losses of balance",
        "Computer: not measured",
        "Alarm (high): harness-loaded",
        "Display:",
        "  |PROTECTIVE STOP     |",
        "  |Fall: harness       |",
        "  |loaded              |",
        "  |press RESET         |",
    ]


def test_what_is_unknown_is_said_to_be_unknown(machine: Machine, configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine.snapshot = msgspec.structs.replace(
        SNAPSHOT, state="exercising", phase="cool_down", cause="", measured_speed_m_s=None, load_n=None, session="", alarms=()
    )
    assert main(["status", "--config", str(configuration)]) == DONE
    said = capsys.readouterr().out
    assert "State: exercising, cool down, for" in said
    assert "Belt: speed unknown" in said
    assert "Harness: load unknown" in said
    assert "Reason" not in said
    assert "Session" not in said


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == DONE
    assert capsys.readouterr().out == f"sternway {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["start"], ["faster"], ["prepare"], ["prepare", "plan.toml"], ["check-config"]])
def test_there_is_no_command_to_start_the_belt(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == WRONG_INPUT
    assert "usage: sternway" in capsys.readouterr().err


def test_the_status_says_what_keeps_patients_away_when_things_are_due_and_how_the_computer_is(
    machine: Machine, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.about = msgspec.structs.replace(
        ABOUT,
        certificates={
            "calibration": CertificateDates("2026-05-01T09:30:00+00:00", "Ada", "2026-10-28T09:30:00+00:00", False),
            "self_test": CertificateDates("2026-05-01T10:00:00+00:00", "Ada", "2026-05-31T10:00:00+00:00", True),
        },
    )
    machine.snapshot = msgspec.structs.replace(
        SNAPSHOT,
        unready=("self-test overdue", "words of a later version"),
        health=Health(False, True, False, 52.4, 2048.0, True),
    )
    assert main(["status", "--config", str(configuration)]) == DONE
    said = capsys.readouterr().out
    for line in (
        "No patient yet: self-test overdue; walk through the machine again: sternway selftest",
        "No patient yet: words of a later version",
        "Calibration: 2026-05-01 by Ada, due again 2026-10-28",
        "Self-test: 2026-05-01 by Ada (emulated), due again 2026-05-31",
        "Computer: 52 °C, 2048 MB of disk free, under-voltage since the boot, full speed, clock set",
    ):
        assert f"{line}\n" in said


def test_the_status_says_that_nobody_knows_the_supply(
    machine: Machine, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.snapshot = msgspec.structs.replace(SNAPSHOT, health=Health(disk_free_mb=2048.0))
    assert main(["status", "--config", str(configuration)]) == DONE
    assert "Computer: 2048 MB of disk free, supply not measured\n" in capsys.readouterr().out


def test_the_status_says_what_the_rails_bear_and_why_it_is_unknown(
    machine: Machine, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.snapshot = msgspec.structs.replace(
        SNAPSHOT,
        rail_left_load_n=0.0,
        rail_loads_unknown={"rail-right": "not calibrated: sternway calibrate --cell rail-right"},
    )
    assert main(["status", "--config", str(configuration)]) == DONE
    said = capsys.readouterr().out
    assert "Hand on the left rail: 0 N\n" in said
    assert "Hand on the right rail: load unknown, not calibrated: sternway calibrate --cell rail-right\n" in said
    machine.snapshot = SNAPSHOT
    assert main(["status", "--config", str(configuration)]) == DONE
    assert "rail" not in capsys.readouterr().out, "no cell is fitted there"


def test_a_configuration_with_rail_cells_is_correct_and_says_how_they_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_configuration(tmp_path, tmp_path, 1, rail_cells=True)
    assert main(["check-config", str(path)]) == DONE
    said = capsys.readouterr().out
    assert "rail-left is calibrated\n" in said
    (tmp_path / "calibration-rail-right.json").unlink()
    assert main(["check-config", str(path)]) == DONE
    said = capsys.readouterr().out
    assert "rail-left is calibrated\n" in said
    words = "rail-right is shown as unknown, not calibrated: sternway calibrate --cell rail-right; the treadmill runs without it\n"
    assert words in said


def test_telemetrys_table_is_judged_with_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.toml"
    text = (CONFIG / "treadmill.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("retention_days = 730", "retention_days = 0").replace("keep_alive_s = 10", "keep_alive_ms = 10"))
    assert main(["check-config", str(path)]) == WRONG_INPUT
    said = capsys.readouterr().err
    assert "2 problems" in said
    assert "telemetry.retention_days = 0: allowed is a whole number from 1 to 36500 days" in said
    assert "telemetry.broker.keep_alive_ms" in said
    path.write_text(text.replace("first_m_s = 0.1", "first_m_s = 9.0").replace('ca_file = ""', 'ca_file = "/ca.pem"'))
    assert main(["check-config", str(path)]) == WRONG_INPUT
    said = capsys.readouterr().err
    assert "speed.first_m_s" in said
    assert "telemetry.broker.tls.enabled" in said


def test_the_logs_are_journalctls_of_both_units(tmp_path: Path) -> None:
    """A program of that name says what it was called with; the command becomes it."""
    fake = tmp_path / "journalctl"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    command = [sys.executable, "-m", "controller.command_line", "logs", "--follow", "--priority", "warning"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(CONFIG.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    words = done.stdout.split()
    assert words[:4] == ["--unit", "sternway-controller.service", "--unit", "sternway-telemetry.service"]
    assert {"--since=today", "--priority=warning", "--follow"} <= set(words)


def test_without_a_journal_that_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["logs"]) == NOT_REACHED
    assert "the logs are where the services' output goes" in capsys.readouterr().err
