"""Reading recordings: what is damaged, cut off, foreign or made up is refused in words; what was copied in motion is read."""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from controller.core.state import CoreState
from controller.flight_format import (
    FILE_PREFIX,
    FORMAT_VERSION,
    HEADER_BYTES,
    MAGIC,
    RECORD_PREFIX,
    RING_BYTES,
    SEGMENT_BYTES,
    SEGMENT_PREFIX,
    SEGMENTS,
    FlightHeader,
)
from replay.comparison import compare
from replay.recording import RecordingError, read_recording
from telemetry.recordings import RecordingSaver
from tests.core.machine import PLAN
from tests.replay.recorded import Recorded, record_stumble
from tests.seeds import draw_seed
from tests.telemetry import samples

_FIRST_RECORD = HEADER_BYTES + SEGMENT_PREFIX.size


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return record_stumble(tmp_path_factory.mktemp("stumble")).read_bytes()


def refusal(directory: Path, content: bytes) -> str:
    path = directory / "file"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as caught:
        read_recording(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    return text


def patched(content: bytes, offset: int, data: bytes) -> bytes:
    return content[:offset] + data + content[offset + len(data) :]


def with_header(content: bytes, header: FlightHeader) -> bytes:
    """The same scans under another header, with its checksum right."""
    payload = msgspec.msgpack.encode(header)
    prefix = FILE_PREFIX.pack(MAGIC, FORMAT_VERSION, SEGMENTS, SEGMENT_BYTES, len(payload), zlib.crc32(payload))
    return patched(content, 0, prefix + payload)


def with_state(content: bytes, state: CoreState) -> bytes:
    """The same scans after another first state of the same size, with its checksum right."""
    payload = msgspec.msgpack.encode(state)
    assert len(payload) == RECORD_PREFIX.unpack_from(content, _FIRST_RECORD)[0], "else what follows would move"
    return patched(content, _FIRST_RECORD, RECORD_PREFIX.pack(len(payload), zlib.crc32(payload, 1)) + payload)


def header_of(content: bytes) -> FlightHeader:
    length = FILE_PREFIX.unpack_from(content)[4]
    return msgspec.msgpack.decode(content[FILE_PREFIX.size : FILE_PREFIX.size + length], type=FlightHeader)


def test_saved_and_compressed_is_the_same_recording(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(gzip.compress(content, 1))
    assert read_recording(tmp_path / "a") == read_recording(tmp_path / "b")


@pytest.mark.parametrize(
    "foreign",
    [b"", b"x", b"time_s,speed\n1,2\n", bytes(RING_BYTES), gzip.compress(b"a journal", mtime=0)],
    ids=["empty", "one byte", "a table", "zeros", "another compressed file"],
)
def test_a_foreign_file_is_refused(tmp_path: Path, foreign: bytes) -> None:
    assert "not a flight recording" in refusal(tmp_path, foreign)


def test_a_file_that_is_away_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "away", tmp_path):
        with pytest.raises(RecordingError, match="correct the path"):
            read_recording(path)


@pytest.mark.parametrize("kept", [len(MAGIC), 100, HEADER_BYTES, RING_BYTES // 2, RING_BYTES - 1])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, content: bytes, kept: int) -> None:
    assert "cut off" in refusal(tmp_path, content[:kept])


def test_a_compressed_file_that_was_cut_off_or_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    packed = gzip.compress(content, 1)
    assert "cut off" in refusal(tmp_path, packed[: len(packed) // 2])
    assert "damaged" in refusal(tmp_path, patched(packed, len(packed) // 2, bytes(64)))


def test_a_file_that_is_too_long_is_refused_however_small_it_is_packed(tmp_path: Path, content: bytes) -> None:
    assert "longer than" in refusal(tmp_path, content + b"\0")
    assert "longer than" in refusal(tmp_path, gzip.compress(content + bytes(200_000_000), 1))


def test_another_format_is_named(tmp_path: Path, content: bytes) -> None:
    other = patched(content, len(MAGIC), (FORMAT_VERSION + 1).to_bytes(2, "little"))
    assert f"format {FORMAT_VERSION + 1}" in refusal(tmp_path, other)


def test_a_damaged_header_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "header" in refusal(tmp_path, patched(content, FILE_PREFIX.size + 50, b"\xff"))


def test_a_header_that_claims_to_be_huge_is_refused(tmp_path: Path, content: bytes) -> None:
    prefix = FILE_PREFIX.pack(MAGIC, FORMAT_VERSION, SEGMENTS, SEGMENT_BYTES, 0xFFFFFFFF, 0)
    assert "header" in refusal(tmp_path, patched(content, 0, prefix))


def test_settings_out_of_range_are_refused(tmp_path: Path, content: bytes) -> None:
    header = header_of(content)
    speed = msgspec.structs.replace(header.settings.core.speed, ceiling_m_s=99.0)
    core = msgspec.structs.replace(header.settings.core, speed=speed)
    settings = msgspec.structs.replace(header.settings, core=core)
    text = refusal(tmp_path, with_header(content, msgspec.structs.replace(header, settings=settings)))
    assert "ceiling_m_s" in text
    assert "<= 1.6" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_settings_that_are_not_finite_are_refused(tmp_path: Path, content: bytes, value: float) -> None:
    header = header_of(content)
    load_chain = msgspec.structs.replace(header.settings.load_chain, newtons_per_count=value)
    settings = msgspec.structs.replace(header.settings, load_chain=load_chain)
    assert "not finite" in refusal(tmp_path, with_header(content, msgspec.structs.replace(header, settings=settings)))


def test_a_state_with_what_is_not_a_number_is_refused(tmp_path: Path, content: bytes) -> None:
    size = RECORD_PREFIX.unpack_from(content, _FIRST_RECORD)[0]
    body = _FIRST_RECORD + RECORD_PREFIX.size
    state = msgspec.msgpack.decode(content[body : body + size], type=CoreState)
    changed = msgspec.structs.replace(state, deceleration_m_s2=float("nan"))
    assert "a number of second 1 is none" in refusal(tmp_path, with_state(content, changed))


def test_a_scan_that_is_no_scan_is_refused(tmp_path: Path, content: bytes) -> None:
    payload = msgspec.msgpack.encode({"hello": 1})
    record = RECORD_PREFIX.pack(len(payload), zlib.crc32(payload, 1)) + payload + bytes(RECORD_PREFIX.size)
    assert "state of second 1" in refusal(tmp_path, patched(content, _FIRST_RECORD, record))


def test_time_that_goes_back_is_refused(tmp_path: Path) -> None:
    machine = Recorded(tmp_path)
    machine.run(1)
    machine.recorder.record(machine.state, machine.inputs, machine.outputs, machine.now_ns - 1)
    assert "time goes back" in refusal(tmp_path, machine.file.read_bytes())


def test_a_recording_without_a_scan_is_refused(tmp_path: Path) -> None:
    assert "empty" in refusal(tmp_path, Recorded(tmp_path).file.read_bytes())


def test_no_flipped_bit_goes_unnoticed_or_crashes(tmp_path: Path, content: bytes) -> None:
    """Wherever it falls, it is refused, or is in what nobody wrote; then everything reads as before."""
    chance = random.Random(draw_seed("flips"))
    (tmp_path / "whole").write_bytes(content)
    whole = read_recording(tmp_path / "whole")
    refused = 0
    for _ in range(60):
        offset = chance.choice((chance.randrange(RING_BYTES), chance.randrange(HEADER_BYTES + 20 * SEGMENT_BYTES)))
        path = tmp_path / "flipped"
        path.write_bytes(patched(content, offset, bytes([content[offset] ^ 1 << chance.randrange(8)])))
        try:
            found = read_recording(path)
        except RecordingError:
            refused += 1
        else:
            assert found.notes or found == whole, f"a flip at {offset} went unnoticed"
    assert refused, "none fell on anything that was written: the test looked at nothing"


def test_a_record_torn_at_the_end_is_left_out_and_said(tmp_path: Path) -> None:
    machine = Recorded(tmp_path)
    machine.run(0.5)
    offset = HEADER_BYTES + machine.recorder._offset - 10
    torn = patched(machine.file.read_bytes(), offset, b"\xff\xff")
    (tmp_path / "torn").write_bytes(torn)
    recording = read_recording(tmp_path / "torn")
    assert "torn" in recording.notes[0]
    assert compare(recording).equal == 49


def test_a_file_copied_while_it_was_written_ends_before_the_gap(tmp_path: Path) -> None:
    """The copy saw the middle of one second, and then the whole of the next."""
    machine = Recorded(tmp_path)
    machine.run(3.5)
    early = machine.file.read_bytes()
    end = HEADER_BYTES + 4 * SEGMENT_BYTES
    machine.run(1)
    late = machine.file.read_bytes()
    (tmp_path / "copy").write_bytes(early[:end] + late[end:])
    recording = read_recording(tmp_path / "copy")
    assert "copied while it was written" in recording.notes[0]
    verdict = compare(recording)
    assert verdict.difference is None
    assert 340 <= verdict.equal <= 360


def test_what_was_overwritten_while_it_was_copied_is_left_out(tmp_path: Path) -> None:
    machine = Recorded(tmp_path)
    machine.run(65)
    oldest = HEADER_BYTES + 3 * SEGMENT_BYTES
    (tmp_path / "copy").write_bytes(patched(machine.file.read_bytes(), oldest, bytes(SEGMENT_PREFIX.size)))
    recording = read_recording(tmp_path / "copy")
    assert compare(recording).difference is None
    assert len(recording.segments) == SEGMENTS - 1


def test_what_stands_before_a_damaged_second_is_left_out_and_said(tmp_path: Path) -> None:
    machine = Recorded(tmp_path)
    machine.run(10)
    damaged = HEADER_BYTES + 4 * SEGMENT_BYTES
    (tmp_path / "copy").write_bytes(patched(machine.file.read_bytes(), damaged, b"\x09"))
    recording = read_recording(tmp_path / "copy")
    assert recording.segments[0].number == 6
    assert "before a damaged part" in recording.notes[0]


def test_telemetry_knows_a_stop_of_an_earlier_life_by_the_header_that_the_recorder_wrote(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "flight.ring").write_bytes(content)
    saver = RecordingSaver(tmp_path, tmp_path / "saved", 5, lambda: datetime(2026, 3, 1, tzinfo=UTC), lambda: 0)
    saver.save((msgspec.structs.replace(samples.event(41), at_ns=header_of(content).began_ns - 1),))
    assert not (tmp_path / "saved").exists()


def test_telemetry_finds_a_stop_of_the_journal_in_what_the_recorder_wrote(tmp_path: Path) -> None:
    """Telemetry may not know the core's types: it looks for how the event's nanosecond is encoded."""
    path = record_stumble(tmp_path)
    scans = read_recording(path).scans
    (stop,) = (h for scan in scans for h in scan.outputs.happenings if h.event.value == "harness-loaded")
    record = msgspec.structs.replace(samples.event(41, "harness-loaded"), at_ns=stop.at_ns, effect="protective_stop")
    other = msgspec.structs.replace(record, id=42, at_ns=stop.at_ns + 1)
    now_ns = stop.at_ns + 12_000_000_000
    saver = RecordingSaver(tmp_path, tmp_path / "saved", 5, lambda: datetime(2026, 3, 1, tzinfo=UTC), lambda: now_ns)
    asyncio.run(saver.take_up((record, other)))
    assert "event 42" in saver.alarms[0].text
    asyncio.run(saver.look())
    (saved,) = (tmp_path / "saved").iterdir()
    assert saved.name.endswith("-41-harness-loaded.flight.gz")
    assert read_recording(saved) == read_recording(path)


def test_an_erasure_finds_the_patient_in_what_the_core_itself_recorded(tmp_path: Path, content: bytes) -> None:
    """Telemetry may not know the core's types: it looks for how the pseudonym is encoded, in a whole ring as it stands there."""
    (tmp_path / "flight.ring").write_bytes(content)
    stop = msgspec.structs.replace(samples.event(41, "loading-fast"), at_ns=header_of(content).began_ns)
    saver = RecordingSaver(tmp_path, tmp_path / "saved", 5, lambda: datetime(2026, 3, 1, tzinfo=UTC), lambda: 0)
    saver.save((stop,))
    (saved,) = (tmp_path / "saved").glob("*")
    assert len(read_recording(saved).segments) > 1
    saver.erase(f"{PLAN.patient}8")
    saver.erase(PLAN.patient[1:])
    assert len(read_recording(saved).segments) > 1
    saver.erase(PLAN.patient)
    assert PLAN.patient.encode() not in saved.read_bytes()
    with pytest.raises(RecordingError, match="whose patient was erased"):
        read_recording(saved)
