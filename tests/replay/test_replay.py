"""`sternway replay`: the same decisions, or the first that differs in plain words; a picture and a table beside it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import replay.comparison
from controller.core.chart import LATCHED_STATES, State
from controller.core.commands import Action
from controller.core.events import Event
from controller.core.state import CoreState, Outputs
from controller.core.step import step
from replay.command_line import DIFFERENT, REFUSED, SAME, main
from replay.comparison import as_recorded, compare
from replay.recording import read_recording
from replay.stop import latched_stop, latching_cause
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
    last = len(read_recording(stumble).segments[-1].scans)
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"{scans} scans, {scans} decisions equal, states compared up to scan {scans - last}"
    )


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


def test_how_far_states_were_compared_is_said(stumble: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells the state after the last that is recorded."""
    recording = read_recording(stumble)
    last_ns = recording.segments[-1].scans[0].now_ns

    def forgetful(*scan) -> tuple[CoreState, Outputs]:
        state, outputs = step(*scan)
        return (msgspec.structs.replace(state, sessions_prepared=99) if scan[3] >= last_ns else state), outputs

    monkeypatch.setattr(replay.comparison, "step", forgetful)
    verdict = compare(recording)
    assert verdict.difference is None
    assert verdict.states_to == verdict.scans - len(recording.segments[-1].scans)
    assert compare(msgspec.structs.replace(recording, segments=recording.segments[:1])).states_to == 0


def not_latching(state: CoreState, outputs: Outputs) -> tuple[CoreState, Outputs]:
    """A core of a later version, to which that load is none: it goes on, and says nothing."""
    if not any(happening.event.value == "harness-loaded" for happening in outputs.happenings):
        return state, outputs
    command = msgspec.structs.replace(outputs.command, action=Action.RUN, target_mm_s=777, rate_mm_s2=1)
    return (
        msgspec.structs.replace(state, chart=State.WARM_UP, causes=(), command=command),
        msgspec.structs.replace(outputs, happenings=(), command=command),
    )


def test_table_and_picture_of_a_stop_that_would_be_decided_otherwise_now_show_what_was_recorded(
    stumble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")
    stop = next(
        scan
        for scan in read_recording(stumble).scans
        if any(happening.event.value == "harness-loaded" for happening in scan.outputs.happenings)
    )
    plant(monkeypatch, not_latching)
    assert main([str(stumble), "--csv", str(tmp_path / "a.csv"), "--plot", str(tmp_path / "a.svg")]) == DIFFERENT
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    (at,) = (row for row in rows if "harness-loaded" in row["events"])
    assert (at["command"], at["command_rate_mm_s2"]) == ("STOP", str(stop.outputs.command.rate_mm_s2))
    assert (at["replay"], at["state"], at["asked_m_s"], at["load_n"]) == ("differs", "", "", "")
    assert "777" not in {row["command_target_mm_s"] for row in rows}
    number = rows.index(at)
    assert {row["replay"] for row in rows[:number]} == {"same"}
    assert rows[-1]["state"] == "protective_stop", "the next recorded state is known again"
    drawn = (tmp_path / "a.svg").read_text()
    for words in ("protective stop", "harness-loaded", "DIFFERS: first at 0.00 s"):
        assert words in drawn


def test_figures_that_no_decision_shows_are_left_out_where_they_are_not_those_of_then(
    stumble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wishful(state: CoreState, outputs: Outputs) -> tuple[CoreState, Outputs]:
        return msgspec.structs.replace(state, exercise=msgspec.structs.replace(state.exercise, wanted_m_s=9.0)), outputs

    monkeypatch.setattr(replay.comparison, "step", lambda *scan: wishful(*step(*scan)))
    scans = list(as_recorded(read_recording(stumble)))
    last = len(read_recording(stumble).segments[-1].scans)
    assert not any(scan.proved for scan in scans[:-last])


def test_the_stop_is_found_where_the_states_have_it(stumble: Path) -> None:
    scans = list(as_recorded(read_recording(stumble)))
    stop = scans[latched_stop(scans)]
    assert stop.before.chart not in LATCHED_STATES
    assert stop.after.chart in LATCHED_STATES
    assert latching_cause(stop) is stop.after.stopped_by is Event.HARNESS_LOADED


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
