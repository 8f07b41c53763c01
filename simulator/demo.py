"""`make demo`: the real program over a simulated treadmill, on one screen, or a scenario to its end without a keyboard.

    python -m simulator.demo                             a guided session; then, in a terminal, the panel is yours
    python -m simulator.demo --scenario fall --once      one scenario; the last line is its summary as JSON
    python -m simulator.demo --all                       every scenario, one after the other

Exit codes: 0 the expected outcome came; 1 it did not, or the run was void; 2 something is missing.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from simulator.broker import BrokerMissingError
from simulator.rig import RigError, play
from simulator.scenarios import BY_NAME, GUIDED, SCENARIOS, SESSIONS
from simulator.verdict import Summary

_PASSED, _FAILED, _MISSING = 0, 1, 2
_PICTURES = Path("build/demo")

_EVERY_ONE = (*SCENARIOS, *SESSIONS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.list:
        for scenario in _EVERY_ONE:
            print(f"{scenario.name:<16}{scenario.description}")
        return _PASSED
    signal.signal(signal.SIGTERM, _leave)
    seed = options.seed if options.seed is not None else secrets.randbelow(1 << 31)
    try:
        if options.all:
            return _play_all(seed, options.pictures)
        if options.once:
            return _play_once(options.scenario or GUIDED.name, seed, options.plot, options.pictures)
        return _show(options.scenario, seed)
    except (BrokerMissingError, RigError) as error:
        print(error, file=sys.stderr)
        return _MISSING
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _FAILED


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Asked to end: as with Ctrl-C, every process that was started here ends, too."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator.demo", description="The real program over a simulated treadmill.")
    parser.add_argument("--scenario", choices=sorted(BY_NAME), help="what shall happen; without it a guided session with a stumble")
    parser.add_argument("--once", action="store_true", help="run to the end without a keyboard; the last line is JSON")
    parser.add_argument("--all", action="store_true", help="every scenario, one after the other")
    parser.add_argument("--list", action="store_true", help="the scenarios' names")
    parser.add_argument("--seed", type=int, help="decides everything that chance decides; printed, so that a run can be repeated")
    parser.add_argument("--plot", type=Path, help="where the plot goes (.svg or .png)")
    parser.add_argument("--pictures", type=Path, default=_PICTURES, help="where plots go that have no name of their own")
    return parser


def _report(line: str) -> None:
    print(line, flush=True)


def _play_once(name: str, seed: int, picture: Path | None, pictures: Path) -> int:
    picture = picture if picture is not None else pictures / f"{name}.svg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    _report(f"seed {seed}")
    summary = play(BY_NAME[name], seed, _report, picture)
    _report(f"plot {picture}")
    print(summary.to_json(), flush=True)
    return _PASSED if summary.passed else _FAILED


def _play_all(seed: int, pictures: Path) -> int:
    pictures.mkdir(parents=True, exist_ok=True)
    summaries: list[Summary] = []
    for scenario in _EVERY_ONE:
        began = time.monotonic()
        try:
            summary = play(scenario, seed, lambda _line: None, pictures / f"{scenario.name}.svg")
        except RigError as error:
            _report(f"{scenario.name:<16}failed          {error}")
            continue
        summaries.append(summary)
        took_s = time.monotonic() - began
        _report(f"{scenario.name:<16}{summary.outcome:<8}{took_s:5.1f} s  {'; '.join(summary.reasons)}")
    for summary in summaries:
        print(summary.to_json(), flush=True)
    return _PASSED if len(summaries) == len(_EVERY_ONE) and all(summary.passed for summary in summaries) else _FAILED


def _show(name: str | None, seed: int) -> int:
    """In a terminal, the live screen, and in the end the panel in your hands; elsewhere lines, and an end."""
    scenario = BY_NAME[name] if name is not None else GUIDED
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return _play_once(scenario.name, seed, None, _PICTURES)
    from simulator.live import show  # noqa: PLC0415  only a terminal needs rich

    return _PASSED if show(scenario, seed) else _FAILED


if __name__ == "__main__":
    sys.exit(main())
