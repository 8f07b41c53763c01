"""Reads a session's plan from a TOML file, with every mistake named at once.

The file says what the plan is; whether this treadmill may run it is judged afterwards, by `controller.session.caps`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.session.caps import MAXIMUM_PHASES
from messages.plan import Phase, Plan
from settings_files.problems import Problem, ProblemsError, written
from settings_files.toml_tables import read_table, read_toml

MAXIMUM_BYTES = 64 * 1024


class PlanFileError(ProblemsError):
    """The plan cannot be read; `problems` has every mistake of the file, and so has the text."""


def load_plan(path: Path) -> Plan:
    """Returns the plan in the file; raises PlanFileError with every mistake, an unreadable file among them."""
    document, problems = read_toml(path, MAXIMUM_BYTES)
    if problems:
        raise PlanFileError(str(path), problems)
    return parse_plan(document, str(path))


def parse_plan(document: dict[str, Any], source: str = "plan") -> Plan:
    """Returns the plan in a parsed document; raises PlanFileError, whose text begins with `source`."""
    head = {key: value for key, value in document.items() if key != "phases"}
    reading = read_table(Plan, head, "", derived=("phases",))
    phases, problems = _read_phases(document.get("phases"))
    problems = (*reading.problems, *problems)
    if problems:
        raise PlanFileError(source, problems)
    return Plan(phases=phases, **reading.values)


def _read_phases(tables: object) -> tuple[tuple[Phase, ...], tuple[Problem, ...]]:
    allowed = f"1 to {MAXIMUM_PHASES} tables [[phases]]"
    if tables is None:
        return (), (Problem("phases", "", allowed, "add the session's phases in their order"),)
    if not isinstance(tables, list) or not 1 <= len(tables) <= MAXIMUM_PHASES:
        return (), (Problem("phases", written(tables), allowed, "write each phase below [[phases]]"),)
    phases: list[Phase] = []
    problems: list[Problem] = []
    for index, table in enumerate(tables):
        reading = read_table(Phase, table, f"phases[{index}]", header="[[phases]]")
        problems += reading.problems
        if not reading.problems:
            phases.append(Phase(**reading.values))
    return tuple(phases), tuple(problems)
