"""The journal: what it acknowledged is on the disk, whatever happens to disk, file or process."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settings_files.telemetry_table import TelemetrySettings
from telemetry import journal as journal_module
from telemetry.journal import (
    MAXIMUM_PUT_ASIDE,
    SCHEMA_VERSION,
    ConflictError,
    Journal,
    JournalError,
    NewerSchemaError,
    encode_session,
    open_journal,
)
from telemetry.journal_reader import JournalReader
from telemetry.keeper import JournalKeeper
from telemetry.publisher import event_payload
from telemetry.screening import history_of
from telemetry.utc import rfc3339
from tests.telemetry import samples
from tests.telemetry.bench import ROOT, Ear, Mosquitto, Peer, Telemetry, ear, until

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def opened(path: Path, limit_mb: int = 64) -> Journal:
    journal, aside = open_journal(path, limit_mb, NOW)
    assert aside is None
    return journal


def test_every_commit_waits_for_the_disk(path: Path) -> None:
    journal = opened(path)
    connection = journal._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "2 is FULL"
    journal.close()


@pytest.mark.hazard("H-32", "C-EVENTS-KEPT")
def test_events_come_back_as_they_were_and_once(path: Path) -> None:
    journal = opened(path)
    events = [samples.event(number) for number in (1, 2, 3)]
    assert journal.store(events[:2], []) == 2
    assert journal.store(events, []) == 3
    assert journal.unconfirmed(0, 10) == events
    assert journal.unconfirmed(1, 1) == [events[1]]
    journal.confirm(2)
    journal.confirm(1)  # a position never goes back
    journal.close()
    again = opened(path)
    assert (again.position("received"), again.position("confirmed")) == (3, 2)
    again.close()


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=6))
@settings(max_examples=40, deadline=None)
def test_received_is_the_end_of_the_unbroken_run(order: list[int], repeated: list[int]) -> None:
    journal = Journal(journal_module._connect(Path(":memory:"), 16))
    kept: set[int] = set()
    for event_id in [*order[:4], *repeated, *order[4:]]:
        kept.add(event_id)
        received = journal.store([samples.event(event_id)], [])
        assert received == next(n for n in range(10) if n + 1 not in kept)
        assert [event.id for event in journal.unconfirmed(0, 100)] == list(range(1, received + 1))
    journal.close()


def test_nan_in_a_detail_is_kept_as_a_word(path: Path) -> None:
    journal = opened(path)
    event = samples.event(1)
    event.detail["load_n"] = math.nan
    journal.store([event], [])
    assert journal.unconfirmed(0, 1)[0].detail["load_n"] == "nan"
    journal.close()


def test_a_gap_is_passed_only_when_it_is_declared(path: Path) -> None:
    journal = opened(path)
    assert journal.store([samples.event(n) for n in (1, 4, 5, 9)], []) == 1
    assert journal.declare_missing(NOW) == (2, 3)
    assert journal.position("received") == 5
    assert journal.declare_missing(NOW) == (6, 8)
    assert journal.declare_missing(NOW) is None
    assert journal.position("received") == 9
    assert journal.store([samples.event(3)], []) == 9, "one that comes after all is kept"
    with JournalReader(path) as reader:
        assert [event.id for event in reader.events()] == [1, 3, 4, 5, 9]
        assert [entry[:2] for entry in reader.missing()] == [(2, 3), (6, 8)]
    journal.close()


def test_another_event_under_a_known_id_changes_nothing(path: Path) -> None:
    journal = opened(path)
    journal.store([samples.event(1)], [])
    for other in (samples.event(1, code="clip-open"), samples.event(1, time="2026-03-01T12:00:01.000Z")):
        with pytest.raises(ConflictError):
            journal.store([samples.event(2), other], [])
    assert journal.position("received") == 1
    assert [event.id for event in journal.unconfirmed(0, 10)] == [1], "all of a refused commit is undone"
    journal.close()


def test_sessions_and_their_events_for_reports(path: Path) -> None:
    journal = opened(path)
    journal.store(
        [samples.event(1, session="s-1"), samples.event(2, session="s-2"), samples.event(3, session="s-1")],
        [samples.session("prepared"), samples.session("complete", time="2026-03-01T12:30:00.000Z")],
    )
    journal.store([], [samples.session("running", "s-2", "2026-03-01T13:00:00.000Z")])
    latest = journal.latest_session()
    assert latest is not None
    assert latest.session == "s-2"
    with JournalReader(path) as reader:
        second, first = reader.sessions()
        assert (first.first_time, first.last_time) == ("2026-03-01T12:00:00.000Z", "2026-03-01T12:30:00.000Z")
        assert (first.record.status, first.record.plan, second.record.session) == ("complete", samples.PLAN, "s-2")
        assert [event.id for event in reader.events("s-1")] == [1, 3]
        assert [event.id for event in reader.events()] == [1, 2, 3]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM events")
    journal.close()


# --- retention -------------------------------------------------------------------------------------------------------


def test_the_newest_words_of_each_code(path: Path) -> None:
    journal = opened(path)
    assert journal.newest_words() == {}
    told = [("a", "old"), ("b", "only"), ("a", "new")]
    events = [msgspec.structs.replace(samples.event(number, code), text=text) for number, (code, text) in enumerate(told, 1)]
    journal.store(events, [])
    assert list(journal.newest_words().items()) == [("b", ("only", "Hold both rails")), ("a", ("new", "Hold both rails"))]
    journal.close()


def test_retention_takes_the_old_and_confirmed_and_nothing_else(path: Path) -> None:
    journal = opened(path)
    old, older, young = "2026-01-15T00:00:00.000Z", "2026-01-14T12:00:00.000Z", "2026-01-16T12:00:00.000Z"
    journal.store(
        [samples.event(n, "clip-open", "s-old", older) for n in (1, 2)] + [samples.event(3, session="s-old", time=old)], []
    )
    journal.store(
        [
            samples.event(number, session="s-young", time=f"2026-{month}T12:00:00.000Z")
            for number, month in enumerate(("01-16", "01-22", "01-28", "02-02", "02-07", "02-12", "02-17", "02-22", "02-28"), 4)
        ],
        [],
    )
    journal.store([], [samples.session("ended", "s-old", old), samples.session("ended", "s-young", young)])
    assert journal.prune(NOW, 30) == 0, "nothing is confirmed"
    journal.confirm(2)
    assert journal.prune(NOW, 30) == 2
    with JournalReader(path) as reader:
        assert [event.id for event in reader.events()] == list(range(3, 13)), "3 is old, but the broker has not confirmed it"
        assert [entry.record.session for entry in reader.sessions()] == ["s-young", "s-old"], "one goes with its last event"
    journal.confirm(12)
    assert journal.prune(NOW, 30) == 1
    with JournalReader(path) as reader:
        assert [entry.record.session for entry in reader.sessions()] == ["s-young"]
    with pytest.raises(ConflictError):
        journal.store([samples.event(1, time=old, code="other")], [])  # an id long past can only be a new numbering
    journal.close()


# --- what can be wrong with the file ---------------------------------------------------------------------------------


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerSchemaError, match=f"schema 99 is newer than {SCHEMA_VERSION}"):
        open_journal(path, 64, NOW)
    with pytest.raises(NewerSchemaError):
        JournalReader(path)
    assert path.read_bytes() == before


def test_a_file_that_breaks_off_in_migration_is_migrated_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "MIGRATIONS", (journal_module.MIGRATIONS[0] + "; INSERT INTO nowhere VALUES (1);",))
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            open_journal(path, 64, NOW)
    journal = opened(path)
    assert journal.store([samples.event(1)], []) == 1
    journal.close()


def filled(path: Path) -> None:
    journal = opened(path)
    journal.store([samples.event(n) for n in range(1, 400)], [])
    journal.close()


def damage_header(path: Path) -> None:
    path.write_bytes(b"not a database at all".ljust(4096) + path.read_bytes()[4096:])


def damage_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = os.urandom(64)
    path.write_bytes(content)


def damage_tail(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [damage_header, damage_middle, damage_tail])
def test_a_damaged_file_is_put_aside_and_a_new_one_opened(path: Path, damage: object) -> None:
    filled(path)
    damage(path)  # type: ignore[operator]
    broken = path.read_bytes()
    journal, aside = open_journal(path, 64, NOW)
    assert aside is not None
    assert aside.read_bytes() == broken, "what is left of it is kept for whoever can read it"
    assert aside.name == "journal.sqlite.20260301T120000000000Z.aside"
    assert journal.store([samples.event(1)], []) == 1
    journal.close()


def test_files_put_aside_are_bounded(path: Path) -> None:
    for number in range(MAXIMUM_PUT_ASIDE):
        path.write_bytes(b"rubbish" * 1000)
        open_journal(path, 64, NOW + timedelta(seconds=number))[0].close()
        path.unlink()
    path.write_bytes(b"rubbish" * 1000)
    with pytest.raises(JournalError, match="save and remove"):
        open_journal(path, 64, NOW + timedelta(days=1))
    assert path.read_bytes() == b"rubbish" * 1000


def test_a_full_file_takes_nothing_half(path: Path) -> None:
    journal = opened(path, limit_mb=1)
    stored = 0
    with pytest.raises(sqlite3.OperationalError, match="full"):  # noqa: PT012
        while True:
            journal.store([samples.event(n) for n in range(stored + 1, stored + 51)], [])
            stored += 50
    assert stored > 1000
    assert journal.position("received") == stored
    with pytest.raises(sqlite3.OperationalError, match="full"):
        journal.prove_room()
    journal.close()
    again = opened(path, limit_mb=2)
    assert again.store([samples.event(stored + 1)], []) == stored + 1
    again.close()


def at_its_limit(path: Path) -> int:
    """A journal of 1 MB that takes nothing more; the broker has all of it, an event every six hours. Returns how many."""
    journal, stored = opened(path, limit_mb=1), 0
    with pytest.raises(sqlite3.OperationalError, match="full"):  # noqa: PT012
        while True:
            times = [rfc3339(NOW - timedelta(days=900) + timedelta(hours=6 * n)) for n in range(stored + 1, stored + 51)]
            journal.store([samples.event(stored + n, time=time) for n, time in enumerate(times, 1)], [])
            stored += 50
    journal.confirm(stored)
    journal.close()
    return stored


@pytest.mark.parametrize(("retention_days", "limit_mb", "takes_more"), [(3650, 1, False), (30, 1, True), (3650, 2, True)])
async def test_a_journal_at_its_limit_says_what_to_do_and_that_helps(
    path: Path, retention_days: int, limit_mb: int, takes_more: bool
) -> None:
    stored = at_its_limit(path)
    settings = TelemetrySettings(
        journal_path=str(path), journal_limit_mb=limit_mb, retention_days=retention_days, journal_reserve_mb=1
    )
    keeper = JournalKeeper(settings, lambda: NOW, lambda: 0, lambda _id: None, lambda: None)
    task = asyncio.create_task(keeper.run())
    try:
        if takes_more:
            await until(lambda: keeper.writable, "it takes events again")
            assert keeper.alarms == ()
        else:
            await until(lambda: bool(keeper.alarms), "the alarm")
            (alarm,) = keeper.alarms
            assert alarm.remedy == "Raise telemetry.journal_limit_mb, or lower telemetry.retention_days"
            assert not keeper.writable
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await keeper.close()
    with JournalReader(path) as reader:
        kept = [event.id for event in reader.events()]
    assert kept == list(range(kept[0], stored + 1))
    assert (kept[0] > 1) is (retention_days == 30), "only what is beyond the retention goes"


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from telemetry.journal import open_journal
from tests.telemetry import samples
journal, _ = open_journal(Path(sys.argv[1]), 64, datetime.now(UTC))
number = journal.position("received")
while True:
    number = journal.store([samples.event(number + 1)], [])
    print(number, flush=True)
"""


