"""Hands on the buttons: exact ones in simulated time, and a person's at a board."""

from __future__ import annotations

import sys

import pytest

from firmware_bridge.drive import DriveInput
from hil_tests.bench import Bench
from simulator.drive import SimulatedDrive

PERSON_LIMIT_MS = 30_000


class SimulatedHands:
    """Moves the simulated drive's contacts for exactly the time asked."""

    def __init__(self, bench: Bench, drive: SimulatedDrive) -> None:
        self._bench = bench
        self._drive = drive

    def press(self, button: str, milliseconds: int) -> None:
        """Presses and releases, then waits out the debouncing; the host only listens meanwhile."""
        self.hold(button, True)
        self._bench.pass_ms(milliseconds)
        self.hold(button, False)

    def hold(self, button: str, closed: bool) -> None:
        """Closes or opens one button and leaves it so."""
        if button == "start":
            self._drive.set_inputs(start=closed)
        else:
            self._drive.set_inputs(faster=closed)

    def set_stop_input(self, closed: bool) -> None:
        """Opens or closes the STOP input."""
        self._drive.set_inputs(stop_input=closed)


class PersonHands:
    """Asks a person at the board, and sees in STATUS that it was done. Skips where nobody can be asked (no terminal, no -s)."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def press(self, button: str, milliseconds: int) -> None:
        """Asks for one press; its length is the person's."""
        bit = DriveInput.START_CLOSED if button == "start" else DriveInput.FASTER_CLOSED
        self._ask(f"press {button.upper()} for about {milliseconds / 1000:.1f} s and let go")
        self._bench.pass_until(lambda: bool(self._bench.status.inputs & bit), PERSON_LIMIT_MS)
        self._bench.pass_until(lambda: not self._bench.status.inputs & bit, PERSON_LIMIT_MS)

    def set_stop_input(self, closed: bool) -> None:
        """Asks for the STOP input to be opened or closed."""
        self._ask(f"{'close (release)' if closed else 'open (press)'} the STOP input")
        bit = DriveInput.STOP_INPUT_CLOSED
        self._bench.pass_until(lambda: bool(self._bench.status.inputs & bit) is closed, PERSON_LIMIT_MS)

    def _ask(self, what: str) -> None:
        if not sys.stdin.isatty():
            pytest.skip(f"needs a person to {what}: run with -s on a terminal")
        sys.stdout.write(f"\n    please {what} ")
        sys.stdout.flush()
