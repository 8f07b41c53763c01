"""The emulated treadmill's certificates, written as a technician's would lie there, and named what they are: emulated.

`make demo` does not hang weights on a model for half a minute before every session. What `sternway calibrate` and
`sternway selftest` do with the same emulated cell and panel is shown by tests (tests/commissioning), step by step.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from controller.commissioning.cells import CELLS, HARNESS, CalibratedCell
from controller.commissioning.certificate import (
    CALIBRATION_FILE,
    SELF_TEST_FILE,
    CalibrationCertificate,
    SelfTestCertificate,
    SelfTestItem,
    write_certificate,
)
from controller.configuration import Configuration
from controller.core.settings import CalibrationSettings
from controller.readiness_watch import fitted_to
from simulator.load_cell import CellParameters

CELL_SERIAL = "EMULATED"
_BY = "the simulator"


def write_emulated_certificates(directory: Path, configuration: Configuration) -> None:
    """Writes them for a configuration that lies in the directory. The real controller with real pins refuses them."""
    now = datetime.now(UTC)
    fitted = fitted_to(configuration, emulated=True)
    self_test = SelfTestCertificate(
        kind="sternway-self-test-1",
        made_at=now,
        made_by=_BY,
        emulated=True,
        wiring=fitted.wiring,
        belt_at_rest="not tried",
        items=(SelfTestItem("emulated treadmill", True, "nothing was tried: there is no machine"),),
    )
    write_certificate(directory / CALIBRATION_FILE, _calibration(HARNESS, fitted.calibration, now))
    for name, rail in configuration.rails.fitted.items():
        write_certificate(directory / CELLS[name].file, _calibration(CELLS[name], rail.calibration, now))
    write_certificate(directory / SELF_TEST_FILE, self_test)


def _calibration(cell: CalibratedCell, configured: CalibrationSettings, now: datetime) -> CalibrationCertificate:
    return CalibrationCertificate(
        kind="sternway-calibration-1",
        cell=cell.name,
        cell_serial=configured.cell_serial,
        made_at=now,
        made_by=_BY,
        emulated=True,
        zero_counts=configured.zero_counts,
        newtons_per_count=configured.newtons_per_count,
        weights=(),
        worst_residual_n=0.0,
        zero_return_n=0.0,
        noise_n=CellParameters().noise_counts * configured.newtons_per_count,
        rate_hz=80.0,
    )
