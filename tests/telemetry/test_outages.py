"""No event is lost, and each reaches the broker in order, through kills of broker, telemetry and controller.

A dashboard may hear an event twice when the connection or the process ended between the broker's receipt and its note in the
journal: by id it is one. The tests count such repeats and allow no more than that case explains.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from messages.wire import Stop
from telemetry.journal_reader import JournalReader
from telemetry.patients import PatientFile, patients_path
from telemetry.publisher import EVENTS_AT_ONCE
from tests.telemetry import samples
from tests.telemetry.bench import Ear, Gate, Mosquitto, Peer, Telemetry, ear, until


def firsts(ids: list[int]) -> list[int]:
    """The ids in the order in which each was first heard."""
    return list(dict.fromkeys(ids))


def journal_ids(telemetry: Telemetry) -> list[int]:
    with JournalReader(telemetry.journal) as reader:
        return [event.id for event in reader.events()]


def confirmed(telemetry: Telemetry) -> int:
    with closing(sqlite3.connect(telemetry.journal)) as journal:
        return int(journal.execute("SELECT id FROM positions WHERE name = 'confirmed'").fetchone()[0])


def is_erased(telemetry: Telemetry, request: int) -> bool:
    with JournalReader(telemetry.journal) as reader:
        return reader.erased(request)


async def test_broker_killed_mid_stream(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    gate = Gate(mosquitto.port)
    await gate.open()
    telemetry = Telemetry(tmp_path, gate.port)
    await telemetry.start()
    heard: list[int] = []
    async with ear(mosquitto.port) as dashboard:
        await until(lambda: b"online" in dashboard.words("availability"), "online")
        peer.emit(300)
        await until(lambda: len(dashboard.event_ids()) > 60, "the stream is under way")
        await mosquitto.stop(signal.SIGKILL)
        await gate.shut()  # until the next ear listens: what the broker takes while nobody does is not ours to repeat
        heard += await dashboard.rest()
    assert 60 < heard[-1] < 300, "the broker was to be killed in the middle"
    peer.emit(50)
    await until(lambda: peer.ring.acknowledged == 350, "the journal goes on without a broker")
    await mosquitto.start()
    async with ear(mosquitto.port) as dashboard:
        await gate.open()
        await until(lambda: 350 in dashboard.event_ids(), "the rest", 30.0)
        heard += dashboard.event_ids()
    assert firsts(heard) == list(range(1, 351))
    assert len(heard) - 350 <= 1, "one event may have been on its way when the connection was cut"
    await telemetry.end(signal.SIGKILL)
    await gate.shut()


async def test_a_lost_confirmation_repeats_the_event_with_its_id(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    gate = Gate(mosquitto.port)
    await gate.open()
    telemetry = Telemetry(tmp_path, gate.port)
    await telemetry.start()
    async with ear(mosquitto.port) as dashboard:
        await until(lambda: b"online" in dashboard.words("availability"), "online")
        gate.swallow_answers = True
        peer.emit(2)
        await until(lambda: dashboard.event_ids() == [1], "the first is out, its confirmation lost")
        gate.cut()
        gate.swallow_answers = False
        await until(lambda: 2 in dashboard.event_ids(), "both")
        assert dashboard.event_ids() == [1, 1, 2]
        first, again = dashboard.words("event")[:2]
        assert first == again, "the same bytes"
    await telemetry.end(signal.SIGKILL)
    await gate.shut()


@pytest.mark.hazard("H-32", "C-EVENTS-KEPT")
async def test_telemetry_killed_again_and_again(mosquitto: Mosquitto, peer: Peer, telemetry: Telemetry) -> None:
    kills = 4
    async with ear(mosquitto.port) as dashboard:
        for round_number in range(1, kills + 1):
            peer.emit(120)
            await until(lambda n=round_number: len(firsts(dashboard.event_ids())) > 120 * (n - 1) + 20, "under way")
            await telemetry.end(signal.SIGKILL)
            peer.emit(30)
            await telemetry.start()
        total = peer.next_id - 1
        await until(lambda: total in dashboard.event_ids(), "the last event", 30.0)
        ids = dashboard.event_ids()
    assert firsts(ids) == list(range(1, total + 1))
    assert len(ids) - total <= kills * EVENTS_AT_ONCE, "repeats only between confirmation and its commit"
    assert journal_ids(telemetry) == list(range(1, total + 1))


async def test_controller_restarted_goes_on_counting(dashboard: Ear, peer: Peer) -> None:
    peer.emit(5)
    await until(lambda: peer.ring.acknowledged == 5, "acknowledged")
    peer.restart("boot-2")
    peer.emit(5)
    await until(lambda: dashboard.event_ids() == list(range(1, 11)), "each once")
    await until(lambda: dashboard.last("about").get("boot_id") == "boot-2", "its new name")


async def test_controller_that_counts_anew_gets_a_new_journal(dashboard: Ear, peer: Peer, telemetry: Telemetry) -> None:
    peer.emit(5, code="clip-open")
    await until(lambda: dashboard.event_ids() == [1, 2, 3, 4, 5], "the old ones")
    peer.restart("boot-2", forget=True)
    peer.emit(2, code="stop-pressed", time="2026-03-02T12:00:00.000Z")
    await until(lambda: [e["code"] for e in dashboard.bodies("event")][5:] == ["stop-pressed"] * 2, "the new ones")
    await until(lambda: peer.ring.acknowledged == 2, "acknowledged")
    await until(lambda: "journal-of-another" in str(dashboard.last("alarm")), "and it is said")
    (aside,) = [p for p in telemetry.directory.glob("journal.sqlite.*.aside")]
    with JournalReader(aside) as reader:
        assert [event.code for event in reader.events()] == ["clip-open"] * 5


async def test_events_that_the_ring_lost_are_named_and_passed(dashboard: Ear, peer: Peer, telemetry: Telemetry) -> None:
    peer.emit(3)
    await until(lambda: peer.ring.acknowledged == 3, "acknowledged")
    peer.next_id = 11
    peer.emit(2)
    await until(lambda: dashboard.event_ids() == [1, 2, 3, 11, 12], "what there is")
    await until(lambda: peer.ring.acknowledged == 12, "acknowledged past the gap")
    await until(lambda: "Events 4 to 10 never came" in str(dashboard.last("alarm")), "and it is said")
    with JournalReader(telemetry.journal) as reader:
        assert [(first, last) for first, last, _ in reader.missing()] == [(4, 10)]


async def test_frozen_controller_gets_the_stop_when_it_thaws(dashboard: Ear, peer: Peer) -> None:
    peer.frozen = True
    answers = [await dashboard.ask("symptom", b"{}") for _ in range(20)]
    assert not any(answer["accepted"] for answer in answers)
    await dashboard.send("stop", b"")
    peer.frozen = False
    await until(lambda: any(isinstance(request, Stop) for request in peer.requests), "the stop")


async def test_slow_controller_loses_heartbeats_not_acknowledgements(dashboard: Ear, peer: Peer) -> None:
    peer.emit(20)
    peer.channel.send_events()
    peer.frozen = True
    await until(lambda: len(dashboard.event_ids()) == 20, "journal and broker do not wait for it")
    peer.frozen = False
    await until(lambda: peer.ring.acknowledged == 20, "the acknowledgement")


async def test_a_broker_that_forgot_everything_is_told_again(mosquitto: Mosquitto, peer: Peer, telemetry: Telemetry) -> None:
    peer.session(samples.session())
    task = asyncio.create_task(snapshots(peer))
    kinds = ("about", "state", "session", "alarm")
    for _ in range(2):
        async with ear(mosquitto.port) as dashboard:
            await until(lambda heard=dashboard: all(heard.last(kind) for kind in kinds), "all retained topics", 30.0)
            assert dashboard.words("availability")[-1] == b"online"
            assert dashboard.last("state")["state"] == "exercising"
            await mosquitto.stop(signal.SIGKILL)
            await dashboard.rest()
        await mosquitto.start()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def snapshots(peer: Peer) -> None:
    """Ten a second, as the controller sends them, and all alike: nothing but the new connection calls for a message."""
    for sequence in itertools.count(1):
        peer.channel.publish(samples.snapshot(sequence))
        await asyncio.sleep(0.1)


async def test_broker_absent_at_start(tmp_path: Path, peer: Peer) -> None:
    broker = Mosquitto(tmp_path)
    telemetry = Telemetry(tmp_path, broker.port)
    await telemetry.start()
    await until(peer.present, "telemetry serves the controller without a broker")
    peer.emit(3)
    await until(lambda: peer.ring.acknowledged == 3, "and keeps its events")
    await broker.start()
    async with ear(broker.port) as dashboard:
        await until(lambda: b"online" in dashboard.words("availability"), "online", 30.0)
        await until(lambda: confirmed(telemetry) == 3, "confirmed by the broker, and that kept")
    await telemetry.end(signal.SIGTERM)
    await broker.stop()


async def under_a_broker_that_refuses(tmp_path: Path, topic: str) -> tuple[Mosquitto, Telemetry, Callable[[], object]]:
    """Both running; the third allows telemetry everything, from the broker's next reading of its rules on."""
    rules = tmp_path / "acl"
    allowed = "topic readwrite sternway/v1/north/t-1/#\n"
    everything = f"user ear\n{allowed}user belt\n{allowed}"
    rules.write_text(f"{everything}topic deny sternway/v1/north/t-1/{topic}\n")
    broker = Mosquitto(tmp_path, f"allow_anonymous true\nacl_file {rules}\n")
    await broker.start()
    telemetry = Telemetry(tmp_path, broker.port, broker='user = "belt"\n')
    await telemetry.start()
    return broker, telemetry, lambda: rules.write_text(everything)


