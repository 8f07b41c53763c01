"""A drive as the core sees it: the reference firmware's rules, small enough to be part of an explored situation.

It grants by START and FASTER, runs no faster than granted, brakes within 0.3 s, latches by its STOP input. What it leaves out: the
lease (scans here lie further apart than one) and the belt's inertia. `fault` makes it do what a broken one does.
"""

from __future__ import annotations

import enum

import msgspec

from controller.core.commands import Action, DriveCommand
from controller.core.readings import Direction, DriveReading, DriveState

FIRST_MM_S = 50
INCREMENT_MM_S = 50
MOST_MM_S = 1600
_MS = 1_000_000
_BRAKING_NS = 300 * _MS
_GRANT_NS = 5_000 * _MS
_SHORTEST_NS, _LONGEST_NS = 50 * _MS, 2_000 * _MS
_STOP_INPUT_FAULT, _FAULT = 2, 4
_AT_REST = (DriveState.IDLE, DriveState.LATCHED)


class DriveFault(enum.Enum):
    """What may be wrong with it."""

    NONE = "sound"
    SILENT = "silent"
    FAULTY = "says fault"
    RUNAWAY = "runs faster than told"
    WRONG_WAY = "runs the wrong way"
    FROZEN = "repeats one STATUS"


class ModelDrive(msgspec.Struct, frozen=True, gc=False):
    """Its state. Times are monotonic ns; start_since_ns is 0 while START is open."""

    state: DriveState = DriveState.IDLE
    granted_mm_s: int = 0
    speed_mm_s: int = 0
    nonce: int = 7
    tick_ms: int = 0
    faults: int = 0
    start_since_ns: int = 0
    faster_closed: bool = False
    since_ns: int = 0
    """When the state was entered."""
    fault: DriveFault = DriveFault.NONE


def obey(drive: ModelDrive, command: DriveCommand, now_ns: int) -> ModelDrive:
    """Returns the drive after one command."""
    match command.action:
        case Action.RUN if drive.state in (DriveState.GRANTED, DriveState.RUNNING):
            speed = min(command.target_mm_s, drive.granted_mm_s)
            return msgspec.structs.replace(drive, state=DriveState.RUNNING, speed_mm_s=speed)
        case Action.STOP | Action.POWER_OFF if drive.state in (DriveState.GRANTED, DriveState.RUNNING):
            state = DriveState.BRAKING if drive.state is DriveState.RUNNING else DriveState.LATCHED
            return msgspec.structs.replace(drive, state=state, granted_mm_s=0, since_ns=now_ns)
        case Action.CLEAR if drive.fault is DriveFault.NONE and drive.state is DriveState.FAULT:
            return msgspec.structs.replace(drive, state=DriveState.IDLE, faults=0)
        case _:
            return drive


def advance(drive: ModelDrive, now_ns: int, start: bool, faster: bool, stop_input: bool) -> ModelDrive:
    """Returns the drive at now_ns, with its contacts as they are."""
    state, granted, speed, faults, since = drive.state, drive.granted_mm_s, drive.speed_mm_s, drive.faults, drive.since_ns
    held_ns = now_ns - drive.start_since_ns
    if drive.fault is DriveFault.FAULTY and state is not DriveState.FAULT:
        state, granted, speed, faults = DriveState.FAULT, 0, 0, _FAULT
    elif not stop_input:
        faults |= _STOP_INPUT_FAULT
        granted = 0
        if state is DriveState.RUNNING:
            state, since = DriveState.BRAKING, now_ns
        elif state in (DriveState.IDLE, DriveState.GRANTED):
            state = DriveState.LATCHED
    elif drive.start_since_ns and not start and state in _AT_REST and _SHORTEST_NS <= held_ns <= _LONGEST_NS:
        state, granted, faults, since = DriveState.GRANTED, FIRST_MM_S, 0, now_ns
    elif drive.faster_closed and not faster and state is DriveState.RUNNING:
        granted = min(granted + INCREMENT_MM_S, MOST_MM_S)
    if state is DriveState.GRANTED and now_ns - since > _GRANT_NS:
        state, granted = DriveState.IDLE, 0
    if state is DriveState.BRAKING and now_ns - since >= _BRAKING_NS:
        state, speed = DriveState.LATCHED, 0
    start_since = (drive.start_since_ns or now_ns) if start else 0
    tick = drive.tick_ms if drive.fault is DriveFault.FROZEN else now_ns // _MS & 0xFFFF
    return ModelDrive(state, granted, speed, drive.nonce, tick, faults, start_since, faster, since, drive.fault)


def status(drive: ModelDrive, now_ns: int, stop_input: bool) -> DriveReading:
    """Returns the STATUS that arrives just before a scan at now_ns."""
    measured = drive.speed_mm_s + 300 if drive.fault is DriveFault.RUNAWAY else drive.speed_mm_s
    direction = Direction.REST if not measured else Direction.BACKWARD_GAIT
    if measured and drive.fault is DriveFault.WRONG_WAY:
        direction = Direction.WRONG
    energised = drive.state in (DriveState.RUNNING, DriveState.BRAKING)
    return DriveReading(
        received_at_ns=now_ns,
        nonce=drive.nonce,
        tick_ms=drive.tick_ms,
        state=drive.state,
        measured_mm_s=measured,
        direction=direction,
        commanded_mm_s=drive.speed_mm_s,
        granted_mm_s=drive.granted_mm_s,
        distance_mm=0,
        current_ma=0,
        faults=drive.faults,
        start_closed=bool(drive.start_since_ns),
        faster_closed=drive.faster_closed,
        stop_input_closed=stop_input,
        relay_closed=energised,
        contactors_closed=2 if stop_input else 0,
        refusal=0,
    )
