"""The laws that every scan must keep, judged on contacts, STATUS and command; written without a word of the core's own rules."""

from __future__ import annotations

from collections.abc import Callable

from controller.core.chart import LATCHED_STATES, MOVING_STATES, State
from controller.core.commands import Action
from controller.core.inputs import Input
from exploration.situation import CHAIN, MS, WEIGHT_N, Scanned

_HAND_NS = 700 * MS
"""A hand's press and release acts within this: filter, half a second for the drive's answer, one scan."""
_TRIPS = (
    Input.EMERGENCY_A,
    Input.EMERGENCY_B,
    Input.LANYARD,
    Input.CLIP,
    Input.DECK_FRONT,
    Input.DECK_REAR,
    Input.OVERLOAD,
    Input.STOP,
    Input.SYMPTOM,
)
_TRIP_MASK = sum(name.bit for name in _TRIPS)
_LATCHING_MASK = _TRIP_MASK & ~(Input.STOP.bit | Input.SYMPTOM.bit)
_LATE_NS = 50 * MS
_FRESH_NS = 80 * MS
_LOAD_FRESH_NS = 150 * MS
"""100 ms without a sample are silence; the scans here lie further apart."""
_MOVES = ("RUNNING", "FAULT")
_STANDSTILL_MM_S = 20


def runs(scanned: Scanned) -> bool:
    """Whether the drive is told to run."""
    return scanned.outputs.command.action is Action.RUN


def _runs_without_start(scanned: Scanned) -> bool:
    """The belt begins to run, and START was not let go just now."""
    released_ns = scanned.before.start_released_ns
    by_hand = released_ns and scanned.after.now_ns - released_ns <= _HAND_NS
    return runs(scanned) and not scanned.before.ran and not by_hand


def _faster_than_granted(scanned: Scanned) -> bool:
    drive = scanned.inputs.drive
    return runs(scanned) and (drive is None or not scanned.outputs.command.target_mm_s <= drive.granted_mm_s)


def _runs_while_open(scanned: Scanned) -> bool:
    levels = scanned.inputs.levels
    return runs(scanned) and bool(~levels.closed & _TRIP_MASK or levels.edges & _TRIP_MASK)


def _runs_on_a_stale_word(scanned: Scanned) -> bool:
    drive, command = scanned.inputs.drive, scanned.outputs.command
    if not runs(scanned):
        return False
    if drive is None or not 0 <= scanned.after.now_ns - drive.received_at_ns <= _FRESH_NS:
        return True
    return (command.nonce, command.tick_ms) != (drive.nonce, drive.tick_ms)


def _runs_with_load_unknown(scanned: Scanned) -> bool:
    """The first scan of a silent cell is not yet silence; every later one here is further away than 100 ms."""
    samples = scanned.inputs.load_samples
    return runs(scanned) and not samples and scanned.after.now_ns - scanned.before.core.load.newest_at_ns > _LOAD_FRESH_NS


def _runs_with_a_patient_hanging(scanned: Scanned) -> bool:
    load_n = scanned.before.load_n
    return runs(scanned) and load_n is not None and not load_n < 0.3 * WEIGHT_N


def _runs_after_a_late_scan(scanned: Scanned) -> bool:
    return runs(scanned) and scanned.inputs.lateness_ns > _LATE_NS


def _runs_in_no_moving_state(scanned: Scanned) -> bool:
    return runs(scanned) and scanned.after.core.chart not in MOVING_STATES


def _latch_opens_by_itself(scanned: Scanned) -> bool:
    before, after = scanned.before, scanned.after
    by_hand = before.reset_pressed_ns and after.now_ns - before.reset_pressed_ns <= _HAND_NS
    return before.core.chart in LATCHED_STATES and after.core.chart not in LATCHED_STATES and not by_hand


def _latch_opens_in_vain(scanned: Scanned) -> bool:
    """Something is still in RESET's way as it opens the latch: the chain, a hand on START, a patient who hangs, a belt that moves,
    a drive that runs, has a fault, or is not heard. Who hangs loads the strap with a tenth of the weight or more.
    """
    before, after, drive = scanned.before, scanned.after, scanned.inputs.drive
    if before.core.chart not in LATCHED_STATES or after.core.chart in LATCHED_STATES:
        return False
    closed = scanned.inputs.levels.closed
    chain_open = closed & CHAIN != CHAIN
    unknown = before.load_n is None and after.now_ns - before.core.load.newest_at_ns > _LOAD_FRESH_NS
    hangs = unknown or (before.load_n is not None and before.load_n > 0.1 * WEIGHT_N)
    at_rest = drive is not None and drive.state.name not in _MOVES and drive.measured_mm_s < _STANDSTILL_MM_S
    silent = drive is None or scanned.after.now_ns - drive.received_at_ns > _FRESH_NS
    start = after.core.digital.closed & Input.START.bit  # through its filter: the first 30 ms of a hand are bounce
    return bool(chain_open or start or hangs or not at_rest or silent)


def _latch_softens(scanned: Scanned) -> bool:
    """A graver latch never becomes a lighter one."""
    order = {State.PROTECTIVE_STOP: 1, State.EMERGENCY_STOP: 2, State.FAULT: 3}
    before, after = order.get(scanned.before.core.chart, 0), order.get(scanned.after.core.chart, 0)
    return 0 < after < before


def _trip_does_not_latch(scanned: Scanned) -> bool:
    """A trip while the belt is driven latches in the scan that sees it."""
    levels = scanned.inputs.levels
    tripped = ~levels.closed & _LATCHING_MASK or levels.edges & _LATCHING_MASK
    return scanned.before.ran and bool(tripped) and scanned.after.core.chart not in LATCHED_STATES


def _mushroom_does_not_latch(scanned: Scanned) -> bool:
    """In every state but the self-test a mushroom that opens latches."""
    both = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit
    closed_before = scanned.before.core.digital.closed & both == both
    opened = closed_before and not scanned.inputs.levels.closed & both
    return scanned.before.core.chart is not State.SELF_TEST and opened and scanned.after.core.chart not in LATCHED_STATES


def _stop_does_not_stop(scanned: Scanned) -> bool:
    """While the drive runs and the belt should not be driven, it is told to stop, and told again."""
    drive = scanned.inputs.drive
    running = drive is not None and drive.state.name == "RUNNING"
    told = scanned.outputs.command.action in (Action.STOP, Action.POWER_OFF)
    return running and not runs(scanned) and not told


LAWS: dict[str, Callable[[Scanned], bool]] = {
    "the belt begins to run without a hand's START": _runs_without_start,
    "faster than hands granted": _faster_than_granted,
    "RUN while a stop contact is open": _runs_while_open,
    "RUN without the drive's present word": _runs_on_a_stale_word,
    "RUN while the harness load is unknown": _runs_with_load_unknown,
    "RUN while the patient hangs": _runs_with_a_patient_hanging,
    "RUN after a scan that was too late": _runs_after_a_late_scan,
    "RUN in a state in which the belt is at rest": _runs_in_no_moving_state,
    "a latch opens without RESET": _latch_opens_by_itself,
    "a latch opens with something in RESET's way": _latch_opens_in_vain,
    "a latch becomes a lighter one": _latch_softens,
    "a trip while the belt runs does not latch": _trip_does_not_latch,
    "a mushroom does not latch": _mushroom_does_not_latch,
    "a running drive is not told to stop": _stop_does_not_stop,
}


def broken(scanned: Scanned) -> str:
    """Returns the first law that the scan breaks; empty when it keeps them all."""
    for name, breaks in LAWS.items():
        if breaks(scanned):
            return name
    return ""
