"""The AVR build of the firmware under simavr, in lockstep: the same interface as the native drive."""

from __future__ import annotations

import functools
from pathlib import Path

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
