"""What a judge sees: the plant's truth every 10 ms or oftener, and what hands and accidents did to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from controller.core.chart import LATCHED_STATES
from controller.core.events import Event
from controller.core.inputs import ALL_INPUTS_MASK
from simulator.campaign.line import DriveEar
from simulator.campaign.stage import FOR_EVER_NS, Stage

POWER_STAGE = frozenset({"motor-runaway", "motor-reversed", "brake-failed", "encoder-slip", "relay-welded"})
"""The motor does not what the firmware wants, or the firmware does not see what the motor does."""
DRIVE_AWAY = frozenset({"drive-reset", "drive-hang", "relay-open"})
"""The firmware lets the belt coast, or stands still for its watchdog's time."""
HOSTILE = frozenset(
    {
        "hostile-host",
        "incident-1-profile-restarts-after-stop",
        "incident-2-automatic-acceleration",
        "incident-3-negative-speed",
        "incident-6-wrong-unit",
        "incident-7-speed-reverts",
        "incident-8-runs-on-while-paused",
    }
)
"""Somebody else than the controller commands the drive, with a lease that is good."""
WELDED = frozenset({"relay-welded"})
REVERSED = frozenset({"motor-reversed"})
LOAD_CELL = frozenset({"load-gap", "load-glitch", "load-drift", "load-stuck", "load-saturated"})
MOVES_M_S, FAST_M_S = 0.02, 0.30
"""From when on a belt moves, and from when on fast: three times the warm-up's speed."""
_SESSION, _PHASE = Event.SESSION_STARTED.value, Event.PHASE_STARTED.value
ACCIDENTS = (POWER_STAGE, DRIVE_AWAY, HOSTILE, LOAD_CELL, WELDED, REVERSED)
"""In the order of an observation's fields."""


@dataclass
class Observation:
    """One instant. All but `latched`, `sessions` and `phase` is the plant's own. The object is used again for the next instant.

    contacts: mask of closed contacts at the treadmill; pins: the same as the Pi's pins have it; chattering: pins that change twice
    between two instants, so that `pins` shows one of their levels alone. chain_closed: the drive's STOP input, with the watchdog
    relay in it. host: what has reached the drive. sessions, phase: how many sessions and which of the plan's phases have begun, as
    the events say it; phase is -1 before the first. Those from power_stage_hurt on are about accidents: what a judge must know to
    be just.
    """

    now_ns: int = 0
    speed_m_s: float = 0.0
    travel_m: float = 0.0
    relay_closed: bool = False
    powered: bool = False
    contacts: int = ALL_INPUTS_MASK
    pins: int = ALL_INPUTS_MASK
    chattering: int = 0
    load_n: float = 0.0
    resets: int = 0
    chain_closed: bool = True
    host: DriveEar = field(default_factory=lambda: DriveEar(0))
    sessions: int = 0
    phase: int = -1
    network_stop_ns: int = 0
    lives: int = 0
    latched: bool = False
    alive: bool = True
    power_stage_hurt: bool = False
    drive_away: bool = False
    hostile: bool = False
    load_cell_hurt: bool = False
    welded: bool = False
    motor_reversed: bool = False
    load_silent: bool = False


@dataclass(frozen=True)
class Violation:
    """at_s: since the run began."""

    invariant: str
    at_s: float
    text: str


class Invariant(Protocol):
    """A judge: looks at every instant of one run, and remembers what it must."""

    name: str
    reason: str

    def look(self, seen: Observation) -> str | None:
        """Returns in words how the invariant is broken now, or None."""


class Court:
    """All judges of a run. Each is heard once: what follows its first complaint is mostly the same again."""

    def __init__(self, stage: Stage, invariants: list[Invariant]) -> None:
        self._stage = stage
        self._looks = [(invariant, invariant.look) for invariant in invariants]
        ear = DriveEar(stage.now_ns)
        stage.system.cable.ear = ear
        self.seen = Observation(now_ns=stage.now_ns, host=ear, resets=stage.system.drive.resets)
        self._told = 0
        """Events that have been looked at."""
        self.violations: list[Violation] = []
        self.highest_m_s = 0.0
        self.moving_ns = 0
        self.fast_ns = 0
        self._notes = 0
        self._accidents_until_ns = 0
        """Until when the accidents in `seen` are as they are, unless a fault begins or ends."""
        stage.system.world.watchers.append(self._look)

    def _look(self) -> None:
        seen = self.seen
        self._fill(seen)
        for invariant, look in self._looks:
            text = look(seen)
            if text is not None:
                self.violations.append(Violation(invariant.name, (seen.now_ns - self._stage.began_ns) / 1e9, text))
                self._looks = [other for other in self._looks if other[0] is not invariant]

    def _fill(self, seen: Observation) -> None:
        stage = self._stage
        system = stage.system
        world, drive, controller = system.world, system.drive, system.controller
        before_ns, seen.now_ns = seen.now_ns, world.now_ns
        speed = seen.speed_m_s = drive.speed_m_s
        if speed > MOVES_M_S:
            self.moving_ns += seen.now_ns - before_ns
            self.fast_ns += seen.now_ns - before_ns if speed > FAST_M_S else 0
            self.highest_m_s = max(self.highest_m_s, speed)
        seen.travel_m = drive.travel_m
        seen.relay_closed = drive.relay_closed
        seen.powered = seen.relay_closed and world.contactors_closed
        seen.contacts = world.contacts
        seen.pins = system.pins.closed
        seen.chattering = system.pins.chattering
        seen.load_n = world.load_n
        if drive.resets != seen.resets:
            seen.resets = drive.resets
            seen.host.boot(seen.now_ns)
        seen.chain_closed = world.stop_input_closed
        seen.network_stop_ns = stage.network_stop_ns
        seen.lives = system.lives
        seen.alive = controller is not None and not system.frozen
        seen.latched = controller is not None and controller.state.chart in LATCHED_STATES
        if len(system.appended) > self._told:
            self._fill_told(seen)
        if stage.notes != self._notes or (self._accidents_until_ns < seen.now_ns and stage.notes):
            self._fill_accidents(seen)

    def _fill_told(self, seen: Observation) -> None:
        """The events' record keeps no details: which phase it is that begins is read where the event has it from."""
        system = self._stage.system
        codes = [code for _, _, code in system.appended[self._told :]]
        self._told = len(system.appended)
        seen.sessions += codes.count(_SESSION)
        if _PHASE in codes and system.state is not None:
            seen.phase = system.state.exercise.phase_index

    def _fill_accidents(self, seen: Observation) -> None:
        stage, now_ns = self._stage, seen.now_ns
        untils_ns = [stage.suffered_until_ns(names) for names in ACCIDENTS]
        hurt, away, hostile, cell, welded, motor_reversed = (now_ns <= until_ns for until_ns in untils_ns)
        seen.power_stage_hurt, seen.drive_away, seen.hostile = hurt, away, hostile
        seen.load_cell_hurt, seen.welded, seen.motor_reversed = cell, welded, motor_reversed
        seen.load_silent = "load-gap" in stage.active
        self._notes = stage.notes
        self._accidents_until_ns = min((until_ns for until_ns in untils_ns if now_ns <= until_ns), default=FOR_EVER_NS)
