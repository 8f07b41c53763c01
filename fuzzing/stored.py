"""What is kept in files: a patient's records, an exported patient, flight recordings. What is accepted can be kept and read."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import math
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from controller.flight_format import (
    FILE_PREFIX,
    FORMAT_VERSION,
    HEADER_BYTES,
    MAGIC,
    RECORD_PREFIX,
    RING_BYTES,
    SEGMENT_BYTES,
    SEGMENTS,
    FlightHeader,
    pack_segment,
)
from controller.session.record_file import MAXIMUM_BYTES, RecordError, load_record
from desk.patient_command import read_export
from fuzzing.documents import altered
from fuzzing.finding import FindingError, must_be_finite
from messages.patient import Profile, Screening, TodayCheck
from messages.plan import Plan
from replay.recording import Recording, RecordingError, Segment, read_recording
from settings_files.problems import ProblemsError
from telemetry.patient_records import FallForm, Numbers, PatientExport
from telemetry.patients import PatientFile

_KINDS: tuple[type[msgspec.Struct], ...] = (Profile, TodayCheck, Plan, Screening, Numbers, FallForm)
_NAMES = ("profile", "today", "plan", "screening", "numbers", "fall")
_MADE = 0x80
_CORPUS = Path(__file__).parent / "corpus"
_SHOWN_AS_JSON = _KINDS[:4]
_NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_PIECE = struct.Struct("<H")
_NEW_SEGMENT = 0x8000
_TORN = 0x4000
_LENGTH = 0x3FFF


def record(data: bytes) -> None:
    """A patient's record as JSON, the first byte picks its kind: what is accepted can be written, and is the same when read.

    Bit 7 of the first byte: what follows changes a right record, instead of being one.
    """
    if not data:
        return
    number = (data[0] & ~_MADE) % len(_KINDS)
    kind = _KINDS[number]
    content = _as_json(altered(_right(f"record/{_NAMES[number]}", 1), data[1:])) if data[0] & _MADE else data[1:]
    try:
        found = load_record(kind, content)
    except RecordError as error:
        str(error).encode()
        if not error.problems:
            raise FindingError("refused without saying why") from error
        return
    must_be_finite(msgspec.to_builtins(found))
    written = msgspec.json.encode(found)
    if msgspec.json.decode(written, type=kind) != found:
        raise FindingError("a record changes when it is kept")
    if kind in _SHOWN_AS_JSON and len(written) <= MAXIMUM_BYTES and load_record(kind, written) != found:
        raise FindingError("a record changes when it is shown and read again")


def export(data: bytes) -> None:
    """A patient taken along: whatever is accepted goes into the patients' file, and comes out of it as it was.

    Bit 7 of the first byte, which no JSON has: what follows changes a right export, instead of being one.
    """
    path = _scratch() / "export.json"
    path.write_bytes(_as_json(altered(_right("export/short", 0), data[1:])) if data and data[0] & _MADE else data)
    try:
        found = read_export(path)
    except ProblemsError as error:
        str(error).encode()
        return
    patients = {version.profile.patient for version in found.versions}
    if len(patients) == 1:  # the command refuses the others before the file sees them
        _must_be_kept(found, patients.pop())


def _must_be_kept(found: PatientExport, patient: str) -> None:
    must_be_finite(msgspec.to_builtins(found))
    file = _patients()
    file.take_in(found, _NOW)
    kept = PatientExport(versions=tuple(file.versions(patient)), entries=tuple(file.entries(patient)), recorded=found.recorded)
    file.forget_erasure(file.erase(patient, "p-1", _NOW).request)
    if kept != found:
        raise FindingError("a patient changes when they are kept")
    if msgspec.json.decode(msgspec.json.encode(kept), type=PatientExport) != found:
        raise FindingError("a patient changes when they are taken along")


def recording(data: bytes) -> None:
    """A flight recording. First byte even: the rest is the file's beginning. Odd: its records, with every checksum right.

    Then each record has two bytes before it: its length, whether a new second begins, whether it is torn. The first is the header.
    Bit 7: what follows changes one record of a right recording, the first byte says which.
    """
    if not data:
        return
    path = _scratch() / "flight"
    with path.open("wb") as file:
        for offset, content in _contents(data):
            file.seek(offset)
            file.write(content)
        file.truncate(RING_BYTES)
    try:
        found = read_recording(path)
    except RecordingError as error:
        if not str(error).startswith(f"{path}: "):
            raise FindingError("refused without naming the file") from error
        return
    _must_be_replayable(found)


def _must_be_replayable(found: Recording) -> None:
    must_be_finite(msgspec.to_builtins(found.header.settings))
    times = [scan.now_ns for scan in found.scans]
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        raise FindingError("time goes back in a recording that was accepted")
    for segment in found.segments:
        if any(math.isnan(number) for number in _numbers(msgspec.to_builtins(segment))):
            raise FindingError("a number of a recording that was accepted is none")
        if msgspec.msgpack.decode(msgspec.msgpack.encode(segment), type=Segment) != segment:
            raise FindingError("a second of a recording changes when it is kept")
    if msgspec.msgpack.decode(msgspec.msgpack.encode(found.header), type=FlightHeader) != found.header:
        raise FindingError("the header of a recording changes when it is kept")


def _contents(data: bytes) -> Iterable[tuple[int, bytes]]:
    if data[0] & _MADE:
        return _ring(_one_changed(data[1:]))
    return _ring(_pieces(data[1:])) if data[0] & 1 else [(0, data[1:])]


def _one_changed(script: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields the records of a right recording, one of them changed where it can then still be written."""
    pieces = list(_pieces((_CORPUS / "recording" / "two-seconds").read_bytes()[1:]))
    changed = script[0] % len(pieces) if script else -1
    for index, (mark, payload) in enumerate(pieces):
        content = payload
        if index == changed:
            with contextlib.suppress(OverflowError, UnicodeEncodeError):
                content = msgspec.msgpack.encode(altered(msgspec.msgpack.decode(payload), script[1:]))
        yield mark, content


