"""The journal: events and sessions in SQLite, every commit on the disk before it is acknowledged.

One object, one thread: all methods block, and belong into the journal's own thread (see telemetry.keeper).
Events are kept by the id that the controller gave them. Two positions are kept beside them:
`received` is the highest id below which nothing is missing, `confirmed` the highest that the broker has confirmed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from messages.wire import DetailValue, EventRecord, SessionRecord
from telemetry.payloads import finite_values
from telemetry.utc import rfc3339

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, time TEXT NOT NULL, code TEXT NOT NULL,
        severity TEXT NOT NULL, effect TEXT NOT NULL, priority TEXT NOT NULL, state TEXT NOT NULL,
        text TEXT NOT NULL, remedy TEXT NOT NULL, detail TEXT NOT NULL, session TEXT NOT NULL
    );
    CREATE INDEX events_by_session ON events (session, id);
    CREATE TABLE sessions (
        session TEXT PRIMARY KEY, first_time TEXT NOT NULL, last_time TEXT NOT NULL, status TEXT NOT NULL,
        record BLOB NOT NULL
    );
    CREATE TABLE missing (first_id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL, time TEXT NOT NULL);
    CREATE TABLE positions (name TEXT PRIMARY KEY, id INTEGER NOT NULL);
    INSERT INTO positions VALUES ('received', 0), ('confirmed', 0);
    CREATE TABLE room (filler BLOB NOT NULL);
    """,
)
"""Each script takes the file from the version of its index to the next one."""
SCHEMA_VERSION = len(MIGRATIONS)
PAGE_BYTES = 4096
PROBE_BYTES = 64 * 1024
MAXIMUM_PUT_ASIDE = 8
PRUNED_AT_ONCE = 500

EVENT_COLUMNS = ", ".join(EventRecord.__struct_fields__)
_PLACES = ", ".join("?" for _ in EventRecord.__struct_fields__)
_DETAIL = EventRecord.__struct_fields__.index("detail")
_detail_decoder = msgspec.json.Decoder(dict[str, DetailValue])


class JournalError(Exception):
    """The journal cannot be used; the text names file, cause and remedy."""


class NewerSchemaError(JournalError):
    """The file was written by a newer program."""


class ConflictError(JournalError):
    """An event carries an id under which another event is already kept: the controller counts anew."""


