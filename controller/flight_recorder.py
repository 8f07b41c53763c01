"""The flight recorder: the last 60 s of every scan's inputs and decisions, in a memory-mapped file of the runtime directory.

The scan copies bytes into pages that are there already; nothing here waits for a disk, and nothing that goes wrong here reaches
the scan: it is said once. The file outlives the process, and the next life puts it aside instead of overwriting it: what it holds
is how the last one ended.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from controller.core.state import CoreState, Outputs, ScanInputs
from controller.flight_format import (
    END,
    FILE_PREFIX,
    FORMAT_VERSION,
    HEADER_BYTES,
    MAGIC,
    RECORD_PREFIX,
    RING_BYTES,
    SEGMENT_BYTES,
    SEGMENT_NS,
    SEGMENT_PREFIX,
    SEGMENTS,
    FlightHeader,
    ScanRecord,
    pack_segment,
)

FILE_NAME = "flight.ring"
KEPT_ASIDE = 3
_BOOT_ID = re.compile(r"[0-9A-Za-z]{1,32}")


class FlightRecorder:
    """One life's recording. `failure` says what went wrong last, empty while all is well; `lost_scans` counts what is not in it."""

    def __init__(self, directory: Path, header: FlightHeader, say: Callable[[str], None]) -> None:
        """Puts the last life's file aside and maps a new one. say: is told, once, that the recorder has failed."""
        self._say = say
        self._encode = msgspec.msgpack.Encoder().encode
        self._map: mmap.mmap | None = None
        self._number = 0
        self._base = 0
        self._offset = SEGMENT_BYTES
        self._began_ns = 0
        self._scans = 0
        self._broken = True
        self.failure = ""
        self.lost_scans = 0
        try:
            put_aside(directory)
            self._map = _create(directory / FILE_NAME, self._encode(header))
        except (OSError, ValueError) as error:
            self._fail(f"cannot record flights in {directory}: {error}")

    def record(self, before: CoreState, inputs: ScanInputs, outputs: Outputs | None, now_ns: int) -> None:
        """Keeps one scan. before: the state that went into it. outputs: None where the core failed. Never raises."""
        if self._map is None:
            return
        try:
            self._write(self._map, before, self._encode(ScanRecord(now_ns, inputs, outputs)), now_ns)
        except Exception as error:  # whatever it is, the belt goes on: a recorder must never be what stops a scan
            self._broken = True
            self.lost_scans += 1
            self._fail(f"a scan could not be recorded: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Unmaps the file; what is in it stays."""
        if self._map is not None:
            self._map.close()
            self._map = None

    def _write(self, ring: mmap.mmap, before: CoreState, payload: bytes, now_ns: int) -> None:
        size = len(payload)
        elapsed_ns = now_ns - self._began_ns
        if self._broken or elapsed_ns >= SEGMENT_NS or self._offset + size + 2 * RECORD_PREFIX.size > SEGMENT_BYTES:
            self._begin_segment(ring, before, now_ns, size)
        self._append(ring, payload)
        self._scans += 1

    def _begin_segment(self, ring: mmap.mmap, before: CoreState, now_ns: int, needed: int) -> None:
        """The prefix goes last: until then the segment counts as empty, and the one before it as the newest."""
        state = self._encode(before)
        if SEGMENT_PREFIX.size + len(state) + needed + 3 * RECORD_PREFIX.size > SEGMENT_BYTES:
            raise ValueError(f"a scan of {needed} bytes does not fit")
        continues, self._broken = not self._broken, True
        self._number += 1
        self._base = HEADER_BYTES + (self._number - 1) % SEGMENTS * SEGMENT_BYTES
        ring[self._base : self._base + SEGMENT_PREFIX.size] = bytes(SEGMENT_PREFIX.size)
        self._offset = SEGMENT_PREFIX.size
        self._append(ring, state)
        ring[self._base : self._base + SEGMENT_PREFIX.size] = pack_segment(self._number, now_ns, continues, self._scans)
        self._began_ns = now_ns
        self._scans = 0
        self._broken = False

    def _append(self, ring: mmap.mmap, payload: bytes) -> None:
        """One copy of prefix, payload and the end behind them: were it torn, the checksum would say so."""
        size = len(payload)
        start = self._base + self._offset
        whole = RECORD_PREFIX.pack(size, zlib.crc32(payload, self._number)) + payload + END
        ring[start : start + len(whole)] = whole
        self._offset += RECORD_PREFIX.size + size

    def _fail(self, text: str) -> None:
        if not self.failure:
            self.failure = text
            with contextlib.suppress(OSError, ValueError):  # nobody listens on standard error: no reason to stop a belt either
                self._say(f"Flight recorder: {text}. The treadmill goes on without it.")
        self.failure = text


def put_aside(directory: Path) -> None:
    """Renames the last life's file to `flight-<boot id>.ring` and removes all but the newest KEPT_ASIDE of those."""
    last = directory / FILE_NAME
    with contextlib.suppress(FileNotFoundError):
        last.rename(directory / f"flight-{_boot_id(last)}.ring")
    aside = sorted(directory.glob("flight-*.ring"), key=lambda path: path.stat().st_ctime_ns)
    for path in aside[:-KEPT_ASIDE]:
        path.unlink(missing_ok=True)


def _boot_id(path: Path) -> str:
    """The life in the file's header; `unknown` where there is none to read."""
    with path.open("rb") as file:
        prefix = file.read(FILE_PREFIX.size)
        length = FILE_PREFIX.unpack(prefix)[4] if len(prefix) == FILE_PREFIX.size else 0
        content = file.read(min(length, HEADER_BYTES))
    try:
        found = msgspec.msgpack.decode(content, type=FlightHeader).boot_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "unknown"
    return found if _BOOT_ID.fullmatch(found) else "unknown"


def _create(path: Path, header: bytes) -> mmap.mmap:
    """A file with all its pages there, so that no scan waits for one."""
    if FILE_PREFIX.size + len(header) > HEADER_BYTES:
        raise ValueError("the header does not fit")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        os.posix_fallocate(descriptor, 0, RING_BYTES)
        ring = mmap.mmap(descriptor, RING_BYTES, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)
    ring[FILE_PREFIX.size : FILE_PREFIX.size + len(header)] = header
    FILE_PREFIX.pack_into(ring, 0, MAGIC, FORMAT_VERSION, SEGMENTS, SEGMENT_BYTES, len(header), zlib.crc32(header))
    return ring
