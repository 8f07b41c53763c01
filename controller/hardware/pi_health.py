"""The Raspberry Pi's own health, from the kernel's files. What is not there was not measured, and says nothing.

Only a Pi is asked: the thermal zones and clocks of another computer mean other things. No device is opened.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from pathlib import Path

from messages.wire import Health

_MODEL = "proc/device-tree/model"
_THROTTLED = "sys/devices/platform/soc*/soc*firmware/get_throttled"
"""The firmware's node is soc/soc:firmware up to the Pi 4, and soc@107c000000/soc@107c000000:firmware on a Pi 5."""
_TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"
_UNDER_VOLTAGE_NOW, _UNDER_VOLTAGE_SEEN = 1 << 0, 1 << 16
_SLOWED_NOW = 1 << 1 | 1 << 2 | 1 << 3
"""Bits of get_throttled, as the firmware's `vcgencmd get_throttled` is documented: capped, throttled, soft temperature limit."""
_LARGEST_FILE = 256


def read_pi_health(state_directory: Path, clock_is_kept: Callable[[], bool], root: Path = Path("/")) -> Health:
    """Returns what can be measured. Never raises.

    state_directory: on the disk whose room counts. clock_is_kept: asked on a Pi alone. root: of the file system.
    """
    disk_free_mb = _disk_free_mb(state_directory)
    if "Raspberry Pi" not in _text(root / _MODEL):
        return Health(disk_free_mb=disk_free_mb)
    flags = _throttled(root)
    milli_degrees = _number(root / _TEMPERATURE, 10)
    return Health(
        under_voltage=None if flags is None else bool(flags & _UNDER_VOLTAGE_NOW),
        under_voltage_seen=None if flags is None else bool(flags & _UNDER_VOLTAGE_SEEN),
        throttled=None if flags is None else bool(flags & _SLOWED_NOW),
        temperature_c=None if milli_degrees is None else milli_degrees / 1000,
        disk_free_mb=disk_free_mb,
        clock_known=clock_is_kept(),
    )


def _throttled(root: Path) -> int | None:
    """The firmware's flags, of the first file that has them."""
    found = (_number(root / path, 16) for path in sorted(glob.iglob(_THROTTLED, root_dir=root)))
    return next((flags for flags in found if flags is not None), None)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_FILE).decode("ascii", errors="replace")
    except OSError:
        return ""


def _number(path: Path, base: int) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None


def _disk_free_mb(directory: Path) -> float | None:
    try:
        room = os.statvfs(directory)
    except OSError:
        return None
    return room.f_bavail * room.f_frsize / 1e6
