"""Finds a driver by its name.

Others than the built-in ones come from installed packages, through the entry-point group `sternway.drives`.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

from firmware_bridge import reference_drive
from firmware_bridge.drive import Drive, DriveLimits

ENTRY_POINT_GROUP = "sternway.drives"
"""Each entry point names a function (device, expected limits, monotonic now in ns) -> Drive."""

DriveOpener = Callable[[str, DriveLimits, int], Drive]

_BUILT_IN: dict[str, DriveOpener] = {reference_drive.NAME: reference_drive.open_reference_drive}


class UnknownDriveError(ValueError):
    """No driver, or more than one, has the configured name."""


def open_drive(name: str, device: str, expected: DriveLimits, now_ns: int) -> Drive:
    """Open the drive on a serial device (absolute path) with the driver of this name; a missing device shows in
    `Drive.loss`.

    Raises UnknownDriveError for a name that is not exactly one driver's, ValueError for a relative path.
    """
    return find_driver(name)(device, expected, now_ns)


def find_driver(name: str) -> DriveOpener:
    """Returns what opens a drive of this name; raises UnknownDriveError. Only the driver that was asked for is imported.

    A package cannot take a name that another driver has: who drives is no guess.
    """
    installed = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
    matching = installed.select(name=name)
    if len(matching) + (name in _BUILT_IN) > 1:
        owners = ", ".join(sorted(entry.value for entry in matching))
        raise UnknownDriveError(f"more than one driver is named {name!r}, from packages: {owners}; uninstall one of them")
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    for entry in matching:
        opener: DriveOpener = entry.load()
        return opener
    known = ", ".join(sorted({*_BUILT_IN, *installed.names}))
    raise UnknownDriveError(f"no driver is named {name!r}; known are: {known}")
