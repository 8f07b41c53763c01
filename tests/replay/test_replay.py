"""`sternway replay`: the same decisions, or the first that differs in plain words; a picture and a table beside it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import replay.comparison
from controller.core.state import CoreState, Outputs
from controller.core.step import step
from replay.command_line import DIFFERENT, REFUSED, SAME, main
from replay.comparison import compare
from replay.recording import read_recording
from replay.table import COLUMNS
from tests.replay.recorded import Recorded, record_stumble

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stumble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_stumble(tmp_path_factory.mktemp("stumble"))


def plant(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Has replay run another core: `change(state, outputs)` makes it out of the sound one's decision."""

    def changed(*scan) -> tuple[CoreState, Outputs]:
        return change(*step(*scan))

    monkeypatch.setattr(replay.comparison, "step", changed)


def test_every_decision_is_the_same(stumble: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(stumble)]) == SAME
    scans = sum(1 for _ in read_recording(stumble).scans)
    assert scans > 1000
    assert capsys.readouterr().out.splitlines()[-1] == f"{scans} scans, {scans} decisions equal"


def test_the_first_decision_that_differs_is_shown(
    stumble: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A core whose stops after a fall are softer."""

    def softer(state: CoreState, outputs: Outputs) -> tuple[CoreState, Outputs]:
        if outputs.command.rate_mm_s2 != 1000:
            return state, outputs
        command = msgspec.structs.replace(outputs.command, rate_mm_s2=300)
        return state, msgspec.structs.replace(outputs, command=command)

    plant(monkeypatch, softer)
    assert main([str(stumble)]) == DIFFERENT
    shown = capsys.readouterr().out
    assert "command.rate_mm_s2: 1000 -> 300" in shown
    assert "in state " in shown
    assert "STOP at 1000 mm/s2; " in shown
    assert "harness load: " in shown
    assert "then: STOP" in shown
    verdict = compare(read_recording(stumble))
    assert verdict.equal == verdict.scans - 1, "it ends with the first"


def test_a_difference_that_no_output_shows_is_found_within_its_second(stumble: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(state: CoreState, outputs: Outputs) -> tuple[CoreState, Outputs]:
        return msgspec.structs.replace(state, sessions_prepared=0), outputs

    plant(monkeypatch, forgetful)
    difference = compare(read_recording(stumble)).difference
    assert difference is not None
    assert ("state.sessions_prepared", "1", "0") in difference.fields


def test_a_core_that_fails_is_a_difference(stumble: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_state: CoreState, _outputs: Outputs) -> tuple[CoreState, Outputs]:
        raise KeyError("planted")

    plant(monkeypatch, failing)
    difference = compare(read_recording(stumble)).difference
    assert difference is not None
    assert difference.number == 0
    assert "KeyError" in difference.fields[0][2]


def test_what_the_recorder_could_not_keep_is_said_with_how_long_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Recorded(tmp_path)
    machine.run(2)

    def fail(_value: object) -> bytes:
        raise ValueError("planted")

    with monkeypatch.context() as patched:
        patched.setattr(machine.recorder, "_encode", fail)
        machine.run(20)
    machine.run(2)
    machine.recorder.close()
    assert main([str(machine.file)]) == SAME
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Note: ")]
    assert notes == [
        "Note: scans are missing for 20.00 s before second 3: the recorder could not keep them; "
        "the state after them is taken as it stands"
    ]


def test_what_cannot_be_replayed_is_said_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert main([str(tmp_path / "notes.txt")]) == REFUSED
    said = capsys.readouterr()
    assert said.out == ""
    assert "not a flight recording" in said.err


def test_the_table_has_every_scan_with_units(stumble: Path, tmp_path: Path) -> None:
    path = tmp_path / "scans.csv"
    assert main([str(stumble), "--csv", str(path)]) == SAME
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == sum(1 for _ in read_recording(stumble).scans)
    walking = [row for row in rows if row["state"] == "warm_up"]
    assert float(walking[-1]["measured_m_s"]) == pytest.approx(0.1, abs=0.02)
    assert float(walking[-1]["command_target_mm_s"]) == 100
    fallen = [row for row in rows if "harness-loaded" in row["events"]]
    assert float(fallen[0]["load_body_weight_percent"]) == pytest.approx(60, abs=1)
    assert rows[-1]["state"] == "protective_stop"


@pytest.mark.parametrize(("name", "begins"), [("stop.svg", b"<?xml"), ("stop.png", b"\x89PNG")])
def test_the_picture_is_drawn(stumble: Path, tmp_path: Path, name: str, begins: bytes) -> None:
    assert main([str(stumble), "--plot", str(tmp_path / name)]) == SAME
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_the_picture_shows_the_stop_and_its_cause(stumble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")  # words as text, to be read here
    assert main([str(stumble), "--plot", str(tmp_path / "stop.svg")]) == SAME
    drawn = (tmp_path / "stop.svg").read_text()
    for words in ("protective stop", "harness-loaded", "granted by hands", "rail left", "of body weight", "time from the stop, s"):
        assert words in drawn


def test_another_kind_of_picture_is_refused_before_anything_is_done(
    stumble: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(stumble), "--plot", str(tmp_path / "stop.doc")]) == REFUSED
    assert ".svg or .png" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(stumble: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option, name in (("--csv", "a.csv"), ("--plot", "a.svg")):
        assert main([str(stumble), option, str(tmp_path / "away" / name)]) == REFUSED
        assert "away" in capsys.readouterr().err


def test_without_the_plotting_library_it_replays_and_says_where_to_draw(stumble: Path) -> None:
    """In a process that cannot import it, as on a treadmill."""
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from replay.command_line import main\n"
        f"print(main([{str(stumble)!r}]), main([{str(stumble)!r}, '--plot', 'x.svg']))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.splitlines()[-1] == f"{SAME} {REFUSED}"
    assert "take the file to a checkout" in result.stderr


def test_it_is_a_subcommand(stumble: Path) -> None:
    program = Path(sys.executable).parent / "sternway"
    result = subprocess.run([str(program), "replay", str(stumble)], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == SAME, result.stderr
    assert "decisions equal" in result.stdout