async def test_an_event_that_the_broker_refuses_is_not_counted_as_delivered(tmp_path: Path, peer: Peer) -> None:
    broker, telemetry, allow_all = await under_a_broker_that_refuses(tmp_path, "event")
    async with ear(broker.port, username="ear") as dashboard:
        await until(lambda: b"online" in dashboard.words("availability"), "online")
        peer.emit(1)
        await until(lambda: "refuses" in telemetry.log.read_text(), "the broker's refusal is logged")
        answer = await dashboard.ask("stop", b"")
        assert answer["accepted"], "the connection, and with it the stop, outlives the refusal"
        assert dashboard.event_ids() == []
        await broker.stop()
        allow_all()
    await broker.start()
    async with ear(broker.port, username="ear") as dashboard:
        await until(lambda: dashboard.event_ids() == [1], "delivered once it is allowed", 30.0)
    await telemetry.end(signal.SIGKILL)
    await broker.stop()


async def test_what_the_broker_refuses_to_retain_is_sent_again_and_an_erasure_waits_for_it(tmp_path: Path, peer: Peer) -> None:
    """All on one connection: nothing else would make the broker's old message a new one."""
    broker, telemetry, allow_all = await under_a_broker_that_refuses(tmp_path, "session")
    async with ear(broker.port, username="ear") as dashboard:
        await until(lambda: b"online" in dashboard.words("availability"), "online")
        with PatientFile(patients_path(telemetry.journal), write=True) as file:
            request = file.erase("p-17", "doc-1", datetime.now(UTC)).request
        await until(lambda: "t-1/session: Not authorized" in telemetry.log.read_text(), "the clearing is refused")
        assert not is_erased(telemetry, request)
        allow_all()
        broker.read_rules_again()
        await until(lambda: is_erased(telemetry, request), "carried out once the broker takes the clearing")
    assert telemetry.log.read_text().count("connected to the broker") == 1
    await telemetry.end(signal.SIGKILL)
    await broker.stop()


