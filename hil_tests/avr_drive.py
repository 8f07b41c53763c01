"""The AVR build of the firmware under simavr, in lockstep: the same interface as the native drive."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Literal

from simulator.drive import SimulatedDrive
from simulator.drive_build import FIRMWARE, PROJECT_ROOT, DriveBuildError, MakeTarget, build_once

HIL_TESTS = PROJECT_ROOT / "hil_tests"
SIMULATOR = PROJECT_ROOT / "simulator"
SIMAVR_HEADER = Path("/usr/include/simavr/sim_avr.h")
AVR_TOOLS = {"avr-gcc": "gcc-avr avr-libc"}


@functools.cache
def avr_firmware() -> Path:
    """The firmware's ELF file for the ATmega328P, built if its sources have changed.

    Raises DriveBuildError when avr-gcc is missing or the build fails.
    """
    sources = [
        FIRMWARE / "Makefile",
        *sorted((FIRMWARE / "core").glob("*.[ch]")),
        *sorted((FIRMWARE / "atmega328p").glob("*.[ch]")),
    ]
    return build_once(MakeTarget(FIRMWARE, "avr", "AVR_ELF", "drive_atmega328p.elf"), sources, AVR_TOOLS)


@functools.cache
def simavr_library() -> Path:
    """The harness as a library; raises DriveBuildError when simavr's headers are missing or the build fails."""
    return build_once(MakeTarget(HIL_TESTS, "harness", "HARNESS", "libsternway_simavr.so"), _harness_sources())


def pty_program() -> Path:
    """The harness as a program on a pseudo-terminal, in real time; raises DriveBuildError like simavr_library."""
    return build_once(MakeTarget(HIL_TESTS, "pty", "PTY", "sternway_drive_pty"), _harness_sources())


def _harness_sources() -> list[Path]:
    if not SIMAVR_HEADER.exists():
        raise DriveBuildError("simavr is not installed (Debian: apt-get install libsimavr-dev libelf-dev)")
    return [HIL_TESTS / "Makefile", *sorted(HIL_TESTS.glob("*.c")), *sorted(SIMULATOR.glob("*.[ch]"))]


class AvrDrive(SimulatedDrive):
    """The firmware on an emulated ATmega328P. `seed` sets the voltage of the open noise channel, which is in the nonce."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(simavr_library(), str(avr_firmware()), seed)

    def break_current_wire(self) -> None:
        """The wire from the current sensor to PC0 breaks, for good."""
        self._simavr("break_current_wire")

    def break_encoder_wire(self, channel: Literal["A", "B"]) -> None:
        """One of the encoder's wires breaks, for good: its pull-up is left."""
        self._simavr("break_encoder_wire", int(channel == "B"))

    def disturb_encoder(self, pulses_per_s: int) -> None:
        """So many pulses a second on the wire of encoder channel A, each over before the firmware can look; 0 ends it."""
        self._simavr("disturb_encoder", pulses_per_s)

    def hurry_clock(self) -> None:
        """Until the next reset the timer's milliseconds come four times as fast: more steps than there is time for."""
        self._simavr("hurry_clock")

    def jump_to_start(self) -> None:
        """The program runs astray and begins again at its start, without a reset."""
        self._simavr("jump_to_start")

    def _simavr(self, name: str, *arguments: int) -> None:
        function = getattr(self._library, f"simavr_{name}")
        function.argtypes, function.restype = [ctypes.c_void_p, *[ctypes.c_uint32] * len(arguments)], None
        function(self._handle, *arguments)
