"""Log records as lines for the system's journal. What came over the network may be in them, and must not look like another line."""

from __future__ import annotations

import logging

from messages.journal import JournalPriority, journal_text


class JournalFormatter(logging.Formatter):
    """One line a record; a traceback's lines follow, each with the same priority."""

    def __init__(self, *, prefixed: bool) -> None:
        """prefixed: systemd's journal reads the lines."""
        super().__init__()
        self._prefixed = prefixed

    def format(self, record: logging.LogRecord) -> str:
        """Returns the record's lines, without the last line break: the handler adds it."""
        lines = [f"{record.name}: {record.getMessage()}"]
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        return journal_text(_priority(record.levelno), lines, prefixed=self._prefixed).removesuffix("\n")


def _priority(level: int) -> JournalPriority:
    if level >= logging.ERROR:
        return JournalPriority.ERROR
    if level >= logging.WARNING:
        return JournalPriority.WARNING
    return JournalPriority.INFO
