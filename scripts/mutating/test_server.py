"""Runs chosen tests again and again in a copy of the project, each time in a fork of a process that has loaded the rest.

    python -m mutating.test_server [--with-project PYTEST_ARGUMENT...]

In the copy's root. Every line on standard input is an `Order`, every line on standard output its `Result`. --with-project: load
the project and these tests, too, before forking; without it, a fork loads them itself, and what stands in a file then counts.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Literal

import msgspec
import pytest

from mutating.patching import Patch, Place, called_while, put_in, replacement

_LOADED_FIRST = (
    "_pytest.assertion.rewrite",
    "_pytest.mark",
    "_pytest.python",
    "coverage",
    "hypothesis",
    "hypothesis.extra",
    "hypothesis.internal.conjecture.engine",
    "hypothesis.strategies",
    "jsonschema",
    "msgspec",
    "numpy",
    "pytest_asyncio",
    "serial",
    "transitions",
    "xdist",
)
"""Those that are installed are loaded before the first fork; none of them is the project's."""
_OPTIONS = ("-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_POLL_S = 0.004
_STALLED_FACTOR = 6
"""A fork that uses no processor time is ended after so many times its share: it waits for something that never comes."""


Outcome = Literal["passed", "failed", "empty", "late", "misused", "broken", "unpatched"]
_OUTCOMES: dict[int, Outcome] = {
    pytest.ExitCode.OK: "passed",
    pytest.ExitCode.NO_TESTS_COLLECTED: "empty",
    pytest.ExitCode.INTERNAL_ERROR: "broken",
}
"""By the exit code; any other is a failure."""


class Order(msgspec.Struct, frozen=True):
    """tests: arguments of pytest, in order; the first red one ends the run. cpu_limit_s: processor time of the whole run.

    patch: a function that the loaded project has with a mistake in it, for this run.
    """

    tests: tuple[str, ...]
    cpu_limit_s: int
    patch: Patch | None = None


class Result(msgspec.Struct, frozen=True):
    """outcome: passed; failed (killer: the first red test, empty when not even collecting worked); empty: no test was chosen; late:
    over its time; misused: pytest did not understand what it was asked, and broken: it broke down itself, which both say nothing
    of the code; unpatched: only a fresh import shows the patch.

    words: the end of what pytest said.
    """

    outcome: Outcome
    killer: str = ""
    cpu_s: float = 0.0
    words: str = ""


class _FirstRed:
    """A plugin of pytest that remembers the first test which failed."""

    killer = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.killer:
            self.killer = report.nodeid.partition("[")[0]


def main(arguments: list[str]) -> None:
    orders, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    log = os.open("last_tests.log", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(log, standard)
    for name in _LOADED_FIRST:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    called: frozenset[Place] = frozenset()
    if arguments[:1] == ["--with-project"]:
        called = called_while(partial(pytest.main, [*_OPTIONS, "--collect-only", *arguments[1:]]), Path.cwd())
    for line in orders:
        result = _obey(msgspec.json.decode(line, type=Order), log, called)
        results.write(msgspec.json.encode(result) + b"\n")
        results.flush()


def _obey(order: Order, log: int, called: frozenset[Place]) -> Result:
    functions = replacement(order.patch, called) if order.patch else None
    if order.patch and functions is None:
        return Result("unpatched")
    os.ftruncate(log, 0)
    os.lseek(log, 0, os.SEEK_SET)
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        _run(order, writer, functions)
    os.close(writer)
    late, status, used = _wait(process, order.cpu_limit_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)  # what the tests have started and not ended
    killer = os.read(reader, 4096).decode()
    os.close(reader)
    words = _last_words(log)
    outcome = "late" if late else _outcome_of(status, words)
    return Result(outcome, killer, round(used, 2), "" if outcome == "passed" else words)


def _outcome_of(status: int, words: str) -> Outcome:
    """status: of the ended fork, as the system gives it. words: the end of what pytest said there."""
    if os.WIFSIGNALED(status):
        return "late" if os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL} else "failed"
    code = os.WEXITSTATUS(status)
    if code == pytest.ExitCode.USAGE_ERROR and "unrecognized arguments" in words:
        return "misused"
    return _OUTCOMES.get(code, "failed")


def _run(order: Order, writer: int, functions: tuple[FunctionType, FunctionType] | None) -> None:
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        os.setsid()
        if functions is not None:
            put_in(*functions)
        resource.setrlimit(resource.RLIMIT_CPU, (order.cpu_limit_s, order.cpu_limit_s + 2))
        red = _FirstRed()
        code = int(pytest.main([*_OPTIONS, "-x", *order.tests], plugins=[red]))
        os.write(writer, red.killer.encode())
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(process: int, cpu_limit_s: int) -> tuple[bool, int, float]:
    ends_at_s = time.monotonic() + _STALLED_FACTOR * cpu_limit_s
    late = False
    while True:
        ended, status, usage = os.wait4(process, os.WNOHANG)
        if ended:
            return late, status, usage.ru_utime + usage.ru_stime
        if time.monotonic() > ends_at_s and not late:
            late = True
            os.kill(process, signal.SIGKILL)
        time.sleep(_POLL_S)


def _last_words(log: int) -> str:
    os.lseek(log, 0, os.SEEK_SET)
    with os.fdopen(os.dup(log), encoding="utf-8", errors="replace") as text:
        return "\n".join(text.read().splitlines()[-15:])


if __name__ == "__main__":
    Path("build").mkdir(exist_ok=True)
    main(sys.argv[1:])
