"""`sternway events`: what the journal tells of the treadmill, the newest last: when, what, why in numbers and names, what to do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from desk.place import DONE, Place, parser_of, run, say
from messages.wire import EventRecord

_LAST = 20
_MOST = 10_000
_WITHOUT_STOP = frozenset({"record", "refuse"})
"""Effects that leave the belt as it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The program sternway-events; returns its exit code."""
    return run(_events, build_parser().parse_args(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Returns the command's parser; manual page and shell completion are made from it."""
    parser = parser_of("events", "Show what happened, the newest last: what it was, why in numbers and names, and what to do.")
    parser.add_argument("--last", type=_count, default=_LAST, metavar="N", help=f"so many, 1 to {_MOST}; {_LAST} without it")
    parser.add_argument("--stops", action="store_true", help="only what slowed or stopped the belt")
    return parser


def _count(word: str) -> int:
    count = int(word)
    if not 1 <= count <= _MOST:
        raise argparse.ArgumentTypeError(f"{count} is not within 1 and {_MOST}")
    return count


def _events(options: argparse.Namespace, place: Place) -> int:
    journal = place.open_journal()
    if journal is None:
        return DONE
    with journal:
        found = journal.newest_events(options.last, _WITHOUT_STOP if options.stops else frozenset())
    say([line for event in found for line in event_lines(event)] or "The journal tells of nothing yet.")
    return DONE


def event_lines(event: EventRecord) -> Iterator[str]:
    """Yields one event as people read it."""
    yield f"{event.time}  {event.id}  {event.code}: {event.text or event.code}"
    if event.detail:
        yield "    " + ", ".join(f"{key}: {value}" for key, value in event.detail.items())
    if event.remedy:
        yield f"    {event.remedy}"


if __name__ == "__main__":
    sys.exit(main())
