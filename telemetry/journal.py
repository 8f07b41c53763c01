"""The journal: events and sessions in SQLite, every commit on the disk before it is acknowledged.

One object, one thread: all methods block, and belong into the journal's own thread (see telemetry.keeper).
Events are kept by the id that the controller gave them. Two positions are kept beside them:
`received` is the highest id below which nothing is missing, `confirmed` the highest that the broker has confirmed.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from messages.wire import DetailValue, EventRecord, SessionRecord
from telemetry.journal_age import KEPT_LONGER_DAYS, newest_beyond
from telemetry.payloads import finite_values
from telemetry.row_moments import moments_of
from telemetry.speed_blocks import SpeedBlock, pack
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
    """
    ALTER TABLE sessions ADD COLUMN patient TEXT NOT NULL DEFAULT '';
    ALTER TABLE sessions ADD COLUMN started_time TEXT;
    CREATE INDEX sessions_by_patient ON sessions (patient, started_time);
    CREATE TABLE speeds (session TEXT NOT NULL, start_ms INTEGER NOT NULL, block BLOB NOT NULL, PRIMARY KEY (session, start_ms));
    CREATE TABLE erased (request INTEGER PRIMARY KEY);
    CREATE TABLE erased_sessions (session TEXT PRIMARY KEY);
    """,
)
"""Each script takes the file from the version of its index to the next one."""
SCHEMA_VERSION = len(MIGRATIONS)
_SESSIONS_GET_PATIENTS = 1
PAGE_BYTES = 4096
PROBE_BYTES = 64 * 1024
MAXIMUM_PUT_ASIDE = 8
PRUNED_AT_ONCE = 500

EVENT_COLUMNS = ", ".join(EventRecord.__struct_fields__)
_PLACES = ", ".join("?" for _ in EventRecord.__struct_fields__)
_DETAIL = EventRecord.__struct_fields__.index("detail")
NOT_OVER = "status IN ('prepared', 'running', 'paused')"
"""Of a session: it has neither ended nor been marked as interrupted."""
UNREADABLE = "unreadable"
"""The key under which an event shows a detail that cannot be read."""
_detail_decoder = msgspec.json.Decoder(dict[str, DetailValue])

_log = logging.getLogger(__name__)


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

    def store(self, events: Iterable[EventRecord], sessions: Iterable[SessionRecord], speeds: Iterable[SpeedBlock] = ()) -> int:
        """Keeps events (each id once), session records and speeds; returns `received` once all of it is on the disk.

        Raises ConflictError when a known id comes with another content, sqlite3.Error when nothing was kept.
        """
        with self._transaction():
            for event in events:
                self._store_event(event)
            for session in sessions:
                self._store_session(session)
            for block in speeds:
                self._connection.execute(
                    "INSERT OR REPLACE INTO speeds VALUES (?, ?, ?)", (block.session, block.start_ms, pack(block))
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
        """Returns the record of the session that came last, whatever the clock said."""
        record = self._one("SELECT record FROM sessions ORDER BY rowid DESC LIMIT 1")
        return None if record is None else decode_session(record)

    def newest_words(self) -> dict[str, tuple[str, str]]:
        """Returns text and remedy of the newest event of each code, the oldest of them first."""
        rows = self._connection.execute(
            "SELECT code, text, remedy FROM events WHERE id IN (SELECT MAX(id) FROM events GROUP BY code) ORDER BY id"
        )
        return {code: (text, remedy) for code, text, remedy in rows}

    def interrupt_sessions(self, boot_id: str) -> int:
        """Marks the sessions of the controller's other lives that had not ended as interrupted; returns how many.

        A session's name begins with the boot id of the life that it belongs to. A record that cannot be read is left as it is.
        """
        rows = self._connection.execute(
            f"SELECT session, record FROM sessions WHERE {NOT_OVER} AND session NOT GLOB ? || '-*'",
            (boot_id,),
        ).fetchall()
        with self._transaction():
            for name, record in rows:
                self._connection.execute(
                    "UPDATE sessions SET status = 'interrupted', record = ? WHERE session = ?", (_interrupted(name, record), name)
                )
        return len(rows)

    def prove_room(self) -> None:
        """Commits something as large as a burst of events and takes it away; raises sqlite3.Error without room."""
        with self._transaction():
            self._connection.execute("INSERT INTO room VALUES (zeroblob(?))", (PROBE_BYTES,))
        with self._transaction():
            self._connection.execute("DELETE FROM room")

    def prune(self, now: datetime, retention_days: int) -> int:
        """Deletes up to PRUNED_AT_ONCE events older than the retention and two weeks, and old sessions; returns how many events.

        An event that the broker has not confirmed stays, however old. Age is counted so that a wall clock that leaps deletes
        nothing that is young: see telemetry.journal_age. A session goes with the last of its events.
        """
        oldest_id = self._one("SELECT MIN(id) FROM events")
        if oldest_id is None:
            return 0
        now_day = self._one("SELECT julianday(?)", (rfc3339(now),))
        look = moments_of(self._connection, "events")
        beyond_id = newest_beyond(look, oldest_id, now_day, retention_days + KEPT_LONGER_DAYS)
        with self._transaction():
            deleted = 0 if beyond_id is None else self._delete_up_to(beyond_id)
            self._connection.execute(
                "DELETE FROM speeds WHERE rowid IN "
                "(SELECT rowid FROM speeds WHERE session NOT IN (SELECT session FROM sessions) LIMIT ?)",
                (PRUNED_AT_ONCE,),
            )
        return deleted

    def _delete_up_to(self, beyond_id: int) -> int:
        """Deletes the oldest confirmed events up to an id, and the sessions that have none left; returns how many events.

        A session of which no event is kept at all goes when one does that was heard of later: a row's number says so, and
        no clock.
        """
        last_id = self._one(
            "SELECT MAX(id) FROM "
            "(SELECT id FROM events WHERE id <= ? AND id <= (SELECT MIN(id) FROM positions) ORDER BY id LIMIT ?)",
            (beyond_id, PRUNED_AT_ONCE),
        )
        if last_id is None:
            return 0
        self._connection.execute(
            "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions AS old WHERE rowid <= "
            "(SELECT MAX(rowid) FROM sessions WHERE session IN (SELECT session FROM events WHERE id <= ?1)) "
            "AND NOT EXISTS (SELECT 1 FROM events WHERE session = old.session AND id > ?1) ORDER BY rowid LIMIT ?2)",
            (last_id, PRUNED_AT_ONCE),
        )
        return self._connection.execute("DELETE FROM events WHERE id <= ?", (last_id,)).rowcount

    def prune_speeds(self, limit_bytes: int) -> int:
        """Deletes the oldest sessions' speeds until the rest takes no more than so many bytes; returns how many sessions'."""
        sizes = self._connection.execute(
            "SELECT session, SUM(LENGTH(block)), MAX(rowid) FROM speeds GROUP BY session ORDER BY MAX(rowid) DESC"
        ).fetchall()
        kept_bytes, given_up = 0, []
        for session, size, _ in sizes:
            kept_bytes += size
            if kept_bytes > limit_bytes:
                given_up.append(session)
        with self._transaction():
            self._connection.executemany("DELETE FROM speeds WHERE session = ?", [(session,) for session in given_up])
        return len(given_up)

    def erased(self, request: int) -> bool:
        """Whether this request to erase a patient has been carried out here."""
        return self._one("SELECT 1 FROM erased WHERE request = ?", (request,)) is not None

    def note_erased(self, request: int) -> None:
        """Notes that a request to erase a patient has been carried out to its end: retained messages too."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO erased VALUES (?)", (request,))

    def erase(self, patient: str) -> None:
        """Erases a patient: sessions and speeds go, and of the machine's events what tells whose they were.

        The events themselves stay, without session, numbers or words: they are the machine's own record, and their ids must
        not have gaps. A record that the controller sends again of such a session is not kept.
        """
        with self._transaction():
            ours = "(SELECT session FROM sessions WHERE patient = ?1)"
            self._connection.execute(f"DELETE FROM speeds WHERE session IN {ours}", (patient,))
            self._connection.execute(f"UPDATE events SET session = '', detail = '{{}}' WHERE session IN {ours}", (patient,))
            suspects = self._connection.execute("SELECT id, detail FROM events WHERE INSTR(detail, ?) > 0", (patient,)).fetchall()
            named = [(event_id,) for event_id, detail in suspects if _names(detail, patient)]
            self._connection.executemany("UPDATE events SET session = '', detail = '{}' WHERE id = ?", named)
            self._connection.execute(f"INSERT OR IGNORE INTO erased_sessions {ours[1:-1]}", (patient,))
            self._connection.execute("DELETE FROM sessions WHERE patient = ?1", (patient,))
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _store_session(self, session: SessionRecord) -> None:
        if self._one("SELECT 1 FROM erased_sessions WHERE session = ?", (session.session,)) is not None:
            return
        moved = session.time if session.belt_time_s > 0 or session.status == "running" else None
        self._connection.execute(
            "INSERT INTO sessions (session, first_time, last_time, status, record, patient, started_time) "
            "VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (session) DO UPDATE "
            "SET last_time = ?2, status = ?3, record = ?4, patient = ?5, started_time = COALESCE(started_time, ?6)",
            (session.session, session.time, session.status, encode_session(session), session.patient, moved),
        )

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
    connection.text_factory = readable_text
    try:
        # Everything the acknowledgement promises hangs on these two: a commit is in the log, and the log on the disk.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
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
        connection.executescript(f"BEGIN;{MIGRATIONS[number]}")
        try:
            if number == _SESSIONS_GET_PATIENTS:
                _fill_patients(connection)
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _fill_patients(connection: sqlite3.Connection) -> None:
    """A session kept before it had a patient's column began, as far as is known, when it was first heard of."""
    for session, first_time, content in connection.execute("SELECT session, first_time, record FROM sessions").fetchall():
        try:
            record = decode_session(content)
        except msgspec.DecodeError:
            continue
        started = first_time if record.belt_time_s > 0 else None
        values = (record.patient, started, session)
        connection.execute("UPDATE sessions SET patient = ?, started_time = ? WHERE session = ?", values)


