"""Golden decisions: what the core decided in every scenario of the simulator, on every event that acts on the belt, and on a few
kept recordings, as text beside this file.

`python -m tests.golden.golden` says what differs; with `--accept NAME` (or `all`) the present decisions become the golden ones.
Each scenario is played in virtual time with one seed, recorded by the real flight recorder, and read back as `sternway replay`
does. `--record NAME` makes a kept recording anew.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from replay.comparison import compare, replayed
from replay.recording import read_recording
from simulator.scenarios import BY_NAME
from simulator.virtual import play_recorded
from tests.golden.decision_lines import decision_lines
from tests.golden.events import ACTING, event_decisions
from tests.golden.kept_recordings import MAKERS, kept_recording_decisions, record

SEED = 1
DIRECTORY = Path(__file__).parent / "decisions"
EVERYTHING = "all"


class GoldenError(RuntimeError):
    """A recording that does not replay to its own decisions is no golden one."""


def scenario_decisions(name: str) -> str:
    """Plays the scenario and returns its decisions as text; raises GoldenError when their replay differs from the recording."""
    lines = [f"scenario {name}, seed {SEED}"]

    def read(recordings: tuple[Path, ...]) -> None:
        for life, path in enumerate(recordings, 1):
            recording = read_recording(path)
            verdict = compare(recording)
            if verdict.difference is not None or recording.notes:
                raise GoldenError(f"{name}: the recording does not replay: {verdict.difference} {recording.notes}")
            began_ns = recording.header.began_ns
            lines.append(f"life {life}")
            lines.extend(decision_lines(replayed(recording), began_ns))

    play_recorded(BY_NAME[name], SEED, read)
    return "\n".join(lines) + "\n"


GOLDEN: dict[str, Callable[[], str]] = {
    **{name: partial(scenario_decisions, name) for name in BY_NAME},
    **{f"event-{event.value}": partial(event_decisions, event) for event in ACTING},
    **{f"recording-{name}": partial(kept_recording_decisions, name) for name in MAKERS},
}
"""How each golden text is made, by its name."""


def decisions(name: str) -> str:
    """Returns the present decisions of this name as text."""
    return GOLDEN[name]()


def kept(name: str) -> str:
    """Returns the golden decisions; empty where there are none yet."""
    path = DIRECTORY / f"{name}.txt"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def difference(name: str, now: str) -> str:
    """Returns what differs, line by line; empty when nothing does."""
    both = (kept(name).splitlines(), now.splitlines())
    return "\n".join(difflib.unified_diff(*both, f"{name}: golden", f"{name}: now", lineterm="", n=2))


def main(arguments: Sequence[str] | None = None) -> int:
    """Shows or accepts differences; returns 1 where some were shown and not accepted, 2 for a name that is not known."""
    parser = argparse.ArgumentParser(prog="make golden", description=__doc__)
    parser.add_argument("--accept", metavar="NAME", help=f"of what the present decisions are right, or '{EVERYTHING}'")
    parser.add_argument("--record", choices=MAKERS, help="make this kept recording anew")
    options = parser.parse_args(arguments)
    if options.record is not None:
        print(f"RECORDED: {record(options.record)}; see what it decides: make golden NAME=recording-{options.record}")
        return 0
    if options.accept not in (None, EVERYTHING, *GOLDEN):
        print(f"{options.accept}: no such name; there are {', '.join(GOLDEN)}, and '{EVERYTHING}'", file=sys.stderr)
        return 2
    return _compare(options.accept)


def _compare(accept: str | None) -> int:
    changed = {}
    for name in GOLDEN:
        if accept in (None, EVERYTHING, name):
            now = decisions(name)
            shown = difference(name, now)
            print(f"{name}: {'DIFFERS' if shown else 'as before'}", flush=True)
            if shown:
                changed[name] = now
                print(shown)
    if accept is None:
        return 1 if changed else 0
    for name, now in changed.items():
        (DIRECTORY / f"{name}.txt").write_text(now, encoding="utf-8")
    print(f"ACCEPTED: {', '.join(changed)}" if changed else "nothing to accept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
