"""The real hardware code over the simulator's stand-ins, each test with a header and modules of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.hardware.settings import NO_RAIL_CELLS, LoadCellSettings, PinSettings, RailCells
from simulator.pins import PinBoard
from tests.standins import standins

BoardMaker = Callable[..., PinBoard]


@pytest.fixture
def make_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardMaker]:
    """Makes a board for the load cells' settings and puts the stand-ins before any installed library."""
    boards: list[PinBoard] = []

    def make(load_cell: LoadCellSettings, rail_cells: RailCells = NO_RAIL_CELLS) -> PinBoard:
        board = PinBoard.create(tmp_path / "pins", PinSettings(), load_cell, rail_cells)
        boards.append(board)
        return board

    with standins(monkeypatch, tmp_path / "pins"):
        yield make
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
