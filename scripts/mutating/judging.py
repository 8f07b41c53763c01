"""Judges mutants: each is put into a copy of the project, and the tests that reach it run there, the likely killers first."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import msgspec

from mutating.borrowing import borrowed
from mutating.mutant import FOLDER, Judged, Mutant, Outcome
from mutating.patching import Patch
from mutating.suites import Reach, Suite, reach_of
from mutating.test_server import Order, Result
from mutating.verdicts import Verdicts
from mutating.workspace import MutationError, Tree

_FIRST_CPU_S = 3.0
"""The cheap tests of a mutant together: most die of them. All mutants meet their first tests before any meets its last."""
_KILLERS_KEPT = 6
_LIMIT_S, _LIMIT_FACTOR = 20, 8
"""A mutant is late when its tests take this much processor time and so many times what they take without it: it loops."""


_OUTCOMES: dict[str, Outcome] = {"passed": "survived", "empty": "survived", "failed": "killed", "late": "timed out"}
_OF_PYTEST = {"misused": "does not understand what it is asked", "broken": "has broken down"}


class Plan:
    """Which tests a mutant is shown, in which order."""

    def __init__(self, reach: Reach, chosen: Callable[[Mutant, Reach], Sequence[str]], dear: tuple[str, ...] = ()) -> None:
        self._reach, self._chosen, self._dear = reach, chosen, dear
        self._killers: dict[tuple[str, str], deque[str]] = defaultdict(lambda: deque(maxlen=_KILLERS_KEPT))

    def stages(self, mutant: Mutant) -> tuple[list[str], list[str], list[str]]:
        """Returns the likely killers, then the cheapest, then the others: together all that reach the mutant, each once.

        Every stage is a run of its own, since pytest loads each file of a run before it shows the mutant to the first test.
        """
        tests = sorted(
            self._chosen(mutant, self._reach),
            key=lambda test: (self._is_far(mutant, test), test.startswith(self._dear), self._cost(test)),
        )
        known = set(tests)
        recent = [*reversed(self._killers[mutant.file, mutant.place]), *reversed(self._killers[mutant.file, ""])]
        likely = [test for test in dict.fromkeys(recent) if test in known]
        cheap: list[str] = []
        rest: list[str] = []
        spent = 0.0
        for test in (test for test in tests if test not in likely):
            spent += self._cost(test)
            (rest if spent > _FIRST_CPU_S or test.startswith(self._dear) else cheap).append(test)
        return likely, cheap, rest

    def limit_s(self, tests: Sequence[str]) -> int:
        return int(_LIMIT_S + _LIMIT_FACTOR * sum(map(self._cost, tests)))

    def note(self, mutant: Mutant, killer: str) -> None:
        """Remembers what has killed: it is likely to kill the next."""
        for place in (mutant.place, ""):
            killers = self._killers[mutant.file, place]
            if killer in killers:
                killers.remove(killer)
            killers.append(killer)

    def _is_far(self, mutant: Mutant, test: str) -> bool:
        watched = self._reach.tests.get(test)
        return watched is None or mutant.file not in watched.lines

    def _cost(self, test: str) -> float:
        watched = self._reach.tests.get(test)
        return watched.cpu_s if watched is not None else 0.0


class Server:
    """A copy of the project with a test server in it. loaded: it has loaded the project before the first test."""

    def __init__(self, tree: Tree, suite: Suite, *, loaded: bool) -> None:
        self._tree, self._suite = tree, suite
        program = [sys.executable, "-m", "mutating.test_server"]
        project = ["--with-project", *suite.options, *suite.places] if loaded else []
        environment = dict(os.environ) | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(Path(__file__).parent.parent)}
        self._process = subprocess.Popen(
            [*program, *project], cwd=tree.path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def close(self) -> None:
        """Ends it: it reads the end of its input."""
        self._process.communicate()

    def run(self, tests: Sequence[str], limit_s: int, patch: Patch | None = None) -> Result:
        """Runs tests in the copy as it stands; with patch, the loaded project has this function with a mistake in it."""
        order = msgspec.json.encode(Order((*self._suite.options, *tests), limit_s, patch))
        to, back = self._process.stdin, self._process.stdout
        if to is None or back is None:
            raise MutationError("the test server has no pipes")
        to.write(order + b"\n")
        to.flush()
        answer = back.readline()
        if not answer:
            raise MutationError("the test server has ended")
        return msgspec.json.decode(answer, type=Result)

    def must_pass(self, tests: Sequence[str], limit_s: int) -> None:
        """Raises MutationError unless these tests pass without a mutant, too: only so does a failure with one mean a kill."""
        result = self.run(tests, limit_s)
        if result.outcome != "passed":
            raise MutationError(f"the tests fail without any mutant; put that right first:\n{result.killer}\n{result.words}")

    def show(self, mutant: Mutant, tests: Sequence[str], limit_s: int) -> Judged:
        """Shows the mutant to these tests until one of them is red. Where none even ran, they must without the mutant."""
        if not tests:
            return Judged(mutant, "survived")
        with self._tree.holding(mutant.file, mutant.text):
            result = self.run(tests, limit_s)
        judged = _judged(mutant, result)
        if result.outcome in {"failed", "empty"} and not result.killer:
            self.must_pass(tests, limit_s)
        return judged

    def show_patched(self, mutant: Mutant, tests: Sequence[str], limit_s: int) -> Judged | None:
        """Shows the mutant, put into the loaded project, to these tests; None where that does not show it."""
        result = self.run(tests, limit_s, Patch(mutant.file, mutant.place, mutant.unit))
        return None if result.outcome == "unpatched" else _judged(mutant, result)


def _judged(mutant: Mutant, result: Result) -> Judged:
    if result.outcome in _OF_PYTEST:
        raise MutationError(f"pytest {_OF_PYTEST[result.outcome]}:\n{result.words}")
    return Judged(mutant, _OUTCOMES[result.outcome], result.killer, result.cpu_s)


def judge(
    mutants: Sequence[Mutant],
    suite: Suite,
    chosen: Callable[[Mutant, Reach], Sequence[str]],
    jobs: int,
    verdicts: Verdicts,
    ends_at_s: float = float("inf"),
) -> list[Judged]:
    """Returns the verdicts; those that fall after `ends_at_s` (time.monotonic) are left for another run.

    chosen: the tests that may kill a mutant, in any order. Raises MutationError when a test fails without any mutant.
    """
    if not mutants:
        return []
    before = [judged for mutant in mutants if (judged := verdicts.of(mutant)) is not None]
    known = {judged.mutant.key for judged in before}
    left = [mutant for mutant in mutants if mutant.key not in known]
    if not left or time.monotonic() > ends_at_s:
        return before
    jobs = min(jobs, len(left))
    trees = [Tree(FOLDER / f"tree-{number}", suite.places) for number in range(jobs)]
    plan = Plan(reach_of(suite, trees), chosen, suite.dear)
    for mutant, killer in verdicts.killers():
        plan.note(mutant, killer)
    servers, loaded = _servers(trees, suite, loaded=not suite.of_python), Queue[Server]()
    if left[0].part == "functions":
        loaded = _servers([Tree(FOLDER / f"tree-loaded-{number}", suite.places) for number in range(jobs)], suite, loaded=True)
    run = _Run(servers, loaded, plan, verdicts, _Progress(len(left), f"{left[0].part}, {len(before)} known before"), ends_at_s)
    try:
        for queue in (servers, loaded):
            _check_alone(queue, plan, left[0])
        with ThreadPoolExecutor(jobs) as pool:
            first = [judged for judged in pool.map(run.first, left) if judged is not None]
            last = [
                judged for judged in pool.map(run.last, [one for one in first if one.outcome == "survived"]) if judged is not None
            ]
    finally:
        for queue in (servers, loaded):
            while not queue.empty():
                queue.get().close()
    sys.stderr.write("\n")
    return [*before, *(one for one in first if one.outcome != "survived"), *last]


def _servers(trees: Sequence[Tree], suite: Suite, *, loaded: bool) -> Queue[Server]:
    servers: Queue[Server] = Queue()
    for tree in trees:
        servers.put(Server(tree, suite, loaded=loaded))
    return servers


def share_ends_at_s(now_s: float, ends_at_s: float, parts_left: int) -> float:
    """Returns when the first of so many parts has used its share of what is left, all in s of time.monotonic."""
    return now_s + (ends_at_s - now_s) / parts_left


class _Run:
    """The two passes of a run: the first tests of every mutant, then the others of those that are left.

    loaded: servers that may show a mutant of a function without a fresh import; none for other mutants. What passes there is shown
    to the same tests again by a fresh import: only a kill counts.
    """

    def __init__(
        self,
        servers: Queue[Server],
        loaded: Queue[Server],
        plan: Plan,
        verdicts: Verdicts,
        progress: _Progress,
        ends_at_s: float,
    ) -> None:
        self._servers, self._loaded = servers, loaded
        self._plan, self._verdicts, self._progress = plan, verdicts, progress
        self._ends_at_s = ends_at_s

    def first(self, mutant: Mutant) -> Judged | None:
        """Returns what the likely killers say; None when the time is over. One that they let pass is not judged yet."""
        likely, cheap, _ = self._plan.stages(mutant)
        patched = self._show_patched(mutant, [*likely, *cheap])
        judged = patched if patched is not None and patched.killer else _and_before(patched, self._show(mutant, likely))
        if judged is not None and judged.outcome == "survived":
            judged = _and_before(judged, self._show(mutant, cheap))
        if judged is not None and judged.outcome != "survived":
            self._note(judged)
        elif judged is not None:
            sys.stderr.write(f"\rnot killed at once: {mutant.sentence}\n")
        return judged

    def last(self, before: Judged) -> Judged | None:
        """Returns the verdict on one that the likely killers let pass; None when the time is over."""
        judged = _and_before(
            before, self._show(before.mutant, [test for stage in self._plan.stages(before.mutant) for test in stage])
        )
        if judged is not None:
            self._note(judged)
        return judged

    def _show(self, mutant: Mutant, tests: Sequence[str]) -> Judged | None:
        if time.monotonic() > self._ends_at_s:
            return None
        with borrowed(self._servers) as server:
            return server.show(mutant, tests, self._plan.limit_s(tests))

    def _show_patched(self, mutant: Mutant, tests: Sequence[str]) -> Judged | None:
        """Returns what the loaded project's tests say, of which only a kill by a test counts; None where they are not asked."""
        if self._loaded.empty() or not tests or time.monotonic() > self._ends_at_s:
            return None
        with borrowed(self._loaded) as server:
            return server.show_patched(mutant, tests, self._plan.limit_s(tests))

    def _note(self, judged: Judged) -> None:
        if judged.killer:
            self._plan.note(judged.mutant, judged.killer)
        self._verdicts.add(judged)
        self._progress.note(judged)


