"""A flight recording as data: reads a ring as the controller left it or as telemetry saved it, and refuses what is none.

Nothing of a file is believed: size, checksums, types, ranges of the settings, order of time, and that every number is one.
"""

from __future__ import annotations

import gzip
import itertools
import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

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
    ScanRecord,
    segment_is_whole,
)

_GZIP = b"\x1f\x8b"
_header_decoder = msgspec.msgpack.Decoder(FlightHeader)
_state_decoder = msgspec.msgpack.Decoder(CoreState)
_scan_decoder = msgspec.msgpack.Decoder(ScanRecord)


class RecordingError(ValueError):
    """The file is no recording that can be replayed; the text says why and what to do."""


class Segment(msgspec.Struct, frozen=True):
    """About a second. state: the core's before its first scan. continues: no scan is missing between it and the one before, which
    had scans_before. torn: it ends in a record that is not what was written."""

    number: int
    continues: bool
    scans_before: int
    torn: bool
    state: CoreState
    scans: tuple[ScanRecord, ...]


class Recording(msgspec.Struct, frozen=True):
    """What a file holds: an unbroken row of segments, oldest first. notes: what was left out or is missing, in words."""

    header: FlightHeader
    segments: tuple[Segment, ...]
    notes: tuple[str, ...]

    @property
    def scans(self) -> Iterator[ScanRecord]:
        """Every scan, oldest first."""
        return (scan for segment in self.segments for scan in segment.scans)


def read_recording(path: Path) -> Recording:
    """Returns the recording in the file; raises RecordingError."""
    content = _content(path)
    header = _header(path, content)
    found = _whole_segments(content)
    if not found:
        raise RecordingError(f"{path}: the recording is empty: the controller had not scanned yet")
    newest = max(found)
    oldest = newest
    while oldest - 1 in found:
        oldest -= 1
    notes = [f"{oldest - min(found)} s before a damaged part are left out"] if min(found) < oldest else []
    segments = [_segment(path, content, number) for number in range(oldest, newest + 1)]
    segments, cut = _cut_where_it_was_taken(path, segments)
    if cut:
        notes.append(cut)
    notes += _gaps(segments)
    _refuse_disorder(path, segments)
    _refuse_not_a_number(path, header, segments)
    return Recording(header, tuple(segments), tuple(notes))


def _cut_where_it_was_taken(path: Path, segments: list[Segment]) -> tuple[list[Segment], str]:
    """A file may have been copied while it was written: then its last two seconds may lack something, and none before."""
    for index, (one, after) in enumerate(itertools.pairwise(segments)):
        if one.torn or (after.continues and len(one.scans) != after.scans_before):
            if index < len(segments) - 2:
                raise RecordingError(f"{path}: damaged: scan {len(one.scans) + 1} of second {one.number} is not what was written")
            return segments[:-1], "it was copied while it was written: what came after that is not in it"
    return segments, "its last record is torn: it was being written when the file was copied or the controller died" * segments[
        -1
    ].torn


def _gaps(segments: list[Segment]) -> list[str]:
    """What the recorder itself could not keep: nothing says what happened there."""
    return [
        f"scans are missing for {_missing_s(one, after):.2f} s before second {after.number}: the recorder could not keep them; "
        "the state after them is taken as it stands"
        for one, after in itertools.pairwise(segments)
        if not after.continues
    ]


def _missing_s(one: Segment, after: Segment) -> float:
    """From the last scan that was kept to the last that was not: the one that left the state with which it goes on."""
    last_ns = one.scans[-1].now_ns if one.scans else one.state.scanned_ns
    return (after.state.scanned_ns - last_ns) / 1e9


