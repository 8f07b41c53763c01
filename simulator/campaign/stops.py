"""Stops: from what must stop the belt, seen at contact, pin or body, to a belt at rest, in time and in travel.

Each rule is a trigger and what the configuration promises for it. Whatever else happens at the same time (the controller frozen,
its line dead), the drive's lease takes over: no reaction is longer than the lease's, no braking gentler than 0.15 m/s2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.core.inputs import Input
from controller.core.state import GRAVITY_M_S2
from simulator.campaign.observation import Observation

S = 1_000_000_000
LEASE_S = 0.20
"""150 ms of lease, a tick of the firmware, and one period of the host in which its last frame was on the way."""
STANDSTILL_M_S = 0.02
COASTING_M_S2 = 0.40
"""An unpowered belt loses at least this: 50 N of friction on 120 kg."""
CHAIN_M_S2 = 1.0
"""How the drive brakes when its STOP input opens."""
MARGIN_S, MARGIN_M = 0.45, 0.06
"""The regulator's lag, 0.3 s that the firmware allows a brake, a stride; its way at walking speed."""
BRAKING_MARGIN_S = 0.5
"""controller.core.settings.DriveSettings.braking_margin_s: how long beyond v/a the controller waits before it opens the chain."""
WAITS_ON_PATIENT_S = 0.10


@dataclass(frozen=True)
class StopRule:
    """reaction_s: until braking begins. braking_m_s2: the gentlest braking that the configuration has for it. to_m_s: slower than
    this is slow enough: standstill, or, for a rule that only slows, the speed that it slows to. by_drive: the drive does it by
    itself, and not on a command, which somebody else on the line may drown.
    """

    name: str
    pressed: Callable[[Observation], bool]
    reaction_s: float
    braking_m_s2: float
    reason: str
    to_m_s: float = STANDSTILL_M_S
    by_drive: bool = False


def _open_contact(*names: Input) -> Callable[[Observation], bool]:
    mask = sum(name.bit for name in names)
    return lambda seen: seen.contacts & mask != mask


def _open_pin(*names: Input) -> Callable[[Observation], bool]:
    mask = sum(name.bit for name in names)
    return lambda seen: seen.pins & mask != mask


CHAIN = StopRule(
    "emergency stop, lanyard, overload",
    _open_contact(Input.EMERGENCY_A, Input.EMERGENCY_B, Input.LANYARD, Input.OVERLOAD),
    0.03,
    CHAIN_M_S2,
    "the chain opens the drive's STOP input: 1 m/s2, whatever the Pi does",
    by_drive=True,
)
LATCHING_PINS = StopRule(
    "clip, deck ends",
    _open_pin(Input.CLIP, Input.DECK_FRONT, Input.DECK_REAR),
    LEASE_S,
    0.30,
    "protective stop at 0.5 m/s2 by the controller; at 0.3 by the lease when there is none",
)
PAUSING_PINS = StopRule(
    "STOP, symptom button",
    _open_pin(Input.STOP, Input.SYMPTOM),
    LEASE_S,
    0.15,
    "planned stop at 0.15 m/s2, symptom at 0.3",
)
_GUARD_GRACE_S, _GUARD_SLOWS_S, _FILTER_S = 0.5, 3.0, 0.06
"""controller.core.settings.AttendantSettings; and the filter of a contact that is held, with a scan."""
_FIRST_M_S = 0.10
_RESTS_NS = 100_000_000
"""A belt below standstill for so long has stopped: it is how long the firmware wants to see it rest before its relay opens."""
HOST_SILENT = "host silent"
HOST_STOPS = "host's STOP"
GUARD_SLOWS = "pedal let go: slower"
GUARD = "pedal let go: pause"
NETWORK_STOP = "stop from the network"
FALL = "balance loss"
RAILS = "both rails let go"
DRIVE_RESTART = "drive restarted"
LOAD_UNKNOWN = "load unknown"


