"""Finds the stop that a recording was saved for."""

from __future__ import annotations

from collections.abc import Sequence

from controller.core.chart import LATCHED_STATES
from replay.comparison import ReplayedScan


def latched_stop(scans: Sequence[ReplayedScan]) -> int | None:
    """Returns the number of the scan in which the belt was last latched while it was still moving or driven, or else of the last
    latch at all; None where nothing latched."""
    latched = [
        number
        for number, scan in enumerate(scans)
        if scan.after.chart in LATCHED_STATES and scan.before.chart not in LATCHED_STATES
    ]
    moving = [number for number in latched if not scans[number].before.drive.standstill]
    found = moving or latched
    return found[-1] if found else None


def around(scans: Sequence[ReplayedScan], centre_ns: int, before_s: float, after_s: float) -> list[ReplayedScan]:
    """Returns the scans within so many seconds of a moment."""
    return [scan for scan in scans if -before_s * 1e9 <= scan.now_ns - centre_ns <= after_s * 1e9]
