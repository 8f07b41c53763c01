"""The flight recorder's file: what stands where, so that the controller writes and `sternway replay` reads the same.

A page with the header, then segments of one size. A segment holds about a second: first the core's state before its first scan,
then every scan's inputs and decisions. The controller fills the segments in a circle. Every record carries a checksum seeded with
its segment's number: what an earlier round left behind never counts, and neither does a record that was torn.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from controller.core.state import Outputs, ScanInputs, Settings

MAGIC = b"STERNWAY-FLIGHT\n"
FORMAT_VERSION = 1
HEADER_BYTES = 16 * 1024
SEGMENT_BYTES = 128 * 1024
"""Holds a second even while edges bring every second scan forward: 200 records of about 620 bytes, and a state of 3 KiB."""
SEGMENTS = 62
"""60 s whole, one segment under way and one being overwritten."""
RING_BYTES = HEADER_BYTES + SEGMENTS * SEGMENT_BYTES
SEGMENT_NS = 1_000_000_000

FILE_PREFIX = struct.Struct("<16sHHIII")
"""Magic, format version, number of segments, bytes of a segment, bytes of the header that follows, its checksum."""
SEGMENT_PREFIX = struct.Struct("<QQIII")
"""Number (1 is the first; 0: nothing here), monotonic ns of its first scan, 1 where it continues the one before, scans in the one
before, checksum. The scans are counted because a file that is copied while it is written may have the one before only in part."""
RECORD_PREFIX = struct.Struct("<II")
"""Bytes of the record, its CRC-32 begun with the segment's number. A record of 0 bytes: nothing follows yet."""
END = bytes(RECORD_PREFIX.size)
_SEGMENT_FACTS = struct.Struct("<QQII")


class FlightHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who recorded, and with which settings. began_ns is the monotonic clock at began_time (UTC, RFC 3339).

    code: identity of the deciding code, see controller.code_identity. boot_id names the controller's life.
    """

    version: str
    code: str
    python: str
    treadmill: str
    boot_id: str
    began_ns: int
    began_time: str
    settings: Settings


class ScanRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One scan. outputs is None where the core failed on these inputs."""

    now_ns: int
    inputs: ScanInputs
    outputs: Outputs | None


def pack_segment(number: int, began_ns: int, continues: bool, scans_before: int) -> bytes:
    """Returns a segment's prefix."""
    facts = _SEGMENT_FACTS.pack(number, began_ns, int(continues), scans_before)
    return facts + zlib.crc32(facts).to_bytes(4, "little")


def segment_is_whole(prefix: bytes) -> bool:
    """Whether a segment's prefix is what was written."""
    return zlib.crc32(prefix[: _SEGMENT_FACTS.size]).to_bytes(4, "little") == prefix[_SEGMENT_FACTS.size : SEGMENT_PREFIX.size]
