"""Edges, from the GPIO library's callback thread to the scan: nothing is lost, nothing waits.

Only the callback thread writes the counts and only the scan remembers which it has seen. Nothing is ever cleared by two
threads, so no lock is needed and the scan can never wait for a thread that was put aside while holding one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable


class _WakeDescriptor:
    """An eventfd that lives as long as anything that may write to it.

    Closing it by hand could let a callback that is just under way write into whatever file took over its number, which may be
    the drive's serial line. Its owner's last reference closes it instead, and each callback is an owner.
    """

    def __init__(self) -> None:
        self.number = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __del__(self) -> None:
        os.close(self.number)


class EdgeRecorder:
    """Counts edges per line and wakes whoever selects on `wake_descriptor`."""

    def __init__(self, lines: int) -> None:
        self._wake = _WakeDescriptor()
        self._counts = [0] * lines
        self._taken = [0] * lines

    @property
    def wake_descriptor(self) -> int:
        """Readable from an edge until `take`."""
        return self._wake.number

    def callback_for(self, line: int) -> Callable[[int], None]:
        """The function that the GPIO library calls with the channel number at each edge of this line."""
        counts, wake = self._counts, self._wake

        def record(_channel: int) -> None:
            # The count goes first: whoever is woken must find it.
            counts[line] += 1
            os.eventfd_write(wake.number, 1)

        return record

    def take(self) -> int:
        """The mask of lines with an edge since the last call. Never blocks."""
        # The descriptor is cleared before the counts are looked at: an edge in between wakes once too often, never too seldom.
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake.number)
        mask = 0
        if self._counts != self._taken:
            for line, count in enumerate(self._counts):
                if count != self._taken[line]:
                    self._taken[line] = count
                    mask |= 1 << line
        return mask

    def totals(self) -> tuple[int, ...]:
        """Edges counted so far, per line."""
        return tuple(self._counts)
