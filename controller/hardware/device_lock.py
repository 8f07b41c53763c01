"""One program at a time has the treadmill's devices: the controller, a calibration, or a self-test.

The lock is the kernel's and goes with its process, however that ends. The serial line and the pins have locks of their own, but
not with every GPIO library, and the load cell's bus has none.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.hardware.errors import HardwareError

LOCK_FILE = "devices.lock"
_READABLE_BY_ALL = 0o644


class DeviceLock:
    """Held from the constructor until `close`. Raises HardwareError where another program has the devices, or a lock fails."""

    def __init__(self, runtime_directory: Path) -> None:
        path = runtime_directory / LOCK_FILE
        try:
            runtime_directory.mkdir(mode=0o755, exist_ok=True)
            self._descriptor = _open(path)
        except OSError as error:
            raise HardwareError(
                f"The lock of the devices, {path}, cannot be opened ({error.strerror}).",
                "run this with sudo, or correct paths.runtime_directory.",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise _refusal(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Gives the devices to the next."""
        os.close(self._descriptor)


def _open(path: Path) -> int:
    """For reading is enough for a lock, and works for a file that another user made."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, _READABLE_BY_ALL)
        os.fchmod(descriptor, _READABLE_BY_ALL)
        return descriptor


def _refusal(path: Path, error: OSError) -> HardwareError:
    if isinstance(error, BlockingIOError):
        return HardwareError(
            "Another program has the treadmill's devices: the controller, a calibration, or a self-test.",
            "end it first; the controller with: systemctl stop sternway-controller",
        )
    return HardwareError(
        f"The lock of the devices, {path}, cannot be taken ({error.strerror}).",
        "correct paths.runtime_directory: it belongs on a local disk or in memory.",
    )
