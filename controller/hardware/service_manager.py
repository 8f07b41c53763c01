"""Tells systemd how the service is: the datagrams of sd_notify(3).

Written out here: the protocol is one datagram of `NAME=value` lines, and the package for it (sdnotify) has had no release
since 2017, is untyped, and opens a blocking socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """One-way reports to the service manager. None of them ever blocks; without a manager they go nowhere."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """`NOTIFY_SOCKET` in the environment is a path, or an abstract address that begins with @."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    def ready(self, status: str) -> bool:
        """Say that the service does its work. Like the others: True where the manager was told."""
        return self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, status: str) -> bool:
        """Show one line in `systemctl status`."""
        return self._send(f"STATUS={_one_line(status)}")

    def watchdog(self) -> bool:
        """Prove life; the caller does so only after a finished scan that was on time."""
        return self._send("WATCHDOG=1")

    def stopping(self, status: str) -> bool:
        """Say that the service is ending of itself."""
        return self._send(f"STOPPING=1\nSTATUS={_one_line(status)}")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # Linux frees the descriptor even then
                self._socket.close()
            self._socket = None

    def _send(self, message: str) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:
            # A manager that cannot be reached restarts the service by its watchdog: there is nothing better to do here.
            return False
        return True


def _one_line(text: str) -> str:
    """A line break would let the text set other variables."""
    return " ".join(text.split())
