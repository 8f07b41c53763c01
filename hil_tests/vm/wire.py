"""Lines between the virtual machine and the world around it, which hand a byte over at once.

A pseudo-terminal leaves that to a thread of the kernel's, which on a busy machine comes late by a tenth of a second: a drive that
nobody hears for so long is silent.
"""

from __future__ import annotations

import contextlib
import socket

_CHUNK = 4096
_FEW_BYTES = 1
"""The kernel makes it as small as it can: six or seven words of a byte each."""


class SocketCable:
    """The drive's end of its serial line. `far_end` is what a machine is given; it stays the same when that is switched off."""

    def __init__(self) -> None:
        self._near, self.far_end = socket.socketpair()
        self._near.setblocking(False)
        self.far_end.setblocking(False)

    @property
    def plugged_in(self) -> bool:
        """Always, until it is unplugged for good."""
        return self._near.fileno() >= 0

    def fileno(self) -> int:
        """What to wait on for the host's bytes; -1 when unplugged."""
        return self._near.fileno()

    def read(self) -> bytes:
        """What the host has written; empty when nothing is there."""
        with contextlib.suppress(BlockingIOError):
            return self._near.recv(_CHUNK) if self.plugged_in else b""
        return b""

    def write(self, data: bytes) -> None:
        """Sends to the host. A host that does not read loses what its line cannot hold."""
        if self.plugged_in and data:
            with contextlib.suppress(BlockingIOError):
                self._near.send(data)

    def forget(self) -> None:
        """What the drive has said and nobody has read is gone."""
        with contextlib.suppress(BlockingIOError):
            while self.far_end.recv(_CHUNK):
                pass

    def unplug(self) -> None:
        """Ends it, for good."""
        self._near.close()
        self.far_end.close()

    def plug_in(self) -> None:
        """Raises RuntimeError: a machine keeps the end that it was given when it was switched on."""
        raise RuntimeError("this cable cannot be plugged in again")


def narrow_pair() -> tuple[socket.socket, socket.socket]:
    """Returns two ends; the second can write some bytes, and then waits until the first has read."""
    near, far = socket.socketpair()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _FEW_BYTES)
    return near, far
