"""The controller's end of the Unix socket: takes requests, gives events and snapshots, and never waits for anybody.

SOCK_SEQPACKET, one message a datagram. A slow reader loses snapshots (counted), and one that takes nothing at all for ten seconds
is closed; events go from the ring and are sent again until they are acknowledged. A client that sends what is not a message, or is
not admitted by the kernel's word of who it is, is closed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from controller.event_ring import EventRing
from controller.peers import Peer, PeerRule, peer_of
from messages.wire import (
    MAXIMUM_MESSAGE_BYTES,
    About,
    Acknowledge,
    Heartbeat,
    Refused,
    Reply,
    SessionRecord,
    Snapshot,
    SocketRequest,
    Stop,
    ToController,
    decode_to_controller,
    encode,
)

MAXIMUM_CLIENTS = 8
_SEND_BUFFER_BYTES = 64 * 1024
_REQUESTS_A_SCAN = 8
"""Over all clients; not fewer than there are clients, so that each has its turn in every scan."""
_DATAGRAMS_A_SCAN = 8
"""Of one client, stops and heartbeats included."""
_REFUSALS_AT_ONCE, _REFUSAL_EACH_NS = 32, 500_000_000
"""Refusals that telemetry reports, over all clients: so many in a row, then one in so long; what is beyond is not recorded."""
_SLEEPS_FOR_NS = 10_000_000_000
_MAXIMUM_STRANGERS = 64
"""Users of whom it was said that they were turned away; beyond that nobody's name is news."""
TELEMETRY_ROLE = "telemetry"


class _Client:
    def __init__(self, connection: socket.socket, peer: Peer) -> None:
        self.connection = connection
        self.peer = peer
        self.full_since_ns: int | None = None
        self.is_telemetry = False
        self.session_due = False
        """The newest session record has not reached it yet."""
        self.sent_up_to = 0
        self.greeted = False


