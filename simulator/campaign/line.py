"""The serial cable between host and drive, with everything that a cable, an adapter or a stranger on it can do to bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random


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


class Cable:
    """Both ways. `inject` puts a stranger's bytes on the way to the drive."""

    def __init__(self, random: Random, to_drive: Callable[[bytes], object], to_host: Callable[[bytes], object]) -> None:
        self.up, self.down = Direction(random), Direction(random)
        """up: from the drive to the host."""
        self._to_drive = to_drive
        self._to_host = to_host
        self._from_host = b""
        self.delivered_ns = 0
        """When bytes of the host last reached the drive."""

    def from_host(self, data: bytes) -> None:
        """The host has written."""
        self._from_host += data

    def inject(self, data: bytes) -> None:
        """Bytes that the host's program never wrote."""
        self._to_drive(data)

    def carry(self, from_drive: bytes, now_ns: int) -> None:
        """Lets everything go on to now_ns."""
        if from_drive or self.up.waiting:
            arrived = self.up.carry(from_drive, now_ns)
            if arrived:
                self._to_host(arrived)
        if self._from_host or self.down.waiting:
            sent, self._from_host = self._from_host, b""
            arrived = self.down.carry(sent, now_ns)
            if arrived:
                self.delivered_ns = now_ns
                self._to_drive(arrived)
