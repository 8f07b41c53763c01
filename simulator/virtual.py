"""The whole treadmill in virtual time: the world, and the controller's own scan, codec, driver and serial link, in one process.

Nothing here runs by a clock. The drive's bytes still go through a pseudo-terminal, so that the real link carries them; contacts and
load samples are handed over as values, because the Pi's pins live in a real process's time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from controller.channel import Channel
from controller.code_identity import code_identity, python_version
from controller.configuration import parse_configuration
from controller.core.display_text import Lines
from controller.core.readings import Levels, LoadSample
from controller.core.state import Settings
from controller.drive_adapter import DriveAdapter
from controller.event_ring import EventRing
from controller.flight_format import FlightHeader
from controller.flight_recorder import FlightRecorder
from controller.gatekeeper import gatekeeper
from controller.memory import Memory
from controller.peers import own_user_only
from controller.scan import Controller, Devices
from controller.session.facts import FIXED_FLAT
from controller.session.local_day import Clock
from controller.session.settings import ClinicalSettings
from firmware_bridge.discovery import open_drive
from firmware_bridge.drive import Drive, DriveLimits
from messages.plan import Plan
from messages.wire import About, Health, Snapshot
from simulator.demo_configuration import demo_document
from simulator.drive import NativeDrive
from simulator.heard import HeardEvent, heard_event
from simulator.observer import SocketObserver
from simulator.patients import PatientRecords, returning_patient
from simulator.play import Player
from simulator.scenarios import Action, Scenario
from simulator.serial_pty import SerialPty
from simulator.therapist import therapist_of
from simulator.verdict import Summary, judge
from simulator.world import World, WorldParameters

SCAN_NS = 10_000_000
LEAST_GAP_NS = 2_000_000
START_NS = 1_000_000_000_000
"""Where virtual time begins: any positive number."""
_HEARTBEAT_NS = 500_000_000
_LOOK_NS = 100_000_000
_CODE = code_identity()
_WALL_CLOCK_S = 1_767_225_600.0
"""What people's clocks show meanwhile: 2026-01-01."""
_TODAY = date(2026, 1, 1)


class VirtualPins:
    """The panel as the scan sees it, out of the world's contacts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._edges = 0
        self._seen = world.contacts
        self.outputs: dict[str, bool] = {}

    def notice(self) -> bool:
        """Notes what changed since the last call; returns whether anything did."""
        changed = self._world.contacts ^ self._seen
        self._edges |= changed
        self._seen = self._world.contacts
        return bool(changed)

    def read(self, now_ns: int) -> Levels:
        """Levels now, and the edges since the last read."""
        self.notice()
        edges, self._edges = self._edges, 0
        return Levels(measured_at_ns=now_ns, closed=self._world.contacts, edges=edges)

    def write(self, *, lamp_red: bool, lamp_yellow: bool, buzzer: bool, nurse_call: bool) -> None:
        """Keeps what was set."""
        self.outputs = {"lamp_red": lamp_red, "lamp_yellow": lamp_yellow, "buzzer": buzzer, "nurse_call": nurse_call}

    def pulse(self) -> None:
        """Feeds the relay."""
        self._world.chain.pulse(self._world.now_ns)


class VirtualLoadCell:
    """The world's samples."""

    def __init__(self, world: World) -> None:
        self._world = world

    def drain(self) -> tuple[LoadSample, ...]:
        """Those since the last call."""
        return self._world.take_samples()


class VirtualDisplay:
    """Shows at once and never fails."""

    def __init__(self) -> None:
        self.healthy = True
        self.lines: Lines = ("", "", "", "")

    def show(self, lines: Lines) -> None:
        """Keeps the lines."""
        self.lines = lines


class Commissioned:
    """In virtual time the machine is calibrated and tested: there is nothing that could be otherwise."""

    unready: tuple[str, ...] = ()
    health = Health()


class _NoServiceManager:
    def watchdog(self) -> None:
        """Nobody restarts anything in virtual time."""

    def status(self, status: str) -> None:
        """Nobody reads it either."""


