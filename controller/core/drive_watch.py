"""The watch over the drive: is it heard, does it do as told, is the belt at rest.

Everything here is judged from STATUS alone, against what the ramp asked for; the firmware watches the same by itself.
"""

from __future__ import annotations

import msgspec

from controller.core.events import Event, Happening
from controller.core.readings import Direction, DriveReading, DriveState
from controller.core.settings import DriveSettings

_LEASE_FAULT, _STOP_INPUT_FAULT, _STALL_FAULT = 1, 2, 8
# Each scan asks for these several times, and Python 3.11 takes long to find an enumeration's member.
_FAULT, _WRONG = DriveState.FAULT, Direction.WRONG
_STOPPED = (DriveState.BRAKING, DriveState.LATCHED)
_MS = 1_000_000
_TICK_STUCK_MS = 100
_REFUSAL_MS = 100
_DISAGREE_MS = 300
_DONE = -1
_FIRST_WORD_NS = 2_000 * _MS
"""A drive that was never heard is silent after this: at start-up the line is opened first."""
_STALL_ASKED_M_S = 0.08
_GENTLEST_STOP_M_S2 = 0.15
"""The firmware brakes no softer, whatever is asked."""


class DriveWatchState(msgspec.Struct, frozen=True, gc=False):
    """What the watch remembers; times are the start of a condition that still holds, 0 where it does not."""

    nonce: int = -1
    tick_ms: int = -1
    tick_changed_ns: int = 0
    slow_since_ns: int = 0
    unknown_since_ns: int = 0
    fast_since_ns: int = 0
    wrong_since_ns: int = 0
    stalled_since_ns: int = 0
    suspect_since_ns: int = 0
    """A stall was found, by the firmware or here: the encoder may have died under a belt that coasts."""
    refused_since_ns: int = 0
    disagree_since_ns: int = 0
    undone_since_ns: int = 0
    """Since when a stop is open at the panel whose opening the drive has not seen; `_DONE` once it has."""
    stop_due_ns: int = 0
    stop_m_s2: float = 0.0
    """The hardest deceleration asked in this stop: `stop_due_ns` was reckoned with it."""
    reported: tuple[Event, ...] = ()
    expected_m_s: float = 0.0
    """The highest speed the belt may have now by what was asked lately."""


class DriveFacts(msgspec.Struct, frozen=True, gc=False):
    """What the rest of the core may believe of the drive in this scan."""

    heard: bool
    healthy: bool
    standstill: bool
    speed_m_s: float
    """Measured; 0 and meaningless when not heard."""
    granted_m_s: float
    state: DriveState


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What was asked of the drive in the last scan."""

    set_point_m_s: float
    stopping: bool
    deceleration_m_s2: float
    must_rest: bool
    """The belt was proven at rest and nothing has been asked since."""
    start_closed: bool
    """START as the panel's filtered input shows it."""
    chain_open: bool
    """Mushroom, by both its channels, lanyard or overload switch is open, as the panel's filtered inputs show it."""


UNHEARD = DriveFacts(False, False, False, 0.0, 0.0, DriveState.FAULT)


# Control C-UNKNOWN-DRIVE.
def watch_drive(
    state: DriveWatchState, reading: DriveReading | None, asked: Asked, settings: DriveSettings, now_ns: int
) -> tuple[DriveWatchState, DriveFacts, tuple[Happening, ...]]:
    """Returns the watch's new state, the facts, and each finding once at its onset."""
    if reading is None or not 0 <= now_ns - reading.received_at_ns <= settings.status_limit_ms * _MS:
        return _unheard(state, reading, settings, now_ns)
    speed = reading.measured_mm_s / 1000
    moved = _remember(state, reading, asked, settings, now_ns)
    slow_since = moved.slow_since_ns
    standstill = bool(slow_since) and now_ns - slow_since >= settings.standstill_time_s * 1e9
    if moved.suspect_since_ns:
        standstill = standstill and now_ns - moved.suspect_since_ns >= settings.coasting_time_s * 1e9
    findings = _findings(moved, state, reading, asked, settings, now_ns)
    names: tuple[Event, ...] = ()
    happenings: tuple[Happening, ...] = ()
    if findings:
        names = tuple(event for event, _ in findings)
        happenings = tuple(Happening(event, now_ns, detail) for event, detail in findings if event not in state.reported)
    if names != moved.reported:
        moved = msgspec.structs.replace(moved, reported=names)
    healthy = not findings and reading.state is not _FAULT
    return moved, DriveFacts(True, healthy, standstill, speed, reading.granted_mm_s / 1000, reading.state), happenings


