"""The treadmill's clock as the weekly rule needs it: the clinic's local day, and whether anything keeps the clock right."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from controller.session.local_day import Clock

SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd makes this file when it has set the clock."""
REAL_TIME_CLOCK = Path("/dev/rtc0")
_TIME_ERROR = 5
"""What adjtimex returns while nobody keeps the kernel's clock (chrony, ntpd and timesyncd all tell the kernel)."""
_TIMEX_BYTES = 512
"""More than the kernel's struct timex; all zero it asks and changes nothing."""


def kernel_is_synchronised() -> bool:
    """Whether the kernel says that its clock is kept right; False where it cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False
    state = int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return 0 <= state < _TIME_ERROR


def _is_there(path: Path) -> bool:
    """False also where that cannot be found out: `exists` raises then, and a clock must never end a scan."""
    try:
        return path.exists()
    except OSError:
        return False


class LocalClock:
    """Reads the day when asked; nothing is kept, since a clock may be set while the treadmill is on."""

    def __init__(
        self,
        wall_clock: Callable[[], float],
        *,
        synchronised: Path = SYNCHRONISED,
        real_time_clock: Path = REAL_TIME_CLOCK,
        kernel_synchronised: Callable[[], bool] = kernel_is_synchronised,
    ) -> None:
        """wall_clock: seconds since 1970. synchronised, real_time_clock: files whose presence says that the clock is kept."""
        self._wall_clock = wall_clock
        self._synchronised = synchronised
        self._real_time_clock = real_time_clock
        self._kernel_synchronised = kernel_synchronised

    def __call__(self) -> Clock:
        """The clock now. No date where the clock stands before 1970 or cannot be turned into a day."""
        trusted = _is_there(self._synchronised) or _is_there(self._real_time_clock) or self._kernel_synchronised()
        try:
            local = time.localtime(self._wall_clock())
            return Clock(date(local.tm_year, local.tm_mon, local.tm_mday), trusted)
        except (ValueError, OverflowError, OSError):
            return Clock(None, False)