def _and_before(before: Judged | None, judged: Judged | None) -> Judged | None:
    """Returns the later verdict, with the time of the earlier tests in it."""
    if before is None:
        return judged
    return judged and msgspec.structs.replace(judged, cpu_s=round(before.cpu_s + judged.cpu_s, 2))


def _check_alone(servers: Queue[Server], plan: Plan, mutant: Mutant) -> None:
    """In every copy, tests pass without a mutant."""
    for _ in range(servers.qsize()):
        server = servers.get()
        servers.put(server)
        likely, cheap, rest = plan.stages(mutant)
        tests = [*likely, *cheap] or rest[:1]  # never none: pytest takes that for all there are
        server.must_pass(tests, plan.limit_s(tests))


class _Progress:
    """One line that counts, and a line for each survivor."""

    def __init__(self, total: int, name: str) -> None:
        self._total, self._name = total, name
        self._done = self._survived = 0
        self._lock = threading.Lock()

    def note(self, judged: Judged) -> None:
        with self._lock:
            self._done += 1
            if judged.outcome != "killed":
                self._survived += judged.outcome == "survived"
                sys.stderr.write(f"\r{judged.outcome}: {judged.mutant.sentence}\n")
            sys.stderr.write(f"\r{self._name}: {self._done} of {self._total} judged, {self._survived} survived")
            sys.stderr.flush()
