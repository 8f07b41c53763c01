"""The socket never makes the scan wait, takes nothing but messages, and gives every event until it is acknowledged."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from controller.channel import MAXIMUM_CLIENTS, Channel
from controller.event_ring import EventRing
from controller.peers import own_user_only
from messages.wire import (
    MAXIMUM_MESSAGE_BYTES,
    About,
    Acknowledge,
    Cancel,
    EventRecord,
    Heartbeat,
    Message,
    Refused,
    Reply,
    SessionRecord,
    Stop,
    ToController,
    decode_from_controller,
    encode,
)
from tests.shell.test_event_ring import record
from tests.telemetry.samples import session as session_record

S = 1_000_000_000
ABOUT = About(version="0", boot_id="b", clinic="c", treadmill="t", drive={}, limits={})


class Bench:
    """A channel, its ring, and clients on real sockets."""

    def __init__(self, directory: Path) -> None:
        self.ring = EventRing(directory / "ring")
        self.path = directory / "socket"
        self.channel = Channel(self.path, self.ring, lambda: ABOUT, own_user_only())
        self.clients: list[socket.socket] = []

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(str(self.path))
        client.setblocking(False)
        self.clients.append(client)
        return client

    def take(self, now_ns: int = S) -> tuple:
        """Twice: the first call accepts, the second reads."""
        return (*self.channel.take(now_ns), *self.channel.take(now_ns))

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.channel.close()
        self.ring.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def received(client: socket.socket) -> list[Message]:
    messages = []
    while True:
        try:
            data = client.recv(MAXIMUM_MESSAGE_BYTES)
        except BlockingIOError:
            return messages
        if not data:
            return messages
        messages.append(decode_from_controller(data))


def is_closed(client: socket.socket) -> bool:
    try:
        while client.recv(MAXIMUM_MESSAGE_BYTES):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    return True


def greet(bench: Bench, now_ns: int = S, *, writable: bool = True) -> socket.socket:
    client = bench.connect()
    client.send(encode(Heartbeat("telemetry", writable)))
    bench.take(now_ns)
    return client


def test_whoever_connects_is_told_what_this_is(bench: Bench) -> None:
    client = bench.connect()
    bench.take()
    assert received(client) == [ABOUT]


def test_the_socket_is_for_its_group_only(bench: Bench) -> None:
    assert bench.path.stat().st_mode & 0o777 == 0o660


def test_telemetry_is_present_while_its_heart_beats_and_its_journal_takes_writes(bench: Bench) -> None:
    assert not bench.channel.telemetry_present(S, 2.0)
    greet(bench, 10 * S)
    assert bench.channel.telemetry_present(12 * S, 2.0)
    assert not bench.channel.telemetry_present(12 * S + 1, 2.0)
    greet(bench, 20 * S, writable=False)
    assert not bench.channel.telemetry_present(20 * S, 2.0)


def test_events_come_once_and_again_to_a_telemetry_that_comes_back(bench: Bench) -> None:
    client = greet(bench)
    for number in (1, 2, 3):
        bench.ring.append(record(number))
    bench.channel.send_events()
    bench.channel.send_events()
    assert [m.id for m in received(client) if isinstance(m, EventRecord)] == [1, 2, 3]
    client.send(encode(Acknowledge(2)))
    bench.take()
    client.close()
    again = greet(bench)
    bench.channel.send_events()
    assert [m.id for m in received(again) if isinstance(m, EventRecord)] == [3]


def test_only_telemetry_gets_events_and_acknowledges_them(bench: Bench) -> None:
    stranger = bench.connect()
    stranger.send(encode(Acknowledge(1)))
    bench.ring.append(record(1))
    bench.take()
    bench.channel.send_events()
    assert received(stranger) == [ABOUT]
    assert [event_id for event_id, _ in bench.ring.after(0)] == [1]


@pytest.mark.hazard("H-20", "C-TWO-PROCESSES")
def test_a_reader_that_sleeps_costs_no_time_and_loses_nothing_but_snapshots(bench: Bench) -> None:
    client = greet(bench)
    for number in range(1, 1001):
        bench.ring.append(record(number))
        began = time.monotonic_ns()
        bench.channel.send_events()
        assert time.monotonic_ns() - began < 50_000_000
    first = [m.id for m in received(client) if isinstance(m, EventRecord)]
    assert len(first) < 1000, "the socket's buffer must have filled for this test to mean anything"
    got = list(first)
    while len(got) < 1000:
        bench.channel.send_events()
        more = [m.id for m in received(client) if isinstance(m, EventRecord)]
        assert more
        got += more
    assert got == list(range(1, 1001))


def test_how_a_session_ended_reaches_a_telemetry_whose_socket_was_full(bench: Bench) -> None:
    client = greet(bench)
    bench.channel.record_session(session_record("running"))
    for number in range(1, 1001):
        bench.ring.append(record(number))
    bench.channel.send_events()
    bench.channel.record_session(session_record("ended"))
    statuses: list[str] = []
    for _ in range(20):
        statuses += [message.status for message in received(client) if isinstance(message, SessionRecord)]
        bench.channel.send_events()
    assert statuses == ["running", "ended"], "once each"


@pytest.mark.parametrize(
    "datagram",
    [
        b"\x00",
        b"\xff" * 100,
        msgspec.msgpack.encode({"type": "start"}),
        msgspec.msgpack.encode({"type": "stop", "request": "1", "origin": "x", "speed": 1}),
        msgspec.msgpack.encode({"type": "stop", "request": "", "origin": "x"}),
        msgspec.msgpack.encode({"type": "stop", "request": "1", "origin": "xyz"}).replace(b"xyz", b"x\x82z"),
        b"\x81" * 10_000,
        b"\x91" * 16_000,
        b"x" * (MAXIMUM_MESSAGE_BYTES + 1),
    ],
)
def test_whoever_sends_what_is_no_message_is_closed_and_others_stay(bench: Bench, datagram: bytes) -> None:
    friend, stranger = greet(bench), bench.connect()
    bench.take()
    stranger.send(datagram)
    assert bench.take() == ()
    assert is_closed(stranger)
    friend.send(encode(Stop("1", "friend")))
    assert bench.take() == (Stop("1", "friend"),)


def test_the_answer_goes_to_who_asked(bench: Bench) -> None:
    asker, other = bench.connect(), bench.connect()
    bench.take()
    bench.take()
    asker.send(encode(Stop("7", "asker")))
    bench.take()
    bench.channel.answer(Reply("7", True, ""))
    assert Reply("7", True, "") in received(asker)
    assert Reply("7", True, "") not in received(other)


def test_one_more_client_than_allowed_waits(bench: Bench) -> None:
    for _ in range(MAXIMUM_CLIENTS):
        bench.connect()
        bench.take()
    late = bench.connect()
    bench.take()
    assert received(late) == []
    bench.clients[0].close()
    bench.take()
    bench.take()
    assert received(late) == [ABOUT]


@pytest.mark.hazard("H-20", "C-TWO-PROCESSES")
@pytest.mark.parametrize("kind", [Stop, Cancel])
def test_a_flood_is_read_a_few_at_a_time(bench: Bench, kind: type[Stop | Cancel]) -> None:
    client = bench.connect()
    bench.take()
    for number in range(50):
        client.send(encode(kind(str(number), "x")))
    assert len(bench.channel.take(S)) == 8


@pytest.mark.hazard("H-20", "C-TWO-PROCESSES")
def test_a_flood_of_refusals_is_recorded_twice_a_second(bench: Bench) -> None:
    client = bench.connect()
    bench.take()
    recorded = []
    for scan in range(1000):
        for _ in range(4):
            client.send(encode(Refused("x", "start", "no such command")))
        recorded += [request for request in bench.channel.take(S + scan * S // 100) if isinstance(request, Refused)]
    assert len(recorded) == 32 + 19
    client.send(encode(Cancel("1", "x")))
    client.send(encode(Stop("2", "x")))
    assert [type(request) for request in bench.channel.take(30 * S)] == [Cancel, Stop]


def flood(bench: Bench, clients: int) -> list[socket.socket]:
    """So many clients connect, and each asks 20 times at once; returns them."""
    flooding = [bench.connect() for _ in range(clients)]
    for _ in flooding:
        bench.channel.take(S)
    for index, client in enumerate(flooding):
        for number in range(20):
            client.send(encode(Cancel(f"{index}-{number}", str(index))))
    return flooding


@pytest.mark.hazard("H-20", "C-TWO-PROCESSES")
def test_many_who_flood_get_no_more_room_than_one_and_take_turns(bench: Bench) -> None:
    flood(bench, MAXIMUM_CLIENTS - 2)
    scans = [bench.channel.take(S) for _ in range(6)]
    assert [len(requests) for requests in scans] == [8] * 6
    origins = [request.origin for requests in scans for request in requests]
    assert {origins.count(origin) for origin in set(origins)} == {8}, "each was first once"
    assert len(set(origins)) == MAXIMUM_CLIENTS - 2


@pytest.mark.hazard("H-20", "C-TWO-PROCESSES")
def test_nobodys_stop_waits_for_what_others_ask(bench: Bench) -> None:
    """A heartbeat and an acknowledgement before it cost no turn, however many flood and whoever is read first."""
    greet(bench)
    flood(bench, MAXIMUM_CLIENTS - 1)
    for number in range(MAXIMUM_CLIENTS):
        for message in (
            Heartbeat("telemetry", True),
            Acknowledge(1),
            Stop(f"stop {number}", "telemetry"),
            Cancel("c", "telemetry"),
        ):
            bench.clients[0].send(encode(message))
        requests = bench.channel.take(S)
        assert Stop(f"stop {number}", "telemetry") in requests
        assert len(requests) == 9, "beside the stop, each client's one request"


@pytest.mark.hazard("H-01", "H-19", "C-NO-START-MESSAGE")
def test_what_a_client_can_say_has_no_word_for_start_or_faster() -> None:
    """Another message needs a look at the first law first, and then a line here."""
    words = {message.__struct_config__.tag for message in get_args(ToController)}
    stops_proposes_reports = {"stop", "prepare", "cancel", "symptom", "silence", "refused"}
    assert words == {"heartbeat", "acknowledge"} | stops_proposes_reports
