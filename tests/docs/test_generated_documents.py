"""The generated pages say all that the code says, are up to date, and a page that is not is found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from controller.configuration_tables import TABLES
from controller.core.chart import EXERCISING_STATES, LATCHED_STATES, TRANSITIONS, State, Trigger
from controller.core.events import EVENT_TABLE, EventRule
from controller.core.inputs import INPUT_TABLE, InputRule
from controller.session.facts import Rule
from controller.session.rules import RULES

ROOT = Path(__file__).parents[2]
GENERATED = (
    "docs/states.md",
    "docs/events.md",
    "docs/inputs.md",
    "docs/configuration.md",
    "docs/prescription.md",
    "config/treadmill.toml",
    "docs/sternway.1",
    "config/sternway.bash-completion",
)


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/generate_docs.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_generated_document_is_up_to_date() -> None:
    done = generate("--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_documents_that_are_changed_or_missing_are_found_and_mended(tmp_path: Path) -> None:
    written = [line.removeprefix("written: ") for line in generate("--root", str(tmp_path)).stdout.splitlines()]
    assert set(GENERATED) <= set(written)
    (tmp_path / "docs/events.md").write_text("changed by hand", encoding="utf-8")
    (tmp_path / "config/treadmill.toml").unlink()
    done = generate("--check", "--root", str(tmp_path))
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["docs/events.md", "config/treadmill.toml"]
    assert generate("--root", str(tmp_path)).returncode == 0
    assert {path: (tmp_path / path).read_text(encoding="utf-8") for path in written} == {path: text(path) for path in written}


def arrows() -> set[tuple[State, Trigger, State]]:
    """The diagram's arrows, with each group written out."""
    groups: dict[str, tuple[State, ...]] = {state.value: (state,) for state in State}
    groups["exercising"] = EXERCISING_STATES
    groups["latched"] = LATCHED_STATES
    groups["any_unlatched"] = tuple(state for state in State if state not in LATCHED_STATES)
    drawn = re.findall(r"^    (\w+) --> (\w+) : (\w+)$", text("docs/states.md"), re.MULTILINE)
    return {(state, Trigger(trigger), State(destination)) for source, destination, trigger in drawn for state in groups[source]}


def test_the_diagram_draws_every_transition_and_no_other() -> None:
    assert arrows() == {(state, trigger, destination) for (state, trigger), destination in TRANSITIONS.items()}


def test_the_table_has_every_transition_and_no_other() -> None:
    page = text("docs/states.md")
    rows = re.findall(r"^\| ([a-z ]+) \| ([a-z ]+) \| ([a-z ]+) \|$", page.partition("## All")[2], re.MULTILINE)
    found = {tuple(cell.replace(" ", "_") for cell in row) for row in rows} - {("from", "trigger", "to")}
    assert found == {(state.value, trigger.value, to.value) for (state, trigger), to in TRANSITIONS.items()}


@pytest.mark.parametrize("rule", EVENT_TABLE, ids=lambda rule: rule.event.value)
def test_every_event_has_its_row(rule: EventRule) -> None:
    (row,) = [line for line in text("docs/events.md").splitlines() if line.startswith(f"| `{rule.event.value}` |")]
    assert rule.text in row
    assert rule.remedy in row
    assert rule.effect.name.lower().replace("_", " ") in row


@pytest.mark.parametrize("rule", INPUT_TABLE, ids=lambda rule: rule.input.name)
def test_every_input_has_its_row(rule: InputRule) -> None:
    name = rule.input.name.lower().replace("_", " ")
    table = text("docs/inputs.md").partition("\n## ")[0]
    (row,) = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
    assert rule.effect in row


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_screening_rule_has_its_row_with_what_it_caps_and_where_it_comes_from(rule: Rule) -> None:
    (row,) = [line for line in text("docs/prescription.md").splitlines() if line.startswith(f"| `{rule.name}` |")]
    assert rule.what in row
    assert rule.source in row


def test_every_table_of_the_configuration_has_its_section() -> None:
    sections = re.findall(r"^## \[(.+)\]$", text("docs/configuration.md"), re.MULTILINE)
    assert sections == [*TABLES, "telemetry", "telemetry.broker", "telemetry.broker.tls"]
