"""A world whose belt is run by hand-made RUN frames, for tests that need motion without a controller."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from controller.core.inputs import Input
from firmware_bridge.codec import Decoder, Sender, encode
from firmware_bridge.drive import DriveState, Run, StatusFrame
from simulator.drive import NativeDrive
from simulator.world import World, WorldParameters

STEP_NS = 10_000_000


class RunningWorld:
    """Presses START and FASTER as a hand would, and renews the lease."""

    def __init__(self, seed: int, parameters: WorldParameters | None = None) -> None:
        self.drive = NativeDrive(seed)
        self.world = World(self.drive, Random(seed), 0, parameters or WorldParameters(step_ns=2_000_000))
        self.world.hands.set_closed(Input.CLIP, True)
        self.target_mm_s = 100
        self.status: StatusFrame | None = None
        self._decoder = Decoder(Sender.DRIVE)
        self._sequence = 0

    def run(self, seconds: float, watch: Callable[[World], None] | None = None) -> None:
        """Lets time go on with the belt driven; watch sees the world every 10 ms."""
        until_ns = self.world.now_ns + int(seconds * 1e9)
        while self.world.now_ns < until_ns:
            self.world.chain.pulse(self.world.now_ns)
            self.world.advance(self.world.now_ns + STEP_NS)
            for packet in self._decoder.feed(self.drive.read()):
                if isinstance(packet.frame, StatusFrame):
                    self.status = packet.frame
            self._command()
            if watch is not None:
                watch(self.world)

    def walk_at(self, target_mm_s: int) -> None:
        """A patient on the deck, and the belt brought to this speed press by press."""
        self.world.patient.mount()
        self.run(4.0)
        self.world.patient.hold()
        self.world.hands.press(Input.START, 300_000_000)
        self.run(3.0)
        while self.target_mm_s < target_mm_s:
            self.target_mm_s = min(target_mm_s, self.target_mm_s + (50 if self.target_mm_s < 500 else 100))
            self.world.hands.press(Input.FASTER)
            self.run(2.0)

    def _command(self) -> None:
        status = self.status
        if status is None or status.state not in (DriveState.GRANTED, DriveState.RUNNING):
            return
        self._sequence = (self._sequence + 1) & 0xFF
        target = min(self.target_mm_s, status.granted_mm_s)
        self.drive.write(encode(Run(target, 100, status.nonce, status.tick), self._sequence))
