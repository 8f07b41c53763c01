"""Stands in for RPi.GPIO over the simulator's shared pins: the same names, the same refusals, answers within microseconds.

Like rpi-lgpio it lets only one process have the pins. Edges come in a callback thread that sleeps until the simulator sends one.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from simulator.pins import (
    CHIPS,
    EDGE_RECORD_BYTES,
    LINES,
    PINS_VARIABLE,
    ChipWord,
    PinMode,
    Word,
    edge_pipe_path,
    edge_record,
    map_words,
)
from simulator.standins.hx711_model import Hx711Model

VERSION = "0.7.2"
BOARD, BCM = 10, 11
OUT, IN = 0, 1
LOW, HIGH = 0, 1
PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22
RISING, FALLING, BOTH = 31, 32, 33
UNKNOWN, SERIAL, SPI, I2C, HARD_PWM = -1, 40, 41, 42, 43

RPI_INFO = {
    "P1_REVISION": 3,
    "REVISION": "simulated",
    "TYPE": "Simulated, no Raspberry Pi",
    "MANUFACTURER": "Sternway simulator",
    "PROCESSOR": "none",
    "RAM": "none",
}

_CLOSED: Final = int(Word.CLOSED)
"""A plain number: looking an enumeration's member up costs as much as all the rest of `input`."""
_INITIAL_AS_IT_WAS = -1
_NO_EDGE: Final = edge_record(0, 0)
_JOIN_TIMEOUT_S = 1.0


class _EdgeListener:
    """Receives edges and calls back, in one thread, as RPi.GPIO does."""

    def __init__(self, path: Path) -> None:
        self._callbacks: dict[int, tuple[int, Callable[[int], None]]] = {}
        self._path = path
        self._path.unlink(missing_ok=True)  # left by a process that was killed; the claim says that none lives
        os.mkfifo(path)
        # Open for writing too: the pipe then never ends, and closing can wake the thread.
        self._pipe = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="simulated-edges", daemon=True)
        self._thread.start()

    def watches(self, channel: int) -> bool:
        return channel in self._callbacks

    def add(self, channel: int, edge: int, callback: Callable[[int], None]) -> None:
        self._callbacks = {**self._callbacks, channel: (edge, callback)}

    def remove(self, channel: int) -> bool:
        """True where no channel is left."""
        self._callbacks = {other: entry for other, entry in self._callbacks.items() if other != channel}
        return not self._callbacks

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.write(self._pipe, _NO_EDGE)
        self._thread.join(_JOIN_TIMEOUT_S)
        os.close(self._pipe)

    def _run(self) -> None:
        while (record := os.read(self._pipe, EDGE_RECORD_BYTES)) != _NO_EDGE:
            changed = int.from_bytes(record[:8], "little")
            closed = int.from_bytes(record[8:], "little")
            for channel, (edge, callback) in self._callbacks.items():
                if changed >> channel & 1 and edge in (BOTH, FALLING if closed >> channel & 1 else RISING):
                    callback(channel)