@pytest.mark.hazard("H-32", "C-EVENTS-KEPT")
def test_what_was_acknowledged_survives_a_kill_at_any_point(path: Path) -> None:
    acknowledged = 0
    for kill in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        said = b"".join(writer.stdout.readline() for _ in range(20 + 7 * kill))
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read()
        writer.wait()
        writer.stdout.close()
        acknowledged = int(said[: said.rindex(b"\n")].split(b"\n")[-1])  # the last whole line before it died
        journal = opened(path)
        assert journal.position("received") >= acknowledged
        assert [e.id for e in journal.unconfirmed(0, 100000)] == list(range(1, journal.position("received") + 1))
        journal.close()
    assert acknowledged > 200


# --- live: the controller hears whether the journal takes writes -----------------------------------------------------


async def test_disk_full_live(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    telemetry = Telemetry(tmp_path, mosquitto.port)
    await telemetry.start(prelude=("prlimit", "--fsize=250000:"))
    async with ear(mosquitto.port) as dashboard:
        await until(peer.present, "telemetry is there, its journal writable")
        peer.emit(900)
        await until(lambda: not peer.present() and bool(dashboard.last("alarm").get("alarms")), "said to be full", 30.0)
        acknowledged = peer.ring.acknowledged
        assert acknowledged < 900
        await until(lambda: "journal-unwritable" in str(dashboard.last("alarm")), "the alarm")
        assert telemetry.process is not None
        subprocess.run(["prlimit", f"--pid={telemetry.process.pid}", "--fsize=unlimited:"], check=True)
        await until(lambda: peer.ring.acknowledged == 900, "it recovers, and all are kept", 30.0)
        await until(peer.present, "writable again")
        await until(lambda: "journal-unwritable" not in str(dashboard.last("alarm")), "the alarm is gone")
        await until(lambda: 900 in dashboard.event_ids(), "all reach the broker", 30.0)
        assert list(dict.fromkeys(dashboard.event_ids())) == list(range(1, 901))
    await telemetry.end(signal.SIGKILL)


async def test_little_space_left_is_said_while_events_are_still_kept(path: Path) -> None:
    committed: list[int] = []
    settings = TelemetrySettings(journal_path=str(path), journal_reserve_mb=1 << 40)  # more than any disk has
    keeper = JournalKeeper(settings, lambda: NOW, lambda: 0, committed.append, lambda: None)
    task = asyncio.create_task(keeper.run())
    keeper.take_event(samples.event(1))
    await until(lambda: 1 in committed, "the event is kept")
    assert [alarm.code for alarm in keeper.alarms] == ["journal-space"]
    assert not keeper.writable, "but no new session is to begin"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await keeper.close()


async def test_damaged_journal_live(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    filled(tmp_path / "journal.sqlite")
    damage_header(tmp_path / "journal.sqlite")
    telemetry = Telemetry(tmp_path, mosquitto.port)
    await telemetry.start()
    async with ear(mosquitto.port) as dashboard:
        await until(lambda: "journal-damaged" in str(dashboard.last("alarm")), "the alarm")
        peer.emit(2)
        await until(lambda: peer.ring.acknowledged == 2, "the new journal works")
        await until(peer.present, "writable")
        assert len(list(tmp_path.glob("*.aside"))) == 1
    await telemetry.end(signal.SIGKILL)


async def test_a_newer_journal_ends_the_service_with_its_reason(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    telemetry = Telemetry(tmp_path, mosquitto.port)
    await telemetry.start()
    assert telemetry.process is not None
    assert await telemetry.process.wait() == 2
    assert "schema 99 is newer" in telemetry.log.read_text()
    assert not peer.present()


async def test_a_journal_directory_that_appears_later(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> None:
    (tmp_path / "disk").write_text("in the way")
    telemetry = Telemetry(tmp_path, mosquitto.port)
    telemetry.config.write_text(telemetry.config.read_text().replace("/journal.sqlite", "/disk/journal.sqlite"))
    await telemetry.start()
    async with ear(mosquitto.port) as dashboard:
        peer.emit(1)
        await until(lambda: "journal-unwritable" in str(dashboard.last("alarm")), "the alarm")
        assert peer.ring.acknowledged == 0
        assert (await dashboard.ask("stop", b""))["accepted"], "a stop needs no journal"
        (tmp_path / "disk").unlink()
        await until(lambda: peer.ring.acknowledged == 1, "kept once it can be")
        await until(lambda: dashboard.event_ids() == [1], "and published")
    await telemetry.end(signal.SIGKILL)


async def test_sessions_reach_the_journal(dashboard: Ear, peer: Peer, telemetry: Telemetry) -> None:
    peer.session(samples.session("complete"))
    peer.emit(1)
    await until(lambda: peer.ring.acknowledged == 1, "kept")

    def names() -> list[str]:
        with JournalReader(telemetry.journal) as reader:
            return [entry.record.session for entry in reader.sessions()]

    await until(lambda: names() == ["s-1"], "the session")


def test_sessions_of_the_controllers_other_lives_are_marked_as_interrupted(path: Path) -> None:
    journal = opened(path)
    statuses = {"aa-1": "complete", "aa-2": "running", "aa-3": "paused", "bb-1": "running"}
    journal.store([], [samples.session(status, session) for session, status in statuses.items()])
    assert journal.interrupt_sessions("bb") == 2
    assert journal.interrupt_sessions("bb") == 0
    with JournalReader(path) as reader:
        found = {entry.record.session: entry.record.status for entry in reader.sessions()}
    assert found == {"aa-1": "complete", "aa-2": "interrupted", "aa-3": "interrupted", "bb-1": "running"}
    journal.close()


# --- rows that cannot be read ----------------------------------------------------------------------------------------

OF_ANOTHER_VERSION = msgspec.msgpack.encode({"session": "aa-1", "time": "t", "status": "running"})
NOT_UTF_8 = encode_session(samples.session("running", "aa-1")).replace(b"p-17", b"p\xff\xfe7")
unreadable_records = pytest.mark.parametrize(
    "record", [OF_ANOTHER_VERSION, NOT_UTF_8, b"", b"\xc1", "text"], ids=["version", "utf-8", "empty", "bytes", "text"]
)


def damage_session(path: Path, record: bytes | str) -> None:
    """Of three sessions that had not ended the first cannot be read."""
    journal = opened(path)
    journal.store([], [samples.session("running", name) for name in ("aa-1", "aa-2", "bb-1")])
    journal._connection.execute("UPDATE sessions SET record = ? WHERE session = 'aa-1'", (record,))
    journal.close()


def statuses(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT session, status FROM sessions"))


@unreadable_records
async def test_an_unreadable_session_that_had_not_ended_ends_no_process(
    path: Path, record: bytes | str, caplog: pytest.LogCaptureFixture
) -> None:
    damage_session(path, record)
    for _start in range(2):
        committed: list[int] = []
        settings = TelemetrySettings(journal_path=str(path), journal_reserve_mb=0)
        keeper = JournalKeeper(settings, lambda: NOW, lambda: 0, committed.append, lambda: None)
        keeper.take_boot("bb")
        keeper.take_event(samples.event(1))
        running = asyncio.create_task(keeper.run())
        await until(functools.partial(_is_kept_or_over, running, committed), "the event is kept")
        assert not running.done()
        assert keeper.writable
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await keeper.close()
    assert statuses(path) == {"aa-1": "interrupted", "aa-2": "interrupted", "bb-1": "running"}
    assert sum("aa-1" in line for line in caplog.messages) == 1, "said once, not at every start"
    with closing(sqlite3.connect(path)) as connection:
        kept = connection.execute("SELECT record FROM sessions WHERE session = 'aa-1'").fetchone()
    assert kept == (record,), "what cannot be read is left as it is"


@unreadable_records
def test_an_unreadable_session_holds_up_no_migration(path: Path, record: bytes | str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(journal_module.MIGRATIONS[0] + "PRAGMA user_version = 1;")
        connection.execute("INSERT INTO sessions VALUES ('aa-1', 't', 't', 'running', ?)", (record,))
        connection.commit()
    journal = opened(path)
    assert journal.interrupt_sessions("bb") == 1
    journal.close()


@unreadable_records
def test_a_history_with_an_unreadable_session_is_refused_by_that_sessions_name(path: Path, record: bytes | str) -> None:
    """The rules of screening must never see a history that leaves a session out."""
    damage_session(path, record)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE sessions SET started_time = first_time")
        connection.commit()
    with JournalReader(path) as reader, pytest.raises(ValueError, match="session aa-1: its record"):
        history_of(reader, "p-17", [], None)


@pytest.mark.parametrize("detail", ["{'patient': 1", "", '{"a": [1]}', b'{"patient": "p\xff7"}', b"\x00\xff"])
def test_an_event_with_an_unreadable_detail_goes_its_way(path: Path, detail: str | bytes) -> None:
    """To the broker, out of the way of an erasure, into a report."""
    journal = opened(path)
    journal.store([samples.event(n) for n in (1, 2, 3)], [samples.session()])
    journal._connection.execute("UPDATE events SET detail = CAST(? AS TEXT) WHERE id = 2", (detail,))
    first, second, third = journal.unconfirmed(0, 10)
    assert (first, third) == (samples.event(1), samples.event(3))
    assert msgspec.structs.replace(second, detail={}) == msgspec.structs.replace(samples.event(2), detail={})
    assert second.detail, "something is said of it"
    assert msgspec.json.encode(event_payload(second))
    journal.erase("p-17")
    with JournalReader(path) as reader:
        assert [(event.session, event.detail) for event in reader.events()] == [("", {})] * 3
    journal.close()


def test_an_unreadable_detail_that_names_an_erased_patient_goes_with_the_patient(path: Path) -> None:
    journal = opened(path)
    journal.store([samples.event(n, session="") for n in (1, 2)], [])
    journal._connection.execute('UPDATE events SET detail = \'{"patient": "p-17", "lo\' WHERE id = 1')
    journal._connection.execute('UPDATE events SET detail = \'{"patient": "p-18", "lo\' WHERE id = 2')
    journal.erase("p-17")
    rows = journal._connection.execute("SELECT detail FROM events ORDER BY id").fetchall()
    assert rows == [("{}",), ('{"patient": "p-18", "lo',)]
    journal.close()


def _is_kept_or_over(task: asyncio.Task[None], committed: list[int]) -> bool:
    """Whether event 1 is in the journal, or the keeper has ended instead."""
    return task.done() or 1 in committed
