"""The gate between hazards, controls, code and tests; writes docs/safety/trace.md.

--check fails on: a hazard without a passed test of each kind it requires, a control without a test, an unknown id, a control absent
from code, an entry changed without its review stamp, a page out of date. --proven FOLDER judges by the outcomes of this very run:
what it had to skip is named, and stands on the record of a run that could show it, as long as the test's text is the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tracing.analysis import Analysis, AnalysisError, judge_analysis, read_analysis, stamp
from tracing.evidence import Evidence, Shown, evidence_of_runs, merge, read_evidence, with_recorded, write_evidence
from tracing.marks import MarkedTest, control_places, marked_tests
from tracing.page import trace_page

ROOT = Path(__file__).resolve().parent.parent


def judge(analysis: Analysis, places: dict[str, list[str]], tests: list[MarkedTest], evidence: Evidence) -> list[str]:
    """Returns everything for which the gate stays shut."""
    wrong = judge_analysis(analysis)
    wrong += [f"{files[0]}: unknown control {name}" for name, files in places.items() if name not in analysis.ids]
    wrong += [f"{control.id} is marked nowhere in code or wiring" for control in analysis.control if control.id not in places]
    wrong += [f"{test.node}: unknown id {mark}" for test in tests for mark in test.marks if mark not in analysis.ids]
    for test in tests:
        if test.node not in evidence:
            wrong.append(f"{test.node} has not passed: run `make test` and `make trace`")
        elif evidence[test.node] != test.source:
            wrong.append(f"{test.node} has changed since it last passed: run `make test` and `make trace`")
    passed = [test for test in tests if evidence.get(test.node) == test.source]
    for hazard in analysis.hazard:
        kinds = {test.kind for test in passed if hazard.id in test.marks}
        wrong += [f"{hazard.id} has no passed test of kind {kind}" for kind in hazard.verification if kind not in kinds]
    shown = {mark for test in passed for mark in test.marks}
    wrong += [f"{control.id} has no passed test" for control in analysis.control if control.id not in shown]
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the gate, or records and writes; returns 0, or 1 when something is wrong."""
    options = _parser().parse_args(arguments)
    safety = options.root / "docs" / "safety"
    try:
        if options.stamp:
            stamp(safety / "hazards.toml", frozenset(options.stamp), datetime.now(UTC).date().isoformat())
        analysis = read_analysis(safety / "hazards.toml")
    except AnalysisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    places, tests = control_places(options.root), marked_tests(options.root)
    evidence = read_evidence(safety / "evidence.json")
    shown = Shown({}, [], {})
    if options.proven or options.record:
        shown = evidence_of_runs(options.proven or options.record, tests)
        evidence = with_recorded(shown, evidence) if options.proven else merge(evidence, shown.passed, shown.others, tests)
    if options.record:
        write_evidence(safety / "evidence.json", evidence)
    wrong = [*shown.others, *judge(analysis, places, tests, evidence)]
    page = trace_page(analysis, places, tests, evidence)
    target = safety / "trace.md"
    if options.record:
        target.write_text(page, encoding="utf-8")
    elif not options.proven and (not target.exists() or target.read_text(encoding="utf-8") != page):
        wrong.append("docs/safety/trace.md is out of date: run `make trace`")
    for node, reason in shown.skipped.items():
        sys.stdout.write(f"not shown here: {node}, {reason}\n")
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"{len(analysis.hazard)} hazards, {len(analysis.control)} controls, {len(tests)} tests marked\n")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's directory")
    parser.add_argument("--check", action="store_true", help="judge by what is recorded, write nothing (the default)")
    parser.add_argument("--proven", type=Path, metavar="FOLDER", help="judge by the outcomes of the runs recorded in this folder")
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="record those outcomes, and write the page")
    parser.add_argument(
        "--stamp", nargs="+", metavar="ID", default=[], help="renew the review stamp of these entries, once read again"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
