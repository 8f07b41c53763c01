"""The 20x4 character display, written by a thread of its own; the scan only leaves the lines and asks for its health.

The newest lines win: there is one place for them, no queue. Every packet must be acknowledged within 500 ms. While the lines
stay as they are a ping proves twice a second that the display is alive. A lost display is opened again for ever, and shows the
newest lines when it is back. See docs/decisions/0004-character-display.md.
"""

from __future__ import annotations

import termios
import threading
import time
from collections.abc import Callable, Sequence

import serial

from controller.hardware.display_packets import (
    ACKNOWLEDGED,
    CLEAR,
    PING,
    REFUSED,
    ROWS,
    Packet,
    PacketReader,
    encode,
    write_text,
)
from controller.hardware.settings import DisplaySettings

BAUD = 115200
ACKNOWLEDGE_WITHIN_NS = 500_000_000
HEALTHY_FOR_NS = 1_500_000_000
"""Two pings and an acknowledgement's time: older proof is none, should the thread itself hang in a driver."""
_PING_EVERY_S = 0.5
_RECONNECT_AFTER_S = 0.5
_READ_TIMEOUT_S = 0.05
_CLOSE_TIMEOUT_S = 2.0
_NO_LINES = ("",) * ROWS


class _DisplayLost(Exception):
    """The display does not acknowledge, or refuses."""


class CharacterDisplay:
    """A CFA635 on a serial device. With an empty device path it never becomes healthy and no thread runs."""

    def __init__(self, settings: DisplaySettings, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._device = settings.device
        self._clock = clock
        self._wanted: tuple[str, ...] = _NO_LINES
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._acknowledged_at_ns: int | None = None
        self._losses = 0
        self._loss = ""
        self._pings = 0
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        if self._device:
            self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether the display has proved within the last 1.5 s that it is there, and has not failed since."""
        at_ns = self._acknowledged_at_ns
        return at_ns is not None and self._clock() - at_ns <= HEALTHY_FOR_NS

    @property
    def losses(self) -> int:
        """How often the display was lost, or could not be opened, so far."""
        return self._losses

    @property
    def loss(self) -> str:
        """Why it was last lost, in the device's words, or empty."""
        return self._loss

    def show(self, lines: Sequence[str]) -> None:
        """Ask for these lines, four at most; returns at once."""
        wanted = (*lines, *_NO_LINES)[:ROWS]
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    def close(self) -> None:
        """End the thread; the display keeps what it shows."""
        self._closing.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._serve()
            except (OSError, ValueError, termios.error, _DisplayLost) as error:  # pyserial raises the first three
                self._acknowledged_at_ns = None
                self._losses += 1
                self._loss = str(error)
                self._closing.wait(_RECONNECT_AFTER_S)

    def _serve(self) -> None:
        """Show what is wanted until closed. Raises where the display is lost."""
        timeout_s = ACKNOWLEDGE_WITHIN_NS / 1e9
        with serial.Serial(self._device, BAUD, timeout=_READ_TIMEOUT_S, write_timeout=timeout_s, exclusive=True) as port:
            port.reset_input_buffer()  # answers to a former life's commands prove nothing
            reader = PacketReader()
            self._ping(port, reader)
            self._request(port, reader, Packet(CLEAR, b""))
            shown = list(_NO_LINES)
            while not self._closing.is_set():
                self._changed.clear()
                self._write_changes(port, reader, shown)
                if not self._changed.wait(_PING_EVERY_S):
                    self._ping(port, reader)

    def _write_changes(self, port: serial.Serial, reader: PacketReader, shown: list[str]) -> None:
        for row in range(ROWS):
            text = self._wanted[row]  # looked at anew in each row: the newest wins
            if text != shown[row]:
                self._request(port, reader, write_text(row, text))
                shown[row] = text

    def _ping(self, port: serial.Serial, reader: PacketReader) -> None:
        """The data comes back, so an answer that was delayed cannot pass for this one's."""
        self._pings = (self._pings + 1) % (1 << 16)
        mark = self._pings.to_bytes(2, "little")
        if self._request(port, reader, Packet(PING, mark)) != mark:
            raise _DisplayLost("the display answered a ping with other data")

    def _request(self, port: serial.Serial, reader: PacketReader, command: Packet) -> bytes:
        """Send a command; the data of its acknowledgement."""
        deadline_ns = self._clock() + ACKNOWLEDGE_WITHIN_NS
        port.write(encode(command))
        while self._clock() < deadline_ns:
            for answer in reader.feed(port.read(max(1, port.in_waiting))):
                if answer.type == ACKNOWLEDGED | command.type:
                    self._acknowledged_at_ns = self._clock()
                    return answer.data
                if answer.type == REFUSED | command.type:
                    raise _DisplayLost(f"the display refused command {command.type}")
        raise _DisplayLost("the display did not acknowledge within 500 ms")
