"""The treadmill's contacts and load cell, wired to the virtual machine's kernel: gpio-sim's lines and the HX711 on its SPI bus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from controller.core.inputs import Input
from controller.hardware.settings import PinSettings
from hil_tests.vm.guest_time import GuestTime
from simulator.drive import SimulatedDrive
from simulator.drive_build import FIRMWARE, MakeTarget, build_once, native_sources
from simulator.pins import DoutHeld, OutputState

_LEAST_STEP_COUNTS = 300
"""About 1 N: the chip adds its own noise."""
_LEAST_INTERVAL_NS = 25_000_000


class KernelBoard:
    """Says each change to the machine's agent; what the outputs do, its I/O port tells."""

    def __init__(self, tell: Callable[[Mapping[str, Any]], None], guest: GuestTime) -> None:
        self._tell = tell
        self._guest = guest
        self._numbers = cast("dict[str, int]", msgspec.structs.asdict(PinSettings()))
        self._told_counts: int | None = None
        self._told_at_ns = 0
        self._told_closed = 0
        self.contacts = 0
        self.shorted = 0
        """Mask of inputs whose wire touches ground, whatever the contact does. Takes effect with `set_contacts`."""
        self.broken = 0
        """Mask of inputs whose wire is broken."""

    def set_contacts(self, closed_mask: int) -> None:
        """Closes exactly these contacts (mask by `Input`): a closed one connects its pin to ground."""
        self.contacts = closed_mask
        self._tell_contacts()

    def set_wires(self, shorted: int = 0, broken: int = 0) -> None:
        """Damages wires; without an argument all are mended."""
        self.shorted, self.broken = shorted, broken
        self._tell_contacts()

    @property
    def now_ns(self) -> int:
        """The machine's time."""
        return self._guest.now_ns()

    def tell_all(self) -> None:
        """Says everything again: to a machine that has just booted, or is another one now."""
        self._told_counts = None
        self._told_closed = ~self._closed
        self._tell_contacts()

    def set_load_counts(self, counts: int) -> None:
        """What the next conversion reads."""
        now_ns = self._guest.now_ns()
        if self._told_counts is not None:
            is_small = abs(counts - self._told_counts) < _LEAST_STEP_COUNTS
            if is_small or now_ns - self._told_at_ns < _LEAST_INTERVAL_NS:
                return
        self._told_counts, self._told_at_ns = counts, now_ns
        self._tell({"counts": counts})

    def set_conversions(self, period_ns: int, doubled_every: int = 0) -> None:
        """The chip in the kernel has its own period."""

    def hold_dout(self, held: DoutHeld) -> None:
        """Only a chip that falls silent is known here."""

    def output(self, name: str) -> OutputState:
        """A relay's or a lamp's side of a pin, by its name in the configuration."""
        return self._guest.output(self._numbers[name])

    @property
    def _closed(self) -> int:
        return (self.contacts | self.shorted) & ~self.broken

    def _tell_contacts(self) -> None:
        closed = self._closed
        changed, self._told_closed = closed ^ self._told_closed, closed
        levels = {str(self._numbers[line.name.lower()]): 0 if closed & line.bit else 1 for line in Input if changed & line.bit}
        if levels:
            self._tell({"contacts": levels})


def drive_that_says_board(seed: int = 1) -> SimulatedDrive:
    """The native drive, whose HELLO says that it is a board: the pins here cannot say that they are simulated, and the controller
    would rightly refuse them with an emulated drive.
    """
    target = MakeTarget(FIRMWARE, "native", "NATIVE_LIBRARY", "libsternway_drive_board.so", ("NATIVE_TARGET=TARGET_BOARD",))
    return SimulatedDrive(build_once(target, native_sources()), "", seed)
