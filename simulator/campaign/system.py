"""The whole system in one process and in virtual time: people, treadmill, firmware, controller, telemetry and broker.

Nothing here reads a clock, and nothing here judges. Abstractions, all of them: the serial line is read at each scan and not as
each byte comes; a pin's level is read when a scan or an edge asks for it; a process gets the processor at its scan.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from controller.core.readings import DriveReading, Levels, LoadSample
from controller.core.state import CoreState, Settings
from controller.drive_adapter import DriveAdapter
from controller.event_ring import EventRing
from controller.flight_recorder import FlightRecorder
from controller.gatekeeper import gatekeeper
from controller.memory import Memory, Remembered
from controller.peers import own_user_only
from controller.scan import Controller, Devices
from controller.session.facts import FIXED_FLAT
from controller.session.local_day import Clock
from controller.session.settings import ClinicalSettings
from firmware_bridge.drive import DriveLimits
from firmware_bridge.reference_drive import ReferenceDrive
from messages.patient import Screening
from messages.plan import Plan
from messages.wire import About, EventRecord, Message, Prepare, encode
from simulator.campaign.broker import MemoryBroker
from simulator.campaign.kernel import MemorySocket, Sockets, Tty, TtyFcntl, TtyOs, TtySelect, TtySerial, TtyTermios
from simulator.campaign.line import Cable
from simulator.campaign.modules import Change, module_over
from simulator.campaign.telemetry_life import TelemetryLife
from simulator.drive import NativeDrive, SimulatedDrive
from simulator.virtual import (
    LEAST_GAP_NS,
    SCAN_NS,
    START_NS,
    Commissioned,
    VirtualDisplay,
    VirtualLoadCell,
    VirtualPins,
    flight_header,
    raise_failure,
)
from simulator.world import World, WorldParameters

MEMORY_DELAY_NS = 20_000_000
"""How long the helper thread takes to bring a value to the disk."""
DEVICE = "/dev/drive"
Defects = Mapping[str, Sequence[Change]]
"""Planted bugs: source changes by module name."""


class SpoiltPins(VirtualPins):
    """The panel through wires that may be stuck: what the Pi sees of the contacts."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.stuck_closed = 0
        self.stuck_open = 0
        self.chattering = 0
        """Masks by `Input`: pins held low, held high, or changing at each look."""
        self.pulse_stuck = False
        """The output that feeds the watchdog relay stays at one level, whichever the controller sets."""
        self._flips = 0

    @property
    def closed(self) -> int:
        """What a read returns now."""
        return ((self._world.contacts ^ self._flips) | self.stuck_closed) & ~self.stuck_open

    def notice(self) -> bool:
        """Notes what changed at the pins since the last call; returns whether anything did."""
        if self.chattering:
            self._flips ^= self.chattering
        else:
            self._flips = 0
        closed = self.closed
        changed = closed ^ self._seen
        self._edges |= changed
        self._seen = closed
        return changed != 0

    def pulse(self) -> None:
        """Feeds the relay, if the pin obeys."""
        if not self.pulse_stuck:
            super().pulse()

    def read(self, now_ns: int) -> Levels:
        """Levels now, and the edges since the last read."""
        self.notice()
        edges, self._edges = self._edges, 0
        return Levels(measured_at_ns=now_ns, closed=self._seen, edges=edges)


class SpoiltLoadCell(VirtualLoadCell):
    """The load cell's samples on their way to the scan. Each of `spoils` returns a sample otherwise, or None where it is lost."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.spoils: list[Callable[[LoadSample], LoadSample | None]] = []

    def drain(self) -> tuple[LoadSample, ...]:
        """Those since the last call."""
        samples = super().drain()
        for spoil in self.spoils:
            samples = tuple(spoilt for spoilt in map(spoil, samples) if spoilt is not None)
        return samples


class DelayedMemory(Memory):
    """The controller's memory, whose writer is virtual time instead of a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found = self._load()
        self.failure = ""
        self._due: tuple[int, Remembered] | None = None
        self.now_ns = 0

    def keep(self, value: Remembered) -> None:
        """On the disk a moment later; a kill before that loses it."""
        self._due = (self.now_ns + MEMORY_DELAY_NS, value)

    def advance(self, now_ns: int) -> None:
        """Writes what is due."""
        self.now_ns = now_ns
        if self._due is not None and now_ns >= self._due[0]:
            self._write(self._due[1])
            self._due = None


