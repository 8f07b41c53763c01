"""Reads the journal for reports and the command line, beside the process that writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from messages.wire import EventRecord, SessionRecord
from telemetry.journal import EVENT_COLUMNS, NOT_OVER, SCHEMA_VERSION, NewerSchemaError, decode_session, event_of_row, readable_text
from telemetry.speed_blocks import SpeedBlock, unpack


class SessionEntry(msgspec.Struct, frozen=True):
    """A session in the journal: when it was first and last heard of, and its last record."""

    first_time: str
    last_time: str
    record: SessionRecord
    started_time: str | None = None
    """When the belt first moved."""


class JournalReader:
    """A read-only view. Use it as a context manager; raises sqlite3.Error when the file cannot be read."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
        self._connection.text_factory = readable_text
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            self._connection.close()
            raise NewerSchemaError(f"{path}: schema {version}; this program reads {SCHEMA_VERSION}")

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._connection.close()

    def sessions(self, limit: int = 100) -> list[SessionEntry]:
        """Returns the sessions heard of last, newest first: by the order in which they came, since the clock may have been set."""
        return self._entries("ORDER BY rowid DESC LIMIT ?", (limit,))

    def sessions_of(self, patient: str, limit: int = 1000) -> list[SessionEntry]:
        """Returns a patient's sessions in which the belt moved, oldest first; of many the newest."""
        entries = self._entries(
            "WHERE patient = ? AND started_time IS NOT NULL ORDER BY started_time DESC LIMIT ?", (patient, limit)
        )
        return entries[::-1]

    def not_over(self, patient: str) -> list[SessionEntry]:
        """Returns a patient's sessions that have neither ended nor been marked as interrupted."""
        return self._entries(f"WHERE patient = ? AND {NOT_OVER} ORDER BY session", (patient,))

    def has_session_of(self, patient: str) -> bool:
        """Whether anything is kept of a session of this patient, though its record cannot be read."""
        return self._connection.execute("SELECT 1 FROM sessions WHERE patient = ? LIMIT 1", (patient,)).fetchone() is not None

    def session(self, name: str) -> SessionEntry | None:
        """Returns one session, or None."""
        found = self._entries("WHERE session = ?", (name,))
        return found[0] if found else None

    def speeds(self, session: str) -> list[SpeedBlock]:
        """Returns what is kept of a session's speeds, in order; raises ValueError when it cannot be read."""
        rows = self._connection.execute("SELECT block FROM speeds WHERE session = ? ORDER BY start_ms", (session,))
        return [unpack(session, block) for (block,) in rows]

    def erased(self, request: int) -> bool:
        """Whether a request to erase a patient has been carried out here."""
        return self._connection.execute("SELECT 1 FROM erased WHERE request = ?", (request,)).fetchone() is not None

    def _entries(self, rest: str, values: tuple[str | int, ...]) -> list[SessionEntry]:
        """Raises ValueError when a record cannot be read: a history with a hole in it must not pass for a whole one."""
        rows = self._connection.execute(f"SELECT session, first_time, last_time, record, started_time FROM sessions {rest}", values)
        entries = []
        for name, first, last, record, started in rows:
            try:
                entries.append(SessionEntry(first, last, decode_session(record), started))
            except msgspec.DecodeError as error:
                raise ValueError(f"session {name}: its record in the journal is damaged or of another version: {error}") from error
        return entries

    def events(self, session: str | None = None) -> Iterator[EventRecord]:
        """Yields the events of one session, or all of them, in order."""
        query = f"SELECT {EVENT_COLUMNS} FROM events WHERE ?1 IS NULL OR session = ?1 ORDER BY id"
        for row in self._connection.execute(query, (session,)):
            yield event_of_row(row)

    def newest_events(self, limit: int, without_effects: Collection[str] = ()) -> list[EventRecord]:
        """Returns the events with the highest ids, in order; those with one of these effects are left out."""
        left_out = ", ".join("?" * len(without_effects))
        query = f"SELECT {EVENT_COLUMNS} FROM events WHERE effect NOT IN ({left_out}) ORDER BY id DESC LIMIT ?"
        rows = self._connection.execute(query, (*without_effects, limit)).fetchall()
        return [event_of_row(row) for row in reversed(rows)]

    def missing(self) -> list[tuple[int, int, str]]:
        """Returns the stretches of ids that never came: first, last, and when they were given up."""
        return list(self._connection.execute("SELECT first_id, last_id, time FROM missing ORDER BY first_id"))
