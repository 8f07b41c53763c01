"""The controller's real process over the emulated treadmill whose rails have load cells: hands bear on them, cells die."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.configuration import load_configuration
from controller.hardware.settings import LoadCellSettings, PinSettings
from messages.wire import Snapshot
from simulator.demo_configuration import write_configuration
from simulator.load_cell import CellParameters
from simulator.pins import DoutHeld, PinBoard
from simulator.processes import ServiceProcess, controller_process
from simulator.rail_cells import HAND_BEARS
from simulator.treadmill import RealTimeTreadmill

pytestmark = pytest.mark.real_time
NO_BROKER = 1
WITHIN_S = 20.0


class Site:
    """Controller and treadmill, without telemetry and without a session."""

    def __init__(self, directory: Path) -> None:
        configuration = write_configuration(directory, directory, NO_BROKER, rail_cells=True)
        cell = CellParameters()
        load_cell = LoadCellSettings(counts_zero=cell.zero_counts, newtons_per_count=cell.newtons_per_count)
        self.board = PinBoard.create(directory / "pins", PinSettings(), load_cell, load_configuration(configuration).rails)
        socket = directory / "controller.sock"
        self.treadmill = RealTimeTreadmill(directory, self.board, 3, socket, rail_chips=self.board.rail_cells)
        self.controller: ServiceProcess = controller_process(configuration, directory, directory / "pins")
        self.treadmill.start()
        self.controller.start()

    def until(self, condition: Callable[[Snapshot], bool], what: str) -> Snapshot:
        deadline = time.monotonic() + WITHIN_S
        while True:
            seen = self.treadmill.snapshot
            if seen is not None and condition(seen):
                return seen
            words = "nothing" if seen is None else f"{seen.rail_left_load_n} {seen.rail_right_load_n} {seen.rail_loads_unknown}"
            assert time.monotonic() < deadline, f"{what}: {words}\n{self.controller.last_words()}"
            time.sleep(0.02)

    def close(self) -> None:
        self.controller.end()
        self.treadmill.close()
        self.board.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def _is_near(load_n: float | None, expected_n: float) -> bool:
    return load_n is not None and abs(load_n - expected_n) < 2.0


def test_hands_are_felt_and_a_dead_cell_is_unknown_alone(site: Site) -> None:
    hand_n = HAND_BEARS * site.treadmill.world.patient.parameters.weight_n
    assert hand_n > 20
    site.until(
        lambda seen: _is_near(seen.rail_left_load_n, 0.0) and _is_near(seen.rail_right_load_n, 0.0), "rails that nobody holds"
    )
    site.treadmill.ask(lambda: site.treadmill.world.patient.hold(left=False))
    site.until(
        lambda seen: _is_near(seen.rail_left_load_n, 0.0) and _is_near(seen.rail_right_load_n, hand_n), "a hand on the right"
    )
    site.board.rail_cells[0].hold_dout(DoutHeld.HIGH)
    seen = site.until(lambda seen: seen.rail_left_load_n is None, "a dead cell on the left")
    assert "no sample" in seen.rail_loads_unknown["rail-left"]
    seen = site.until(lambda seen: _is_near(seen.rail_right_load_n, hand_n), "the right one goes on")
    assert seen.load_n is not None, "and so does the harness cell"
    assert not any("load" in code for code, _ in seen.alarms)
    site.board.rail_cells[0].hold_dout(DoutHeld.FREE)
    site.until(lambda seen: _is_near(seen.rail_left_load_n, 0.0), "the left one is back")
