"""Latched stops: what closes them, and what has to be gone before a hand on RESET opens them."""

from __future__ import annotations

from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.patient import strap_hangs_limp
from controller.core.readings import DriveState, Quality
from controller.core.state import CoreState

FALLS = frozenset({Event.HARNESS_LOADED, Event.LOADING_FAST, Event.OVERLOAD_SWITCH})
ENDED_BY_FALL = FALLS | {Event.NURSE_CALL}
"""What a session's record tells as a fall: whatever stopped the belt, who hung in the harness after it has fallen."""
_KEEPS_SESSION = frozenset({Event.CLIP_OPEN, Event.DECK_FRONT, Event.DECK_REAR, Event.TENSION_LOST})
DRIVE_FAULT = "drive fault"
"""In the way of RESET only when it stays: RESET itself asks the drive to clear it."""
PROVE_CHANNELS = "press mushroom again"
"""One of its channels stayed behind: both have to be seen to open together."""
RESET_AGAIN = "press RESET again"
"""It was pressed before the stop that it would open."""
UNLOAD_THE_STRAP = "unload the strap"
STRAP_HAS_NO_PULL = "strap has no pull"
_DECK_INPUTS = {Event.DECK_FRONT: Input.DECK_FRONT, Event.DECK_REAR: Input.DECK_REAR}


def session_goes_on(state: CoreState) -> bool:
    """Whether the session may be resumed after the reset: never after a fall, an emergency stop or a fault."""
    if not state.exercise.session or state.exercise.over or state.hanging.called:
        return False
    return all(cause in _KEEPS_SESSION for cause in state.causes)


def ended_by_fall(state: CoreState) -> bool:
    """Whether a fall ended the session that is still shown."""
    return any(state.exercise.over == cause.value for cause in ENDED_BY_FALL)


# Control C-LATCH.
def reset_blockers(state: CoreState) -> tuple[str, ...]:
    """What still stands in RESET's way, in plain words for the display; empty when it may open the latch."""
    closed = state.digital.closed
    blockers: list[str] = []
    for name in (Input.EMERGENCY_A, Input.EMERGENCY_B):
        if not closed & name.bit:
            blockers.append("release mushroom")
            break
    if not state.channels_proved:
        blockers.append(PROVE_CHANNELS)
    if not closed & Input.LANYARD.bit:
        blockers.append("put lanyard back")
    if not closed & Input.OVERLOAD.bit:
        blockers.append("overload switch")
    if session_goes_on(state):
        blockers.extend(_patient_blockers(state, closed))
    if closed & Input.START.bit:
        blockers.append("release START")
    faulty = state.digital.stuck | state.digital.chattering
    if faulty:
        blockers.extend(f"faulty: {name.name.replace('_', ' ')}" for name in Input if faulty & name.bit)
    blockers.extend(_machine_blockers(state))
    return tuple(blockers)


def _patient_blockers(state: CoreState, closed: int) -> list[str]:
    blockers = []
    if not closed & Input.CLIP.bit:
        blockers.append("close the clip")
    for cause, name in _DECK_INPUTS.items():
        if cause in state.causes and not closed & name.bit:
            blockers.append("clear the deck ends")
    if Event.TENSION_LOST in state.causes and strap_hangs_limp(state):
        blockers.append(STRAP_HAS_NO_PULL)
    return blockers


def _machine_blockers(state: CoreState) -> list[str]:
    blockers = []
    estimate = state.estimate
    if estimate is None or estimate.load.quality is not Quality.GOOD:
        blockers.append("load cell unknown")
    elif not estimate.load.value < state.hangs_from_n:
        blockers.append(UNLOAD_THE_STRAP)
    if not state.drive.heard:
        blockers.append("drive silent")
    elif state.drive.state is DriveState.FAULT:
        blockers.append(DRIVE_FAULT)
    elif Event.DRIVE_STOP_INPUT_OPEN in state.watch.reported:
        blockers.append("stop chain open")
    elif state.watch.reported:
        blockers.append("drive not healthy")
    if not state.drive.standstill:
        blockers.append("wait for standstill")
    return blockers
