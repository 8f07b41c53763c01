"""Stands in for spidev: an SPI bus whose MOSI is wired to the modelled HX711's PD_SCK and whose MISO to its DOUT."""

from __future__ import annotations

import os
import time
from pathlib import Path

from simulator.pins import PINS_VARIABLE, ChipWord, Word, map_words
from simulator.standins.hx711_model import Hx711Model


class SpiDev:
    """The part of spidev.SpiDev that a driver of an HX711 may use, in SPI mode 0."""

    def __init__(self) -> None:
        self.max_speed_hz = 500_000
        self.mode = 0
        self._chip: Hx711Model | None = None

    def open(self, bus: int, device: int) -> None:
        """Open /dev/spidev<bus>.<device>; it exists where the board's load cell is wired to the SPI bus."""
        path = os.environ.get(PINS_VARIABLE, "")
        words = map_words(Path(path)) if path else None
        if words is None or bus != 0 or words[Word.HARNESS_CELL + ChipWord.PD_SCK] >= 0:
            raise FileNotFoundError(2, f"No such file or directory: /dev/spidev{bus}.{device}")
        self._chip = Hx711Model(words, time.monotonic_ns())

    def xfer2(self, values: list[int] | tuple[int, ...]) -> list[int] | tuple[int, ...]:
        """Send the bytes; what came back meanwhile. MISO is sampled in the middle of each MOSI bit.

        As in spidev 3.8, a list that was given is overwritten with what came back, and is itself the answer.
        """
        if self._chip is None:
            raise OSError(9, "Bad file descriptor")
        if self.mode != 0:
            raise OSError(22, "the simulated bus knows SPI mode 0 only")
        chip = self._chip
        bit_ns = 1_000_000_000 // self.max_speed_hz
        at_ns = time.monotonic_ns()
        mosi = 0
        received = []
        for value in values:
            byte = 0
            for place in range(7, -1, -1):
                if value >> place & 1 != mosi:
                    mosi = 1 - mosi
                    chip.set_clock(mosi, at_ns)
                byte = byte << 1 | chip.data(at_ns + bit_ns // 2)
                at_ns += bit_ns
            received.append(byte)
        if mosi:
            chip.set_clock(0, at_ns)
        if isinstance(values, list):
            values[:] = received
            return values
        return tuple(received)

    def close(self) -> None:
        """Close the device."""
        self._chip = None