class _SimulatedPins:
    """The header of one process. Its public methods are this module's functions, named and ordered as RPi.GPIO's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._words = map_words(path)
        self._clocked: dict[int, list[tuple[Hx711Model, int]]] = {}
        """By PD_SCK's number the chips that hang on it, each with its word for a stall."""
        self._by_dout: dict[int, Hx711Model] = {}
        self._connect_chips()
        self._numbering: int | None = None
        self._claim: int | None = None
        self._modes: dict[int, PinMode] = {}
        self._pulled_up = 0
        self._listener: _EdgeListener | None = None

    def setwarnings(self, shown: bool) -> None:
        """Warnings are neither shown nor hidden: there are none here."""

    def setmode(self, mode: int) -> None:
        """Choose the numbering; BCM is the one there is."""
        if mode != BCM:
            raise ValueError("the simulated pins have BCM numbers only")
        self._numbering = mode

    def getmode(self) -> int | None:
        """The numbering chosen."""
        return self._numbering

    def gpio_function(self, channel: int) -> int:
        """What a pin is used for."""
        self._check(channel)
        if self._words[Word.TAKEN] >> channel & 1:
            return SPI
        return OUT if self._words[Word.MODE + channel] == PinMode.OUTPUT else IN

    def setup(self, channel: int, direction: int, pull_up_down: int = PUD_OFF, initial: int = _INITIAL_AS_IT_WAS) -> None:
        """Make a pin an input or an output."""
        self._check(channel)
        self._claim_pins()
        if self._words[Word.TAKEN] >> channel & 1:
            raise RuntimeError("GPIO busy")
        if direction == OUT:
            if pull_up_down != PUD_OFF:
                raise ValueError("pull_up_down parameter is not valid for outputs")
            self._set_mode(channel, PinMode.OUTPUT)
            self.output(channel, self._words[Word.LEVEL + channel] if initial == _INITIAL_AS_IT_WAS else initial)
        elif direction == IN:
            if initial != _INITIAL_AS_IT_WAS:
                raise ValueError("initial parameter is not valid for inputs")
            self._set_mode(channel, PinMode.INPUT_PULLED_UP if pull_up_down == PUD_UP else PinMode.INPUT)
        else:
            raise ValueError("An invalid direction was passed to setup()")

    def input(self, channel: int) -> int:
        """The level of a pin. An input that nothing pulls up reads low while its contact is open: the worst it can do."""
        mode = self._modes.get(channel)
        if mode is None:
            raise RuntimeError("You must setup() the GPIO channel first")
        if channel in self._by_dout:
            return self._by_dout[channel].data(time.monotonic_ns())
        if mode is PinMode.OUTPUT:
            return self._words[Word.LEVEL + channel]
        return (self._pulled_up & ~self._words[_CLOSED]) >> channel & 1

    def output(self, channel: int, level: int) -> None:
        """Drive an output."""
        if self._modes.get(channel) is not PinMode.OUTPUT:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        if channel in self._clocked:
            self._clock_chips(channel, level)
            return
        words = self._words
        level = int(bool(level))
        if level != words[Word.LEVEL + channel]:
            words[Word.LEVEL + channel] = level
            words[Word.CHANGED_AT_NS + channel] = time.monotonic_ns()
            words[Word.CHANGES + channel] += 1

    def add_event_detect(self, channel: int, edge: int, callback: Callable[[int], None]) -> None:
        """Call back at each edge of an input. Debouncing and polling for events are not simulated."""
        if edge not in (RISING, FALLING, BOTH):
            raise ValueError("The edge must be set to RISING, FALLING or BOTH")
        if self._modes.get(channel) not in (PinMode.INPUT, PinMode.INPUT_PULLED_UP):
            raise RuntimeError("You must setup() the GPIO channel as an input first")
        if self._listener is None:
            self._listener = _EdgeListener(edge_pipe_path(self._path))
        if self._listener.watches(channel):
            raise RuntimeError("Conflicting edge detection already enabled for this GPIO channel")
        self._listener.add(channel, edge, callback)

    def remove_event_detect(self, channel: int) -> None:
        """End the callbacks of a pin."""
        if self._listener is not None and self._listener.remove(channel):
            self._listener.close()
            self._listener = None

    def cleanup(self, channels: int | Iterable[int] | None = None) -> None:
        """Give pins back, or all: they become unused inputs, and an output stops being driven."""
        if isinstance(channels, int):
            channels = (channels,)
        chosen = list(self._modes) if channels is None else list(channels)
        for channel in chosen:
            self.remove_event_detect(channel)
            if channel in self._modes:
                self._set_mode(channel, PinMode.UNUSED)
                del self._modes[channel]
        if channels is None:
            self._numbering = None
            if self._claim is not None:
                os.close(self._claim)
                self._claim = None

    def _check(self, channel: int) -> None:
        if self._numbering is None:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)")
        if not 0 <= channel < LINES:
            raise ValueError("The channel sent is invalid on a Raspberry Pi")

    def _claim_pins(self) -> None:
        """Like a claimed line of the kernel's, the claim ends with the process, however that ends."""
        if self._claim is not None:
            return
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise RuntimeError("GPIO busy") from None
        self._claim = descriptor

    def _set_mode(self, channel: int, mode: PinMode) -> None:
        self._modes[channel] = mode
        self._words[Word.MODE + channel] = mode
        if mode is PinMode.INPUT_PULLED_UP:
            self._pulled_up |= 1 << channel
        else:
            self._pulled_up &= ~(1 << channel)

    def _connect_chips(self) -> None:
        now_ns = time.monotonic_ns()
        for first in CHIPS:
            pd_sck, dout = self._words[first + ChipWord.PD_SCK], self._words[first + ChipWord.DOUT]
            if pd_sck >= 0:
                chip = Hx711Model(self._words, now_ns, first)
                self._by_dout[dout] = chip
                self._clocked.setdefault(pd_sck, []).append((chip, first + ChipWord.STALL_NS))

    def _clock_chips(self, channel: int, level: int) -> None:
        now_ns = time.monotonic_ns()
        for chip, _ in self._clocked[channel]:
            chip.set_clock(level, now_ns)
        for _, stall in self._clocked[channel] if level else ():
            stall_ns = self._words[stall]
            if stall_ns:
                self._words[stall] = 0
                time.sleep(stall_ns / 1e9)


def _pins_file() -> Path:
    path = os.environ.get(PINS_VARIABLE)
    if not path:
        raise RuntimeError(f"This module can only be run on a Raspberry Pi! ({PINS_VARIABLE} names no simulated pins)")
    return Path(path)


_pins = _SimulatedPins(_pins_file())

setwarnings = _pins.setwarnings
setmode = _pins.setmode
getmode = _pins.getmode
gpio_function = _pins.gpio_function
setup = _pins.setup
input = _pins.input
output = _pins.output
add_event_detect = _pins.add_event_detect
remove_event_detect = _pins.remove_event_detect
cleanup = _pins.cleanup