# Control C-TWO-PROCESSES.
class Channel:
    """All clients of the socket. Every method returns at once."""

    def __init__(self, path: Path, ring: EventRing, about: Callable[[], About], rule: PeerRule) -> None:
        """Binds the socket, replacing a dead one; raises OSError when the path cannot be bound. rule: who is admitted."""
        self._ring = ring
        self._about = about
        self._rule = rule
        self._strangers: set[int] = set()
        self._path = path
        self._clients: list[_Client] = []
        self._requesters: dict[str, _Client] = {}
        self._heartbeat_ns: int | None = None
        self._journal_writable = False
        self._session: bytes | None = None
        self._refusals_until_ns = 0
        """Until when the refusals that were recorded use up what is allowed, one after the other."""
        self.lost_snapshots = 0
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._listener.bind(str(path))
        os.chmod(path, 0o660)
        self._listener.listen(MAXIMUM_CLIENTS)

    def telemetry_present(self, now_ns: int, timeout_s: float) -> bool:
        """Whether telemetry has been heard lately and its journal takes writes."""
        if self._heartbeat_ns is None or not self._journal_writable:
            return False
        return 0 <= now_ns - self._heartbeat_ns <= timeout_s * 1e9

    def take(self, now_ns: int) -> tuple[SocketRequest, ...]:
        """Accepts and reads, a bounded number a scan; returns what the core or the configuration has to judge.

        What a scan has no room for waits in its client's socket. A stop takes no room, and since every client may ask something in
        every scan, whoever is read first, nobody's stop waits for what others ask.
        """
        requests: list[SocketRequest] = []
        self._accept(requests)
        self._clients = [*self._clients[1:], *self._clients[:1]]
        room, behind = _REQUESTS_A_SCAN, len(self._clients)
        for client in tuple(self._clients):
            behind -= 1
            room -= self._read(client, requests, room - behind, now_ns)
        return tuple(requests)

    def _accept(self, requests: list[SocketRequest]) -> None:
        if len(self._clients) >= MAXIMUM_CLIENTS:
            return
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            peer = peer_of(connection)
        except OSError:  # whoever connected finds it closed, and comes again
            connection.close()
            return
        if not self._rule.admits(peer):
            connection.close()
            self._say_once(peer, requests)
            return
        self._clients.append(_Client(connection, peer))

    def _say_once(self, peer: Peer, requests: list[SocketRequest]) -> None:
        """A stranger is news the first time; who knocks a thousand times fills no journal."""
        if peer.user not in self._strangers and len(self._strangers) < _MAXIMUM_STRANGERS:
            self._strangers.add(peer.user)
            requests.append(
                Refused(f"user {peer.user}, process {peer.pid}", "connect", "not a member of the group in access.group")
            )

    def _read(self, client: _Client, requests: list[SocketRequest], room: int, now_ns: int) -> int:
        """Returns how many requests it has read, stops not counted: `room` at most."""
        if not client.greeted:
            client.greeted = self._send(client, encode(self._about()))
        taken = 0
        for _ in range(_DATAGRAMS_A_SCAN):
            try:
                datagram = client.connection.recv(MAXIMUM_MESSAGE_BYTES + 1)
            except BlockingIOError:
                break
            except OSError:
                self._drop(client)
                break
            if not datagram or len(datagram) > MAXIMUM_MESSAGE_BYTES:
                self._drop(client)
                break
            try:
                message = decode_to_controller(datagram)
            except msgspec.DecodeError:
                self._drop(client)
                break
            self._sort(client, message, requests, now_ns)
            taken += not isinstance(message, Heartbeat | Acknowledge | Stop)
            if taken == room:
                break
        return taken

    def _sort(self, client: _Client, message: ToController, requests: list[SocketRequest], now_ns: int) -> None:
        if isinstance(message, Heartbeat):
            if message.role == TELEMETRY_ROLE and self._rule.is_telemetry(client.peer):
                self._heartbeat_ns = now_ns
                self._journal_writable = message.journal_writable
                if not client.is_telemetry:
                    client.is_telemetry = client.session_due = True
                    self._send_session(client)
        elif isinstance(message, Acknowledge):
            if client.is_telemetry:
                self._ring.acknowledge(message.up_to_id)
        elif not isinstance(message, Refused) or self._may_be_recorded(now_ns):
            identifier = getattr(message, "request", "")
            if identifier:
                self._requesters[identifier] = client
            requests.append(message)

    def _may_be_recorded(self, now_ns: int) -> bool:
        """Nobody waits for an answer to a refusal, and a flood of them would wash a fall out of ring and flight recording."""
        if self._refusals_until_ns - now_ns > (_REFUSALS_AT_ONCE - 1) * _REFUSAL_EACH_NS:
            return False
        self._refusals_until_ns = max(self._refusals_until_ns, now_ns) + _REFUSAL_EACH_NS
        return True

    def answer(self, reply: Reply) -> None:
        """Sends the reply to whoever asked; drops it when they have gone."""
        client = self._requesters.pop(reply.request, None)
        if client is not None and client in self._clients:
            self._send(client, encode(reply))

    def send_events(self) -> None:
        """Sends telemetry what it has not got yet, as far as the socket takes it."""
        for client in tuple(self._clients):
            if client.session_due:
                self._send_session(client)
            if not client.is_telemetry or self._ring.highest_id <= client.sent_up_to:
                continue
            for event_id, datagram in self._ring.after(client.sent_up_to):
                if not self._send(client, datagram):
                    break
                client.sent_up_to = event_id

    def publish(self, snapshot: Snapshot) -> None:
        """Offers the snapshot to every client; one that is too slow loses it."""
        datagram = encode(snapshot)
        for client in tuple(self._clients):
            if self._send(client, datagram):
                client.full_since_ns = None
                continue
            self.lost_snapshots += 1
            if client.full_since_ns is None:
                client.full_since_ns = snapshot.at_ns
            elif snapshot.at_ns - client.full_since_ns > _SLEEPS_FOR_NS:
                self._drop(client)

    def record_session(self, record: SessionRecord) -> None:
        """Sends the session's record, and again to a telemetry that comes later or whose socket was full: the last of a session is
        how it ended."""
        self._session = encode(record)
        for client in tuple(self._clients):
            if client.is_telemetry:
                client.session_due = True
                self._send_session(client)

    def _send_session(self, client: _Client) -> None:
        client.session_due = self._session is not None and not self._send(client, self._session)

    def _send(self, client: _Client, datagram: bytes) -> bool:
        try:
            client.connection.send(datagram)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                self._drop(client)
            return False
        return True

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
        self._requesters = {key: owner for key, owner in self._requesters.items() if owner is not client}
        with contextlib.suppress(OSError):  # Linux frees the descriptor even then
            client.connection.close()

    def close(self) -> None:
        """Closes every connection and removes the socket."""
        for client in tuple(self._clients):
            self._drop(client)
        with contextlib.suppress(OSError):  # what is left of it the next start replaces
            self._listener.close()
            self._path.unlink()
