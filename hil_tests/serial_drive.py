"""A board on a desk, through a serial port. Its belt is known only by what its STATUS says."""

from __future__ import annotations

import time

import pytest
import serial

from firmware_bridge.codec import Decoder, Sender
from firmware_bridge.drive import BeltDirection, DriveInput, StatusFrame

BAUD = 115200


class SerialDrive:
    """A real drive in real time. Nothing about it can be broken or reset from here: the Pi has no line for that either."""

    def __init__(self, port: str) -> None:
        self._serial = serial.Serial(port, BAUD, timeout=0, exclusive=True)
        self._began_ns = time.monotonic_ns()
        self._decoder = Decoder(Sender.DRIVE)
        self._status: StatusFrame | None = None

    def close(self) -> None:
        """Gives the port back."""
        self._serial.close()

    def write(self, data: bytes) -> int:
        """Bytes to the drive."""
        return self._serial.write(data) or 0

    def read(self) -> bytes:
        """All bytes that have come."""
        data: bytes = self._serial.read(self._serial.in_waiting or 1)
        for packet in self._decoder.feed(data):
            if isinstance(packet.frame, StatusFrame):
                self._status = packet.frame
        return data

    def advance(self, microseconds: int, belt_force_n: float = 0.0, drag_n: float = 0.0) -> None:
        """Waits: time cannot be moved on here, and forces on a real belt are nobody's to command."""
        if belt_force_n or drag_n:
            pytest.skip("forces on the belt need the simulated one")
        time.sleep(microseconds / 1e6)

    @property
    def time_us(self) -> int:
        """Real time since the port was opened."""
        return (time.monotonic_ns() - self._began_ns) // 1000

    @property
    def speed_m_s(self) -> float:
        """As the drive measures it."""
        status = self._known()
        sign = -1 if status.direction is BeltDirection.WRONG else 1
        return sign * status.measured_mm_s / 1000

    @property
    def relay_commanded(self) -> bool:
        """The relay's read-back, which is all that shows from here."""
        return bool(self._known().inputs & DriveInput.RELAY_CLOSED)

    @property
    def duty(self) -> float:
        """Not visible on a board."""
        pytest.skip("the PWM output is not visible on a board")

    def _known(self) -> StatusFrame:
        if self._status is None:
            raise RuntimeError("the drive has not sent a STATUS yet")
        return self._status