def _unheard(
    state: DriveWatchState, reading: DriveReading | None, settings: DriveSettings, now_ns: int
) -> tuple[DriveWatchState, DriveFacts, tuple[Happening, ...]]:
    """Without a healthy encoder the belt counts as at rest only after the worst measured coasting time."""
    since = state.unknown_since_ns or now_ns
    standstill = now_ns - since >= settings.coasting_time_s * 1e9
    facts = UNHEARD if not standstill else msgspec.structs.replace(UNHEARD, standstill=True)
    happenings: tuple[Happening, ...] = ()
    if reading is None and now_ns - since < _FIRST_WORD_NS:
        return msgspec.structs.replace(state, unknown_since_ns=since), facts, ()
    if Event.DRIVE_SILENT not in state.reported:
        age_ms = -1 if reading is None else (now_ns - reading.received_at_ns) // _MS
        happenings = (Happening(Event.DRIVE_SILENT, now_ns, (("status_age_ms", age_ms),)),)
        state = msgspec.structs.replace(
            state,
            unknown_since_ns=since,
            reported=(Event.DRIVE_SILENT,),
            slow_since_ns=0,
            fast_since_ns=0,
            wrong_since_ns=0,
            stalled_since_ns=0,
            refused_since_ns=0,
            undone_since_ns=0,
        )
    return state, facts, happenings


def _remember(state: DriveWatchState, reading: DriveReading, asked: Asked, settings: DriveSettings, now_ns: int) -> DriveWatchState:
    speed = reading.measured_mm_s / 1000
    slow = speed < settings.standstill_m_s
    driven = not asked.stopping and asked.set_point_m_s > 0
    due, hardest, expected = 0, 0.0, asked.set_point_m_s
    if asked.stopping:
        expected = state.expected_m_s
        due, hardest = _stop_due(state, asked, speed, now_ns)
    stalled_since = _since(driven and asked.set_point_m_s > _STALL_ASKED_M_S and slow, state.stalled_since_ns, now_ns)
    stall = reading.faults & _STALL_FAULT != 0 or _lasts(stalled_since, settings.stall_time_ms, now_ns)
    same_tick = reading.tick_ms == state.tick_ms and reading.nonce == state.nonce
    return DriveWatchState(
        nonce=reading.nonce,
        tick_ms=reading.tick_ms,
        tick_changed_ns=state.tick_changed_ns if same_tick else now_ns,
        slow_since_ns=_since(slow, state.slow_since_ns, now_ns),
        unknown_since_ns=0,
        fast_since_ns=_since(not speed <= expected + settings.overspeed_m_s, state.fast_since_ns, now_ns),
        wrong_since_ns=_since(reading.direction is _WRONG and not slow, state.wrong_since_ns, now_ns),
        stalled_since_ns=stalled_since,
        # It is trusted again once it has seen motion, or a hand has started the belt anew.
        suspect_since_ns=_since(
            slow and (stall or (asked.stopping and state.suspect_since_ns != 0)), state.suspect_since_ns, now_ns
        ),
        refused_since_ns=_since(driven and reading.refusal != 0, state.refused_since_ns, now_ns),
        disagree_since_ns=_since(reading.start_closed != asked.start_closed, state.disagree_since_ns, now_ns),
        undone_since_ns=_undone_since(asked.chain_open, reading.stop_input_closed, state.undone_since_ns, now_ns),
        stop_due_ns=due,
        stop_m_s2=hardest,
        reported=state.reported,
        expected_m_s=expected,
    )


def _stop_due(state: DriveWatchState, asked: Asked, speed_m_s: float, now_ns: int) -> tuple[int, float]:
    """Returns when the belt must be at rest, and the deceleration that this was reckoned with.

    Only a harder stop brings the time forward. Reckoned anew in every scan it would recede before a belt that does not brake, and
    a gentle stop's long time would leave a patient who then falls on a moving belt. A belt that has come to rest has kept its time.
    """
    hardest_m_s2 = max(
        _GENTLEST_STOP_M_S2, asked.deceleration_m_s2
    )  # in this order: what is no number is the gentlest, and no harder
    due_ns = now_ns + int(speed_m_s / hardest_m_s2 * 1e9)
    if not state.stop_due_ns or asked.must_rest:
        return due_ns, hardest_m_s2
    if hardest_m_s2 > state.stop_m_s2:
        return min(due_ns, state.stop_due_ns), hardest_m_s2
    return state.stop_due_ns, state.stop_m_s2


