"""The belt's speed as the journal keeps it: blocks of a minute, packed small, from which report and gait are made afterwards.

A minute of 50 Hz is 3,000 numbers; as differences and deflated it takes about 3 KiB. Beside them, twice a second, where the plan
wanted the speed, and how the harness was loaded.
"""

from __future__ import annotations

import math
import zlib
from itertools import accumulate, pairwise

import msgspec

from messages.wire import BeltSpeed, Snapshot

BLOCK_NS = 60_000_000_000
MAXIMUM_SPEEDS = 4096
MAXIMUM_POINTS = 256
POINT_NS = 500_000_000
MAXIMUM_UNPACKED_BYTES = 256 * 1024
_MOVING = frozenset({"exercising", "paused", "protective_stop", "emergency_stop", "fault", "complete"})


class TracePoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The machine at one instant. at_ms: the controller's monotonic clock, as the events' `at_ns`.

    asked_mm_s: where phase and hands want to be. load_percent: highest harness load since the point before, % of body weight;
    None: unknown. rails_n: mean force on the rails since the point before, both together; None: unknown, or no rail has a load
    cell, or the block was kept before there were any.
    """

    at_ms: int
    phase_index: int
    asked_mm_s: int
    load_percent: float | None
    rails_n: float | None = None


class SpeedBlock(msgspec.Struct, frozen=True):
    """Up to a minute of one session. start_ms: the controller's clock at the first speed's time (by the drive's clock)."""

    session: str
    start_ms: int
    speeds: tuple[BeltSpeed, ...]
    points: tuple[TracePoint, ...]


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    start_ms: int
    first_at_ms: int
    first_mm_s: int
    times: tuple[int, ...]
    speeds: tuple[int, ...]
    points: tuple[TracePoint, ...]


_decoder = msgspec.msgpack.Decoder(_Packed)


def pack(block: SpeedBlock) -> bytes:
    """Returns a block as it is kept."""
    first = block.speeds[0] if block.speeds else BeltSpeed(0, 0)
    packed = _Packed(
        block.start_ms,
        first.at_ms,
        first.speed_mm_s,
        tuple(b.at_ms - a.at_ms for a, b in pairwise(block.speeds)),
        tuple(b.speed_mm_s - a.speed_mm_s for a, b in pairwise(block.speeds)),
        block.points,
    )
    return zlib.compress(msgspec.msgpack.encode(packed), 6)


def unpack(session: str, content: bytes) -> SpeedBlock:
    """Returns a kept block; raises ValueError when it cannot be read."""
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(content, MAXIMUM_UNPACKED_BYTES)
        packed = _decoder.decode(plain)
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"a block of speeds of session {session} cannot be read: {error}") from error
    times = accumulate(packed.times, initial=packed.first_at_ms)
    speeds = accumulate(packed.speeds, initial=packed.first_mm_s)
    return SpeedBlock(session, packed.start_ms, tuple(map(BeltSpeed, times, speeds)), packed.points)


class SpeedCollector:
    """Takes snapshots, gives a block when a minute is full or the session is over. Pure."""

    def __init__(self) -> None:
        self._session = ""
        self._started_ns = 0
        self._offset_ms = 0
        self._speeds: list[BeltSpeed] = []
        self._points: list[TracePoint] = []
        self._point_due_ns = 0
        self._load_percent: float | None = None
        self._rails_n: list[float] = []

    def take(self, snapshot: Snapshot) -> SpeedBlock | None:
        """Takes one snapshot; returns the block that it ended, if any."""
        recorded = snapshot.session if snapshot.state in _MOVING else ""
        ended = None
        if recorded != self._session or snapshot.at_ns - self._started_ns >= BLOCK_NS or len(self._speeds) >= MAXIMUM_SPEEDS:
            ended = self.finish()
            self._session, self._started_ns, self._point_due_ns = recorded, snapshot.at_ns, snapshot.at_ns
        if recorded:
            self._note(snapshot)
        return ended

    def finish(self) -> SpeedBlock | None:
        """Returns what is collected so far, and begins anew."""
        block = None
        if self._session and self._speeds:
            start_ms = self._speeds[0].at_ms + self._offset_ms
            block = SpeedBlock(self._session, start_ms, tuple(self._speeds), tuple(self._points))
        self._speeds, self._points, self._load_percent, self._rails_n = [], [], None, []
        return block

    def _note(self, snapshot: Snapshot) -> None:
        if snapshot.belt_speeds:
            # The newest STATUS came just before the snapshot; the smallest difference has waited least.
            offset_ms = snapshot.at_ns // 1_000_000 - snapshot.belt_speeds[-1].at_ms
            self._offset_ms = min(self._offset_ms, offset_ms) if self._speeds else offset_ms
            self._speeds.extend(snapshot.belt_speeds)
        if snapshot.load_body_weight_percent is not None:
            self._load_percent = max(self._load_percent or 0.0, snapshot.load_body_weight_percent)
        rails_n = rails_together_n(snapshot)
        if rails_n is not None:
            self._rails_n.append(rails_n)
        if snapshot.at_ns >= self._point_due_ns and len(self._points) < MAXIMUM_POINTS:
            self._point_due_ns = snapshot.at_ns + POINT_NS
            asked_mm_s = round(snapshot.asked_speed_m_s * 1000) if snapshot.state == "exercising" else 0
            mean_n = round(sum(self._rails_n) / len(self._rails_n), 1) if self._rails_n else None
            point = TracePoint(snapshot.at_ns // 1_000_000, snapshot.phase_index, asked_mm_s, self._load_percent, mean_n)
            self._points.append(point)
            self._load_percent, self._rails_n = None, []


def rails_together_n(snapshot: Snapshot) -> float | None:
    """Returns what all rails with a cell bear together; None where none has one, or where one of them is unknown: half of a force
    would pass for less of it."""
    known = [load_n for load_n in (snapshot.rail_left_load_n, snapshot.rail_right_load_n) if load_n is not None]
    if not known or snapshot.rail_loads_unknown:
        return None
    total_n = sum(known)
    return total_n if math.isfinite(total_n) else None
