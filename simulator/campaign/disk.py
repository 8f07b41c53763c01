"""The journal's disk: full, so that no commit goes through, or slow. Everything else of SQLite is SQLite's own."""

from __future__ import annotations

import sqlite3
from typing import Any

_COMMIT = "COMMIT"


class Disk:
    """Stands for the module `sqlite3` where the journal is opened."""

    def __init__(self) -> None:
        self.full = False
        """A commit finds no room: SQLite says so, and whoever asked rolls back."""
        self.refused = 0
        """Commits that found no room so far."""
        self.delay_s = 0.0
        """How long each call into the journal's thread takes."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        """As sqlite3.connect, on this disk."""
        disk = self

        class Connection(sqlite3.Connection):
            _began = -1

            def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
                if statement.startswith("BEGIN"):
                    self._began = self.total_changes
                elif disk.full and statement == _COMMIT and self.total_changes != self._began:
                    disk.refused += 1
                    raise _full()
                return super().execute(statement, *values)

        return sqlite3.connect(*arguments, factory=Connection, **options)


def _full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error
