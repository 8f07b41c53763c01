"""The small parts: settings, waits, rates, the keeper's gaps, the link's slots, the notices to systemd."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import socket
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.wire import (
    MAXIMUM_MESSAGE_BYTES,
    Acknowledge,
    Cancel,
    FromController,
    Health,
    Heartbeat,
    Stop,
    decode_to_controller,
    encode,
)
from settings_files.telemetry_table import BrokerSettings, TelemetrySettings
from telemetry.backoff import BROKER_BACKOFF, SOCKET_BACKOFF
from telemetry.cancelling import cancel_all
from telemetry.keeper import MAXIMUM_PENDING_EVENTS, STALLED_NS, JournalKeeper
from telemetry.link import ControllerLink
from telemetry.notify import Notifier
from telemetry.patients import Erasure
from telemetry.rate_limit import RateLimit
from telemetry.settings import (
    SettingsError,
    load_telemetry_settings,
    parse_telemetry_settings,
    read_password,
)
from telemetry.view import CONTROLLER_SILENT_NS, MAXIMUM_REMEMBERED_TEXTS, SESSION_PROGRESS_NS, View
from tests.telemetry import samples
from tests.telemetry.bench import ROOT, Mosquitto, Peer, Telemetry, ear, until

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
S = 1_000_000_000
IDENTITY = {"clinic": "north", "treadmill": "t-1"}


# --- settings --------------------------------------------------------------------------------------------------------


def test_the_shipped_configuration_is_understood() -> None:
    loaded = load_telemetry_settings(ROOT / "config" / "treadmill.toml")
    assert loaded.telemetry == TelemetrySettings(), "the file shows the defaults"


def test_the_controllers_tables_are_none_of_ours() -> None:
    loaded = parse_telemetry_settings({"identity": {**IDENTITY, "mounting": "x"}, "drive": {"anything": 1}})
    assert loaded.identity.clinic == "north"


def test_all_mistakes_at_once_each_with_key_value_and_remedy() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_telemetry_settings(
            {
                "identity": {"clinic": "North Clinic"},
                "telemetry": {
                    "socket_pth": "/x",
                    "journal_path": "relative",
                    "retention_days": 0,
                    "journal_limit_mb": "many",
                    "broker": {"port": 70000, "host": "", "tls": {"enabled": "yes", "cafile": "/x"}},
                },
            }
        )
    problems = [str(problem) for problem in caught.value.problems]
    expected = [
        ("identity.clinic", '"North Clinic"', "hyphen"),
        ("identity.treadmill", "missing", "add it"),
        ("telemetry.socket_pth", '"/x"', "telemetry.socket_path was meant"),
        ("telemetry.journal_path", '"relative"', "an absolute path"),
        ("telemetry.retention_days", "0", "a whole number from 1 to 36500 days"),
        ("telemetry.journal_limit_mb", '"many"', "a whole number from 1 to 65536 MB"),
        ("telemetry.broker.port", "70000", "a whole number from 1 to 65535"),
        ("telemetry.broker.host", '""', "a host name or address"),
        ("telemetry.broker.tls.enabled", '"yes"', "true or false"),
        ("telemetry.broker.tls.cafile", '"/x"', "telemetry.broker.tls.ca_file was meant"),
    ]
    assert len(problems) == len(expected)
    for words in expected:
        assert any(all(word in problem for word in words) for problem in problems), words


@pytest.mark.parametrize(
    "broker",
    [
        {"tls": {"enabled": True, "certificate_file": "/c"}},
        {"tls": {"enabled": True, "key_file": "/k"}},
        {"tls": {"ca_file": "/ca"}},
        {"credential_file": "/password"},
        {"tls": "yes"},
        {"port": True},
        {"port": 1883.0},
    ],
)
def test_contradictions_are_refused(broker: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"telemetry\.broker"):
        parse_telemetry_settings({"identity": IDENTITY, "telemetry": {"broker": broker}})


@pytest.mark.parametrize("name", ["", "a" * 33, "north/1", "north+", "#", "North", "a\n", "ä"])
def test_names_that_would_break_a_topic_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"identity\.clinic"):
        parse_telemetry_settings({"identity": {**IDENTITY, "clinic": name}})


def test_password_from_a_path_or_from_systemd(tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("secret\nmore\n")
    assert read_password(BrokerSettings(credential_file=str(tmp_path / "broker"))) == "secret"
    assert read_password(BrokerSettings(credential_file="broker"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "secret"
    assert read_password(BrokerSettings()) is None


async def test_a_wrong_configuration_ends_the_service_with_all_reasons(tmp_path: Path) -> None:
    telemetry = Telemetry(tmp_path, 1883, telemetry='retention_days = 0\ncolour = "red"')
    await telemetry.start()
    assert telemetry.process is not None
    assert await telemetry.process.wait() == 2
    assert "retention_days" in telemetry.log.read_text()
    assert "colour" in telemetry.log.read_text()
    telemetry.config.write_text("[identity")
    await telemetry.start()
    assert await telemetry.process.wait() == 2


# --- waits and rates -------------------------------------------------------------------------------------------------


def test_the_sockets_waits_grow_from_a_tenth_to_two_seconds() -> None:
    assert [SOCKET_BACKOFF.delay_s(n) for n in (1, 2, 3, 4, 5, 6, 7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_waits_are_spread_and_bounded(failures: int, random_unit: float) -> None:
    full_s = BROKER_BACKOFF.delay_s(failures)
    assert full_s <= 30.0
    assert full_s / 2 <= BROKER_BACKOFF.delay_s(failures, random_unit) <= full_s


def test_rate_limit_counts_what_it_holds_back() -> None:
    limit = RateLimit(burst=2, per_second=1.0)
    assert [limit.allows(0) for _ in range(4)] == [True, True, False, False]
    assert limit.take_held_back() == 2
    assert not limit.allows(S - 1)
    assert [limit.allows(10 * S) for _ in range(3)] == [True, True, False], "no more than the burst is saved up"
    assert not limit.allows(S), "a clock that steps back earns nothing"


# --- the view --------------------------------------------------------------------------------------------------------


def kinds(view: View, now_ns: int) -> list[str]:
    return [kind for kind, _ in view.due(NOW + timedelta(microseconds=now_ns // 1000), now_ns)]


def test_retained_topics_are_published_when_they_change_and_not_else() -> None:
    view = View()
    view.take_about(samples.about())
    view.take_session(samples.session())
    view.take_snapshot(samples.snapshot(1), NOW, S)
    assert set(kinds(view, S)) == {"about", "state", "session", "alarm"}
    for tick in range(1, 10):
        view.take_snapshot(samples.snapshot(tick, phase_remaining_s=100.0 - tick), NOW, S + tick)
        assert kinds(view, S + tick) == []
    view.take_snapshot(samples.snapshot(11, phase_remaining_s=90.0), NOW, S + SESSION_PROGRESS_NS)
    assert kinds(view, S + SESSION_PROGRESS_NS) == ["session"], "progress once a second"
    view.take_snapshot(samples.snapshot(12, phase_index=2), NOW, S + SESSION_PROGRESS_NS + 1)
    assert kinds(view, S + SESSION_PROGRESS_NS + 1) == ["session"], "a new phase at once"
    view.forget_published()
    assert set(kinds(view, S + SESSION_PROGRESS_NS + 2)) == {"about", "state", "session", "alarm"}


def test_what_the_broker_did_not_take_is_due_again_after_a_wait_and_holds_up_nothing_else() -> None:
    view = View()
    assert kinds(view, 0) == ["state", "alarm"]
    view.not_taken("state", 5 * S)
    assert kinds(view, S) == []
    view.take_snapshot(samples.snapshot(1), NOW, 4 * S)
    assert kinds(view, 4 * S) == ["session", "alarm"], "a change of its own comes no earlier"
    assert kinds(view, 5 * S) == ["state"]
    assert kinds(view, 6 * S) == [], "once"
    view.not_taken("state", 60 * S)
    view.take_snapshot(samples.snapshot(2), NOW, 6 * S)
    view.forget_published()
    assert "state" in kinds(view, 6 * S), "a new connection waits for nothing"


def test_since_when_nobody_was_heard_stays_although_the_broker_did_not_take_it() -> None:
    view = View()
    (first,) = [msgspec.json.decode(payload) for kind, payload in view.due(NOW, 0) if kind == "state"]
    view.not_taken("state", 5 * S)
    (again,) = [msgspec.json.decode(payload) for _, payload in view.due(NOW + timedelta(seconds=5), 5 * S)]
    assert again["time"] > first["time"]
    assert again["since"] == first["since"]


def test_an_erased_session_stays_forgotten_and_a_pseudonym_given_anew_is_told() -> None:
    view, now_ns = View(), S

    def told() -> list[tuple[str, str]]:
        nonlocal now_ns
        now_ns += 2 * SESSION_PROGRESS_NS
        sent = [payload for kind, payload in view.due(NOW, now_ns) if kind == "session"]
        return [(body["session"], body["patient"]) if body else ("", "") for body in (json.loads(p or b"{}") for p in sent)]

    view.take_session(samples.session("complete", "s-1"))
    view.take_snapshot(samples.snapshot(1, session="s-1"), NOW, S)
    assert told() == [("s-1", "p-17")]
    view.forget_patients((Erasure(7, "p-17"),))
    assert told() == [("", "")]
    view.take_session(samples.session("complete", "s-1"))
    assert told() == []
    view.forget_patients(())
    view.take_session(samples.session("complete", "s-1"))
    assert told() == [], "the controller says again what it still knows"
    view.take_session(samples.session("prepared", "s-2"))
    view.take_snapshot(samples.snapshot(2, session="s-2"), NOW, S)
    assert told() == [("s-2", "p-17")], "another patient may have been given the pseudonym"


def test_since_is_when_the_state_was_entered() -> None:
    view = View()
    view.take_snapshot(samples.snapshot(0, at_ns=100 * S, since_ns=40 * S), NOW, S)
    (state,) = [msgspec.json.decode(payload) for kind, payload in view.due(NOW, S) if kind == "state"]
    assert state["since"] == "2026-03-01T11:59:00.000Z"


def test_silence_of_the_controller_is_unknown_and_said_once() -> None:
    view = View()
    view.take_snapshot(samples.snapshot(1), NOW, S)
    kinds(view, S)
    assert kinds(view, S + CONTROLLER_SILENT_NS) == []
    assert kinds(view, S + CONTROLLER_SILENT_NS + 1) == ["state", "alarm"]
    assert kinds(view, S + CONTROLLER_SILENT_NS + 2 * S) == []


def test_alarms_by_priority_with_their_texts() -> None:
    view = View()
    view.take_event(samples.event(1, code="b-medium"))
    alarms = (("z-low", "low"), ("b-medium", "medium"), ("a-high", "high"), ("odd", "purple"))
    view.take_snapshot(samples.snapshot(1, alarms=alarms), NOW, S)
    (payload,) = [msgspec.json.decode(payload) for kind, payload in view.due(NOW, S) if kind == "alarm"]
    assert [(a["code"], a["priority"]) for a in payload["alarms"]] == [
        ("a-high", "high"),
        ("odd", "high"),
        ("b-medium", "medium"),
        ("z-low", "low"),
    ]
    assert payload["alarms"][2]["remedy"] == "Hold both rails"


def test_words_from_the_journal_give_way_to_those_heard_since_and_stay_bounded() -> None:
    view = View()
    view.take_event(samples.event(1, code="heard"))
    view.restore_words(
        {f"c-{number}": ("old", "older") for number in range(MAXIMUM_REMEMBERED_TEXTS)} | {"heard": ("old", "older")}
    )
    assert len(view._texts) == MAXIMUM_REMEMBERED_TEXTS
    alarms = (("c-0", "low"), ("c-9", "low"), ("heard", "low"))
    view.take_snapshot(samples.snapshot(1, alarms=alarms), NOW, S)
    (payload,) = [msgspec.json.decode(payload) for kind, payload in view.due(NOW, S) if kind == "alarm"]
    assert [alarm["text"] for alarm in payload["alarms"]] == ["", "old", "A rail was let go"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_number_that_is_none_is_published(bad: float) -> None:
    view = View()
    names = [name for name, value in msgspec.to_builtins(samples.snapshot()).items() if isinstance(value, float)]
    assert len(names) > 8
    view.take_snapshot(samples.snapshot(1, **dict.fromkeys(names, bad)), NOW, S)
    view.take_session(samples.session())
    payloads = [view.telemetry(), *(payload for _, payload in view.due(NOW, S))]
    for payload in payloads:
        assert payload is not None
        assert not {"NaN", "Infinity"} & set(payload.decode().replace(":", ",").split(","))
    body = msgspec.json.decode(payloads[0] or b"")
    assert body["load_n"] is None
    assert body["scan_lateness_s"] is None


def test_what_the_rails_bear_is_published_and_null_where_it_is_unknown_or_no_cell_is() -> None:
    view = View()
    view.take_snapshot(samples.snapshot(1), NOW, S)
    body = msgspec.json.decode(view.telemetry() or b"")
    assert (body["rail_left_load_n"], body["rail_right_load_n"]) == (None, None)
    rails = {"rail_left_load_n": -3.5, "rail_right_load_n": None, "rail_loads_unknown": {"rail-right": "stuck"}}
    view.take_snapshot(samples.snapshot(2, **rails), NOW, S)
    body = msgspec.json.decode(view.telemetry() or b"")
    assert (body["rail_left_load_n"], body["rail_right_load_n"]) == (-3.5, None)
    view.take_snapshot(samples.snapshot(3, rail_left_load_n=0.0, rail_right_load_n=math.nan), NOW, S)
    body = msgspec.json.decode(view.telemetry() or b"")
    assert (body["rail_left_load_n"], body["rail_right_load_n"]) == (0.0, None)


def test_health_and_what_keeps_patients_away_are_published() -> None:
    view = View()
    health = Health(under_voltage=True, temperature_c=math.nan, disk_free_mb=812.5)
    view.take_snapshot(samples.snapshot(1, unready=("not calibrated",), health=health), NOW, S)
    (state,) = [msgspec.json.decode(payload) for kind, payload in view.due(NOW, S) if kind == "state"]
    assert state["unready"] == ["not calibrated"]
    published = msgspec.json.decode(view.telemetry() or b"")["health"]
    assert published["under_voltage"] is True
    assert published["disk_free_mb"] == 812.5
    assert published["temperature_c"] is None
    assert published["clock_known"] is None


# --- the keeper ------------------------------------------------------------------------------------------------------


class Kept:
    """A keeper on a real file, with its clock in hand."""

    def __init__(self, path: Path) -> None:
        self.now_ns = 0
        self.committed: list[int] = []
        self.asked_again = 0
        settings = TelemetrySettings(journal_path=str(path / "journal.sqlite"), journal_reserve_mb=0)
        self.keeper = JournalKeeper(settings, lambda: NOW, lambda: self.now_ns, self.committed.append, self._ask)
        self._task = asyncio.create_task(self.keeper.run())

    def _ask(self) -> None:
        self.asked_again += 1

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.keeper.close()


@pytest.fixture
async def kept(tmp_path: Path) -> Any:
    made = Kept(tmp_path)
    await until(made.keeper.opened.is_set, "the journal is open")
    yield made
    await made.close()


async def test_nothing_above_a_gap_is_acknowledged_until_it_is_filled(kept: Kept) -> None:
    kept.keeper.take_event(samples.event(1))
    await until(lambda: kept.committed[-1] == 1, "the first")
    kept.keeper.take_event(samples.event(3))
    await until(lambda: kept.asked_again == 1, "it asks for the missing one")
    assert kept.committed[-1] == 1
    assert [event.id for event in await kept.keeper.unconfirmed(10)] == [1], "nor published out of order"
    kept.keeper.take_event(samples.event(2))
    await until(lambda: kept.committed[-1] == 3, "all three")
    assert kept.keeper.alarms == ()
    assert kept.asked_again == 1


async def test_a_gap_that_stays_is_given_up_after_the_second_sending(kept: Kept) -> None:
    for _ in range(2):
        for event_id in (5, 6):
            kept.keeper.take_event(samples.event(event_id))
        await until(lambda: kept.asked_again == 1, "it asks once")
    await until(lambda: kept.committed[-1] == 6, "passed")
    assert [alarm.code for alarm in kept.keeper.alarms] == ["events-missing"]
    kept.keeper.take_event(samples.event(6))
    count = len(kept.committed)
    await until(lambda: len(kept.committed) > count, "a repeated one is acknowledged anew")
    assert kept.asked_again == 1


async def test_more_events_than_fit_are_asked_for_again(kept: Kept) -> None:
    for event_id in range(1, MAXIMUM_PENDING_EVENTS + 10):  # at once: no commit can come in between
        kept.keeper.take_event(samples.event(event_id))
    await until(lambda: kept.committed[-1] == MAXIMUM_PENDING_EVENTS, "those that fitted")
    assert kept.asked_again == 1


async def test_a_journal_that_hangs_is_not_writable(kept: Kept) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        leave.wait()

    hold = asyncio.ensure_future(kept.keeper._in_thread(hang))
    await until(entered.is_set, "the thread hangs")
    assert kept.keeper.writable
    kept.now_ns = STALLED_NS + 1
    assert not kept.keeper.writable
    leave.set()
    await hold
    assert kept.keeper.writable


async def test_confirmations_of_a_journal_put_aside_are_void(kept: Kept) -> None:
    kept.keeper.take_event(samples.event(1, code="clip-open"))
    await until(lambda: kept.committed[-1] == 1, "kept")
    number, told = kept.keeper.journal_number, len(kept.committed)
    kept.keeper.take_event(samples.event(1, code="stop-pressed"))
    await until(lambda: kept.keeper.journal_number > number and 1 in kept.committed[told:], "the event of the new numbering")
    await kept.keeper.confirm(1, number)
    assert [event.code for event in await kept.keeper.unconfirmed(10)] == ["stop-pressed"]
    await kept.keeper.confirm(1, kept.keeper.journal_number)
    assert await kept.keeper.unconfirmed(10) == []


# --- the link --------------------------------------------------------------------------------------------------------


class Listener:
    """A peer that does nothing of itself, so that its socket can fill."""

    def __init__(self, path: Path) -> None:
        self.path = str(path / "socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(self.path)
        self.socket.listen()
        self.socket.setblocking(False)
        self.heard: list[FromController] = []
        self.link = ControllerLink(self.path, self.heard.append, lambda: Heartbeat("telemetry", True), lambda: 0, lambda: 0.0)
        self._task = asyncio.create_task(self.link.run())
        self.connection: socket.socket | None = None

    async def accept(self) -> socket.socket:
        self.connection, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(self.socket), 5)
        self.connection.setblocking(False)
        return self.connection

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.socket.close()
        if self.connection is not None:
            self.connection.close()


@pytest.fixture
async def listener(tmp_path: Path) -> Any:
    made = Listener(tmp_path)
    yield made
    await made.close()


async def test_a_full_socket_keeps_one_stop_and_one_acknowledgement(listener: Listener) -> None:
    loop = asyncio.get_running_loop()
    connection = await listener.accept()
    assert decode_to_controller(await loop.sock_recv(connection, 20000)) == Heartbeat("telemetry", True)
    sent = 0
    while listener.link.send(Cancel("r", "filler")):
        sent += 1
    assert sent > 10
    for number in range(100):
        assert not listener.link.send_stop(Stop(f"s-{number}", "test"))
        listener.link.acknowledge(number)
    assert not listener.link.send(Cancel("r", "lost")), "nothing else waits"
    received = []
    while len(received) < sent + 2:
        message = decode_to_controller(await asyncio.wait_for(loop.sock_recv(connection, 20000), 5))
        if not isinstance(message, Heartbeat):
            received.append(message)
    assert received[sent:] == [Stop("s-99", "test"), Acknowledge(99)], "the newest of each, the stop first"
    assert all(message == Cancel("r", "filler") for message in received[:sent])


async def test_what_is_no_message_is_passed_over(listener: Listener) -> None:
    loop = asyncio.get_running_loop()
    connection = await listener.accept()
    for rubbish in (b"\xff", b"\x80", encode(Cancel("r", "wrong way")), b"x" * MAXIMUM_MESSAGE_BYTES, b"x" * 40000):
        await loop.sock_sendall(connection, rubbish)
    await loop.sock_sendall(connection, encode(samples.about()))
    await until(lambda: bool(listener.heard), "the one message")
    assert listener.heard == [samples.about()]


async def test_it_connects_again_for_ever(listener: Listener) -> None:
    for _ in range(5):
        connection = await listener.accept()
        connection.close()
    await listener.accept()
    assert listener.link.connected


async def test_it_connects_again_when_it_is_told_to(listener: Listener) -> None:
    first = await listener.accept()
    listener.link.reconnect()
    second = await listener.accept()
    first.close()
    assert second.fileno() >= 0


# --- endings ---------------------------------------------------------------------------------------------------------


async def test_a_task_that_forgets_its_cancellation_ends_all_the_same() -> None:
    forgot = []

    async def forgetful() -> None:
        while len(forgot) < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                forgot.append(True)
        await asyncio.sleep(60)

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)
    await cancel_all([task])
    assert task.cancelled()
    assert len(forgot) == 2


async def test_it_ends_promptly_whenever_it_is_told_to(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    telemetry = Telemetry(tmp_path, mosquitto.port)
    for _ in range(6):
        telemetry.log.write_text("")
        await telemetry.start()
        peer.emit(3)
        await until(lambda: "connected to the broker" in telemetry.log.read_text(), "connected")
        began_s = asyncio.get_running_loop().time()
        assert await telemetry.end(signal.SIGTERM) == 0
        assert asyncio.get_running_loop().time() - began_s < 3.0, "well before it would give up on the broker"
    await until(lambda: peer.channel._clients == [], "the controller sees it go")


# --- systemd ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True])
def test_notices_reach_the_socket(tmp_path: Path, abstract: bool) -> None:
    name = f"@sternway-test-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        Notifier({"NOTIFY_SOCKET": name}).send("READY=1", "STATUS=well")
        assert systemd.recv(100) == b"READY=1\nSTATUS=well"
    Notifier({"NOTIFY_SOCKET": name}).send("READY=1")  # nobody listens: no error
    Notifier({}).send("READY=1")


async def test_life_under_systemd(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        notices: list[str] = []

        def heard(word: str) -> bool:
            try:
                while True:
                    notices.append(systemd.recv(1000).decode())
            except BlockingIOError:
                return any(word in notice for notice in notices)

        telemetry = Telemetry(tmp_path, mosquitto.port)
        await telemetry.start(NOTIFY_SOCKET=str(tmp_path / "notify"))
        await until(lambda: heard("READY=1"), "ready")
        await until(lambda: heard("WATCHDOG=1"), "the watchdog is fed")
        await until(lambda: heard("controller connected, journal writable, broker online"), "the status")
        assert await telemetry.end(signal.SIGTERM) == 0
        assert heard("STOPPING=1")


# --- TLS -------------------------------------------------------------------------------------------------------------


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def make_certificates(directory: Path) -> None:
    """An authority of our own, a broker's certificate for 127.0.0.1 and one for the treadmill."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority", *usage)
    for name, extension in (("broker", "subjectAltName=IP:127.0.0.1"), ("belt", "subjectAltName=DNS:belt")):
        (directory / f"{name}.ext").write_text(extension + "\n")
        openssl(directory, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            directory,
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext"),
        )
        (directory / f"{name}.key").chmod(0o644)


