"""The pins' settings: complete, distinct, within the header."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.inputs import Input
from controller.hardware.settings import (
    NO_RAIL_CELLS,
    RAIL_RIGHT,
    DisplaySettings,
    LoadCellSettings,
    PinSettings,
    RailCells,
    RailClockSettings,
    RailLeftCellSettings,
    RailRightCellSettings,
    functions_by_pin,
)

OUTPUTS = {"lamp_red", "lamp_yellow", "buzzer", "nurse_call", "watchdog_pulse"}


def test_there_is_one_pin_for_each_input_and_output() -> None:
    assert set(PinSettings.__struct_fields__) == {line.name.lower() for line in Input} | OUTPUTS


@pytest.mark.parametrize("backend", ["spi", "gpio"])
def test_the_defaults_use_no_pin_twice_and_leave_the_chip_select_alone(backend) -> None:
    functions = functions_by_pin(PinSettings(), LoadCellSettings(backend=backend))
    assert [names for names in functions.values() if len(names) > 1] == []
    assert len(functions) == 22 + (3 if backend == "spi" else 2)
    assert 8 not in functions


def test_the_outputs_lie_where_pins_are_pulled_down_from_power_on() -> None:
    assert all(getattr(PinSettings(), name) >= 9 for name in OUTPUTS)


def test_two_functions_on_one_pin_are_named() -> None:
    functions = functions_by_pin(PinSettings(clip=6, buzzer=9), LoadCellSettings())
    assert functions[6] == ["emergency_b", "clip"]
    assert functions[9] == ["buzzer", "load_cell SPI MISO"]
    assert functions_by_pin(PinSettings(clip=10), LoadCellSettings(backend="gpio"))[10] == ["clip", "load_cell.pd_sck"]
    assert 9 not in functions_by_pin(PinSettings(), LoadCellSettings(spi_bus=1))


def test_the_rail_cells_have_pins_that_nothing_else_has_and_are_off_as_delivered() -> None:
    assert NO_RAIL_CELLS.fitted == {}
    both = RailCells(RailClockSettings().pd_sck, RailLeftCellSettings(fitted=True), RailRightCellSettings(fitted=True))
    functions = functions_by_pin(PinSettings(), LoadCellSettings(), both)
    assert [functions[number] for number in (0, 1, 8)] == [
        ["rail_left_cell.dout"],
        ["rail_cells.pd_sck"],
        ["rail_right_cell.dout"],
    ]
    assert [names for names in functions.values() if len(names) > 1] == []
    assert sorted(functions) == list(range(28)), "the header is full"
    assert list(both.only(RAIL_RIGHT).fitted) == [RAIL_RIGHT]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (PinSettings, {"clip": 1}),
        (PinSettings, {"clip": 28}),
        (PinSettings, {"clipp": 4}),
        (PinSettings, {"clip": "4"}),
        (LoadCellSettings, {"backend": "i2c"}),
        (LoadCellSettings, {"counts_zero": 1 << 23}),
        (LoadCellSettings, {"newtons_per_count": 0.0}),
        (LoadCellSettings, {"newtons_per_count": float("nan")}),
        (LoadCellSettings, {"newtons_per_count": float("inf")}),
        (LoadCellSettings, {"spi_clock_hz": 10_000}),
        (RailLeftCellSettings, {"dout": -1}),
        (RailRightCellSettings, {"dout": 28}),
        (RailClockSettings, {"pd_sck": 28}),
        (RailLeftCellSettings, {"fitted": 1}),
        (RailLeftCellSettings, {"newtons_per_count": float("nan")}),
        (RailRightCellSettings, {"maximum_n": float("inf")}),
        (RailRightCellSettings, {"cell_serial": "x" * 41}),
        (DisplaySettings, {"devices": "/dev/ttyUSB0"}),
    ],
)
def test_what_cannot_be_is_refused(kind, value) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, kind)


def test_the_slowest_spi_clock_keeps_pulses_far_below_the_power_down_time() -> None:
    slowest = msgspec.convert({"spi_clock_hz": 50_000}, LoadCellSettings)
    assert 1e6 / slowest.spi_clock_hz <= 20