class StopsInTime:
    """One rule over one run: while its condition holds a belt that moves has a deadline and a travel.

    They begin at the condition's onset; or, where it held already, as soon as a belt under power moves: such a one may not have
    started, and its deadline is that of a belt at the very beginning of its motion. Without power feet may shift it.
    """

    def __init__(self, rule: StopRule) -> None:
        self.name = f"stops: {rule.name}"
        self.reason = f"{rule.reason}; judged by {_limits(rule)}"
        self._rule = rule
        self._is_pressed = rule.pressed
        self._to_m_s = rule.to_m_s
        self._was_pressed = False
        self._due_ns = 0
        self._began_ns = 0
        self._slow_ns = 0
        """Since when the belt is slow enough; 0 while it is not."""
        self._limit_m = 0.0
        self._from_m = 0.0
        self._from_m_s = 0.0

    @staticmethod
    def all_of(mass_kg: float) -> list[StopsInTime]:
        """Every rule, for a patient of this mass."""
        rules = (CHAIN, LATCHING_PINS, PAUSING_PINS, *_made_rules(mass_kg), *_attendant_rules(), _host_stops())
        return [StopsInTime(rule) for rule in rules]

    def look(self, seen: Observation) -> str | None:
        """See Invariant."""
        if self._is_pressed(seen):
            if not self._due_ns and seen.speed_m_s > self._to_m_s and (seen.powered or not self._was_pressed):
                self._begin(seen)
            self._was_pressed = True
        else:
            self._was_pressed = False
        return self._judge(seen) if self._due_ns else None

    def _begin(self, seen: Observation) -> None:
        self._began_ns, self._from_m, self._from_m_s, self._slow_ns = seen.now_ns, seen.travel_m, seen.speed_m_s, 0
        self._set_limits(seen)

    def _set_limits(self, seen: Observation) -> None:
        """A hurt drive may take the power away instead of braking: then the belt coasts, at worst from a runaway's speed.

        Where somebody else commands the drive, and the controller is not heard, the belt keeps its speed until the controller's
        watch says that braking has failed: then the chain stops it.
        """
        rule, speed = self._rule, self._from_m_s
        time_s = rule.reaction_s + (speed - rule.to_m_s + STANDSTILL_M_S) / rule.braking_m_s2 + MARGIN_S
        way_m = speed * (rule.reaction_s + MARGIN_S) + speed * speed / (2 * rule.braking_m_s2) + MARGIN_M
        if seen.drive_away:
            time_s, way_m = max(time_s, speed / COASTING_M_S2 + 1.0), max(way_m, speed * (1.0 + speed / COASTING_M_S2))
        if seen.power_stage_hurt:
            fast = speed + 1.0
            time_s, way_m = time_s + 0.3 + fast / COASTING_M_S2, way_m + fast + fast * fast / COASTING_M_S2
        if seen.hostile and not rule.by_drive:
            time_s += BRAKING_MARGIN_S + speed / CHAIN_M_S2
            way_m = max(way_m, speed * time_s + MARGIN_M)
        if seen.welded:
            time_s, way_m = time_s + 4.0, way_m + 4.0 * (speed + 2.0)
        self._due_ns = self._began_ns + int(time_s * S)
        self._limit_m = way_m

    def _judge(self, seen: Observation) -> str | None:
        if abs(seen.speed_m_s) < self._to_m_s:
            self._slow_ns = self._slow_ns or seen.now_ns
            if seen.now_ns - self._slow_ns >= _RESTS_NS:
                self._due_ns = 0
            return None
        self._slow_ns = 0
        if seen.drive_away or seen.power_stage_hurt or seen.hostile:
            self._set_limits(seen)
        after_s = (seen.now_ns - self._began_ns) / 1e9
        onset = f"after {self._rule.name} at {self._from_m_s:.2f} m/s"
        if seen.now_ns > self._due_ns:
            return f"still {seen.speed_m_s:.3f} m/s {after_s:.2f} s {onset}"
        travel_m = seen.travel_m - self._from_m
        if travel_m > self._limit_m:
            return f"{travel_m:.2f} m of belt {onset}, allowed {self._limit_m:.2f} m"
        return None


def _limits(rule: StopRule) -> str:
    """What a sound machine is held to, in words."""
    return (
        f"{rule.reaction_s:.2f} s, then {rule.braking_m_s2:.2f} m/s2, and {MARGIN_S} s and {MARGIN_M} m besides; more where the "
        "drive or its power stage is hurt, or somebody else commands it"
    )


def _lasting(holds: Callable[[Observation], bool], for_s: float) -> Callable[[Observation], bool]:
    """A condition that counts once it has held for a time."""
    for_ns = int(for_s * S)
    since_ns: int | None = None

    def has_lasted(seen: Observation) -> bool:
        nonlocal since_ns
        if not holds(seen):
            since_ns = None
            return False
        if since_ns is None:
            since_ns = seen.now_ns
        return seen.now_ns - since_ns >= for_ns

    return has_lasted


