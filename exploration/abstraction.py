"""Which situations count as one: what the rules branch on, with every number reduced to the band that they ask for."""

from __future__ import annotations

from controller.core.chart import LATCHED_STATES, MOVING_STATES, State
from controller.core.digital import PROVED_MASK
from controller.core.effects import harness_is_loaded
from controller.core.latch import session_goes_on
from controller.core.readings import Quality
from controller.core.state import CoreState
from exploration.situation import WEIGHT_N, Situation

Key = tuple[object, ...]
_BEFORE_START = (State.PREPARED, State.REST, State.PAUSED)

MEANING = (
    "the chart's state",
    "while the belt may be driven: phase; wanted speed none, first, above; offer, acceptance; rails in grace, slowed or paused; "
    "attendant reported or not",
    "before a start: step of the preparation, whether the sitting load has risen, whether every input is proved, START under way, "
    "phase, time under a second, a rest, the harness check's limit, the pause's limit, or over",
    "while latched: whether there is a session and whether it may go on, category 0, harness loaded, RESET under way",
    "standstill, the drive's state, healthy, heard, anything that its watch reports, rest proven since the last motion",
    "the command's action, and whether the gate denied it",
    "every contact, whether a filter lags behind, stuck or chattering, emergency channels proved",
    "load as sensed: unknown, none, 5 %, 30 % of body weight; and as it is",
    "nurse call, telemetry, display, the drive's own fault, what hands granted: none, first, above",
)
"""What the key holds, line by line, for people."""


def key(situation: Situation) -> Key:
    """Returns the abstract state."""
    core = situation.core
    return (core.chart, *_session(core), *_machine(core), *_surroundings(situation))


def _session(core: CoreState) -> Key:
    if core.chart in LATCHED_STATES:
        return _latched(core)
    if core.chart in MOVING_STATES:
        return _driven(core)
    return _before_start(core) if core.chart in _BEFORE_START else (bool(core.exercise.over),)


def _driven(core: CoreState) -> Key:
    exercise = core.exercise
    return (
        exercise.phase_index,
        _speed_band(exercise.wanted_m_s),
        bool(exercise.offered_until_ns),
        bool(core.accept_until_ns),
        core.balance.hands.step,
        core.attendance.reported,
    )


def _before_start(core: CoreState) -> Key:
    preparation = core.preparation
    return (
        core.exercise.phase_index,
        preparation.step,
        bool(preparation.sit_began_ns),
        core.chart is not State.PREPARED or core.digital.seen_changed & PROVED_MASK == PROVED_MASK,
        bool(core.start_until_ns),
        core.exercise.rest_until_at_ns > core.scanned_ns,
        _time_band(core.scanned_ns - core.since_ns),
    )


def _latched(core: CoreState) -> Key:
    goes_on = session_goes_on(core)
    phase = core.exercise.phase_index if goes_on else -1
    return (bool(core.exercise.session), goes_on, phase, core.power_off, harness_is_loaded(core), bool(core.reset_until_ns))


def _machine(core: CoreState) -> Key:
    drive, watch = core.drive, core.watch
    return (
        drive.standstill,
        drive.state,
        drive.healthy,
        drive.heard,
        bool(watch.reported),
        core.rested,
        core.command.action,
        bool(core.denied),
        bool(core.digital.stuck),
        bool(core.digital.chattering),
        _load_band(core),
        core.hanging.called,
        core.channels_proved,
    )


def _surroundings(situation: Situation) -> Key:
    load_n = situation.load_n
    return (
        situation.closed,
        situation.core.digital.closed == situation.closed,
        -1 if load_n is None else int(20 * load_n / WEIGHT_N),
        situation.drive.fault,
        min(situation.drive.granted_mm_s, 100),
        situation.telemetry,
        situation.display,
    )


def _speed_band(wanted_m_s: float) -> int:
    return 0 if wanted_m_s <= 0.0 else 1 if wanted_m_s < 0.06 else 2


def _time_band(elapsed_ns: int) -> int:
    """Below a second, a rest, the harness check's limit, the pause's limit, and above."""
    limits_ns = (1_000_000_000, 5_000_000_000, 120_000_000_000, 300_000_000_000)
    return sum(elapsed_ns >= limit for limit in limits_ns)


def _load_band(core: CoreState) -> int:
    estimate = core.estimate
    if estimate is None or estimate.load.quality is not Quality.GOOD:
        return -1
    share = estimate.load.value / WEIGHT_N
    return 0 if share < 0.02 else 1 if share < 0.10 else 2 if share < 0.30 else 3
