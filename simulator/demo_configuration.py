"""The configuration, the plan and the patient's records of the simulated treadmill: the product's own format, and short times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from controller.configuration import load_configuration
from messages.patient import Screening
from messages.plan import Plan
from simulator.commissioning import CELL_SERIAL, write_emulated_certificates
from simulator.load_cell import CellParameters
from simulator.rail_cells import RAIL_CELL

CLINIC, TREADMILL = "demo", "simulated"
BASE_TOPIC = f"sternway/v1/{CLINIC}/{TREADMILL}"


def demo_document(device: str = "/dev/shm/drive") -> dict[str, dict[str, Any]]:
    """What differs from the defaults; a rise is offered as often as the limits allow, and for as short a time."""
    cell = CellParameters()
    return {
        "identity": {"clinic": CLINIC, "treadmill": TREADMILL, "mounting": "belt_reversed"},
        "serial": {"device": device, "driver": "reference"},
        "speed": {"increment_interval_s": 10.0, "offer_s": 3.0, "ceiling_m_s": 0.5},
        "calibration": {"zero_counts": cell.zero_counts, "newtons_per_count": cell.newtons_per_count, "cell_serial": CELL_SERIAL},
    }


def write_configuration(directory: Path, devices: Path, broker_port: int, *, rail_cells: bool = False) -> Path:
    """Writes treadmill.toml for processes that live in `directory` and find drive and display in `devices`; returns its path.

    The certificates of the emulated cell and panel lie beside it. rail_cells: whether both rails have load cells.
    """
    socket = directory / "controller.sock"
    for name in ("runtime", "state"):
        (directory / name).mkdir(exist_ok=True)
    document = demo_document(str(devices / "drive"))
    document["paths"] = {
        "runtime_directory": str(directory / "runtime"),
        "state_directory": str(directory / "state"),
        "socket": str(socket),
    }
    document["display"] = {"device": str(devices / "display")}
    document["telemetry"] = {
        "socket_path": str(socket),
        "journal_path": str(directory / "journal.sqlite"),
        "recordings_directory": str(directory / "recordings"),
    }
    if rail_cells:
        document |= _rail_cells()
    document["telemetry.broker"] = {"host": "127.0.0.1", "port": broker_port}
    path = directory / "treadmill.toml"
    path.write_text("\n".join(_table(f"[{name}]", values) for name, values in document.items()))
    write_emulated_certificates(directory, load_configuration(path))
    return path


def _rail_cells() -> dict[str, dict[str, Any]]:
    cell = {"zero_counts": RAIL_CELL.zero_counts, "newtons_per_count": RAIL_CELL.newtons_per_count, "maximum_n": 1000.0}
    table = {"fitted": True, "cell_serial": CELL_SERIAL, **cell}
    return {"load_cell": {"spi_chip_select": False}, "rail_left_cell": table, "rail_right_cell": table}


def write_plan(directory: Path, plan: Plan) -> Path:
    """Writes the plan as a therapist's file would have it; returns its path."""
    values = msgspec.to_builtins(plan)
    phases = values.pop("phases")
    path = directory / "plan.toml"
    path.write_text("\n".join([_table("", values), *(_table("[[phases]]", phase) for phase in phases)]))
    return path


def write_screening(directory: Path, screening: Screening) -> Path:
    """Writes a patient's records as a clinic's file would have them; returns its path."""
    path = directory / "screening.json"
    path.write_bytes(msgspec.json.encode(screening))
    return path


def _table(header: str, values: dict[str, Any]) -> str:
    """One table of strings, numbers and truth values: JSON writes these as TOML does."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([header, *lines, ""])
