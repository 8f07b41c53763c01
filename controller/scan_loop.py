"""The loop: absolute deadlines on a fixed grid, woken early by an input's edge, and nothing else in the thread.

An edge brings one scan forward a period, and never closer than 2 ms to the last; the grid stays. Between scans the serial line is
drained as it delivers, so that a STATUS carries the time of its arrival.
"""

from __future__ import annotations

import gc
import select
import time
from collections.abc import Callable
from typing import Protocol

PERIOD_NS = 10_000_000
LEAST_GAP_NS = 2_000_000


class Cycle(Protocol):
    """One scan."""

    def cycle(self, now_ns: int, lateness_ns: int) -> None:
        """Runs it."""


class ScanLoop:
    """Calls `cycle` 100 times a second until told to stop."""

    def __init__(self, controller: Cycle, edge_descriptor: int, drain_drive: Callable[[], int | None]) -> None:
        """edge_descriptor: an eventfd that counts edges. drain_drive: reads what the line has; returns its descriptor, or None."""
        self._controller = controller
        self._edge_descriptor = edge_descriptor
        self._drain_drive = drain_drive
        self._stopping = False
        self.scans = 0

    def stop(self) -> None:
        """Ends the loop after the scan under way; safe in a signal handler."""
        self._stopping = True

    def run(self, on_first_scan: Callable[[], object]) -> None:
        """Scans until `stop`; collects garbage before the first scan and never after it."""
        gc.collect()
        gc.freeze()
        gc.disable()
        deadline = time.monotonic_ns() + PERIOD_NS
        last = 0
        early_used = False
        while not self._stopping:
            edge = self._wait(deadline, last, early_used)
            now = time.monotonic_ns()
            if edge and now < deadline:
                early_used = True
                self._controller.cycle(now, 0)
            else:
                early_used = False
                self._controller.cycle(now, max(0, now - deadline))
                deadline = self._next_deadline(deadline, now)
            last = now
            self.scans += 1
            if self.scans == 1:
                on_first_scan()

    @staticmethod
    def _next_deadline(deadline: int, began: int) -> int:
        """The first point of the grid after the scan began: points that it missed were one late scan, and are not run again."""
        return deadline + (max(0, began - deadline) // PERIOD_NS + 1) * PERIOD_NS

    def _wait(self, deadline: int, last: int, early_used: bool) -> bool:
        """Waits for the deadline; returns True when an edge may bring the scan forward now."""
        pending = False
        while True:
            now = time.monotonic_ns()
            if pending and now >= last + LEAST_GAP_NS:
                return True
            until = min(deadline, last + LEAST_GAP_NS) if pending else deadline
            if now >= until and not pending:
                return False
            drive_descriptor = self._drain_drive()
            watched = [] if drive_descriptor is None else [drive_descriptor]
            if not (early_used or pending):
                watched.append(self._edge_descriptor)
            ready, _, _ = select.select(watched, [], [], max(0, until - now) / 1e9)
            if self._edge_descriptor in ready:
                pending = True
            if time.monotonic_ns() >= deadline:
                return False
