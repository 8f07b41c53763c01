"""A CFA635 character display behind a pseudo-terminal: it shows, acknowledges, freezes and can be pulled out.

Its packets are read and written with the driver's own codec, which is held to the published check value by a test.
"""

from __future__ import annotations

import contextlib
import os
import pty
import selectors
import threading
import tty
from pathlib import Path

from controller.hardware.display_packets import (
    ACKNOWLEDGED,
    CLEAR,
    COLUMNS,
    PING,
    REFUSED,
    ROWS,
    WRITE_TEXT,
    Packet,
    PacketReader,
    encode,
)
from simulator.scheduling import BESIDE_PRIORITY, schedule_this_thread

_BLANK = (" " * COLUMNS,) * ROWS
_READ_BYTES = 4096
_KEY_PRESSED = Packet(0x80, b"\x01")
_JOIN_TIMEOUT_S = 2.0


class EmulatedDisplay:
    """The display; `link` is a symbolic link to its device and is there only while it is plugged in."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._lines: tuple[str, ...] = _BLANK
        self._frozen = False
        self._plugged_in: _PluggedIn | None = None
        self.plug_in()

    @property
    def lines(self) -> tuple[str, ...]:
        """The four lines of twenty characters as they are shown."""
        return self._lines

    def show_again(self, lines: tuple[str, ...]) -> None:
        """Shows what it showed at some time before: to whoever takes a whole machine back to that time."""
        self._lines = lines

    @property
    def plugged_in(self) -> bool:
        """Whether the device is there."""
        return self._plugged_in is not None

    def freeze(self, frozen: bool) -> None:
        """While frozen it neither shows nor acknowledges anything; its device stays."""
        self._frozen = frozen

    def press_key(self) -> None:
        """The module reports a key of its own, which the driver must not take for an acknowledgement."""
        if self._plugged_in is not None:
            self._plugged_in.send(_KEY_PRESSED)

    def unplug(self) -> None:
        """Pull the cable: the device is gone and so is its power."""
        if self._plugged_in is not None:
            self._link.unlink(missing_ok=True)
            self._plugged_in.close()
            self._plugged_in = None
            self._lines = _BLANK

    def plug_in(self) -> None:
        """Put the cable in; the device has another number under the same link."""
        if self._plugged_in is None:
            self._plugged_in = _PluggedIn(self)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self._plugged_in.device)

    def close(self) -> None:
        """End the emulation."""
        self.unplug()

    def obey(self, command: Packet) -> Packet | None:
        """What the module does with a command: it shows, and answers unless it is frozen."""
        if self._frozen:
            return None
        if command.type == PING:
            return Packet(ACKNOWLEDGED | PING, command.data)
        if command.type == CLEAR and not command.data:
            self._lines = _BLANK
            return Packet(ACKNOWLEDGED | CLEAR, b"")
        if command.type == WRITE_TEXT and self._write(command.data):
            return Packet(ACKNOWLEDGED | WRITE_TEXT, b"")
        return Packet(REFUSED | command.type & 0x3F, b"")

    def _write(self, data: bytes) -> bool:
        if len(data) < 3 or data[0] >= COLUMNS or data[1] >= ROWS or data[0] + len(data) - 2 > COLUMNS:
            return False
        column, row = data[0], data[1]
        text = data[2:].decode("ascii", errors="replace")
        line = self._lines[row]
        changed = line[:column] + text + line[column + len(text) :]
        self._lines = (*self._lines[:row], changed, *self._lines[row + 1 :])
        return True


class _PluggedIn:
    """One pseudo-terminal and the thread that serves it."""

    def __init__(self, display: EmulatedDisplay) -> None:
        self._display = display
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(slave)
        # The slave stays open, else reading the master fails whenever the driver is not there.
        self._slave = slave
        self._closing, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, name="emulated-display", daemon=True)
        self._thread.start()

    def send(self, packet: Packet) -> None:
        with contextlib.suppress(BlockingIOError):  # where nobody reads it does not wait, like a real one
            os.write(self._master, encode(packet))

    def close(self) -> None:
        os.write(self._wake, b"x")
        self._thread.join(_JOIN_TIMEOUT_S)
        for descriptor in (self._master, self._slave, self._closing, self._wake):
            os.close(descriptor)

    def _run(self) -> None:
        schedule_this_thread(BESIDE_PRIORITY)
        reader = PacketReader()
        with selectors.DefaultSelector() as selector:
            selector.register(self._master, selectors.EVENT_READ)
            selector.register(self._closing, selectors.EVENT_READ)
            while True:
                ready = [key.fd for key, _ in selector.select()]
                if self._closing in ready:
                    return
                for command in reader.feed(os.read(self._master, _READ_BYTES)):
                    answer = self._display.obey(command)
                    if answer is not None:
                        self.send(answer)
