"""The rail cells that are fitted, with what lies beside the configuration as their certificates."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from controller.commissioning.cells import CELLS
from controller.commissioning.certificate import CalibrationCertificate
from controller.configuration import Configuration
from controller.rail_loads import FittedCell, judge_rail_cell
from controller.readiness_watch import read_calibration


def fitted_rail_cells(configuration: Configuration, directory: Path) -> dict[str, FittedCell]:
    """Returns them by name; never raises. directory: where the configuration lies."""
    return {
        name: FittedCell(cell.calibration, read_calibration(directory, CELLS[name]))
        for name, cell in configuration.rails.fitted.items()
    }


def rail_cell_reasons(configuration: Configuration, directory: Path, now: datetime) -> dict[str, str]:
    """Returns for each fitted rail cell why it counts as uncalibrated, or an empty string.

    Whether the pins are real is not known here: a certificate of an emulated cell counts as one of emulated pins.
    """
    reasons = {}
    for name, cell in fitted_rail_cells(configuration, directory).items():
        emulated = isinstance(cell.certificate, CalibrationCertificate) and cell.certificate.emulated
        reasons[name] = judge_rail_cell(name, cell, emulated, configuration.commissioning, now)
    return reasons
