"""The Unix socket to the controller: reconnecting for ever, never queueing.

Nothing waits in line here but two slots: the latest acknowledgement, and a stop that the socket did not take yet. Whatever else
does not go at once is not sent, and the caller is told.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import msgspec

from messages.wire import (
    MAXIMUM_MESSAGE_BYTES,
    Acknowledge,
    FromController,
    Heartbeat,
    Stop,
    ToController,
    decode_from_controller,
    encode,
)
from telemetry.backoff import SOCKET_BACKOFF
from telemetry.rate_limit import RateLimit

HEARTBEAT_S = 0.5
READS_AT_ONCE = 64
"""Datagrams taken before the event loop gets its turn: a burst of resent events must not delay a stop."""

_log = logging.getLogger(__name__)


class ControllerLink:
    """Telemetry's end of the socket."""

    def __init__(
        self,
        path: str,
        on_message: Callable[[FromController], None],
        heartbeat: Callable[[], Heartbeat],
        monotonic_ns: Callable[[], int],
        random_unit: Callable[[], float],
    ) -> None:
        self._path = path
        self._on_message = on_message
        self._heartbeat = heartbeat
        self._monotonic_ns = monotonic_ns
        self._random_unit = random_unit
        self._socket: socket.socket | None = None
        self._lost: asyncio.Future[str] | None = None
        self._heard = False
        self._stop: Stop | None = None
        self._acknowledge: Acknowledge | None = None
        self._complaints = RateLimit(burst=5, per_second=0.1)

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    async def run(self) -> None:
        """Connects, and connects again, until cancelled."""
        failures = 0
        while True:
            connection = self._connect()
            if connection is not None:
                self._heard = False
                try:
                    await self._serve(connection)
                finally:
                    self._drop(connection)
                failures = 0 if self._heard else failures
            failures += 1
            await asyncio.sleep(SOCKET_BACKOFF.delay_s(failures, self._random_unit()))

    def send(self, message: ToController) -> bool:
        """Sends now, and returns whether the socket took it. Never waits, never retries."""
        if self._socket is None:
            return False
        try:
            self._socket.send(encode(message))
        except BlockingIOError:
            return False
        except OSError as error:
            self._lose(str(error))
            return False
        return True

    def send_stop(self, stop: Stop) -> bool:
        """Sends a stop ahead of all else. One that does not go at once is kept, and goes as soon as it can."""
        self._stop = stop
        self._flush()
        return self._stop is None

    def acknowledge(self, up_to_id: int) -> None:
        """Says that every event up to this id is kept; a later one replaces one that has not gone yet."""
        self._acknowledge = Acknowledge(up_to_id=up_to_id)
        self._flush()

    def reconnect(self) -> None:
        """Connects anew, upon which the controller sends every event that was not acknowledged, in order."""
        self._lose("telemetry asked to hear it all again")

    def _connect(self) -> socket.socket | None:
        try:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError as error:
            _log.error("no socket to the controller: %s", error)
            return None
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            return None
        return connection

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._socket, self._lost = connection, loop.create_future()
        loop.add_reader(connection, self._read)
        due_s = loop.time()
        while not self._lost.done():
            self._flush()
            self.send(self._heartbeat())
            due_s = max(due_s + HEARTBEAT_S, loop.time())
            await asyncio.wait({self._lost}, timeout=due_s - loop.time())
        _log.warning("the controller is gone: %s", self._lost.result())

    def _drop(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(connection)
        loop.remove_writer(connection)
        connection.close()
        self._socket = self._lost = None
        # What was acknowledged is the journal's to know: it says so again when the events come again.
        self._acknowledge = None

    def _lose(self, reason: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(reason)

    def _flush(self) -> None:
        """Sends the two slots, the stop first; what does not go waits for the socket to become writable."""
        if self._socket is None:
            return
        if self._stop is not None and self.send(self._stop):
            self._stop = None
        if self._stop is None and self._acknowledge is not None and self.send(self._acknowledge):
            self._acknowledge = None
        loop = asyncio.get_running_loop()
        if self._stop is None and self._acknowledge is None:
            loop.remove_writer(self._socket)
        else:
            loop.add_writer(self._socket, self._flush)

    def _read(self) -> None:
        for _ in range(READS_AT_ONCE):
            connection = self._socket
            if connection is None or self._lost is None or self._lost.done():
                return
            try:
                datagram = connection.recv(MAXIMUM_MESSAGE_BYTES + 1)
            except BlockingIOError:
                return
            except OSError as error:
                self._lose(str(error))
                return
            if not datagram:
                self._lose("it closed the connection")
                return
            self._take(datagram)

    def _take(self, datagram: bytes) -> None:
        try:
            if len(datagram) > MAXIMUM_MESSAGE_BYTES:
                raise msgspec.DecodeError(f"longer than {MAXIMUM_MESSAGE_BYTES} bytes")
            message = decode_from_controller(datagram)
        except msgspec.DecodeError as error:
            if self._complaints.allows(self._monotonic_ns()):
                held_back = self._complaints.take_held_back()
                _log.error("the controller said something not understood (%d more before): %s", held_back, error)
            return
        self._heard = True
        self._on_message(message)