def _ring(pieces: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Yields what stands where in the file."""
    header = next(pieces, (0, b""))[1][: HEADER_BYTES - FILE_PREFIX.size]
    yield 0, FILE_PREFIX.pack(MAGIC, FORMAT_VERSION, SEGMENTS, SEGMENT_BYTES, len(header), zlib.crc32(header)) + header
    number, offset, scans = 0, 0, 0
    for mark, payload in pieces:
        if not number or mark & _NEW_SEGMENT:
            offset = HEADER_BYTES + number % SEGMENTS * SEGMENT_BYTES
            number += 1
            prefix = pack_segment(number, 0, number > 1, max(scans - 1, 0))
            yield offset, prefix
            offset, scans = offset + len(prefix), 0
        checksum = zlib.crc32(payload, number) ^ (1 if mark & _TORN else 0)
        kept = RECORD_PREFIX.pack(len(payload), checksum) + payload
        if offset + len(kept) <= HEADER_BYTES + ((number - 1) % SEGMENTS + 1) * SEGMENT_BYTES:
            yield offset, kept
            offset, scans = offset + len(kept), scans + 1


def _pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _PIECE.size <= len(data):
        (mark,) = _PIECE.unpack_from(data, at)
        at += _PIECE.size
        yield mark, data[at : at + (mark & _LENGTH)]
        at += mark & _LENGTH


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)


def _as_json(document: Any) -> bytes:
    """With what only a careless writer writes: NaN, and half characters as escapes."""
    return json.dumps(document).encode()


@functools.cache
def _right(name: str, begin: int) -> dict[str, Any]:
    """A document of the corpus that a person put there."""
    document: dict[str, Any] = json.loads((_CORPUS / name).read_bytes()[begin:])
    return document


@functools.cache
def _scratch() -> Path:
    """A directory of this process; whoever started it takes its temporary files away."""
    return Path(tempfile.mkdtemp())


@functools.cache
def _patients() -> PatientFile:
    return PatientFile(_scratch() / "patients.sqlite", write=True)
