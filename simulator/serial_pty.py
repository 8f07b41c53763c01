"""The drive's serial cable: a pseudo-terminal under a name that is there only while the cable is plugged in."""

from __future__ import annotations

import contextlib
import os
import pty
import tty
from pathlib import Path

_CHUNK = 4096


class SerialPty:
    """The drive's end of the cable. Nothing here waits."""

    def __init__(self, link: Path) -> None:
        """link: the path under which the controller finds the device."""
        self._link = link
        self._master = -1
        self._slave = -1
        self.plug_in()

    @property
    def plugged_in(self) -> bool:
        """Whether the cable is in."""
        return self._master >= 0

    def fileno(self) -> int:
        """What to wait on for the host's bytes; -1 while unplugged."""
        return self._master

    def read(self) -> bytes:
        """What the host has written; empty when nothing is there."""
        if not self.plugged_in:
            return b""
        try:
            return os.read(self._master, _CHUNK)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Sends to the host. A host that does not read loses what its line cannot hold, as with a real one."""
        if self.plugged_in and data:
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)

    def unplug(self) -> None:
        """Pulls the cable: the host's device is gone."""
        if self.plugged_in:
            self._link.unlink(missing_ok=True)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def plug_in(self) -> None:
        """Puts the cable in; the device has another number under the same name."""
        if not self.plugged_in:
            self._master, self._slave = pty.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(os.ttyname(self._slave))
