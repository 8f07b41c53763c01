"""What test runs have shown: written by the test run (conftest.py), merged into docs/safety/evidence.json by the tests' files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tracing.marks import MarkedTest, digest_of

Evidence = dict[str, str]
"""Test to the digest of its file with which all its cases passed."""


class Run(msgspec.Struct, frozen=True):
    """One test in one run. file: digest of its file as it was loaded. cases: how many it has. outcomes: of those that ran."""

    file: str
    cases: int
    outcomes: dict[str, str]


@dataclass(frozen=True)
class Shown:
    """What runs have shown.

    failed: with its outcome. skipped: could not run here, with the reason. unshown: some case did not run, or the file is another
    now than the one that ran.
    """

    passed: Evidence = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    unshown: dict[str, str] = field(default_factory=dict)


def node_of(case: str) -> str:
    """Returns the test that a case belongs to: its name without the parameters."""
    return case.partition("[")[0]


def badness(outcome: str) -> int:
    """Orders outcomes: a failure outranks a skip outranks a pass."""
    return 0 if outcome == "passed" else 1 if outcome.startswith("skipped") else 2


def read_evidence(path: Path) -> Evidence:
    """Returns what is recorded; nothing while there is no file."""
    if not path.exists():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=Evidence)


def evidence_of_runs(folder: Path, tests: Iterable[MarkedTest]) -> Shown:
    """Returns what the runs have shown whose outcomes lie in the folder; a case's worst outcome in any of them counts."""
    runs = _runs_in(folder)
    shown = Shown()
    for test in tests:
        if test.node in runs:
            _judge(shown, test, runs[test.node])
    return shown


def unread_tests(folder: Path, tests: Iterable[MarkedTest], root: Path) -> list[str]:
    """Returns a line for each test that ran as evidence, with its file as it is now, and of which no mark was read."""
    read = {test.node for test in tests}
    return [
        f"{node}: ran as evidence, and no hazard mark of it is read; scripts/tracing/marks.py says how to set one"
        for node, runs in _runs_in(folder).items()
        if node not in read and _is_as_it_ran(root / node.partition("::")[0], runs)
    ]


def _is_as_it_ran(file: Path, runs: Iterable[Run]) -> bool:
    return file.is_file() and digest_of(file) in {run.file for run in runs}


def _runs_in(folder: Path) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {}
    for path in sorted(folder.glob("*.json")):
        for node, run in msgspec.json.decode(path.read_bytes(), type=dict[str, Run]).items():
            runs.setdefault(node, []).append(run)
    return runs


def _judge(shown: Shown, test: MarkedTest, runs: list[Run]) -> None:
    same = [run for run in runs if run.file == test.file]
    if not same:
        shown.unshown[test.node] = "its file has changed since it ran"
        return
    outcomes: dict[str, str] = {}
    for run in same:
        for case, outcome in run.outcomes.items():
            outcomes[case] = max(outcomes.get(case, outcome), outcome, key=badness)
    worst = max(outcomes.values(), key=badness)
    cases = max(run.cases for run in same)
    if badness(worst) == 2:
        shown.failed[test.node] = worst
    elif badness(worst) == 1:
        shown.skipped[test.node] = worst
    elif len(outcomes) < cases:
        shown.unshown[test.node] = f"{len(outcomes)} of its {cases} cases ran"
    else:
        shown.passed[test.node] = test.file


def with_recorded(shown: Shown, recorded: Mapping[str, str]) -> Evidence:
    """Returns what this machine has shown, and for what it had to skip what was recorded where it could be shown."""
    return {**shown.passed, **{node: recorded[node] for node in shown.skipped if node in recorded}}


def merge(known: Evidence, shown: Shown, tests: Iterable[MarkedTest]) -> Evidence:
    """Returns what is recorded after a run: newly passed, less what did not pass, less what is no longer marked."""
    marked = {test.node for test in tests}
    merged = {**known, **shown.passed}
    return {node: merged[node] for node in sorted(merged) if node in marked and node not in shown.failed}


def write_evidence(path: Path, evidence: Evidence) -> None:
    """Writes it, one test a line, so that a change reads as one."""
    path.write_text(json.dumps(evidence, indent=1, sort_keys=True) + "\n", encoding="utf-8")
