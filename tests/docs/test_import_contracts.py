"""The table of docs/architecture.md has a contract for each row, and each contract says no to an import that its row forbids."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS: list[str] = [contract["name"] for contract in LINTER["contracts"]]
HELD_OTHERWISE = {"packaging/", "config/", "systemd/", "docs/"}
ASKS_THE_CONTROLLER = {"controller.command_client", "controller.configuration", "controller.configuration_tables", "messages.wire"}
NO_NETWORK, PINS = "What moves the belt has no network", "Only the hardware package touches the pins"

PLANTS: tuple[tuple[str, str, str], ...] = (
    ("controller/core/", "controller.core.trips", "controller.session.caps"),
    ("controller/core/", "controller.core.trips", "controller.durable_file"),
    ("controller/core/", "controller.core.ramp", "time"),
    ("controller/session/", "controller.session.caps", "controller.local_clock"),
    ("controller/session/", "controller.session.caps", "controller.hardware.errors"),
    ("controller/hardware/", "controller.hardware.edges", "controller.session.week"),
    ("controller/hardware/", "controller.hardware.edges", "controller.memory"),
    ("controller/commissioning/", "controller.commissioning.calibrate", "controller.configuration"),
    ("controller/commissioning/", "controller.commissioning.panel_bench", "firmware_bridge.drive"),
    ("controller/", "controller.scan", "telemetry.backoff"),
    ("controller/", "controller.scan", "simulator.hands"),
    ("firmware_bridge/", "firmware_bridge.codec", "messages.wire"),
    ("messages/", "messages.wire", "settings_files.units"),
    ("settings_files/", "settings_files.units", "messages.journal"),
    ("telemetry/", "telemetry.topics", "controller.configuration"),
    ("desk/", "desk.gait", "telemetry.publisher"),
    ("desk/", "desk.gait", "controller.memory"),
    ("desk/", "desk.today", "socket"),
    ("replay/", "replay.table", "desk.gait"),
    ("replay/", "replay.table", "controller.service"),
    ("simulator/", "simulator.hands", "evaluation.kinds"),
    ("evaluation/", "evaluation.kinds", "telemetry.backoff"),
    ("exploration/", "exploration.laws", "telemetry.backoff"),
    ("exploration/", "exploration.laws", "firmware_bridge.codec"),
    ("fuzzing/", "simulator.patient", "fuzzing.targets"),
    ("fuzzing/", "telemetry.utc", "hil_tests.bench"),
    (NO_NETWORK, "controller.memory", "asyncio"),
    (PINS, "controller.scan_loop", "spidev"),
)
"""The contract's first word or name, the module that imports what it must not, and what it imports."""


def contract_of(start: str) -> str:
    return next(name for name in CONTRACTS if name == start or re.split(r"[ ,]", name)[0] == start)


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a copy of the packages with every plant in it: what import-linter says of each broken contract."""
    copy = tmp_path_factory.mktemp("planted")
    for package in LINTER["root_packages"]:
        shutil.copytree(ROOT / package, copy / package, ignore=lambda folder, names: [n for n in names if not _is_code(folder, n)])
    shutil.copy(ROOT / "pyproject.toml", copy)
    for _, module, imported in PLANTS:
        with (copy / module.replace(".", "/")).with_suffix(".py").open("a", encoding="utf-8") as file:
            file.write(f"import {imported}\n")
    linter = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "400", "NO_COLOR": "1"}
    run = subprocess.run(linter, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    said = run.stdout.partition("Broken contracts")[2]
    parts = re.split(rf"^({'|'.join(map(re.escape, CONTRACTS))})\n-+$", said, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _is_code(folder: str, name: str) -> bool:
    return name.endswith(".py") or (Path(folder, name).is_dir() and name != "__pycache__")


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant[1]} imports {plant[2]}")
def test_an_import_that_a_row_forbids_breaks_its_contract(plant: tuple[str, str, str], complaints: dict[str, str]) -> None:
    start, module, imported = plant
    seen = imported.partition(".")[0] if imported.partition(".")[0] not in LINTER["root_packages"] else imported
    assert re.search(rf"{re.escape(module)} -> {re.escape(seen)} ", complaints.get(contract_of(start), "")), complaints


def test_every_contract_has_a_plant() -> None:
    assert {contract_of(start) for start, _, _ in PLANTS} == set(CONTRACTS)


def test_every_row_of_the_table_has_its_contract() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`[^|]*/`) \|", page, flags=re.MULTILINE)
    rows = {directory for cell in first_cells for directory in re.findall(r"`([^`]+)`", cell)}
    held = {word for name in CONTRACTS for word in re.findall(r"[a-z_/]+/(?![a-z])", name)}
    assert rows == held | HELD_OTHERWISE


def test_packaging_imports_nothing_but_what_asks_the_controller() -> None:
    ours = {*LINTER["root_packages"], "tests", "hil_tests"}
    for path in (ROOT / "packaging").rglob("*"):
        source = path.read_text(encoding="utf-8") if path.is_file() and path.suffix != ".pyc" else ""
        if path.suffix == ".py" or re.match(r"#!.*python", source):
            found = {name for name in _imported(source) if name.partition(".")[0] in ours}
            assert found == (ASKS_THE_CONTROLLER if path.name == "refuse-during-session" else set()), path


def _imported(source: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