async def test_the_birth_that_the_broker_refuses_is_said_again(tmp_path: Path, peer: Peer) -> None:
    broker, telemetry, allow_all = await under_a_broker_that_refuses(tmp_path, "availability")
    async with ear(broker.port, username="ear") as dashboard:
        await until(lambda: "t-1/availability: Not authorized" in telemetry.log.read_text(), "the birth is refused")
        allow_all()
        broker.read_rules_again()
        await until(lambda: b"online" in dashboard.words("availability"), "online once the broker takes it")
    assert telemetry.log.read_text().count("connected to the broker") == 1
    await telemetry.end(signal.SIGKILL)
    await broker.stop()


async def test_snapshots_are_never_queued(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    gate = Gate(mosquitto.port)
    telemetry = Telemetry(tmp_path, gate.port)
    await telemetry.start()
    await until(peer.present, "telemetry greets the controller")
    for number in range(1, 51):
        peer.channel.publish(samples.snapshot(number))
    peer.emit(1)
    await until(lambda: peer.ring.acknowledged == 1, "all before it has been read")
    async with ear(mosquitto.port) as dashboard:
        await gate.open()
        await until(lambda: b"online" in dashboard.words("availability"), "online", 30.0)
        numbers = itertools.count(51)

        def is_heard() -> bool:
            """Again and again, as a controller does: one that comes before the birth message is through is not kept, either."""
            peer.channel.publish(samples.snapshot(next(numbers)))
            return bool(dashboard.bodies("telemetry"))

        await until(is_heard, "telemetry")
        assert min(body["snapshot_sequence"] for body in dashboard.bodies("telemetry")) > 50
    await telemetry.end(signal.SIGKILL)
    await gate.shut()