async def test_tls_with_both_sides_proven_and_a_password(tmp_path: Path, peer: Peer) -> None:
    make_certificates(tmp_path)
    (tmp_path / "password").write_text("let-me-in\n")
    subprocess.run(["mosquitto_passwd", "-b", "-c", "users", "belt", "let-me-in"], cwd=tmp_path, check=True)
    (tmp_path / "users").chmod(0o644)
    files = f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\n"
    broker = Mosquitto(tmp_path, f"{files}require_certificate true\npassword_file {tmp_path}/users\nallow_anonymous false\n")
    await broker.start()
    proof = f'certificate_file = "{tmp_path}/belt.pem"\nkey_file = "{tmp_path}/belt.key"\n'
    tables = f'[telemetry.broker.tls]\nenabled = true\nca_file = "{tmp_path}/ca.pem"\n'
    login = f'user = "belt"\ncredential_file = "{tmp_path}/password"\n'
    telemetry = Telemetry(tmp_path, broker.port, broker=login, tables=tables + proof)

    await telemetry.start()
    peer.emit(1)
    await until(lambda: "connected to the broker" in telemetry.log.read_text(), "connected")
    await telemetry.end(signal.SIGTERM)
    telemetry.log.write_text("")

    for wrong_tables, wrong_login in ((tables, login), (tables + proof, login.replace("/password", "/ca.pem"))):
        telemetry = Telemetry(tmp_path, broker.port, broker=wrong_login, tables=wrong_tables)
        await telemetry.start()
        await until(lambda log=telemetry.log: f"broker 127.0.0.1:{broker.port}" in log.read_text(), "refused")
        await until(peer.present, "and the controller does not mind")
        await telemetry.end(signal.SIGKILL)
        assert "connected to the broker" not in telemetry.log.read_text()
        telemetry.log.write_text("")
    await broker.stop()


