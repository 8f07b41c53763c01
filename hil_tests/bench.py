"""The test bench: a host, hands and a stopwatch around a drive, whichever way its firmware runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from firmware_bridge.codec import Decoder, Frame, Hello, Sender, encode
from firmware_bridge.drive import DriveState, IdentFrame, Run, StatusFrame, Stop

BYTE_US = 86.8
"""One byte at 115200 baud."""
COMMAND_PERIOD_MS = 10
"""How often the host renews its lease."""


class Drive(Protocol):
    """What the bench needs of a drive. The simulated ones tell the truth about the belt, a board what its STATUS says."""

    def write(self, data: bytes) -> int:
        """Bytes to the drive; returns how many the line took."""
        ...

    def read(self) -> bytes:
        """All bytes from the drive since the last read."""
        ...

    def advance(self, microseconds: int, belt_force_n: float = 0.0, drag_n: float = 0.0) -> None:
        """Lets time go on."""
        ...

    def close(self) -> None:
        """Gives the drive back."""
        ...

    @property
    def time_us(self) -> int:
        """Time that has passed."""
        ...

    @property
    def speed_m_s(self) -> float:
        """Belt speed, positive in the backward-gait direction."""
        ...

    @property
    def relay_commanded(self) -> bool:
        """The relay output."""
        ...

    @property
    def duty(self) -> float:
        """The PWM output, 0..1."""
        ...


class Hands(Protocol):
    """Who presses the buttons: the simulation, exactly, or a person at a board, roughly."""

    def press(self, button: str, milliseconds: int) -> None:
        """Presses START ("start") or FASTER ("faster") and releases it; about a fifth of a second is a normal press."""
        ...

    def set_stop_input(self, closed: bool) -> None:
        """Opens or closes the STOP input; closed is healthy."""
        ...


class Heard(NamedTuple):
    """A STATUS and when its first byte left the drive, as the line's speed tells it."""

    first_byte_us: float
    status: StatusFrame
    sequence: int


class Bench:
    """A host on a drive's line. `heard` has every STATUS since the bench was made or `forget` was called."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.heard: list[Heard] = []
        self.ident: IdentFrame | None = None
        self.idents_heard = 0
        self._decoder = Decoder(Sender.DRIVE)
        self._sequence = 0
        self._following: tuple[int, int] | None = None
        self._next_command_us = 0

    @property
    def status(self) -> StatusFrame:
        """The last STATUS heard."""
        return self.heard[-1].status

    @property
    def state(self) -> DriveState:
        """The state in the last STATUS."""
        return self.status.state

    @property
    def rejected(self) -> int:
        """Frames from the drive that were not well-formed."""
        return sum(self._decoder.counts.rejected().values())

    def forget(self) -> None:
        """Drops all STATUS but the last."""
        del self.heard[:-1]

    def follow(self, target_mm_s: int, acceleration_mm_s2: int = 150) -> None:
        """From now on the host asks for this speed every 10 ms, whenever time passes; the first time at once."""
        self._following = (target_mm_s, acceleration_mm_s2)
        self._next_command_us = self.drive.time_us

    def fall_silent(self) -> None:
        """The host sends nothing more by itself."""
        self._following = None

    def pass_ms(self, milliseconds: int, *, force_n: float = 0.0, drag_n: float = 0.0) -> None:
        """Lets time go on while the host listens, and follows if it was told to. Forces are those of `Drive.advance`."""
        for _ in range(milliseconds):
            if self._following is not None and self.drive.time_us >= self._next_command_us:
                self._next_command_us += COMMAND_PERIOD_MS * 1000
                self.run(*self._following)
            self.drive.advance(1000, force_n, drag_n)
            self._listen()

    def pass_until(self, condition: Callable[[], bool], limit_ms: int, *, force_n: float = 0.0, drag_n: float = 0.0) -> float:
        """Lets time go on until the condition holds, looked at every ms; returns the ms it took.

        Raises AssertionError when the limit passes first.
        """
        began_us = self.drive.time_us
        for _ in range(limit_ms):
            if condition():
                return (self.drive.time_us - began_us) / 1000
            self.pass_ms(1, force_n=force_n, drag_n=drag_n)
        raise AssertionError(f"not within {limit_ms} ms; last heard: {self.status}")

    def send(self, frame: Frame) -> bytes:
        """Sends one frame under the next sequence number; returns its bytes."""
        self._sequence = (self._sequence + 1) % 256
        encoded = encode(frame, self._sequence)
        self.drive.write(encoded)
        return encoded

    def run(self, target_mm_s: int, acceleration_mm_s2: int = 150) -> bytes:
        """Sends a RUN that echoes the last STATUS; returns its bytes."""
        return self.send(self.run_frame(target_mm_s, acceleration_mm_s2))

    def run_frame(self, target_mm_s: int, acceleration_mm_s2: int = 150) -> Run:
        """A RUN that echoes the last STATUS."""
        return Run(target_mm_s, acceleration_mm_s2, self.status.nonce, self.status.tick)

    def stop(self, deceleration_mm_s2: int = 300, *, category_0: bool = False) -> None:
        """Sends a STOP."""
        self.send(Stop(deceleration_mm_s2, category_0))

    def hello(self) -> IdentFrame:
        """Asks the drive who it is. Raises AssertionError without an answer within 50 ms."""
        self.ident = None
        self.send(Hello())
        self.pass_until(lambda: self.ident is not None, 50)
        if self.ident is None:
            raise AssertionError("no IDENT")
        return self.ident

    def states_heard(self) -> list[DriveState]:
        """The states in the order they were heard, repeats left out."""
        states: list[DriveState] = []
        for _, status, _ in self.heard:
            if not states or states[-1] is not status.state:
                states.append(status.state)
        return states

    def drive_clock_us(self) -> float:
        """When the drive's tick was 0, on the bench's clock: the earliest that any STATUS allows (to about 1 ms)."""
        return min(first_byte_us - 1000 * status.tick for first_byte_us, status, _ in self.heard)

    def _listen(self) -> None:
        data = self.drive.read()
        for packet in self._decoder.feed(data):
            if isinstance(packet.frame, StatusFrame):
                length = len(encode(packet.frame, packet.sequence))
                self.heard.append(Heard(self.drive.time_us - length * BYTE_US, packet.frame, packet.sequence))
            elif isinstance(packet.frame, IdentFrame):
                self.ident = packet.frame
                self.idents_heard += 1
