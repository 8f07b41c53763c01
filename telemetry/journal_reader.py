"""Reads the journal for reports and the command line, beside the process that writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from messages.wire import EventRecord, SessionRecord
from telemetry.journal import EVENT_COLUMNS, SCHEMA_VERSION, NewerSchemaError, decode_session, event_of_row


class SessionEntry(msgspec.Struct, frozen=True):
    """A session in the journal: when it was first and last heard of, and its last record."""

    first_time: str
    last_time: str
    record: SessionRecord


class JournalReader:
    """A read-only view. Use it as a context manager; raises sqlite3.Error when the file cannot be read."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            self._connection.close()
            raise NewerSchemaError(f"{path}: schema {version}; this program reads {SCHEMA_VERSION}")

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._connection.close()

    def sessions(self, limit: int = 100) -> list[SessionEntry]:
        """Returns the sessions heard of last, newest first."""
        rows = self._connection.execute(
            "SELECT first_time, last_time, record FROM sessions ORDER BY last_time DESC, session LIMIT ?", (limit,)
        )
        return [SessionEntry(first, last, decode_session(record)) for first, last, record in rows]

    def events(self, session: str | None = None) -> Iterator[EventRecord]:
        """Yields the events of one session, or all of them, in order."""
        query = f"SELECT {EVENT_COLUMNS} FROM events WHERE ?1 IS NULL OR session = ?1 ORDER BY id"
        for row in self._connection.execute(query, (session,)):
            yield event_of_row(row)

    def missing(self) -> list[tuple[int, int, str]]:
        """Returns the stretches of ids that never came: first, last, and when they were given up."""
        return list(self._connection.execute("SELECT first_id, last_id, time FROM missing ORDER BY first_id"))
