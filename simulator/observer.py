"""A client of the controller's socket: reads snapshots, and in virtual time stands for telemetry with its heartbeats."""

from __future__ import annotations

import socket
from pathlib import Path

from messages.patient import Screening
from messages.plan import Plan
from messages.wire import (
    MAXIMUM_MESSAGE_BYTES,
    Acknowledge,
    EventRecord,
    Heartbeat,
    Message,
    Prepare,
    Reply,
    Snapshot,
    decode_from_controller,
    encode,
)

_MESSAGES_AT_ONCE = 256
MAXIMUM_EVENTS = 4096
"""Events that nobody has taken; more are an error of the simulator's."""


class SocketObserver:
    """One connection; it never waits. `role` "telemetry" gets the events, too, and must acknowledge them."""

    def __init__(self, path: Path, role: str) -> None:
        """Raises OSError when nobody listens."""
        self._role = role
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        self._events: list[EventRecord] = []
        self._highest = 0
        self._requests = 0
        self.snapshot: Snapshot | None = None
        self.replies: dict[str, Reply] = {}

    def beat(self) -> None:
        """One heartbeat."""
        self._send(Heartbeat(role=self._role, journal_writable=True))

    def acknowledge(self) -> None:
        """Everything that was read is kept."""
        if self._highest:
            self._send(Acknowledge(self._highest))

    def prepare(self, plan: Plan, screening: Screening) -> str:
        """Asks for a session; returns the request's name, to find the reply by."""
        self._requests += 1
        request = f"simulator-{self._requests}"
        self._send(Prepare(request=request, origin="simulator", plan=plan, screening=screening))
        return request

    def take_events(self) -> list[EventRecord]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def read(self) -> bool:
        """Takes what has come; returns False when the controller is gone."""
        for _ in range(_MESSAGES_AT_ONCE):
            try:
                datagram = self._socket.recv(MAXIMUM_MESSAGE_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not datagram:
                return False
            self._sort(datagram)
        return True

    def close(self) -> None:
        """Goes away."""
        self._socket.close()

    def _sort(self, datagram: bytes) -> None:
        message = decode_from_controller(datagram)
        if isinstance(message, Snapshot):
            self.snapshot = message
        elif isinstance(message, EventRecord):
            if len(self._events) >= MAXIMUM_EVENTS:
                raise RuntimeError("nobody takes the events")
            self._events.append(message)
            self._highest = max(self._highest, message.id)
        elif isinstance(message, Reply):
            self.replies = {message.request: message}

    def _send(self, message: Message) -> None:
        self._socket.send(encode(message))