def _content(path: Path) -> bytes:
    """At most one ring and a byte are read, whatever a compressed file claims to hold."""
    try:
        with path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
        with gzip.open(path) if packed else path.open("rb") as source:
            content = source.read(RING_BYTES + 1)
    except EOFError as error:
        raise RecordingError(f"{path}: cut off: the compressed file ends too early; copy it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RecordingError(f"{path}: damaged: {error}; copy it again") from error
    except OSError as error:
        raise RecordingError(
            f"{path}: {(error.strerror or 'cannot be read').lower()}: correct the path or its permissions"
        ) from error
    if not content:
        raise RecordingError(f"{path}: not a flight recording any more: empty, as one is whose patient was erased")
    if content[: len(MAGIC)] != MAGIC:
        raise RecordingError(f"{path}: not a flight recording: name a file from telemetry's directory of recordings")
    if len(content) > RING_BYTES:
        raise RecordingError(f"{path}: longer than a flight recording of {RING_BYTES} bytes: it is damaged, or of another program")
    if len(content) < RING_BYTES:
        raise RecordingError(f"{path}: cut off: {len(content)} of {RING_BYTES} bytes; copy it again")
    return content


def _header(path: Path, content: bytes) -> FlightHeader:
    _, version, segments, segment_bytes, length, checksum = FILE_PREFIX.unpack_from(content)
    if (version, segments, segment_bytes) != (FORMAT_VERSION, SEGMENTS, SEGMENT_BYTES):
        raise RecordingError(f"{path}: of format {version}, this program reads {FORMAT_VERSION}: use the version that wrote it")
    payload = content[FILE_PREFIX.size : FILE_PREFIX.size + length]
    if FILE_PREFIX.size + length > HEADER_BYTES or zlib.crc32(payload) != checksum:
        raise RecordingError(f"{path}: damaged: its header is not what was written; copy it again")
    header: FlightHeader = _decoded(path, _header_decoder, payload, "header")
    return header


def _decoded(path: Path, decoder: msgspec.msgpack.Decoder[Any], payload: bytes, what: str) -> Any:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(
            f"{path}: its {what} is not as this version writes it ({error}): use the version that wrote it"
        ) from error


def _whole_segments(content: bytes) -> set[int]:
    found = set()
    for index in range(SEGMENTS):
        base = HEADER_BYTES + index * SEGMENT_BYTES
        number = SEGMENT_PREFIX.unpack_from(content, base)[0]
        if number and (number - 1) % SEGMENTS == index and segment_is_whole(content[base : base + SEGMENT_PREFIX.size]):
            found.add(number)
    return found


def _segment(path: Path, content: bytes, number: int) -> Segment:
    base = HEADER_BYTES + (number - 1) % SEGMENTS * SEGMENT_BYTES
    _, _, continues, scans_before, _ = SEGMENT_PREFIX.unpack_from(content, base)
    payloads, torn = _payloads(content, base, number)
    if not payloads:
        raise RecordingError(f"{path}: damaged: second {number} has no state to begin with")
    state = _decoded(path, _state_decoder, payloads[0], f"state of second {number}")
    scans = tuple(_decoded(path, _scan_decoder, payload, f"scan in second {number}") for payload in payloads[1:])
    return Segment(number, bool(continues), scans_before, torn, state, scans)


def _payloads(content: bytes, base: int, number: int) -> tuple[list[bytes], bool]:
    payloads: list[bytes] = []
    offset, end = base + SEGMENT_PREFIX.size, base + SEGMENT_BYTES
    while offset + RECORD_PREFIX.size <= end:
        size, checksum = RECORD_PREFIX.unpack_from(content, offset)
        if not size:
            return payloads, False
        offset += RECORD_PREFIX.size
        payload = content[offset : offset + size]
        if offset + size > end or zlib.crc32(payload, number) != checksum:
            return payloads, True
        payloads.append(payload)
        offset += size
    return payloads, False


def _refuse_disorder(path: Path, segments: list[Segment]) -> None:
    """The core's own condition: time never goes back."""
    last_ns = segments[0].state.scanned_ns
    for segment in segments:
        for scan in segment.scans:
            if not last_ns <= scan.now_ns < 1 << 62:
                raise RecordingError(f"{path}: damaged: time goes back in second {segment.number}")
            last_ns = scan.now_ns


def _refuse_not_a_number(path: Path, header: FlightHeader, segments: list[Segment]) -> None:
    """The controller never keeps what is not a number; infinite is only a limit that does not apply, and never a setting."""
    if _has(msgspec.to_builtins(header.settings), lambda value: not math.isfinite(value)):
        raise RecordingError(f"{path}: damaged: a number of its settings is not finite")
    for segment in segments:
        if _has(msgspec.to_builtins(segment), math.isnan):
            raise RecordingError(f"{path}: damaged: a number of second {segment.number} is none")


def _has(value: Any, wrong: Callable[[float], bool]) -> bool:
    if isinstance(value, float):
        return wrong(value)
    if isinstance(value, dict):
        return any(_has(part, wrong) for part in value.values())
    return isinstance(value, list | tuple) and any(_has(part, wrong) for part in value)
