"""Which wire goes where. BCM numbers throughout, never positions on the header.

The defaults use the header up: 17 inputs and 5 outputs, the SPI bus for the load cell (9, 10, 11) and BCM 8, which the SPI
bus's chip select takes when its overlay is left as delivered. BCM 2-8 are pulled up from power-on, 9-27 pulled down: so the
outputs lie among the latter, and no relay is driven before the controller runs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

BcmNumber = Annotated[int, msgspec.Meta(ge=2, le=27, description="BCM number of a pin of the 40-pin header")]


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
    pd_sck: BcmNumber = 10
    dout: BcmNumber = 9
    counts_zero: Annotated[int, msgspec.Meta(ge=-(1 << 23), le=(1 << 23) - 1, description="counts of the empty harness")] = 0
    newtons_per_count: Annotated[
        float, msgspec.Meta(ge=1e-5, le=1.0, description="span, N; a 3.4 kN cell was calibrated at 3.58722e-3")
    ] = 3.58722e-3


class DisplaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The 20x4 character display. An empty `device` means that none is fitted: the display then never counts as healthy."""

    device: Annotated[str, msgspec.Meta(max_length=255, description="path of the display's serial device, by-id")] = ""


def functions_by_pin(pins: PinSettings, load_cell: LoadCellSettings) -> dict[int, list[str]]:
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
    for name, number in wires.items():
        functions.setdefault(number, []).append(name)
    return functions
