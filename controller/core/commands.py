"""What the core may ask of the drive."""

from __future__ import annotations

import enum

import msgspec


class Action(enum.IntEnum):
    """The three things that can be asked of a drive, and nothing at all."""

    NOTHING = 0
    RUN = 1
    STOP = 2
    POWER_OFF = 3
    """Category 0: open the relay now and coast."""
    CLEAR = 4
    """Clear the drive's latched faults at standstill; moves nothing."""


class DriveCommand(msgspec.Struct, frozen=True, gc=False):
    """One command. `nonce` and `tick_ms` are those of the STATUS that the decision was made on: the proof of life in the lease.

    target_mm_s: 0..1600, only for RUN. rate_mm_s2: acceleration for RUN, deceleration for STOP.
    """

    action: Action
    target_mm_s: int = 0
    rate_mm_s2: int = 0
    nonce: int = 0
    tick_ms: int = 0


NOTHING = DriveCommand(Action.NOTHING)
