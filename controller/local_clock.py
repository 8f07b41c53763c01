"""The treadmill's clock as the weekly rule needs it: the clinic's local day, and whether anything keeps the clock right."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from controller.session.local_day import Clock

_SYNCHRONISED = "run/systemd/timesync/synchronized"
"""systemd-timesyncd makes this file when it has set the clock; docs/wiring.md says how another time service does."""
_SET_FROM_CLOCK_CHIP = "sys/class/rtc/rtc0/hctosys"
"""Holds 1 when the kernel set its clock from this clock chip. A chip alone says nothing: a Pi 5 has one without a battery."""


def clock_is_kept(root: Path = Path("/")) -> bool:
    """Returns whether a time server or a battery-backed clock set this computer's clock. root: of the file system. Never raises.

    The kernel itself is not asked: adjtimex, also when it only reads, is among the calls that the service's unit denies.
    """
    return _is_there(root / _SYNCHRONISED) or _is_one(root / _SET_FROM_CLOCK_CHIP)


def _is_there(path: Path) -> bool:
    """False also where that cannot be found out: `exists` raises then, and a clock must never end a scan."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_one(path: Path) -> bool:
    try:
        return path.read_bytes().strip() == b"1"
    except OSError:
        return False


class LocalClock:
    """Reads the day when asked; nothing is kept, since a clock may be set while the treadmill is on."""

    def __init__(self, wall_clock: Callable[[], float], is_kept: Callable[[], bool] = clock_is_kept) -> None:
        """wall_clock: seconds since 1970. is_kept: whether anything keeps it right."""
        self._wall_clock = wall_clock
        self._is_kept = is_kept

    def __call__(self) -> Clock:
        """The clock now. No date where the clock stands before 1970 or cannot be turned into a day."""
        trusted = self._is_kept()
        try:
            local = time.localtime(self._wall_clock())
            return Clock(date(local.tm_year, local.tm_mon, local.tm_mday), trusted)
        except (ValueError, OverflowError, OSError):
            return Clock(None, False)
