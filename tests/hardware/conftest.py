"""The real hardware code over the simulator's stand-ins, each test with a header and modules of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.hardware.settings import LoadCellSettings, PinSettings
from simulator.pins import PINS_VARIABLE, STANDINS_DIRECTORY, PinBoard

BoardMaker = Callable[[LoadCellSettings], PinBoard]


def _forget_standins() -> None:
    gpio = sys.modules.get("RPi.GPIO")
    if gpio is not None:
        gpio.cleanup()
    for name in ("RPi.GPIO", "RPi", "spidev"):
        sys.modules.pop(name, None)


@pytest.fixture
def make_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardMaker]:
    """Makes a board for a load cell's settings and puts the stand-ins before any installed library."""
    boards: list[PinBoard] = []

    def make(load_cell: LoadCellSettings) -> PinBoard:
        board = PinBoard.create(tmp_path / "pins", PinSettings(), load_cell)
        monkeypatch.setenv(PINS_VARIABLE, str(board.path))
        boards.append(board)
        return board

    _forget_standins()
    monkeypatch.syspath_prepend(str(STANDINS_DIRECTORY))
    yield make
    _forget_standins()
    for board in boards:
        board.close()


@pytest.fixture
def board(make_board: BoardMaker) -> PinBoard:
    return make_board(LoadCellSettings())


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Waits for what another thread or process does; fails, saying for what, where it does not come."""

    def wait(condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {timeout_s} s: {what}")
            time.sleep(0.001)

    return wait
