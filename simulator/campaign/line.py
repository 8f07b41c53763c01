"""The serial cable between host and drive, with everything that a cable, an adapter or a stranger on it can do to bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from firmware_bridge.codec import Decoder, Sender
from firmware_bridge.drive import Run, StatusFrame, Stop


class Direction:
    """One way. Shares are of chunks (what came in 10 ms) or of bytes, 0 to 1."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.dead = False
        self.lost_share = 0.0
        self.corrupt_share = 0.0
        self.doubled_share = 0.0
        self.delay_ns = 0
        self.passed: deque[bytes] = deque(maxlen=64)
        """The newest chunks that went in, for whoever sends them again."""
        self.waiting: deque[tuple[int, bytes]] = deque()
        """What is on its way, each with the time at which it arrives."""

    @property
    def disturbed(self) -> bool:
        """Whether bytes fare otherwise than on a sound cable."""
        return bool(self.dead or self.waiting or self.delay_ns or self.lost_share or self.corrupt_share or self.doubled_share)

    def carry(self, data: bytes, now_ns: int) -> bytes:
        """Takes what is sent now, returns what arrives now."""
        if data:
            self.passed.append(data)
        if not self.disturbed:
            return data
        if data and not self.dead:
            self.waiting.append((now_ns + self.delay_ns, self._spoil(data)))
        arrived = b""
        while self.waiting and self.waiting[0][0] <= now_ns:
            arrived += self.waiting.popleft()[1]
        return arrived

    def _spoil(self, data: bytes) -> bytes:
        chance = self._random
        if chance.random() < self.lost_share:
            cut = chance.randrange(len(data))
            data = data[:cut] + data[cut + 1 + chance.randrange(len(data)) :]
        if self.corrupt_share:
            data = bytes(byte ^ (1 << chance.randrange(8)) if chance.random() < self.corrupt_share else byte for byte in data)
        return data + data if chance.random() < self.doubled_share else data


_BYTE_NS = 86_806
"""115200 baud, 8N1."""
_FED_BYTES = 32
"""So much of a burst has arrived together: less than two frames of RUN, 3 ms."""
_SOONEST_NS, _FRESH_NS = -10_000_000, 160_000_000
"""How old an echoed tick may be: a lease's 150 ms, and either way a period, for a boot is seen at the end of the one it was in."""


class DriveEar:
    """What a drive that keeps the protocol hears at the cable's end: whose word counts, and what it asks for.

    It believes neither host nor firmware. The frames are decoded here once more, at the time at which their last byte can be there
    and whoever sent them; how old an echoed tick is, is told by the simulator's clock and the drive's last boot.
    """

    def __init__(self, boot_ns: int) -> None:
        self.heard_ns = boot_ns
        """When a RUN was last there that may renew the lease: of this boot, its tick fresh."""
        self.stopped_ns = boot_ns - 1
        """When a STOP was last there."""
        self.run_mm_s2 = 0
        """What the newest RUN asked for, fresh or not."""
        self.stop_mm_s2 = 0
        """What the newest STOP asked for."""
        self.learns_nonce = True
        """Whether it still has to hear this boot's nonce from the drive."""
        self._boot_ns = boot_ns
        self._nonce: int | None = None
        self._arrives_ns = 0
        self._from_host = Decoder(Sender.HOST)
        self._from_drive = Decoder(Sender.DRIVE)

    def boot(self, now_ns: int) -> None:
        """The drive has booted: what was echoed of the last boot is old."""
        self._boot_ns, self._nonce, self.learns_nonce = now_ns, None, True

    def hear_drive(self, data: bytes, now_ns: int) -> None:
        """What the drive says, as it leaves it. A STATUS of the boot before may still be on its way."""
        for packet in self._from_drive.feed(data):
            status = packet.frame
            if isinstance(status, StatusFrame) and status.tick * 1_000_000 <= now_ns - self._boot_ns + 10_000_000:
                self._nonce, self.learns_nonce = status.nonce, False

    def hear_host(self, data: bytes, now_ns: int) -> None:
        """Bytes begin to arrive, behind those that are still arriving."""
        arrives_ns = max(self._arrives_ns, now_ns)
        for first in range(0, len(data), _FED_BYTES):
            part = data[first : first + _FED_BYTES]
            arrives_ns += len(part) * _BYTE_NS
            for packet in self._from_host.feed(part):
                self._take(packet.frame, arrives_ns)
        self._arrives_ns = arrives_ns

    def _take(self, frame: object, arrives_ns: int) -> None:
        if isinstance(frame, Run):
            self.run_mm_s2 = frame.acceleration_mm_s2
            age_ns = arrives_ns - self._boot_ns - frame.tick * 1_000_000
            if frame.nonce == self._nonce and _SOONEST_NS <= age_ns <= _FRESH_NS:
                self.heard_ns = arrives_ns
        elif isinstance(frame, Stop):
            self.stopped_ns, self.stop_mm_s2 = arrives_ns, frame.deceleration_mm_s2


class Cable:
    """Both ways. `inject` puts a stranger's bytes on the way to the drive."""

    def __init__(self, random: Random, to_drive: Callable[[bytes], object], to_host: Callable[[bytes], object]) -> None:
        self.up, self.down = Direction(random), Direction(random)
        """up: from the drive to the host."""
        self._to_drive = to_drive
        self._to_host = to_host
        self._from_host = b""
        self._now_ns = 0
        self.ear: DriveEar | None = None
        """Hears whatever reaches the drive, once somebody wants to know."""

    def from_host(self, data: bytes) -> None:
        """The host has written."""
        self._from_host += data

    def inject(self, data: bytes) -> None:
        """Bytes that the host's program never wrote."""
        self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        if self.ear is not None:
            self.ear.hear_host(data, self._now_ns)
        self._to_drive(data)

    def carry(self, from_drive: bytes, now_ns: int) -> None:
        """Lets everything go on to now_ns."""
        self._now_ns = now_ns
        if from_drive and self.ear is not None and self.ear.learns_nonce:
            self.ear.hear_drive(from_drive, now_ns)
        if from_drive or self.up.waiting:
            arrived = self.up.carry(from_drive, now_ns)
            if arrived:
                self._to_host(arrived)
        if self._from_host or self.down.waiting:
            sent, self._from_host = self._from_host, b""
            arrived = self.down.carry(sent, now_ns)
            if arrived:
                self._deliver(arrived)
