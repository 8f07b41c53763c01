"""Which wire goes where. BCM numbers throughout, never positions on the header.

The defaults use the header up: 17 inputs and 5 outputs, the SPI bus for the load cell (9, 10, 11), and for the rail cells, where
they are fitted, the pins of a HAT's memory (0, 1) and the bus's chip select (8), which no chip here needs. BCM 0-8 are pulled up
from power-on, 9-27 pulled down: so the outputs lie among the latter, and no relay is driven before the controller runs.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from controller.core.settings import CalibrationSettings

BcmNumber = Annotated[int, msgspec.Meta(ge=2, le=27, description="BCM number of a pin of the 40-pin header")]

RailCellPin = Annotated[
    int, msgspec.Meta(ge=0, le=27, description="BCM number; 0 and 1 are free where no HAT with a memory is fitted")
]


class PinSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One BCM number for each digital input (named as in the input table) and for each output."""

    emergency_a: BcmNumber = 5
    emergency_b: BcmNumber = 6
    lanyard: BcmNumber = 7
    clip: BcmNumber = 4
    deck_front: BcmNumber = 2
    deck_rear: BcmNumber = 3
    overload: BcmNumber = 14
    rail_left: BcmNumber = 15
    rail_right: BcmNumber = 17
    attendant: BcmNumber = 18
    start: BcmNumber = 27
    faster: BcmNumber = 22
    slower: BcmNumber = 23
    stop: BcmNumber = 24
    ok: BcmNumber = 25
    reset: BcmNumber = 26
    symptom: BcmNumber = 16
    lamp_red: BcmNumber = 12
    lamp_yellow: BcmNumber = 13
    buzzer: BcmNumber = 19
    nurse_call: BcmNumber = 20
    watchdog_pulse: BcmNumber = 21


class LoadCellSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The harness load cell behind its HX711, whose RATE pin is high (80 conversions a second).

    Backend `spi` uses `spi_bus`, `spi_device` and `spi_clock_hz`; backend `gpio` uses `pd_sck` and `dout`. In both, load in
    newtons is `(counts - counts_zero) * newtons_per_count`.
    """

    backend: Literal["spi", "gpio"] = "spi"
    spi_bus: Annotated[int, msgspec.Meta(ge=0, le=6, description="SPI bus")] = 0
    spi_device: Annotated[int, msgspec.Meta(ge=0, le=2, description="SPI device on that bus")] = 0
    spi_clock_hz: Annotated[
        int, msgspec.Meta(ge=50_000, le=1_000_000, description="one PD_SCK pulse is high for one SPI bit: 20 us at the lowest")
    ] = 500_000
    spi_chip_select: Annotated[
        bool,
        msgspec.Meta(description="the bus drives its chip select, which nothing here needs; false with dtoverlay=spi0-0cs"),
    ] = True
    pd_sck: BcmNumber = 10
    dout: BcmNumber = 9
    counts_zero: Annotated[int, msgspec.Meta(ge=-(1 << 23), le=(1 << 23) - 1, description="counts of the empty harness")] = 0
    newtons_per_count: Annotated[
        float, msgspec.Meta(ge=1e-5, le=1.0, description="span, N; a 3.4 kN cell was calibrated at 3.58722e-3")
    ] = 3.58722e-3


class DisplaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The 20x4 character display. An empty `device` means that none is fitted: the display then never counts as healthy."""

    device: Annotated[str, msgspec.Meta(max_length=255, description="path of the display's serial device, by-id")] = ""


class RailClockSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The load cells at the rails, which show how much a patient leans on their hands. They are optional, and trip nothing."""

    pd_sck: Annotated[RailCellPin, msgspec.Meta(description="the clock of both rail cells, and of nothing else")] = 1


class RailCellSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What both rail cells' tables have. Counts and span come from `sternway calibrate --cell`."""

    fitted: Annotated[bool, msgspec.Meta(description="whether there is a cell at this rail")] = False
    dout: RailCellPin = 0
    zero_counts: Annotated[
        int, msgspec.Meta(ge=-(1 << 23), le=(1 << 23) - 1, description="counts of the rail that nobody holds")
    ] = 0
    newtons_per_count: Annotated[float, msgspec.Meta(ge=1e-5, le=1.0, description="span")] = 3.58722e-3
    maximum_n: Annotated[
        float, msgspec.Meta(ge=100, le=20000, description="the cell's range, pressed down and pulled up alike")
    ] = 2000.0
    cell_serial: Annotated[
        str,
        msgspec.Meta(max_length=40, description="the cell's serial number, up to 40 characters; `sternway calibrate` asks for it"),
    ] = ""

    @property
    def calibration(self) -> CalibrationSettings:
        """What its certificate must say."""
        return CalibrationSettings(self.zero_counts, self.newtons_per_count, self.maximum_n, self.cell_serial)


class RailLeftCellSettings(RailCellSettings, frozen=True, forbid_unknown_fields=True):
    """The load cell at the left rail, behind an HX711 of its own, whose RATE pin is high."""


class RailRightCellSettings(RailCellSettings, frozen=True, forbid_unknown_fields=True):
    """The load cell at the right rail, likewise."""

    dout: RailCellPin = 8


class RailCells(msgspec.Struct, frozen=True):
    """Both rail cells and their clock."""

    pd_sck: int
    left: RailCellSettings
    right: RailCellSettings

    @property
    def fitted(self) -> dict[str, RailCellSettings]:
        """Those that are there, by the name that command line, certificates and messages know them by."""
        return {name: cell for name, cell in ((RAIL_LEFT, self.left), (RAIL_RIGHT, self.right)) if cell.fitted}

    def only(self, name: str) -> RailCells:
        """The same with no other cell than the named one."""
        unfitted = NO_RAIL_CELLS
        return RailCells(
            self.pd_sck, self.left if name == RAIL_LEFT else unfitted.left, self.right if name == RAIL_RIGHT else unfitted.right
        )


RAIL_LEFT: Final = "rail-left"
RAIL_RIGHT: Final = "rail-right"
NO_RAIL_CELLS = RailCells(RailClockSettings().pd_sck, RailLeftCellSettings(), RailRightCellSettings())


def functions_by_pin(pins: PinSettings, load_cell: LoadCellSettings, rail_cells: RailCells = NO_RAIL_CELLS) -> dict[int, list[str]]:
    """Every BCM number in use with the names of its functions: more than one name is a conflict.

    The SPI backend has fixed pins on bus 0; other buses' pins depend on the overlay and are not listed.
    """
    functions: dict[int, list[str]] = {}
    for name, number in msgspec.structs.asdict(pins).items():
        functions.setdefault(number, []).append(name)
    if load_cell.backend == "gpio":
        wires = {"load_cell.pd_sck": load_cell.pd_sck, "load_cell.dout": load_cell.dout}
    elif load_cell.spi_bus == 0:
        wires = {"load_cell SPI MISO": 9, "load_cell SPI MOSI": 10, "load_cell SPI SCLK": 11}
    else:
        wires = {}
    for name, number in {**wires, **_rail_wires(rail_cells)}.items():
        functions.setdefault(number, []).append(name)
    return functions


def _rail_wires(rail_cells: RailCells) -> dict[str, int]:
    """Pins of cells that are not fitted are free."""
    wires = {f"{name.replace('-', '_')}_cell.dout": cell.dout for name, cell in rail_cells.fitted.items()}
    return {"rail_cells.pd_sck": rail_cells.pd_sck, **wires} if wires else {}
