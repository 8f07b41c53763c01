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


def judge_files(mutants: Sequence[Mutant], stages: Stages, everything: Sequence[str], jobs: int) -> list[Judged]:
    """Returns the verdicts in order; raises MutationError when the tests fail without any mutant."""
    if not mutants:
        return []
    trees: Queue[Tree] = Queue()
    for number in range(jobs):
        trees.put(Tree(FOLDER / f"tree-{number}"))
    progress = _Progress(len(mutants), mutants[0].part)
    with ThreadPoolExecutor(jobs) as pool:
        for finished in [pool.submit(_must_pass, trees, everything) for _ in range(jobs)]:
            finished.result()

        def judge(mutant: Mutant) -> Judged:
            tree = trees.get()
            try:
                outcome = _outcome(tree, mutant, stages(mutant))
            finally:
                tree.restore(mutant.file)
                trees.put(tree)
            progress.note(mutant, outcome)
            return Judged(mutant, outcome)

        judged = list(pool.map(judge, mutants))
    sys.stderr.write("\n")
    return judged


def _must_pass(trees: Queue[Tree], everything: Sequence[str]) -> None:
    """Also compiles every module once, so that mutants need only compile their own."""
    tree = trees.get()
    try:
        if tree.run_tests(everything, compile_first=True) != _PASSED:
            raise MutationError(f"the tests fail without any mutant; put that right first:\n{tree.last_words()}")
    finally:
        trees.put(tree)


def _outcome(tree: Tree, mutant: Mutant, stages: Sequence[Sequence[str]]) -> Outcome:
    tree.write(mutant.file, mutant.text)
    for arguments in stages:
        try:
            code = tree.run_tests(arguments)
        except subprocess.TimeoutExpired:
            try:
                code = tree.run_tests(arguments)  # a busy machine is no kill: it must happen twice
            except subprocess.TimeoutExpired:
                return "timed out"
        if code not in {_PASSED, _NOTHING_TO_RUN}:
            return "killed"
    return "survived"


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