def _changed(number: Callable[[Observation], int]) -> Callable[[Observation], bool]:
    """True at the one instant at which a number is another than before."""
    before: int | None = None

    def has_changed(seen: Observation) -> bool:
        nonlocal before
        then, before = before, number(seen)
        return then is not None and then != before

    return has_changed


_STOP_MOVES_M_S = 0.01
"""A belt below this has forgotten the STOP that brought it there: only a new START moves it again."""


def _stopped() -> Callable[[Observation], bool]:
    """Whether a STOP has reached the drive since the belt last rested: no RUN counts any more."""
    rested_ns = 0
    stopped = False
    """The newest STOP may still be arriving: the one before it holds."""

    def has_stopped(seen: Observation) -> bool:
        nonlocal rested_ns, stopped
        if seen.speed_m_s < _STOP_MOVES_M_S:
            rested_ns, stopped = seen.now_ns, False
        else:
            stopped = stopped or rested_ns < seen.host.stopped_ns <= seen.now_ns
        return stopped

    return has_stopped


def _silent() -> Callable[[Observation], bool]:
    """No RUN that may renew the lease for 170 ms, and no STOP instead of it."""
    stopped = _stopped()
    return lambda seen: not stopped(seen) and seen.now_ns - seen.host.heard_ns > 170_000_000


def _host_stops() -> StopRule:
    return StopRule(
        HOST_STOPS,
        _stopped(),
        0.03,
        0.15,
        "whatever the host has a STOP for, the firmware brakes at 0.15 m/s2 and more, and heeds no RUN any more",
        by_drive=True,
    )


def _attendant_rules() -> tuple[StopRule, ...]:
    """Contact guard, which every plan of the campaign asks for: nobody at the pedal."""
    away = _open_pin(Input.ATTENDANT)
    slow = _lasting(lambda seen: away(seen) and not seen.hostile, _GUARD_GRACE_S + _FILTER_S)
    return (
        StopRule(
            GUARD_SLOWS,
            slow,
            LEASE_S,
            0.15,
            "0.5 s of grace, then down to the first speed at 0.15 m/s2, unless somebody else commands the drive",
            _FIRST_M_S + STANDSTILL_M_S,
        ),
        StopRule(
            GUARD,
            _lasting(away, _GUARD_GRACE_S + _GUARD_SLOWS_S + _FILTER_S),
            LEASE_S,
            0.15,
            "0.5 s of grace and 3 s of slowing have passed: pause",
        ),
    )


def _made_rules(mass_kg: float) -> tuple[StopRule, ...]:
    """Those that remember something, or know the patient."""
    return (_fall(mass_kg), _rails(), _host_silent(), _drive_restart(), _network_stop(), _load_unknown())


def _fall(mass_kg: float) -> StopRule:
    fall_n = min(0.33 * mass_kg * GRAVITY_M_S2, 260.0)
    return StopRule(
        FALL,
        _lasting(lambda seen: seen.load_n > fall_n and not seen.load_cell_hurt, WAITS_ON_PATIENT_S),
        LEASE_S,
        0.5,
        "a tenth above 0.30 BW, or 260 N, for 0.1 s: two samples and a gap of the cell; then 0.5 m/s2 and more",
    )


def _rails() -> StopRule:
    both = Input.RAIL_LEFT.bit | Input.RAIL_RIGHT.bit
    return StopRule(
        RAILS,
        _lasting(lambda seen: not seen.pins & both, 2.5),
        LEASE_S,
        0.15,
        "0.4 s of grace and 2 s of slowing have passed: pause",
    )


def _host_silent() -> StopRule:
    return StopRule(
        HOST_SILENT,
        _silent(),
        0.03,
        0.30,
        "the lease is 150 ms after the last good frame; then the firmware brakes at 0.3 m/s2",
        by_drive=True,
    )


def _drive_restart() -> StopRule:
    return StopRule(
        DRIVE_RESTART,
        _changed(lambda seen: seen.resets),
        0.05,
        COASTING_M_S2,
        "a boot opens the relay and forgets every grant: the belt coasts",
        by_drive=True,
    )


def _network_stop() -> StopRule:
    return StopRule(
        NETWORK_STOP,
        _changed(lambda seen: seen.network_stop_ns),
        LEASE_S,
        0.15,
        "anyone may stop: a planned stop, 0.15 m/s2",
    )


def _load_unknown() -> StopRule:
    return StopRule(
        LOAD_UNKNOWN,
        _lasting(lambda seen: seen.load_silent, 0.15),
        LEASE_S,
        0.30,
        "100 ms without a sample is unknown, and unknown means stop: at 0.5 m/s2, or by the lease",
    )
