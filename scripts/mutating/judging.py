"""Judges mutants that are files: each is put into a copy of the project, and tests run there, the likely killers first."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

from mutating.mutant import FOLDER, Judged, Mutant, Outcome
from mutating.workspace import MutationError, Tree

Stages = Callable[[Mutant], Sequence[Sequence[str]]]
"""The arguments of pytest, stage by stage."""

_PASSED, _NOTHING_TO_RUN = 0, 5


def judge_files(mutants: Sequence[Mutant], stages: Stages, jobs: int) -> list[Judged]:
    """Returns the verdicts in order; raises MutationError when a stage's tests fail without any mutant."""
    if not mutants:
        return []
    trees: Queue[Tree] = Queue()
    for number in range(jobs):
        trees.put(Tree(FOLDER / f"tree-{number}"))
    progress = _Progress(len(mutants), mutants[0].part)
    passes = _PassesAlone()

    def judge(mutant: Mutant) -> Judged:
        tree = trees.get()
        try:
            outcome = _outcome(tree, mutant, stages(mutant), passes)
        finally:
            trees.put(tree)
        progress.note(mutant, outcome)
        return Judged(mutant, outcome)

    with ThreadPoolExecutor(jobs) as pool:
        judged = list(pool.map(judge, mutants))
    sys.stderr.write("\n")
    return judged


class _PassesAlone:
    """Runs each stage's tests once without a mutant, before the first mutant meets them: only so does a failure mean a kill."""

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    def check(self, tree: Tree, arguments: Sequence[str]) -> None:
        with self._lock:
            if tuple(arguments) in self._known:
                return
            if tree.run_tests(arguments, compile_first=True) not in {_PASSED, _NOTHING_TO_RUN}:
                raise MutationError(f"the tests fail without any mutant; put that right first:\n{tree.last_words()}")
            self._known.add(tuple(arguments))


def _outcome(tree: Tree, mutant: Mutant, stages: Sequence[Sequence[str]], passes: _PassesAlone) -> Outcome:
    for arguments in stages:
        passes.check(tree, arguments)
        tree.write(mutant.file, mutant.text)
        try:
            code = _run_twice_if_late(tree, arguments)
        finally:
            tree.restore(mutant.file)
        if code is None:
            return "timed out"
        if code not in {_PASSED, _NOTHING_TO_RUN}:
            return "killed"
    return "survived"


def _run_twice_if_late(tree: Tree, arguments: Sequence[str]) -> int | None:
    """Returns the exit code, or None when the tests timed out twice: a busy machine is no kill."""
    for _ in range(2):
        try:
            return tree.run_tests(arguments)
        except subprocess.TimeoutExpired:
            continue
    return None


class _Progress:
    """One line that counts, and a line for each survivor."""

    def __init__(self, total: int, part: str) -> None:
        self._total, self._part = total, part
        self._done = self._survived = 0
        self._lock = threading.Lock()

    def note(self, mutant: Mutant, outcome: Outcome) -> None:
        with self._lock:
            self._done += 1
            if outcome == "survived":
                self._survived += 1
                sys.stderr.write(f"\rsurvived: {mutant.sentence}\n")
            sys.stderr.write(f"\r{self._part}: {self._done} of {self._total} judged, {self._survived} survived")
            sys.stderr.flush()
