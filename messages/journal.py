"""Lines for the system's journal: each begins with its priority, and nothing that a stranger wrote can begin another.

systemd reads `<3>` at the beginning of a service's line as the priority (sd-daemon(3)). Text may hold names and values from a file,
a broker or a socket: what is not printable is written as an escape, so that a line is one line and moves no terminal's cursor.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

_LONGEST_LINE = 2000


class JournalPriority(enum.IntEnum):
    """As in syslog(3)."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


def goes_to_journal(environment: Mapping[str, str]) -> bool:
    """Whether systemd reads this process's output; elsewhere the priorities would only be in the way."""
    return bool(environment.get("JOURNAL_STREAM"))


def printable(text: str) -> str:
    """Returns the text with every character that is not printable as an escape: `\\n`, `\\x1b`, `\\u2028`."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def journal_text(priority: JournalPriority, lines: Iterable[str], *, prefixed: bool) -> str:
    """Returns one line of output for each of `lines`, each with its priority where `prefixed`. A line break in one is escaped."""
    prefix = f"<{priority.value}>" if prefixed else ""
    return "".join(f"{prefix}{printable(line)[:_LONGEST_LINE]}\n" for line in lines)