class Journal:
    """The open journal. Construct it with open_journal."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Closes the file; SQLite folds the write-ahead log into it."""
        self._connection.close()

    def position(self, name: str) -> int:
        """Returns the position `received` or `confirmed`."""
        return int(self._one("SELECT id FROM positions WHERE name = ?", (name,)))

    def store(self, events: Iterable[EventRecord], sessions: Iterable[SessionRecord]) -> int:
        """Keeps events (each id once) and session records; returns `received` once all of it is on the disk.

        Raises ConflictError when a known id comes with another content, sqlite3.Error when nothing was kept.
        """
        with self._transaction():
            for event in events:
                self._store_event(event)
            for session in sessions:
                self._connection.execute(
                    "INSERT INTO sessions VALUES (?1, ?2, ?2, ?3, ?4) ON CONFLICT (session) DO UPDATE "
                    "SET last_time = ?2, status = ?3, record = ?4",
                    (session.session, session.time, session.status, encode_session(session)),
                )
            return self._advance_received()

    def declare_missing(self, now: datetime) -> tuple[int, int] | None:
        """Gives up the ids between `received` and the next event kept; returns the first and last, or None."""
        with self._transaction():
            received = self.position("received")
            following = self._one("SELECT MIN(id) FROM events WHERE id > ?", (received,))
            if following is None or following == received + 1:
                return None
            gap = (received + 1, int(following) - 1)
            self._connection.execute("INSERT OR REPLACE INTO missing VALUES (?, ?, ?)", (*gap, rfc3339(now)))
            self._set_position("received", gap[1])
            self._advance_received()
            return gap

    def unconfirmed(self, after_id: int, limit: int) -> list[EventRecord]:
        """Returns the next events in order for the broker: above after_id, and below them nothing is missing."""
        rows = self._connection.execute(
            f"SELECT {EVENT_COLUMNS} FROM events WHERE id > ? AND id <= (SELECT id FROM positions WHERE name = 'received') "
            "ORDER BY id LIMIT ?",
            (after_id, limit),
        )
        return [event_of_row(row) for row in rows]

    def confirm(self, up_to_id: int) -> None:
        """Notes that the broker has confirmed every event up to this id."""
        with self._transaction():
            self._set_position("confirmed", up_to_id)

    def latest_session(self) -> SessionRecord | None:
        """Returns the record of the session that changed last."""
        record = self._one("SELECT record FROM sessions ORDER BY last_time DESC LIMIT 1")
        return None if record is None else decode_session(record)

    def prove_room(self) -> None:
        """Commits something as large as a burst of events and takes it away; raises sqlite3.Error without room."""
        with self._transaction():
            self._connection.execute("INSERT INTO room VALUES (zeroblob(?))", (PROBE_BYTES,))
        with self._transaction():
            self._connection.execute("DELETE FROM room")

    def prune(self, now: datetime, retention_days: int) -> int:
        """Deletes up to PRUNED_AT_ONCE events older than the retention, and old sessions; returns how many events.

        An event that the broker has not confirmed stays, however old. Age counts from the newest event when the wall
        clock is ahead of it, so that a clock that leaps into the future deletes nothing that was written before.
        """
        newest = self._one("SELECT time FROM events ORDER BY id DESC LIMIT 1")
        if newest is None:
            return 0
        cutoff = rfc3339(min(now, datetime.fromisoformat(newest)) - timedelta(days=retention_days))
        with self._transaction():
            deleted = self._connection.execute(
                "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE time < ? "
                "AND id <= (SELECT MIN(id) FROM positions) ORDER BY id LIMIT ?)",
                (cutoff, PRUNED_AT_ONCE),
            ).rowcount
            self._connection.execute("DELETE FROM sessions WHERE last_time < ?", (cutoff,))
        return deleted

    def _store_event(self, event: EventRecord) -> None:
        kept = self._connection.execute("SELECT at_ns, time, code FROM events WHERE id = ?", (event.id,)).fetchone()
        if kept is None and (event.id > self.position("received") or self._was_missing(event.id)):
            self._connection.execute(f"INSERT INTO events ({EVENT_COLUMNS}) VALUES ({_PLACES})", _row_of_event(event))
        elif kept != (event.at_ns, event.time, event.code):
            raise ConflictError(f"event {event.id} was {kept or 'another'}, and now came as {event.code} of {event.time}")

    def _was_missing(self, event_id: int) -> bool:
        return self._one("SELECT 1 FROM missing WHERE ? BETWEEN first_id AND last_id", (event_id,)) is not None

    def _advance_received(self) -> int:
        """Moves `received` over every event that follows it without a gap."""
        received = start = self.position("received")
        for (event_id,) in self._connection.execute("SELECT id FROM events WHERE id > ? ORDER BY id", (start,)):
            if event_id != received + 1:
                break
            received = event_id
        if received != start:
            self._set_position("received", received)
        return received

    def _set_position(self, name: str, event_id: int) -> None:
        self._connection.execute("UPDATE positions SET id = MAX(id, ?) WHERE name = ?", (event_id, name))

    def _one(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        row = self._connection.execute(query, values).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk may have rolled back by itself
                self._connection.execute("ROLLBACK")
            raise


def open_journal(path: Path, limit_mb: int, now: datetime) -> tuple[Journal, Path | None]:
    """Opens or creates the journal; returns it, and where a damaged one was put.

    Raises NewerSchemaError, JournalError, sqlite3.Error or OSError when there is no journal to be had.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return Journal(_connect(path, limit_mb)), None
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
    aside = put_aside(path, now)
    return Journal(_connect(path, limit_mb)), aside


def put_aside(path: Path, now: datetime) -> Path:
    """Renames the journal, with its write-ahead log, by the time; returns its new name.

    Raises JournalError when MAXIMUM_PUT_ASIDE are there already: the disk must not fill with them unseen.
    """
    if len(list(path.parent.glob(f"{path.name}.*.aside"))) >= MAXIMUM_PUT_ASIDE:
        raise JournalError(
            f"{path}: damaged, and {MAXIMUM_PUT_ASIDE} older ones were put aside already; "
            f"save and remove {path}.*.aside*, and see to the disk"
        )
    aside = path.with_name(f"{path.name}.{now:%Y%m%dT%H%M%S%fZ}.aside")
    for suffix in ("-wal", "-shm", ""):  # the log first: a log without its file is ignored, never misapplied
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.rename(part, aside.with_name(aside.name + suffix))
    return aside


def _connect(path: Path, limit_mb: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        # Everything the acknowledgement promises hangs on these two: a commit is in the log, and the log on the disk.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA max_page_count = {limit_mb * 1024 * 1024 // PAGE_BYTES}")
        connection.execute("PRAGMA wal_autocheckpoint = 256")
        findings = [finding for (finding,) in connection.execute("PRAGMA quick_check(3)")]
        if findings != ["ok"]:
            raise _damage("; ".join(findings))
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{path}: schema {version} is newer than {SCHEMA_VERSION}, the newest this program knows; "
            "install the program that wrote it, or move the file away"
        )
    for number in range(version, SCHEMA_VERSION):
        connection.executescript(f"BEGIN;{MIGRATIONS[number]};PRAGMA user_version = {number + 1};COMMIT;")


def _damage(findings: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(f"damaged: {findings}")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def event_of_row(row: tuple[Any, ...]) -> EventRecord:
    """Returns the event of a row of EVENT_COLUMNS; raises msgspec.DecodeError when its detail cannot be read."""
    values = list(row)
    values[_DETAIL] = _detail_decoder.decode(values[_DETAIL])
    return EventRecord(*values)


def _row_of_event(event: EventRecord) -> tuple[Any, ...]:
    values = list(msgspec.structs.astuple(event))
    values[_DETAIL] = msgspec.json.encode(finite_values(event.detail)).decode()
    return tuple(values)


def encode_session(record: SessionRecord) -> bytes:
    """Returns a session record as it is kept: msgpack, which unlike JSON keeps every float."""
    return msgspec.msgpack.encode(record)


def decode_session(record: bytes) -> SessionRecord:
    """Returns a kept session record; raises msgspec.DecodeError when it cannot be read."""
    return msgspec.msgpack.decode(record, type=SessionRecord)


def is_damage(error: sqlite3.Error) -> bool:
    """Returns whether the error says that the file's content is broken, and not merely out of reach or full."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