def _since(holds: bool, since_ns: int, now_ns: int) -> int:
    return (since_ns or now_ns) if holds else 0


def _undone_since(chain_open: bool, stop_input_closed: bool, since_ns: int, now_ns: int) -> int:
    """Once the drive has seen the chain open, it may close before the contacts that report: a mushroom that is turned slowly."""
    if not chain_open:
        return 0
    return _DONE if not stop_input_closed or since_ns == _DONE else since_ns or now_ns


def _lasts(since_ns: int, limit_ms: int, now_ns: int) -> bool:
    return since_ns != 0 and now_ns - since_ns >= limit_ms * _MS


Detail = tuple[tuple[str, float | int | str], ...]


def _findings(
    moved: DriveWatchState,
    before: DriveWatchState,
    reading: DriveReading,
    asked: Asked,
    settings: DriveSettings,
    now_ns: int,
) -> list[tuple[Event, Detail]]:
    found: list[tuple[Event, Detail]] = []
    _judge_link(found, moved, before, reading, now_ns)
    _judge_drive_says(found, moved, reading, not asked.stopping, now_ns)
    _judge_motion(found, moved, reading, asked, settings, now_ns)
    return found


def _judge_link(
    found: list[tuple[Event, Detail]],
    moved: DriveWatchState,
    before: DriveWatchState,
    reading: DriveReading,
    now_ns: int,
) -> None:
    if before.nonce not in (-1, reading.nonce):
        found.append((Event.DRIVE_RESTARTED, (("nonce", reading.nonce),)))
    if _lasts(moved.tick_changed_ns, _TICK_STUCK_MS, now_ns):
        found.append((Event.DRIVE_TICK_STUCK, (("tick_ms", reading.tick_ms),)))
    if _lasts(moved.disagree_since_ns, _DISAGREE_MS, now_ns):
        found.append((Event.START_DISAGREES, (("drive_start_closed", int(reading.start_closed)),)))


# Control C-CHAIN-CONTACTS.
def _judge_drive_says(
    found: list[tuple[Event, Detail]], moved: DriveWatchState, reading: DriveReading, driven: bool, now_ns: int
) -> None:
    """What stopped the drive stays in its faults until the next START, so that it is news only while the belt should run."""
    stopped = driven and reading.state in _STOPPED
    if reading.state is _FAULT:
        found.append((Event.DRIVE_FAULT, (("drive_faults", reading.faults),)))
    elif stopped and reading.faults & _LEASE_FAULT:
        found.append((Event.LEASE_LOST, (("drive_faults", reading.faults),)))
    if not reading.stop_input_closed or (stopped and reading.faults & _STOP_INPUT_FAULT):
        found.append((Event.DRIVE_STOP_INPUT_OPEN, (("drive_faults", reading.faults),)))
    if moved.undone_since_ns != _DONE and _lasts(moved.undone_since_ns, _DISAGREE_MS, now_ns):
        found.append((Event.STOP_CHAIN_CLOSED, ()))
    if _lasts(moved.refused_since_ns, _REFUSAL_MS, now_ns):
        found.append((Event.RUN_REFUSED, (("refusal", reading.refusal),)))


def _judge_motion(
    found: list[tuple[Event, Detail]],
    moved: DriveWatchState,
    reading: DriveReading,
    asked: Asked,
    settings: DriveSettings,
    now_ns: int,
) -> None:
    speed = reading.measured_mm_s / 1000
    speeds: Detail = (("measured_m_s", speed), ("asked_m_s", moved.expected_m_s))
    if _lasts(moved.fast_since_ns, settings.overspeed_time_ms, now_ns):
        found.append((Event.RUNAWAY, speeds))
    if _lasts(moved.wrong_since_ns, settings.wrong_direction_time_ms, now_ns):
        found.append((Event.WRONG_DIRECTION, speeds))
    if _lasts(moved.stalled_since_ns, settings.stall_time_ms, now_ns):
        found.append((Event.BELT_STALLED, speeds))
    if speed < settings.standstill_m_s:
        return
    if asked.must_rest:  # what has come to rest has braked
        found.append((Event.MOTION_AT_REST, speeds))
    elif moved.stop_due_ns and now_ns > moved.stop_due_ns + settings.braking_margin_s * 1e9:
        found.append((Event.BRAKING_FAILED, speeds))
