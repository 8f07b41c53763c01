"""Finds the stop that a recording was saved for."""

from __future__ import annotations

from collections.abc import Sequence

from controller.core.chart import LATCHED_STATES
from controller.core.events import RULES, Event
from replay.comparison import ReplayedScan


def latched_stop(scans: Sequence[ReplayedScan]) -> int | None:
    """Returns the number of the scan in which the belt was last latched while it was still moving or driven, or else of the last
    latch at all; None where nothing latched. What counts is what was recorded."""
    latched: list[int] = []
    is_latched = False
    for number, scan in enumerate(scans):
        was_latched = scan.before.chart in LATCHED_STATES if scan.proved else is_latched
        cause = latching_cause(scan)
        if cause is not None and not was_latched:
            latched.append(number)
        is_latched = scan.after.chart in LATCHED_STATES if scan.proved else was_latched or cause is not None
    moving = [number for number in latched if not scans[number].before.drive.standstill]
    found = moving or latched
    return found[-1] if found else None


def latching_cause(scan: ReplayedScan) -> Event | None:
    """Returns the strongest of the latching events that were recorded of a scan, of equals the first; None where there is none."""
    events = [happening.event for happening in (scan.recorded.happenings if scan.recorded else ())]
    return max((event for event in events if RULES[event].latches), key=lambda event: RULES[event].effect, default=None)


def around(scans: Sequence[ReplayedScan], centre_ns: int, before_s: float, after_s: float) -> list[ReplayedScan]:
    """Returns the scans within so many seconds of a moment."""
    return [scan for scan in scans if -before_s * 1e9 <= scan.now_ns - centre_ns <= after_s * 1e9]
