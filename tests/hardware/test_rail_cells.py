"""The rail cells under their real driver and thread, beside the harness cell under its own, over the modelled chips' pins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from controller.hardware.errors import HardwareError
from controller.hardware.gpio import PanelPins, load_gpio
from controller.hardware.hx711 import Discard, LoadCellSampler, open_load_cell
from controller.hardware.rail_cells import RailCellSampler, open_rail_cells
from controller.hardware.settings import (
    NO_RAIL_CELLS,
    RAIL_LEFT,
    RAIL_RIGHT,
    LoadCellSettings,
    PinSettings,
    RailCells,
    RailLeftCellSettings,
    RailRightCellSettings,
)
from simulator.pins import DoutHeld, PinBoard, PinMode

MILLISECOND_NS = 1_000_000
HIGHEST = 8_388_607
BOTH = RailCells(1, RailLeftCellSettings(fitted=True, zero_counts=100), RailRightCellSettings(fitted=True, zero_counts=200))
NAMES = (RAIL_LEFT, RAIL_RIGHT)


class Rig:
    """All three cells, sampled as the controller does."""

    def __init__(self, board: PinBoard, harness: LoadCellSampler, rails: RailCellSampler) -> None:
        self.board = board
        self.harness = harness
        self.rails = rails
        self.counts: dict[str, list[int]] = {"harness": [], **{name: [] for name in rails.cells}}

    def drain(self) -> dict[str, list[int]]:
        self.counts["harness"] += [sample.counts for sample in self.harness.drain()]
        for name, cell in self.rails.cells.items():
            self.counts[name] += [sample.counts for sample in cell.drain()]
        return self.counts

    def more(self, name: str, number: int = 3) -> Callable[[], bool]:
        """Whether a cell has delivered so many more than now."""
        wanted = len(self.drain()[name]) + number
        return lambda: len(self.drain()[name]) >= wanted


@pytest.fixture(params=["spi", "gpio"])
def rig(request, make_board) -> Iterator[Rig]:
    settings = LoadCellSettings(backend=request.param, counts_zero=1000, spi_chip_select=False)
    board = make_board(settings, BOTH)
    harness, rails = open_load_cell(settings), open_rail_cells(BOTH)
    yield Rig(board, harness, rails)
    rails.close()
    harness.close()
    assert not rails.alive


def test_three_cells_each_read_their_own(rig: Rig, wait_until: Callable[..., None]) -> None:
    rig.board.harness_cell.set_counts(-5)
    rig.board.rail_cells[0].set_counts(-HIGHEST - 1)
    rig.board.rail_cells[1].set_counts(123456)
    for name, value in (("harness", -5), (RAIL_LEFT, -HIGHEST - 1), (RAIL_RIGHT, 123456)):
        wait_until(lambda name=name, value=value: rig.drain()[name][-3:] == [value] * 3, f"{name} at {value}")
    counts = rig.drain()
    assert set(counts["harness"]) <= {1000, -5}
    assert set(counts[RAIL_LEFT]) <= {100, -HIGHEST - 1}
    assert set(counts[RAIL_RIGHT]) <= {200, 123456}


@pytest.mark.parametrize("held", [DoutHeld.HIGH, DoutHeld.LOW])
@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_rail_cell_leaves_the_other_and_the_harness_alone(
    rig: Rig, dead: int, held: DoutHeld, wait_until: Callable[..., None]
) -> None:
    for name in rig.counts:
        wait_until(rig.more(name), f"samples of {name}")
    rig.board.rail_cells[dead].hold_dout(held)
    other = NAMES[1 - dead]
    wait_until(rig.more(other, 12), "the other rail's samples")
    before = len(rig.drain()[NAMES[dead]])
    wait_until(rig.more("harness", 12), "the harness cell's samples")
    wait_until(rig.more(other, 12), "the other rail's samples")
    counts = rig.drain()
    assert len(counts[NAMES[dead]]) == before
    assert set(counts[other]) == {100 + 100 * (1 - dead)}
    assert set(counts["harness"]) == {1000}


def test_both_dead_leave_the_harness_alone(rig: Rig, wait_until: Callable[..., None]) -> None:
    for chip in rig.board.rail_cells:
        chip.hold_dout(DoutHeld.HIGH)
    wait_until(rig.more("harness", 20), "the harness cell's samples")
    assert set(rig.drain()["harness"]) == {1000}
    assert rig.rails.alive


def test_a_glitch_and_a_saturated_cell_pass_on_as_they_came(rig: Rig, wait_until: Callable[..., None]) -> None:
    """Whether a value is believable is judged where it is shown."""
    wait_until(rig.more(RAIL_LEFT), "samples")
    rig.board.rail_cells[0].glitch((1 << 20) - 1)
    wait_until(lambda: (1 << 20) - 1 in rig.drain()[RAIL_LEFT] and rig.counts[RAIL_LEFT][-1] == 100, "the glitch, and one after")
    assert rig.counts[RAIL_LEFT].count((1 << 20) - 1) == 1
    rig.board.rail_cells[1].set_counts(HIGHEST)
    wait_until(lambda: rig.drain()[RAIL_RIGHT][-1] == HIGHEST, "the end of the range")
    assert set(rig.drain()[RAIL_LEFT]) == {100, (1 << 20) - 1}


def test_a_held_up_pulse_powers_both_down_and_costs_each_its_sample(rig: Rig, wait_until: Callable[..., None]) -> None:
    for name in NAMES:
        wait_until(rig.more(name), f"samples of {name}")
    dropped = {name: rig.rails.cells[name].discarded[Discard.LONG_PULSE] for name in NAMES}
    rig.board.rail_cells[0].stall_next_pulse(2 * MILLISECOND_NS)
    for name in NAMES:
        wait_until(lambda name=name: rig.rails.cells[name].discarded[Discard.LONG_PULSE] > dropped[name], "the dropped sample")
        wait_until(rig.more(name), f"samples of {name} after it")
    counts = rig.drain()
    assert (set(counts[RAIL_LEFT]), set(counts[RAIL_RIGHT]), set(counts["harness"])) == ({100}, {200}, {1000})


def test_a_shift_that_a_killed_controller_left_half_done_spoils_nothing(make_board, wait_until: Callable[..., None]) -> None:
    board = make_board(LoadCellSettings(), BOTH)
    gpio = load_gpio()
    gpio.setup(BOTH.pd_sck, gpio.OUT, initial=0)
    gpio.setup(BOTH.left.dout, gpio.IN, pull_up_down=gpio.PUD_UP)
    wait_until(lambda: not gpio.input(BOTH.left.dout), "a conversion")
    for _ in range(10):
        gpio.output(BOTH.pd_sck, 1)
        gpio.output(BOTH.pd_sck, 0)
    rails = open_rail_cells(BOTH)
    rig = Rig(board, LoadCellSampler(_NoCell()), rails)
    for name in NAMES:
        wait_until(lambda name=name: len(rig.drain()[name]) >= 3, f"samples of {name}")
    rails.close()
    assert (set(rig.counts[RAIL_LEFT]), set(rig.counts[RAIL_RIGHT])) == ({100}, {200})


class _NoCell:
    """A harness cell that nobody starts."""

    def is_ready(self) -> bool:
        return False

    def shift(self) -> int:
        return 0

    def close(self) -> None: ...


def test_one_cell_alone_is_read_alone(make_board, wait_until: Callable[..., None]) -> None:
    only_right = RailCells(1, NO_RAIL_CELLS.left, RailRightCellSettings(fitted=True, zero_counts=200))
    board = make_board(LoadCellSettings(), only_right)
    rails = open_rail_cells(only_right)
    assert list(rails.cells) == [RAIL_RIGHT]
    wait_until(lambda: len(rails.cells[RAIL_RIGHT].drain()) > 0, "a sample")
    assert board.mode("deck_front") is PinMode.UNUSED
    rails.close()


def test_what_nobody_drains_is_bounded_and_counted(rig: Rig, wait_until: Callable[..., None]) -> None:
    wait_until(lambda: rig.rails.cells[RAIL_LEFT].undrained >= 2, "samples lost")
    rig.rails.close()
    assert len(rig.rails.cells[RAIL_LEFT].drain()) == 64


# --- what fails ----------------------------------------------------------------------------------------------------------


def test_a_thread_that_dies_is_seen_to_be_dead_and_says_that_the_treadmill_runs_on(
    make_board, wait_until: Callable[..., None]
) -> None:
    make_board(LoadCellSettings(), BOTH)
    said: list[str] = []
    rails = open_rail_cells(BOTH, said.append)
    sys.modules["RPi.GPIO"].cleanup([BOTH.right.dout])
    wait_until(lambda: not rails.alive, "the thread's end")
    assert "setup() the GPIO channel" in rails.failure
    assert len(said) == 1
    assert "rail cells are lost" in said[0]
    assert "treadmill runs without them" in said[0]
    rails.close()


@pytest.mark.parametrize(("number", "name"), [(0, "rail_left_cell.dout"), (1, "rail_cells.pd_sck"), (8, "rail_right_cell.dout")])
def test_pins_in_use_are_refused_by_name(make_board, number: int, name: str) -> None:
    make_board(LoadCellSettings(), BOTH).take_pin(number)
    with pytest.raises(HardwareError, match=rf"BCM {number} \({name}\) is in use"):
        open_rail_cells(BOTH)


def test_the_rail_cells_leave_every_pin_of_the_panel_as_it_was(board: PinBoard, wait_until: Callable[..., None]) -> None:
    panel = PanelPins(PinSettings(), load_gpio())
    modes = {name: board.mode(name) for name in PinSettings.__struct_fields__}
    rails = open_rail_cells(BOTH)
    rails.close()
    assert {name: board.mode(name) for name in PinSettings.__struct_fields__} == modes
    panel.close()
