"""Writes what became of every test that is marked as evidence for a hazard, for `scripts/trace_hazards.py`.

Each outcome is that of one case of a test, beside the digest of the test's file as it was loaded and the number of cases that the
test has: a case that was left out (`-k`, `-m`, one named on the command line) leaves the test unshown. Under parallel workers the
process that has heard of all of them writes.

Also: no test fails because the machine was slow; what has a limit in time measures it itself.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from tracing.evidence import Run, badness, node_of
from tracing.marks import digest_of

_FOLDER = Path(__file__).parent / "build" / "evidence"
_PROPERTY = "hazard evidence"
settings.register_profile("sternway", deadline=None)
settings.load_profile("sternway")
_runs: dict[str, Run] = {}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem() -> Generator[None, object, object]:
    """Hangs digest and number of cases on each case; here all cases of a test are seen, whatever is chosen of them later."""
    made = yield
    cases = [case for case in (made if isinstance(made, list) else [made]) if isinstance(case, pytest.Function)]
    for case in cases:
        if case.get_closest_marker("hazard"):
            case.user_properties.append((_PROPERTY, [digest_of(case.path), len(cases)]))
    return made


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes the worst outcome of a case; one that was skipped has shown nothing, and says why."""
    evidence = dict(report.user_properties).get(_PROPERTY)
    if evidence is None or (report.when != "call" and report.outcome == "passed"):
        return
    digest, cases = evidence
    outcome: str = report.outcome
    if outcome == "skipped" and isinstance(report.longrepr, tuple):
        outcome = report.longrepr[2].replace("Skipped", "skipped", 1)
    outcomes = _runs.setdefault(node_of(report.nodeid), Run(digest, cases, {})).outcomes
    outcomes[report.nodeid] = max(outcomes.get(report.nodeid, "passed"), outcome, key=badness)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes them once. A run on drives that somebody chose (`--drive`) shows a part of each test and is no evidence."""
    if _runs and not hasattr(session.config, "workerinput") and not session.config.getoption("drive", None):
        _FOLDER.mkdir(parents=True, exist_ok=True)
        (_FOLDER / f"{os.getpid()}.json").write_bytes(msgspec.json.format(msgspec.json.encode(_runs), indent=1))