class VirtualTreadmill:
    """World and controller, scan by scan. Closes everything it opened when left.

    settings, limits: as the configuration gives them. seed: decides everything that chance decides.
    """

    def __init__(self, settings: Settings, limits: DriveLimits, seed: int, parameters: WorldParameters | None = None) -> None:
        self._settings = settings
        self._limits = limits
        self.random = Random(seed)
        self.drive = NativeDrive(seed)
        self.world = World(self.drive, self.random, START_NS, parameters)
        self.heard_host: list[Callable[[bytes, int], None]] = []
        self._directory = tempfile.TemporaryDirectory(prefix="sternway-virtual-")
        self.cable = SerialPty(Path(self._directory.name) / "drive")
        self.pins = VirtualPins(self.world)
        self.display = VirtualDisplay()
        self.frozen = False
        self.telemetry_lives = True
        self.snapshot: Snapshot | None = None
        self.events: list[HeardEvent] = []
        self._heartbeat_ns = 0
        self._next_scan_ns = START_NS
        self._last_scan_ns = 0
        self.controller: Controller | None = None
        self.start_controller()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill_controller()
        self._memory.close(self._memory.found)  # its thread still writes while the directory goes
        self.cable.unplug()
        self.drive.close()
        self._directory.cleanup()

    @property
    def now_ns(self) -> int:
        """Virtual time."""
        return self.world.now_ns

    def start_controller(self) -> None:
        """A new life of the controller, on whatever the last one left behind."""
        directory = Path(self._directory.name)
        self._bridge: Drive = open_drive("reference", str(directory / "drive"), self._limits, self.now_ns)
        self._adapter = DriveAdapter(self._bridge, panel_is_simulated=True)
        self._ring = EventRing(directory / "events.ring")
        self._memory = Memory(directory / "controller.json")
        self._channel = Channel(directory / "controller.sock", self._ring, _about, own_user_only())
        boot_id = f"{self.random.getrandbits(32):08x}"
        self._recorder = FlightRecorder(directory, flight_header(self._settings, boot_id, self.now_ns), raise_failure)
        self.controller = Controller(
            Devices(self.pins, VirtualLoadCell(self.world), self._adapter, self.display, _NoServiceManager(), Commissioned()),
            self._settings,
            self._channel,
            self._ring,
            self._memory,
            gatekeeper(self._settings.core, ClinicalSettings(), lambda: Clock(_TODAY, trusted=True), FIXED_FLAT),
            self._recorder,
            boot_id=boot_id,
            now_ns=self.now_ns,
            wall_clock=lambda: _WALL_CLOCK_S + self.now_ns / 1e9,
            kernel_boot="virtual",
        )
        self._observer = SocketObserver(directory / "controller.sock", role="telemetry")
        self._next_scan_ns = self.now_ns + SCAN_NS

    def kill_controller(self) -> None:
        """As SIGKILL: nothing is written any more, what it held is closed."""
        if self.controller is None:
            return
        self.controller = None
        self._observer.close()
        self._bridge.close()
        self._channel.close()
        self._ring.close()
        self._recorder.close()

    def flight_recordings(self) -> tuple[Path, ...]:
        """Each life's recording, the first life's first; they go with the treadmill."""
        return tuple(sorted(Path(self._directory.name).glob("flight*.ring"), key=lambda path: path.stat().st_ctime_ns))

    def prepare(self, plan: Plan, patient: PatientRecords = returning_patient) -> None:
        """Asks for a session, as the command line does."""
        self._observer.prepare(plan, patient(plan, _TODAY))

    @property
    def refusal(self) -> str:
        """Why the last session asked for was refused; empty while it was not."""
        return next((reply.reason for reply in self._observer.replies.values() if not reply.accepted), "")

    def advance(self, to_ns: int) -> None:
        """Lets virtual time go on, with a scan each period and one early when a contact changes."""
        while self.now_ns < to_ns:
            scans = self.controller is not None and not self.frozen
            step_ns = self.now_ns + self.world.parameters.step_ns
            self.world.advance(min(step_ns, to_ns, self._next_scan_ns) if scans else min(step_ns, to_ns))
            self._carry()
            edge = self.pins.notice()
            if scans:
                self._scan_if_due(edge)

    def _scan_if_due(self, edge: bool) -> None:
        late_ns = self.now_ns - self._next_scan_ns
        if late_ns >= 0:
            self._scan(late_ns)
            self._next_scan_ns += SCAN_NS * (1 + late_ns // SCAN_NS)
        elif edge and self.now_ns - self._last_scan_ns >= LEAST_GAP_NS:
            self._scan(0)
        else:
            self._adapter.receive(self.now_ns)

    def _scan(self, lateness_ns: int) -> None:
        if self.controller is None:
            return
        self._last_scan_ns = self.now_ns
        if self.telemetry_lives and self.now_ns - self._heartbeat_ns >= _HEARTBEAT_NS:
            self._heartbeat_ns = self.now_ns
            self._observer.beat()
        self.controller.cycle(self.now_ns, lateness_ns)
        self._carry()
        self._observer.read()
        if self.telemetry_lives:
            self._observer.acknowledge()
        self.events.extend(map(heard_event, self._observer.take_events()))
        self.snapshot = self._observer.snapshot or self.snapshot

    def _carry(self) -> None:
        """Carries bytes both ways as far as they have come."""
        self.cable.write(self.drive.read())
        to_drive = self.cable.read()
        if to_drive:
            self.drive.write(to_drive)
            for listener in self.heard_host:
                listener(to_drive, self.now_ns)


class VirtualMachinery:
    """What befalls processes and cables, in virtual time. The broker is not there at all: nothing that moves the belt knows it."""

    def __init__(self, treadmill: VirtualTreadmill) -> None:
        self._treadmill = treadmill
        self._deeds: dict[Action, Callable[[], None]] = {
            Action.FREEZE: lambda: self._freeze(True),
            Action.THAW: lambda: self._freeze(False),
            Action.KILL: treadmill.kill_controller,
            Action.RESTART: treadmill.start_controller,
            Action.UNPLUG: treadmill.cable.unplug,
            Action.PLUG_IN: treadmill.cable.plug_in,
            Action.KILL_TELEMETRY: lambda: self._telemetry(False),
            Action.RESTART_TELEMETRY: lambda: self._telemetry(True),
            Action.STOP_BROKER: lambda: None,
            Action.START_BROKER: lambda: None,
        }

    def befall(self, action: Action) -> None:
        """Does it; raises KeyError for what no machine can suffer."""
        self._deeds[action]()

    def _freeze(self, frozen: bool) -> None:
        self._treadmill.frozen = frozen

    def _telemetry(self, lives: bool) -> None:
        self._treadmill.telemetry_lives = lives


def play(scenario: Scenario, seed: int) -> Summary:
    """Plays one scenario to its end, with the demo's configuration, and judges it."""
    return play_recorded(scenario, seed, lambda _recordings: None)


def play_recorded(scenario: Scenario, seed: int, at_end: Callable[[tuple[Path, ...]], None]) -> Summary:
    """Plays as `play` does; at_end is given the flight recordings, one a life of the controller, before they go."""
    configuration = parse_configuration(demo_document())
    with VirtualTreadmill(configuration.core_settings, configuration.drive_limits, seed) as treadmill:
        therapist = therapist_of(scenario, treadmill.world, treadmill.random)
        player = Player(scenario, treadmill.world, therapist, VirtualMachinery(treadmill))
        treadmill.heard_host.append(player.hear_host)
        while not player.over:
            treadmill.advance(treadmill.now_ns + _LOOK_NS)
            player.look(treadmill.snapshot, treadmill.display.lines)
            plan = player.plan_due(treadmill.snapshot)
            if plan is not None:
                treadmill.prepare(plan, scenario.patient)
                therapist.helps = False
            if treadmill.refusal:
                player.hear_refusal(treadmill.refusal)
        at_end(treadmill.flight_recordings())
        return judge(player, treadmill.snapshot, treadmill.events, now_ns=treadmill.now_ns, stall_ms=0.0, seed=seed)


def flight_header(settings: Settings, boot_id: str, now_ns: int) -> FlightHeader:
    """Returns what a recording begins with, of a controller that lives in virtual time."""
    return FlightHeader(
        version="virtual",
        code=_CODE,
        python=python_version(),
        treadmill="virtual/virtual",
        boot_id=boot_id,
        began_ns=now_ns,
        began_time="2026-01-01T00:00:00.000Z",
        settings=settings,
    )


def raise_failure(text: str) -> None:
    raise RuntimeError(text)


def _about() -> About:
    return About(version="virtual", boot_id="virtual", clinic="virtual", treadmill="virtual", drive={}, limits={})
