"""What the shell hands to the core: values with the time they were measured, and nothing that the core would have to ask for."""

from __future__ import annotations

import enum

import msgspec


class Quality(enum.IntEnum):
    """Whether a reading counts. Everything but GOOD means: unknown, so stop or refuse."""

    GOOD = 0
    MISSING = 1
    STALE = 2
    OUT_OF_RANGE = 3
    STUCK = 4
    NOT_FINITE = 5


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A physical value. `value` has no meaning unless `quality` is GOOD; times are monotonic nanoseconds."""

    value: float
    measured_at_ns: int
    quality: Quality


class LoadSample(msgspec.Struct, frozen=True, gc=False):
    """One conversion of the HX711: signed 24-bit counts, and the monotonic time at which it was ready."""

    measured_at_ns: int
    counts: int


class DriveState(enum.IntEnum):
    """The drive's own state, as its STATUS says."""

    IDLE = 0
    GRANTED = 1
    RUNNING = 2
    BRAKING = 3
    LATCHED = 4
    FAULT = 5


class Direction(enum.IntEnum):
    """Which way the belt is seen to move."""

    REST = 0
    BACKWARD_GAIT = 1
    WRONG = 2


class DriveReading(msgspec.Struct, frozen=True, gc=False):
    """The latest STATUS, with the monotonic time of its arrival. Speeds are mm/s as on the wire."""

    received_at_ns: int
    nonce: int
    tick_ms: int
    state: DriveState
    measured_mm_s: int
    direction: Direction
    commanded_mm_s: int
    granted_mm_s: int
    distance_mm: int
    current_ma: int
    faults: int
    start_closed: bool
    faster_closed: bool
    stop_input_closed: bool
    relay_closed: bool
    contactors_closed: int
    """0-2: how many of the two contactors' mirror contacts say closed."""
    refusal: int


class Levels(msgspec.Struct, frozen=True, gc=False):
    """The digital inputs at one instant.

    closed: bit per `Input`, set while its contact is closed.
    edges: bit per `Input`, set where an edge was seen since the previous scan, so that a trip shorter than a scan is not lost.
    """

    measured_at_ns: int
    closed: int
    edges: int
