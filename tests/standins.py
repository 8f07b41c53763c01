"""The simulator's GPIO and SPI modules in the place of installed ones, for as long as a test runs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.pins import PINS_VARIABLE, STANDINS_DIRECTORY


def _forget() -> None:
    gpio = sys.modules.get("RPi.GPIO")
    if gpio is not None:
        gpio.cleanup()
    for name in ("RPi.GPIO", "RPi", "spidev"):
        sys.modules.pop(name, None)


@contextlib.contextmanager
def standins(monkeypatch: pytest.MonkeyPatch, pins: Path) -> Iterator[None]:
    """pins: the board's file, which may be made later. What an earlier test loaded is gone before, and this after."""
    _forget()
    monkeypatch.syspath_prepend(str(STANDINS_DIRECTORY))
    monkeypatch.setenv(PINS_VARIABLE, str(pins))
    try:
        yield
    finally:
        _forget()
