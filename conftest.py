"""Writes the outcome of every test that is marked as evidence for a hazard, for `scripts/trace_hazards.py`.

Also: no test fails because the machine was slow; what has a limit in time measures it itself.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

_FOLDER = Path(__file__).parent / "build" / "evidence"
settings.register_profile("sternway", deadline=None)
settings.load_profile("sternway")
_outcomes: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes the worst outcome over the parameters of a test: one that was skipped has shown nothing, and says why."""
    if "hazard" not in report.keywords or (report.when != "call" and report.outcome == "passed"):
        return
    node = report.nodeid.partition("[")[0]
    known = _outcomes.get(node, "passed")
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        if known == "passed":
            _outcomes[node] = report.longrepr[2].replace("Skipped", "skipped", 1)
    elif known == "passed" or report.outcome == "failed":
        _outcomes[node] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes them once, from the process that has heard of all workers."""
    if _outcomes and not hasattr(session.config, "workerinput"):
        _FOLDER.mkdir(parents=True, exist_ok=True)
        (_FOLDER / f"{os.getpid()}.json").write_text(json.dumps(_outcomes, indent=1), encoding="utf-8")