async def test_a_broker_that_is_not_who_it_says_is_refused(tmp_path: Path, peer: Peer) -> None:
    make_certificates(tmp_path)
    files = f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/belt.pem\nkeyfile {tmp_path}/belt.key\n"
    broker = Mosquitto(tmp_path, f"{files}allow_anonymous true\n")
    await broker.start()
    tables = f'[telemetry.broker.tls]\nenabled = true\nca_file = "{tmp_path}/ca.pem"\n'
    telemetry = Telemetry(tmp_path, broker.port, tables=tables)
    await telemetry.start()
    await until(lambda: "certificate" in telemetry.log.read_text(), "its certificate is for another name")
    await until(peer.present, "and the controller does not mind")
    assert "connected to the broker" not in telemetry.log.read_text()
    await telemetry.end(signal.SIGKILL)
    await broker.stop()


async def test_the_will_is_published_when_telemetry_dies(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    telemetry = Telemetry(tmp_path, mosquitto.port)
    await telemetry.start()
    async with ear(mosquitto.port) as dashboard:
        await until(lambda: b"online" in dashboard.words("availability"), "online")
        await telemetry.end(signal.SIGKILL)
        await until(lambda: dashboard.words("availability")[-1] == b"offline", "the will")
    async with ear(mosquitto.port) as later:
        await until(lambda: later.words("availability") == [b"offline"], "retained")
