"""Runs tests once, without a mutant, and writes what each of them reached and how long it took. A program of its own.

    python watched_tests.py RESULT [--lines] PYTEST_ARGUMENT...

RESULT: JSON, test (without its parameters) to `Watched`. --lines: note the lines of the mutated Python, too. Exits as pytest does.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import msgspec
import pytest

SOURCES = ("controller/core", "controller/session", "firmware_bridge")


class Watched(msgspec.Struct, frozen=True):
    """cpu_s: of all its parameters together, setup included. lines: by file below the root, those that ran."""

    cpu_s: float
    lines: dict[str, list[int]]


class _Watch:
    """A plugin of pytest: one coverage context for each test."""

    def __init__(self, measured: coverage.Coverage | None) -> None:
        self._measured = measured
        self.cpu_s: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        test = item.nodeid.partition("[")[0]
        if self._measured is not None:
            self._measured.switch_context(test)
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.cpu_s[test] += time.process_time() - began


def main(arguments: list[str]) -> int:
    result, *rest = arguments
    with_lines = rest[0] == "--lines"
    measured = coverage.Coverage(data_file=None, config_file=False, source=SOURCES) if with_lines else None
    watch = _Watch(measured)
    if measured is not None:
        measured.start()
    code = pytest.main(["-q", "-x", "--no-header", "-p", "no:cacheprovider", *rest[with_lines:]], plugins=[watch])
    lines: dict[str, dict[str, list[int]]] = defaultdict(dict)
    if measured is not None:
        measured.stop()
        data = measured.get_data()
        for file in data.measured_files():
            name = Path(file).relative_to(Path.cwd()).as_posix()
            for line, tests in data.contexts_by_lineno(file).items():
                for test in tests:
                    lines[test].setdefault(name, []).append(line)
    watched = {test: Watched(round(cpu_s, 4), lines[test]) for test, cpu_s in watch.cpu_s.items()}
    Path(result).write_bytes(msgspec.json.encode(watched))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
