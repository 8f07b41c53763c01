"""The times of a table's rows, as telemetry.journal_age asks for them: of the journal's events, and of the patients' entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Literal

from telemetry.journal_age import Moment


def moments_of(connection: sqlite3.Connection, table: Literal["events", "entries"]) -> Callable[[int], Moment | None]:
    """Returns what finds the newest row at or below an id; one whose time cannot be read tells no age."""
    query = f"SELECT id, julianday(time) FROM {table} WHERE id <= ? AND julianday(time) IS NOT NULL ORDER BY id DESC LIMIT 1"

    def moment(up_to_id: int) -> Moment | None:
        row = connection.execute(query, (up_to_id,)).fetchone()
        return None if row is None else Moment(*row)

    return moment