def _damage(findings: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(f"damaged: {findings}")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def event_of_row(row: tuple[Any, ...]) -> EventRecord:
    """Returns the event of a row of EVENT_COLUMNS. A detail that cannot be read says so, and the rest goes its way."""
    values = list(row)
    try:
        values[_DETAIL] = _detail_decoder.decode(values[_DETAIL])
    except msgspec.DecodeError:
        values[_DETAIL] = {UNREADABLE: values[_DETAIL][:200]}
    return EventRecord(*values)


def _names(detail: str, patient: str) -> bool:
    """Whether an event's detail names a patient: as a word in a text, or anyhow where the detail cannot be read."""
    try:
        values = _detail_decoder.decode(detail).values()
    except msgspec.DecodeError:
        return True
    word = re.compile(rf"(?<![A-Za-z0-9_-]){re.escape(patient)}(?![A-Za-z0-9_-])")
    return any(word.search(value) for value in values if isinstance(value, str))


def readable_text(content: bytes) -> str:
    """Returns a kept text. A single damaged byte must not make a whole table unreadable, as SQLite's module has it by itself."""
    return content.decode("utf-8", errors="replace")


def _row_of_event(event: EventRecord) -> tuple[Any, ...]:
    values = list(msgspec.structs.astuple(event))
    values[_DETAIL] = msgspec.json.encode(finite_values(event.detail)).decode()
    return tuple(values)


def encode_session(record: SessionRecord) -> bytes:
    """Returns a session record as it is kept: msgpack, which unlike JSON keeps every float."""
    return msgspec.msgpack.encode(record)


def decode_session(record: bytes) -> SessionRecord:
    """Returns a kept session record; raises msgspec.DecodeError when it cannot be read."""
    try:
        return msgspec.msgpack.decode(record, type=SessionRecord)
    except (UnicodeDecodeError, TypeError) as error:  # a damaged text; something else than bytes
        raise msgspec.DecodeError(str(error)) from error


def _interrupted(name: str, record: bytes) -> bytes:
    """Returns a kept record with the status `interrupted`; one that cannot be read as it is."""
    try:
        return encode_session(msgspec.structs.replace(decode_session(record), status="interrupted"))
    except msgspec.DecodeError as error:
        _log.warning("the record of session %s is damaged or of another version: %s", name, error)
        return record


def is_damage(error: sqlite3.Error) -> bool:
    """Returns whether the error says that the file's content is broken, and not merely out of reach or full."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
