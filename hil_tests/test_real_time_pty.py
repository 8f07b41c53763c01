"""Smoke tests in real time: the AVR build behind a pseudo-terminal, opened like a serial port by the real codec and pyserial.

No timing rule is judged here (the machine's own stalls would be judged with it): the conformance suite does that in lockstep.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import pytest
import serial

from firmware_bridge.codec import Decoder, Frame, Hello, Sender, encode
from firmware_bridge.drive import DriveFault, DriveState, DriveTarget, IdentFrame, Run, StatusFrame, Stop
from hil_tests.avr_drive import avr_firmware, pty_program

START_OPEN_S = 1.2
PRESS_S = 0.2
LIMIT_S = 15.0
COMMAND_PERIOD_S = 0.01


class PtyDrive:
    """The program and its serial port."""

    def __init__(self) -> None:
        command = [str(pty_program()), str(avr_firmware())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._port = serial.Serial(self._answer(), 115200, timeout=0, exclusive=True)
        self._decoder = Decoder(Sender.DRIVE)
        self._sequence = 0
        self.status: StatusFrame | None = None
        self.ident: IdentFrame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._port.close()
        self._process.communicate(timeout=10)

    def send(self, frame: Frame) -> None:
        self._sequence = (self._sequence + 1) % 256
        self._port.write(encode(frame, self._sequence))

    def contact(self, name: str, closed: bool) -> None:
        self._command(f"{name} {int(closed)}")

    def belt(self) -> tuple[float, bool, float]:
        """True speed in m/s, the relay, and the longest that the emulation ran behind real time, in ms."""
        self._command("belt")
        speed, relay, late = self._answer().split()
        return float(speed), relay == "1", float(late)

    def listen_until(self, condition: Callable[[], bool], while_waiting: Callable[[], None] = lambda: None) -> None:
        """Listens and does `while_waiting` every 10 ms until the condition holds; AssertionError after 15 s."""
        limit = time.monotonic() + LIMIT_S
        while time.monotonic() < limit:
            for packet in self._decoder.feed(self._port.read(4096)):
                if isinstance(packet.frame, StatusFrame):
                    self.status = packet.frame
                elif isinstance(packet.frame, IdentFrame):
                    self.ident = packet.frame
            if condition():
                return
            while_waiting()
            time.sleep(COMMAND_PERIOD_S)
        raise AssertionError(f"not within {LIMIT_S} s; last heard: {self.status}")

    def listen_for(self, seconds: float) -> None:
        """Listens for a while of the drive's own time."""
        self.listen_until(lambda: self.status is not None)
        if self.status is None:
            raise AssertionError("no STATUS")
        until_tick = self.status.tick + seconds * 1000
        self.listen_until(lambda: self.status is not None and self.status.tick >= until_tick)

    def is_in(self, state: DriveState) -> bool:
        return self.status is not None and self.status.state is state

    def ask(self, target_mm_s: int) -> None:
        if self.status is not None:
            self.send(Run(target_mm_s, 150, self.status.nonce, self.status.tick))

    def press_start(self) -> None:
        self.listen_for(START_OPEN_S)
        self.contact("start", True)
        self.listen_for(PRESS_S)
        self.contact("start", False)
        self.listen_until(lambda: self.is_in(DriveState.GRANTED))

    def _command(self, line: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the program has no standard input")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("the program has no standard output")
        return self._process.stdout.readline().strip()


@pytest.fixture
def pty_drive() -> Iterator[PtyDrive]:
    with PtyDrive() as drive:
        yield drive


def test_it_answers_over_a_serial_port(pty_drive: PtyDrive) -> None:
    pty_drive.listen_until(lambda: pty_drive.status is not None)  # before that it is still booting, and deaf
    pty_drive.send(Hello())
    pty_drive.listen_until(lambda: pty_drive.ident is not None)

    assert pty_drive.ident is not None
    assert pty_drive.ident.target is DriveTarget.AVR
    assert pty_drive.is_in(DriveState.IDLE)


def test_opening_the_port_and_asking_for_speed_moves_nothing(pty_drive: PtyDrive) -> None:
    pty_drive.listen_until(lambda: pty_drive.status is not None)
    for _ in range(100):
        pty_drive.ask(100)
        pty_drive.listen_for(0.01)

    speed_m_s, relay, _ = pty_drive.belt()
    assert (speed_m_s, relay) == (0.0, False)
    assert pty_drive.is_in(DriveState.IDLE)


def test_start_walk_and_stop(pty_drive: PtyDrive) -> None:
    for attempt in range(3):
        pty_drive.press_start()
        pty_drive.listen_until(
            lambda: pty_drive.status is not None and (pty_drive.status.measured_mm_s >= 90 or pty_drive.is_in(DriveState.LATCHED)),
            while_waiting=lambda: pty_drive.ask(100),
        )
        if pty_drive.is_in(DriveState.RUNNING):
            break
        # A stall of this machine longer than the lease stops the belt, as it must. It is not what is tested here.
        assert pty_drive.status is not None
        assert pty_drive.status.faults == DriveFault.LEASE, f"attempt {attempt}"
    else:
        raise AssertionError(f"this machine stalled three times; the emulation ran up to {pty_drive.belt()[2]} ms late")
    assert pty_drive.belt()[0] == pytest.approx(0.1, abs=0.03)

    pty_drive.send(Stop(1000))
    pty_drive.listen_until(lambda: pty_drive.is_in(DriveState.LATCHED))
    speed_m_s, relay, _ = pty_drive.belt()
    assert abs(speed_m_s) < 0.02
    assert not relay


def test_a_pulled_cable_stops_the_belt(pty_drive: PtyDrive) -> None:
    """From the drive's side a pulled cable is a host that is silent for good."""
    pty_drive.press_start()
    pty_drive.listen_until(lambda: pty_drive.is_in(DriveState.RUNNING), while_waiting=lambda: pty_drive.ask(100))
    pty_drive.listen_until(lambda: pty_drive.is_in(DriveState.LATCHED))

    assert pty_drive.status is not None
    assert pty_drive.status.faults == DriveFault.LEASE
    assert not pty_drive.belt()[1]
