"""What test runs have shown: written by the test run, merged into docs/safety/evidence.json by the tests' own text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tracing.marks import MarkedTest

Evidence = dict[str, str]
"""Test to the digest of the text with which it passed."""


def read_evidence(path: Path) -> Evidence:
    """Returns what is recorded; nothing while there is no file."""
    if not path.exists():
        return {}
    recorded = json.loads(path.read_text(encoding="utf-8"))
    return {str(node): str(source) for node, source in recorded.items()}


@dataclass(frozen=True)
class Shown:
    """What runs have shown. others: marked tests that failed; skipped: those that could not run here, each with its reason."""

    passed: Evidence
    others: list[str]
    skipped: dict[str, str]


def evidence_of_runs(folder: Path, tests: Iterable[MarkedTest]) -> Shown:
    """Returns what the runs have shown whose outcomes lie in the folder; a test's worst outcome in any of them counts."""
    outcomes: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        for node, outcome in json.loads(path.read_text(encoding="utf-8")).items():
            outcomes[node] = max(outcomes.get(node, outcome), outcome, key=_badness)
    shown = Shown({}, [], {})
    for test in tests:
        outcome = outcomes.get(test.node)
        if outcome == "passed":
            shown.passed[test.node] = test.source
        elif outcome is not None and outcome.startswith("skipped"):
            shown.skipped[test.node] = outcome
        elif outcome is not None:
            shown.others.append(f"{test.node} {outcome}")
    return shown


def _badness(outcome: str) -> int:
    return 0 if outcome == "passed" else 1 if outcome.startswith("skipped") else 2


def with_recorded(shown: Shown, recorded: Mapping[str, str]) -> Evidence:
    """Returns what this machine has shown, and for what it had to skip what was recorded where it could be shown."""
    return {**shown.passed, **{node: recorded[node] for node in shown.skipped if node in recorded}}


def merge(known: Evidence, passed: Evidence, others: Iterable[str], tests: Iterable[MarkedTest]) -> Evidence:
    """Returns what is recorded after a run: newly passed, less what did not pass, less what is no longer marked."""
    failed = {other.rpartition(" ")[0] for other in others}
    marked = {test.node for test in tests}
    merged = {**known, **passed}
    return {node: merged[node] for node in sorted(merged) if node in marked and node not in failed}


def write_evidence(path: Path, evidence: Evidence) -> None:
    """Writes it, one test a line, so that a change reads as one."""
    path.write_text(json.dumps(evidence, indent=1, sort_keys=True) + "\n", encoding="utf-8")
