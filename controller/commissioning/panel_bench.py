"""The machine's inputs and outputs while a person walks through them: scanned a hundred times a second beside the questions.

It feeds the watchdog relay or leaves it alone, and listens to the drive. There is no way through it to send the drive anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from controller.core.readings import DriveReading, Levels

_PERIOD_S = 0.01
_CLOSE_TIMEOUT_S = 2.0
_STATUS_FRESH_NS = 200_000_000
_ALL_OFF = {"lamp_red": False, "lamp_yellow": False, "buzzer": False, "nurse_call": False}


class Pins(Protocol):
    """The Pi's digital inputs and outputs."""

    def read(self, now_ns: int) -> Levels:
        """Every level now."""

    def write(self, *, lamp_red: bool, lamp_yellow: bool, buzzer: bool, nurse_call: bool) -> None:
        """Sets the outputs."""

    def pulse(self) -> None:
        """Feeds the watchdog relay: changes the level of its pin, which is low at first."""


class StatusSource(Protocol):
    """The drive, as far as it is listened to."""

    def receive(self, now_ns: int) -> DriveReading | None:
        """The newest STATUS, or None before the first."""


class PanelBench:
    """Scans until closed. What it finds is read at any time; a failure of a device is raised where it is read."""

    def __init__(self, pins: Pins, drive: StatusSource, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._pins = pins
        self._drive = drive
        self._clock = clock
        self._closed = 0
        self._status: DriveReading | None = None
        self._wanted = dict(_ALL_OFF)
        self._parked_high: bool | None = None
        self._pin_is_high = False
        self._failure: Exception | None = None
        self._closing = threading.Event()
        self._scan()
        self._thread = threading.Thread(target=self._run, name="panel-bench", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> int:
        """Mask by `Input` of the contacts that are closed now."""
        self._raise_failure()
        return self._closed

    @property
    def status(self) -> DriveReading | None:
        """The drive's STATUS, None unless one came within the last 0.2 s."""
        self._raise_failure()
        status = self._status
        return status if status is not None and self._clock() - status.received_at_ns <= _STATUS_FRESH_NS else None

    def switch(self, output: str, on: bool) -> None:
        """Switches lamp_red, lamp_yellow, buzzer or nurse_call."""
        self._wanted = {**self._wanted, output: on}

    def feed_watchdog(self) -> None:
        """Gives the watchdog relay its pulses."""
        self._parked_high = None

    def park_watchdog(self, high: bool) -> None:
        """Stops the pulses and leaves their pin at this level, from the next scan on."""
        self._parked_high = high

    def close(self) -> None:
        """Ends the thread; outputs are left to whoever owns the pins."""
        self._closing.set()
        self._thread.join(_CLOSE_TIMEOUT_S)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._closing.wait(_PERIOD_S):
                self._scan()
        except Exception as error:
            self._failure = error

    def _scan(self) -> None:
        now_ns = self._clock()
        self._status = self._drive.receive(now_ns) or self._status
        self._closed = self._pins.read(now_ns).closed
        wanted = self._wanted
        self._pins.write(
            lamp_red=wanted["lamp_red"],
            lamp_yellow=wanted["lamp_yellow"],
            buzzer=wanted["buzzer"],
            nurse_call=wanted["nurse_call"],
        )
        if self._pin_is_high is not self._parked_high:  # which None, not parked, never is
            self._pins.pulse()
            self._pin_is_high = not self._pin_is_high
