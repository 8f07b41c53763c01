"""`make explore`: explores to closure, or as deep and as long as it is told, and writes page and picture of what it reached."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from exploration.alphabet import pair_letters, single_letters
from exploration.document import draw, page
from exploration.script import stations
from exploration.search import Explorer, Violation

KEPT, BROKEN = 0, 1
_CLOSURE_DEPTH = 60
_COMMAND = "make explore"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 1 when a law was broken."""
    parser = argparse.ArgumentParser(prog=_COMMAND, description=__doc__)
    parser.add_argument("--depth", type=int, default=_CLOSURE_DEPTH, help="letters from a station of the session")
    parser.add_argument("--pairs-depth", type=int, default=_CLOSURE_DEPTH, help="so deep two things happen at once, too")
    parser.add_argument("--limit-s", type=float, default=7200.0, help="seconds after which it ends as it is")
    parser.add_argument("--docs", type=Path, help="the directory docs, to write what was found into")
    options = parser.parse_args(arguments)
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.0f} s  {text}", flush=True)

    letters, pairs = single_letters(), pair_letters()
    found = Explorer(letters, pairs, say).explore(stations(), options.depth, options.pairs_depth, options.limit_s)
    end = "to closure" if found.closed else f"not closed at depth {found.depth}"
    say(f"{found.states} abstract states, {found.transitions} transitions, {found.scans} scans, {end}")
    if found.violation is not None:
        print("\n".join(violation_words(found.violation)))
        return BROKEN
    if options.docs is not None:
        (options.docs / "exploration.md").write_text(page(found, len(letters), len(pairs), _COMMAND), encoding="utf-8")
        draw(options.docs / "figures" / "reachable-states.svg", found)
        say(f"written: {options.docs / 'exploration.md'} and its picture")
    return KEPT


def violation_words(violation: Violation) -> list[str]:
    """Returns the broken law, and how to come to it."""
    scanned = violation.scanned
    return [
        f"BROKEN: {violation.law}",
        f"  in {scanned.before.core.chart.value} to {scanned.after.core.chart.value}, command {scanned.outputs.command}",
        *(f"  {number}. {name}" for number, name in enumerate(violation.path, 1)),
    ]


if __name__ == "__main__":
    sys.exit(main())
