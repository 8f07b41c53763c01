"""The simulated treadmill in real time, under the product's real processes: one loop that moves the world along with the clock.

The loop runs in a thread of its own. What reaches into the world from outside, such as the demo's keys, goes through `ask` and is
done between two steps.
"""

from __future__ import annotations

import contextlib
import queue
import select
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Protocol

from messages.wire import Snapshot
from simulator.display import EmulatedDisplay
from simulator.drive import NativeDrive, SimulatedDrive
from simulator.load_cell import CellFault
from simulator.observer import SocketObserver
from simulator.pins import ChipBoard, DoutHeld, OutputState
from simulator.play import LOOK_NS
from simulator.rail_cells import EmulatedRailCells
from simulator.scheduling import WORLD_PRIORITY, schedule_this_thread
from simulator.serial_pty import SerialPty
from simulator.therapist import Lines
from simulator.world import World, WorldParameters

STEP_NS = 2_000_000
MAXIMUM_REQUESTS = 64
_DOUBLED_EVERY = 4
_JOIN_S = 3.0


class Board(Protocol):
    """What the treadmill's contacts and its load cell are wired to."""

    @property
    def contacts(self) -> int: ...
    def set_contacts(self, closed_mask: int) -> None: ...
    def set_load_counts(self, counts: int) -> None: ...
    def set_conversions(self, period_ns: int, doubled_every: int = 0) -> None: ...
    def hold_dout(self, held: DoutHeld) -> None: ...
    def output(self, name: str) -> OutputState: ...


class Cable(Protocol):
    """The drive's end of its serial line; nothing of it waits."""

    @property
    def plugged_in(self) -> bool: ...
    def fileno(self) -> int: ...
    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def unplug(self) -> None: ...
    def plug_in(self) -> None: ...


class RealTimeTreadmill:
    """World, pins, cable and display, in step with the monotonic clock."""

    def __init__(
        self,
        directory: Path,
        board: Board,
        seed: int,
        socket: Path,
        *,
        drive: SimulatedDrive | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        rail_chips: Sequence[ChipBoard] | None = None,
        cable: Cable | None = None,
    ) -> None:
        """directory: where the cable's and the display's devices appear. socket: where the controller will listen. drive, cable:
        the native one and a pseudo-terminal unless others are given. clock: the controller's, ns; never faster than this machine's.
        rail_chips: left and right, where the rails have load cells.
        """
        self.random = Random(seed)
        self.drive = drive or NativeDrive(seed)
        self._clock = clock
        self.world = World(self.drive, self.random, clock(), WorldParameters(step_ns=STEP_NS))
        self.cable: Cable = cable or SerialPty(directory / "drive")
        self.display = EmulatedDisplay(directory / "display")
        self.board = board
        self.rail_cells = EmulatedRailCells(rail_chips, self.world, seed) if rail_chips is not None else None
        self.heard_host: list[Callable[[bytes, int], None]] = []
        """Told of the bytes that the controller wrote, and when they were there."""
        self.looks: list[Callable[[Snapshot | None, Lines], None]] = []
        """Called ten times a second with what the controller says and the display shows."""
        self.snapshot: Snapshot | None = None
        self.worst_gap_ms = 0.0
        """The longest time the loop itself was kept from running: the simulated drive stood still for so long."""
        self.failure: BaseException | None = None
        self._socket = socket
        self._observer: SocketObserver | None = None
        self._requests: queue.Queue[Callable[[], None]] = queue.Queue(MAXIMUM_REQUESTS)
        self._pulses = 0
        self._look_ns = 0
        self._stopping = False
        board.set_conversions(12_500_000, _DOUBLED_EVERY)
        self._thread = threading.Thread(target=self._run, name="treadmill", daemon=True)

    def start(self) -> None:
        """Lets time run."""
        self.world.now_ns = self._clock()
        self._thread.start()

    def ask(self, deed: Callable[[], None]) -> None:
        """Has something done between two steps."""
        with contextlib.suppress(queue.Full):
            self._requests.put_nowait(deed)

    def close(self) -> None:
        """Ends time."""
        self._stopping = True
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self._observer is not None:
            self._observer.close()
        self.cable.unplug()
        self.display.close()
        self.drive.close()

    # --- the loop ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        schedule_this_thread(WORLD_PRIORITY)
        try:
            last_ns = self._clock()
            while not self._stopping:
                now_ns = self._clock()
                self.worst_gap_ms = max(self.worst_gap_ms, (now_ns - last_ns) / 1e6)
                last_ns = now_ns
                self._turn(now_ns)
                self._wait(now_ns + STEP_NS)
        except BaseException as error:  # the main thread reports it: a world that stands still must never look like a belt at rest
            self.failure = error
            raise

    def _wait(self, until_ns: int) -> None:
        """Until the next step, or until the host writes."""
        left_s = max(0, until_ns - self._clock()) / 1e9
        if self.cable.plugged_in:
            select.select([self.cable.fileno()], [], [], left_s)
        else:
            time.sleep(left_s)

    def _turn(self, now_ns: int) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._requests.get_nowait()()
        self._hear(now_ns)
        self._feel_pulses()
        self.world.advance(now_ns)
        self._show_contacts()
        self.cable.write(self.drive.read())
        if now_ns >= self._look_ns:
            self._look_ns = now_ns + LOOK_NS
            self._look()

    def _hear(self, now_ns: int) -> None:
        data = self.cable.read()
        if data:
            self.drive.write(data)
            for listener in self.heard_host:
                listener(data, now_ns)

    def _feel_pulses(self) -> None:
        output = self.board.output("watchdog_pulse")
        if output.driven and output.changes != self._pulses:
            self._pulses = output.changes
            self.world.chain.pulse(output.changed_at_ns)

    def _show_contacts(self) -> None:
        world, board = self.world, self.board
        if board.contacts != world.contacts:
            board.set_contacts(world.contacts)
        board.set_load_counts(world.cell.counts_now())
        board.hold_dout(DoutHeld.HIGH if world.cell.fault is CellFault.SILENT else DoutHeld.FREE)
        world.take_samples()
        if self.rail_cells is not None:
            self.rail_cells.advance()

    def _look(self) -> None:
        self._listen()
        lines = tuple(self.display.lines)
        for look in self.looks:
            look(self.snapshot, lines)

    def _listen(self) -> None:
        if self._observer is None:
            with contextlib.suppress(OSError):
                self._observer = SocketObserver(self._socket, role="simulator")
            return
        if not self._observer.read():
            self._observer.close()
            self._observer = None
            return
        self.snapshot = self._observer.snapshot or self.snapshot
