"""Measures what the design promises in numbers, in one run, and prints each figure with its target: reached or not.

`make bench` runs it as `python -m simulator.bench`; `--help` tells its options.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from simulator.bench_figures import NOT_MEASURED, Section, as_json, missed, table
from simulator.bench_load import measure_start, measure_walk
from simulator.bench_reaction import BenchError, measure_reaction
from simulator.bench_recorder import measure_recorder
from simulator.bench_step import measure_step, walking_calls
from simulator.demo_configuration import write_configuration
from simulator.rig import RigError

LEAST_SAMPLES = 300
_DEVICES = "/dev/shm"
_NO_BROKER = 1
_DOCUMENT = """\
# Measured

Written by `python -m simulator.bench --document docs/bench.md`, never by hand. The pins, the load cell and the belt are simulated
(the drive's firmware is the real one, behind a pseudo-terminal), so these are figures of the program and of the machine named
below, not of a Raspberry Pi with a treadmill. They vary from run to run, most of all 99th percentiles, maxima and the ratio to C,
with whatever else the machine does.

{about}

{table}

{verdict}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures; returns 0 when all of them could be measured, reached or not, and 1 otherwise."""
    options = _options(arguments)
    try:
        sections = _measure(options.samples, options.seconds)
    except (BenchError, RigError) as error:
        print(f"the bench could not measure: {error}", file=sys.stderr)
        return 1
    about = _about()
    print(as_json(sections, about) if options.json else f"{_described(about)}\n\n{table(sections)}\n\n{_verdict(sections)}")
    if options.document is not None:
        text = _DOCUMENT.format(about=_described(about), table=table(sections), verdict=_verdict(sections))
        options.document.write_text(text)
    return int(any(figure.verdict == NOT_MEASURED for section in sections for figure in section.figures))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measures reaction, cost and lateness beside their targets.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long load and lateness are watched (at least 2)")
    parser.add_argument("--samples", type=int, default=LEAST_SAMPLES, help="edges for each of the two programs (at least 20)")
    parser.add_argument("--document", type=Path, help="also write the figures as a document")
    options = parser.parse_args(arguments)
    if not 2.0 <= options.seconds <= 600.0 or not 20 <= options.samples <= 100_000:
        parser.error("allowed are 2 to 600 seconds and 20 to 100000 samples")
    return options


def _measure(samples: int, seconds: float) -> list[Section]:
    """One after the other: nothing of one measurement runs during another."""
    with tempfile.TemporaryDirectory(prefix="sternway-bench-", dir=_DEVICES) as name:
        directories = [Path(name) / part for part in ("reaction", "step", "start")]
        for directory in directories:
            directory.mkdir()
        reaction, steps, start = directories
        _progress(f"reaction: {samples} edges each")
        sections = [measure_reaction(reaction, samples)]
        _progress("cost of a step")
        calls = walking_calls(write_configuration(steps, steps, _NO_BROKER))
        sections.append(measure_step(calls))
        _progress("cost of the flight recorder")
        sections.append(measure_recorder(steps, calls))
        _progress("start")
        sections.append(measure_start(start))
    _progress(f"load and lateness: a session, then {seconds:.0f} s of it")
    return [*sections, *measure_walk(seconds, _progress)]


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _about() -> dict[str, str]:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average_at_the_end": load,
    }


def _processor() -> str:
    """What the kernel calls it; the architecture where it does not say."""
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _described(about: dict[str, str]) -> str:
    return "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in about.items())


def _verdict(sections: Sequence[Section]) -> str:
    names = missed(sections)
    return f"Not reached or not measured: {'; '.join(names)}." if names else "Every target was reached."


if __name__ == "__main__":
    sys.exit(main())