class _NoServiceManager:
    def watchdog(self) -> None:
        """Kills and restarts are the campaign's."""

    def status(self, status: str) -> None:
        """Nobody reads it."""


class WholeSystem:
    """Everything. `advance` lets time go on; faults and hands change its parts in between.

    settings, limits: as the configuration gives them. seed: decides everything that chance decides.
    """

    def __init__(
        self,
        settings: Settings,
        limits: DriveLimits,
        seed: str,
        parameters: WorldParameters,
        drive: SimulatedDrive | None = None,
        defects: Defects | None = None,
    ) -> None:
        self.settings = settings
        self._limits = limits
        self._defects = defects or {}
        self.random = Random(f"{seed}/world")
        self.drive = drive or NativeDrive(self.random.getrandbits(63))
        self.world = World(self.drive, self.random, START_NS, parameters)
        self.cable = Cable(Random(f"{seed}/cable"), self.drive.write, self._to_host)
        self.tty = Tty(self.cable.from_host)
        self.sockets = Sockets()
        self.pins = SpoiltPins(self.world)
        self.load_cell = SpoiltLoadCell(self.world)
        self.display = VirtualDisplay()
        self._directory = tempfile.TemporaryDirectory(prefix="sternway-campaign-", dir=_memory_disk())
        self.directory = Path(self._directory.name)
        self.broker = MemoryBroker()
        self.telemetry = TelemetryLife(self.directory, self.sockets, self.broker, f"{seed}/telemetry", START_NS, self._defects)
        self.frozen = False
        self.controller: Controller | None = None
        self.lives = 0
        self.scans = 0
        self.appended: list[tuple[int, int, str]] = []
        """Id, time and code of every event that a controller has put into its ring."""
        self.records: dict[int, EventRecord] = {}
        """The same events whole, by id."""
        self._client: MemorySocket | None = None
        self._next_scan_ns = START_NS + SCAN_NS
        self._due_ns = self._next_scan_ns
        self._last_scan_ns = 0
        self._early_used = False
        self.start_controller()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.telemetry.kill()
        self.kill_controller()
        self.drive.close()
        self._directory.cleanup()

    # --- what others look at -------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Virtual time."""
        return self.world.now_ns

    @property
    def state(self) -> CoreState | None:
        """The core's whole memory; None while no controller lives."""
        return self.controller.state if self.controller is not None else None

    @property
    def status(self) -> DriveReading | None:
        """What the host last heard of the drive."""
        return self._adapter._latest if self.controller is not None else None

    # --- the controller's lives ----------------------------------------------------------------------------------------

    def start_controller(self) -> None:
        """A new process on whatever the last one left behind, unless one lives."""
        if self.controller is not None:
            return
        self.lives += 1
        tty, defects = self.tty, self._defects
        serial_link = module_over(
            "firmware_bridge.serial_link",
            defects.get("serial_link", ()),
            os=TtyOs(tty),
            fcntl=TtyFcntl(tty),
            termios=TtyTermios(tty),
            select=TtySelect(tty),
            serial=TtySerial(tty),
        )
        channel = module_over("controller.channel", defects.get("channel", ()), socket=self.sockets, os=self.sockets)
        self._bridge = ReferenceDrive(serial_link.SerialLink(DEVICE), self._limits, self.now_ns)
        self._adapter = DriveAdapter(self._bridge, panel_is_simulated=True)
        self._ring = EventRing(self.directory / "events.ring")
        self._memory = DelayedMemory(self.directory / "controller.json")
        self._channel = channel.Channel(self.directory / "controller.sock", self._ring, _about, own_user_only())
        self._memory.now_ns = self.now_ns
        self._listen_to_ring()
        boot_id = f"{self.random.getrandbits(32):08x}"
        self._recorder = FlightRecorder(self.directory, flight_header(self.settings, boot_id, self.now_ns), raise_failure)
        self.controller = Controller(
            Devices(self.pins, self.load_cell, self._adapter, self.display, _NoServiceManager(), Commissioned()),
            self.settings,
            self._channel,
            self._ring,
            self._memory,
            gatekeeper(self.settings.core, ClinicalSettings(), self._clock, FIXED_FLAT),
            self._recorder,
            boot_id=boot_id,
            now_ns=self.now_ns,
            wall_clock=lambda: self.telemetry.wall_clock().timestamp(),
            kernel_boot="campaign",
        )
        self._next_scan_ns = self._due_ns = self.now_ns + SCAN_NS

    def _listen_to_ring(self) -> None:
        append = self._ring.append

        def listen(record: EventRecord) -> None:
            self.appended.append((record.id, record.at_ns, record.code))
            self.records[record.id] = record
            append(record)

        # The shipped ring has no place for a listener, and gets none for the campaign's sake: it is heard by standing in between.
        self._ring.append = listen  # type: ignore[method-assign]

    def kill_controller(self) -> None:
        """As SIGKILL: no line of it runs any more, what it held is closed by the kernel."""
        if self.controller is None:
            return
        self.controller = None
        self._client = None
        self.tty.close()
        self._channel.close()
        self._ring.close()
        self._recorder.close()

    def delay_scan(self, by_ns: int) -> None:
        """The next scan gets the processor so much later than it is due."""
        self._next_scan_ns = max(self._next_scan_ns, self.now_ns + by_ns)

    def ask(self, message: Message) -> None:
        """A client of the controller's socket sends one message; one that was closed for not reading connects again."""
        for _ in range(2):
            if self.controller is None:
                return
            if self._client is None:
                self._client = self.sockets.socket(0, 0)
                self._client.connect(str(self.directory / "controller.sock"))
            try:
                self._client.send(encode(message))
                while self._client.readable and self._client.recv(1 << 16):
                    pass
            except OSError:
                self._client = None
                continue
            return

    def prepare(self, plan: Plan, screening: Screening | None) -> None:
        """Proposes a session, as the command line does."""
        self.ask(Prepare("campaign", "campaign", plan, screening))

    def _clock(self) -> Clock:
        return Clock(self.telemetry.wall_clock().date(), trusted=True)

    # --- time ----------------------------------------------------------------------------------------------------------

    def advance(self, to_ns: int) -> None:
        """Lets virtual time go on, with a scan each period and an early one when an input changes."""
        world, pins = self.world, self.pins
        step_ns = world.parameters.step_ns
        while world.now_ns < to_ns:
            until_ns = min(to_ns, world.now_ns + step_ns, world.hands.due_ns)
            scanning = self.controller is not None and not self.frozen
            if scanning:
                until_ns = min(until_ns, self._next_scan_ns)
            world.advance(max(until_ns, world.now_ns + 1000))
            now_ns = world.now_ns
            self.cable.carry(self.drive.read(), now_ns)
            if pins.notice() and scanning and not self._early_used and now_ns - self._last_scan_ns >= LEAST_GAP_NS:
                early = now_ns < self._next_scan_ns
            else:
                early = False
            if scanning and (early or now_ns >= self._next_scan_ns):
                self._scan(now_ns, early)
            self.telemetry.advance(now_ns)

    def _scan(self, now_ns: int, early: bool) -> None:
        controller = self.controller
        if controller is None:
            return
        self.scans += 1
        self._last_scan_ns = now_ns
        self._memory.advance(now_ns)
        if early:
            self._early_used = True
            controller.cycle(now_ns, 0)
        else:
            self._early_used = False
            late_ns = max(0, now_ns - self._due_ns)
            controller.cycle(now_ns, late_ns)
            self._due_ns += SCAN_NS * (1 + late_ns // SCAN_NS)
            self._next_scan_ns = self._due_ns
        self.cable.carry(b"", now_ns)

    def _to_host(self, data: bytes) -> None:
        self.tty.deliver(data)


def _about() -> About:
    return About(version="campaign", boot_id="campaign", clinic="campaign", treadmill="simulated", drive={}, limits={})


def _memory_disk() -> str | None:
    """Where files cost no disk: Linux has it, and nothing is lost where it is missing."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
