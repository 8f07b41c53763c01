"""The gate between hazards, controls, code and tests; writes docs/safety/trace.md.

--check fails on: a hazard without a passed test of each kind it requires, a hazard's control without a passed test marked with
both, an unknown id, a mark that it cannot read, a control absent from code, an entry changed without its review stamp, a page out
of date. A test has passed when every one of its cases has, with its file as it is now. What only an inspection could show is never
counted as shown.
--proven FOLDER judges by the outcomes of this very run: what it had to skip is named, and stands on the record of a run that could
show it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tracing.analysis import INSPECTION, Analysis, AnalysisError, judge_analysis, judge_documents, read_analysis, stamp
from tracing.evidence import Evidence, Shown, evidence_of_runs, merge, read_evidence, unread_tests, with_recorded, write_evidence
from tracing.marks import MarkedTest, control_places, marked_tests, unread_marks
from tracing.page import trace_page

ROOT = Path(__file__).resolve().parent.parent


def judge(analysis: Analysis, places: dict[str, list[str]], tests: list[MarkedTest], evidence: Evidence) -> list[str]:
    """Returns everything for which the gate stays shut."""
    wrong = judge_analysis(analysis)
    wrong += [f"{files[0]}: unknown control {name}" for name, files in places.items() if name not in analysis.ids]
    needed = [control.id for control in analysis.control if control.shown_by != INSPECTION]
    wrong += [f"{name} is marked nowhere in code or wiring" for name in needed if name not in places]
    wrong += [f"{test.node}: unknown id {mark}" for test in tests for mark in test.marks if mark not in analysis.ids]
    wrong += _unshown(tests, evidence)
    passed = [test for test in tests if evidence.get(test.node) == test.file]
    for hazard in analysis.hazard:
        own = [test for test in passed if hazard.id in test.marks]
        kinds = {test.kind for test in own} | {INSPECTION}
        wrong += [f"{hazard.id} has no passed test of kind {kind}" for kind in hazard.verification if kind not in kinds]
        shown = {mark for test in own for mark in test.marks} | analysis.inspected
        wrong += [f"{hazard.id} and {name} have no passed test marked with both" for name in hazard.controls if name not in shown]
    return wrong


def _unshown(tests: list[MarkedTest], evidence: Evidence) -> list[str]:
    """One line for each file of tests: in a file that has changed all are open again."""
    files: dict[str, list[str]] = {}
    for test in tests:
        if evidence.get(test.node) != test.file:
            file, _, name = test.node.partition("::")
            files.setdefault(file, []).append(name)
    return [
        f"{file}: not recorded as passed with this file as it is now: {', '.join(names)}; run `make test`, then `make trace`"
        for file, names in files.items()
    ]


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
    shown, unread = Shown(), unread_marks(options.root)
    if runs := options.proven or options.record:
        shown, unread = evidence_of_runs(runs, tests), [*unread, *unread_tests(runs, tests, options.root)]
        evidence = with_recorded(shown, evidence) if options.proven else merge(evidence, shown, tests)
    if options.record:
        write_evidence(safety / "evidence.json", evidence)
    wrong = [f"{node} {outcome}" for node, outcome in shown.failed.items()]
    wrong += [*judge(analysis, places, tests, evidence), *judge_documents(analysis, options.root), *unread]
    page = trace_page(analysis, places, tests, evidence)
    target = safety / "trace.md"
    if options.record:
        target.write_text(page, encoding="utf-8")
    elif not options.proven and (not target.exists() or target.read_text(encoding="utf-8") != page):
        wrong.append("docs/safety/trace.md is out of date: run `make trace`")
    for node, reason in {**shown.skipped, **shown.unshown}.items():
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
