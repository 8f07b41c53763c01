"""What test runs have shown: written by the test run, merged into docs/safety/evidence.json by the tests' own text."""

from __future__ import annotations

import json
from collections.abc import Iterable
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


def evidence_of_runs(folder: Path, tests: Iterable[MarkedTest]) -> tuple[Evidence, list[str]]:
    """Returns what passed in the runs whose outcomes lie in the folder, and which marked tests did anything else."""
    outcomes: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        for node, outcome in json.loads(path.read_text(encoding="utf-8")).items():
            if outcomes.get(node, "passed") == "passed":
                outcomes[node] = outcome
    passed: Evidence = {}
    others = []
    for test in tests:
        outcome = outcomes.get(test.node)
        if outcome == "passed":
            passed[test.node] = test.source
        elif outcome is not None:
            others.append(f"{test.node} {outcome}")
    return passed, others


def merge(known: Evidence, passed: Evidence, others: Iterable[str], tests: Iterable[MarkedTest]) -> Evidence:
    """Returns what is recorded after a run: newly passed, less what did not pass, less what is no longer marked."""
    failed = {other.rpartition(" ")[0] for other in others}
    marked = {test.node for test in tests}
    merged = {**known, **passed}
    return {node: merged[node] for node in sorted(merged) if node in marked and node not in failed}


def write_evidence(path: Path, evidence: Evidence) -> None:
    """Writes it, one test a line, so that a change reads as one."""
    path.write_text(json.dumps(evidence, indent=1, sort_keys=True) + "\n", encoding="utf-8")
