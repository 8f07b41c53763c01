"""The flight recorder: a minute whole at every rate, each life in its own file, and no fault of its own ever reaches a scan."""

import itertools
import os
from pathlib import Path

import msgspec
import pytest

import controller.scan
from controller.core.inputs import Input
from controller.core.state import ScanInputs
from controller.flight_format import RING_BYTES
from controller.flight_recorder import FILE_NAME, KEPT_ASIDE, FlightRecorder
from replay.comparison import compare
from replay.recording import read_recording
from tests.core.machine import MS, S
from tests.replay.recorded import Recorded, flight_header
from tests.shell.test_scan import Treadmill

HOLDS_S = 60.0


def test_the_real_scan_is_recorded_and_decides_the_same_again(tmp_path: Path) -> None:
    treadmill = Treadmill(tmp_path)
    treadmill.run(2)
    treadmill.press(Input.RESET)
    treadmill.run(0.5)
    treadmill.prepare()
    treadmill.start()
    treadmill.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    treadmill.run(2)
    scans = treadmill._scans
    treadmill.shut()
    recording = read_recording(tmp_path / FILE_NAME)
    verdict = compare(recording)
    assert verdict.difference is None
    assert verdict.scans == verdict.equal == scans
    assert treadmill.said == []


@pytest.mark.parametrize("between_ns", [10 * MS, 5 * MS, 4_500_000])
def test_the_last_minute_is_there_whole_even_while_edges_bring_every_scan_forward(tmp_path: Path, between_ns: int) -> None:
    machine = Recorded(tmp_path)
    machine.to_walking()
    began_ns = machine.now_ns
    for count in range(1, int(90 * S / between_ns)):
        machine.recorder.record(machine.state, machine.inputs, machine.outputs, began_ns + count * between_ns)
    machine.recorder.close()
    scans = list(read_recording(machine.file).scans)
    assert scans[-1].now_ns - scans[0].now_ns >= HOLDS_S * S
    assert {later.now_ns - earlier.now_ns for earlier, later in itertools.pairwise(scans)} == {between_ns}
    assert machine.file.stat().st_size == RING_BYTES


def test_a_restart_keeps_how_the_last_life_ended(tmp_path: Path) -> None:
    first = Recorded(tmp_path, "aaaa")
    first.run(2)
    before = first.file.read_bytes()
    second = Recorded(tmp_path, "bbbb")
    second.run(1)
    assert (tmp_path / "flight-aaaa.ring").read_bytes() == before
    assert read_recording(second.file).header.boot_id == "bbbb"
    for life in ("cccc", "dddd", "eeee", "ffff"):
        Recorded(tmp_path, life)
    aside = {path.name for path in tmp_path.glob("flight-*.ring")}
    assert aside == {"flight-cccc.ring", "flight-dddd.ring", "flight-eeee.ring"}
    assert len(aside) == KEPT_ASIDE


@pytest.mark.parametrize(
    "content",
    [b"", b"rubbish", b"STERNWAY-FLIGHT\n" + b"\xff" * 100, bytes(range(256)) * 20],
    ids=["empty", "short", "a header of nonsense", "long"],
)
def test_whatever_the_last_life_left_is_put_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    machine = Recorded(tmp_path)
    machine.run(1)
    assert machine.said == []
    assert (tmp_path / "flight-unknown.ring").read_bytes() == content
    assert compare(read_recording(machine.file)).equal == 100


def test_a_header_cannot_name_a_file_elsewhere(tmp_path: Path) -> None:
    Recorded(tmp_path, "../../etc/x").recorder.close()
    Recorded(tmp_path).recorder.close()
    assert {path.name for path in tmp_path.iterdir()} == {FILE_NAME, "flight-unknown.ring"}


def test_without_a_place_it_says_so_once_and_every_scan_goes_on(tmp_path: Path) -> None:
    machine = Recorded(tmp_path / "missing")
    machine.to_walking()
    assert machine.belt_m_s > 0.05
    (text,) = machine.said
    assert "Flight recorder" in text
    assert "goes on without it" in text


def test_a_full_runtime_directory_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _offset: int, _size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    machine = Recorded(tmp_path)
    machine.run(1)
    assert "No space left" in machine.said[0]
    assert list(tmp_path.iterdir()) == []


def test_a_scan_that_cannot_be_kept_is_said_once_counted_and_what_follows_is_replayed(tmp_path: Path) -> None:
    machine = Recorded(tmp_path)
    machine.run(2)
    for count in range(3):
        machine.inputs = msgspec.structs.replace(machine.inputs, lateness_ns=1 << 70)  # no integer of any clock
        machine.recorder.record(machine.state, machine.inputs, machine.outputs, machine.now_ns + count)
    machine.run(2)
    machine.recorder.close()
    assert machine.recorder.lost_scans == 3
    assert len(machine.said) == 1
    recording = read_recording(machine.file)
    assert [segment.continues for segment in recording.segments].count(False) == 2, "its beginning, and after the gap"
    assert compare(recording).equal == 400


def test_a_fault_that_nobody_can_be_told_stops_nothing_either(tmp_path: Path) -> None:
    def closed(_text: str) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    machine = Recorded(tmp_path)
    machine.run(1)
    recorder = FlightRecorder(tmp_path / "missing", flight_header(machine.settings), closed)
    recorder.record(machine.state, machine.inputs, machine.outputs, machine.now_ns)
    assert "cannot record" in recorder.failure


def test_a_scan_that_makes_the_core_fail_is_the_last_on_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    treadmill = Treadmill(tmp_path)
    treadmill.run(1)

    def failing(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(controller.scan, "step", failing)
    with pytest.raises(ZeroDivisionError):
        treadmill.controller.cycle(treadmill.now_ns + 10 * MS, 0)
    treadmill.shut()
    last = list(read_recording(tmp_path / FILE_NAME).scans)[-1]
    assert last.outputs is None
    assert isinstance(last.inputs, ScanInputs)
    difference = compare(read_recording(tmp_path / FILE_NAME)).difference
    assert difference is not None, "the sound core decides where the failing one did not"
    assert difference.fields[0][1] == "the core failed"


def test_a_closed_recorder_keeps_nothing_and_harms_nothing(tmp_path: Path) -> None:
    machine = Recorded(tmp_path)
    machine.run(1)
    machine.recorder.close()
    machine.run(1)
    assert compare(read_recording(machine.file)).equal == 100
    assert machine.said == []


def test_the_pages_are_there_before_the_first_scan(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, flight_header(Recorded(tmp_path).settings), pytest.fail)
    status = (tmp_path / FILE_NAME).stat()
    assert status.st_blocks * 512 >= RING_BYTES, "preallocated: a scan never waits for room"
    assert status.st_mode & 0o777 == 0o640, "telemetry reads it by its group"
    recorder.close()
