"""`sternway calibrate --cell` over a rail's modelled chip, clocked by the real driver, in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from controller.commissioning.calibrate import Work, calibrate
from controller.commissioning.cells import CELLS
from controller.commissioning.certificate import CalibrationCertificate, read_certificate
from controller.commissioning_programs import SampledCell
from controller.configuration import load_configuration
from controller.core.settings import CalibrationSettings
from controller.core.state import GRAVITY_M_S2
from simulator.pins import DoutHeld
from simulator.rail_cells import RAIL_CELL
from tests.commissioning.people import Technician
from tests.commissioning.test_calibration import CONFIGURATION
from tests.hardware.test_shared_clock import RIGHT, Bench

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


class Site:
    """A person who hangs weights on the right rail; the left one's chip is there, or dead."""

    def __init__(self, directory: Path) -> None:
        self.configuration = directory / "treadmill.toml"
        self.configuration.write_text(CONFIGURATION)
        self.bench = Bench(directory / "pins")
        self.bench.late = self._tremble
        self._random = Random(1)
        self._mass_kg = 0.0
        masses = iter([5.0, 10.0, 20.0])

        def hang() -> str:
            self._mass_kg = next(masses, 0.0)
            return f"{self._mass_kg}" if self._mass_kg else ""

        self.technician = Technician(
            {
                "Your name": "Ada",
                "Serial number": "RAIL-2",
                "when the right rail is empty": "",
                "Its mass in kg": hang,
                "Take the weights off": "",
                "Accept": "yes",
            }
        )

    def _tremble(self) -> int:
        force_n = self._mass_kg * GRAVITY_M_S2
        counts = RAIL_CELL.zero_counts + force_n / RAIL_CELL.newtons_per_count + self._random.gauss(0.0, RAIL_CELL.noise_counts)
        self.bench.board.rail_cells[1].set_counts(round(counts))
        return 0

    def wait(self, seconds: float) -> None:
        until_ns = self.bench.now_ns + round(seconds * 1e9)
        while self.bench.now_ns < until_ns:
            self.bench.sampler.turn()

    def calibrate(self) -> CalibrationCertificate | None:
        before = CalibrationSettings(maximum_n=1000.0)
        work = Work(self.configuration, before, True, lambda: NOW, self.wait, CELLS[RIGHT])
        return calibrate(SampledCell(self.bench.sampler.cells[RIGHT]), self.technician, work)


@pytest.mark.parametrize("neighbour", [DoutHeld.FREE, DoutHeld.HIGH, DoutHeld.LOW])
def test_zero_and_span_are_found_whatever_the_neighbour_does(tmp_path: Path, neighbour: DoutHeld) -> None:
    site = Site(tmp_path)
    site.bench.board.rail_cells[0].hold_dout(neighbour)
    certificate = site.calibrate()
    assert certificate is not None, site.technician.text
    assert (certificate.cell, certificate.cell_serial, certificate.emulated) == ("rail-right", "RAIL-2", True)
    assert certificate.zero_counts == pytest.approx(RAIL_CELL.zero_counts, abs=40)
    assert certificate.newtons_per_count == pytest.approx(RAIL_CELL.newtons_per_count, rel=2e-3)
    assert certificate.rate_hz > 70
    assert read_certificate(tmp_path / "calibration-rail-right.json", CalibrationCertificate) == certificate
    configuration = load_configuration(site.configuration)
    assert configuration.rail_right_cell.cell_serial == "RAIL-2"
    assert not configuration.rail_right_cell.fitted, "that stays the person's word"


def test_a_dead_cell_is_not_calibrated(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.bench.board.rail_cells[1].hold_dout(DoutHeld.HIGH)
    assert site.calibrate() is None
    assert "No conversion comes" in site.technician.text
    assert site.configuration.read_text() == CONFIGURATION
