"""The emulated treadmill's certificates, written as a technician's would lie there, and named what they are: emulated.

`make demo` does not hang weights on a model for half a minute before every session. What `sternway calibrate` and
`sternway selftest` do with the same emulated cell and panel is shown by tests (tests/commissioning), step by step.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from controller.commissioning.certificate import (
    CALIBRATION_FILE,
    SELF_TEST_FILE,
    CalibrationCertificate,
    SelfTestCertificate,
    SelfTestItem,
    write_certificate,
)
from controller.configuration import Configuration
from controller.readiness_watch import fitted_to
from simulator.load_cell import CellParameters

CELL_SERIAL = "EMULATED"
_BY = "the simulator"


def write_emulated_certificates(directory: Path, configuration: Configuration) -> None:
    """Writes both for a configuration that lies in the directory. The real controller with real pins refuses them."""
    now = datetime.now(UTC)
    fitted = fitted_to(configuration, emulated=True)
    cell = CellParameters()
    calibration = CalibrationCertificate(
        kind="sternway-calibration-1",
        cell="harness",
        cell_serial=fitted.calibration.cell_serial,
        made_at=now,
        made_by=_BY,
        emulated=True,
        zero_counts=fitted.calibration.zero_counts,
        newtons_per_count=fitted.calibration.newtons_per_count,
        weights=(),
        worst_residual_n=0.0,
        zero_return_n=0.0,
        noise_n=cell.noise_counts * cell.newtons_per_count,
        rate_hz=80.0,
    )
    self_test = SelfTestCertificate(
        kind="sternway-self-test-1",
        made_at=now,
        made_by=_BY,
        emulated=True,
        wiring=fitted.wiring,
        belt_at_rest="not tried",
        items=(SelfTestItem("emulated treadmill", True, "nothing was tried: there is no machine"),),
    )
    write_certificate(directory / CALIBRATION_FILE, calibration)
    write_certificate(directory / SELF_TEST_FILE, self_test)
