"""What each state of a session does in a scan: prepare, walk, rest, pause, and let the next patient come."""

from __future__ import annotations

import msgspec

from controller.core.chart import MOVING_STATES, State, Trigger
from controller.core.check_rules import ask_after_session, run_check
from controller.core.effects import change_state, clear_pause_alarms, harness_is_loaded, restart_steps
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.latch import ended_by_fall, session_goes_on
from controller.core.preparation import Step
from controller.core.preparing_rules import forget_session, run_prepared, say, start_by_hand, step_by_hand
from controller.core.start import refuse_early_start
from controller.core.state import Scan
from controller.core.walking_rules import run_moving

_UNCLIPPED_NS = 2_000_000_000
"""No contact bounces for so long."""


def run_session(scan: Scan) -> None:
    """One scan of whatever state the session is in; does nothing outside a session."""
    rule = _RULES.get(scan.state.chart)
    if rule is not None:
        rule(scan)


def _rest(scan: Scan) -> None:
    """A standing rest; when its time is over the same hands start again that started before.

    The harness may be checked meanwhile. Where the patient faces is asked when the time is over, whatever was said of it before.
    """
    phase = scan.state.exercise.phase
    rested_ns = scan.now_ns - scan.state.since_ns
    due_ns = int(phase.duration_s * 1e9) if phase is not None else 0
    if rested_ns > due_ns + scan.settings.core.session.pause_limit_s * 1e9:
        say(scan, Event.PAUSE_TOO_LONG, resting_s=round(rested_ns / 1e9))
        return
    _ask_harness_again(scan, rested_ns - due_ns)
    step = scan.state.preparation.step
    just_over = rested_ns >= due_ns > rested_ns - scan.elapsed_ns
    if (rested_ns >= due_ns and step is None) or (just_over and step is Step.READY):
        scan.state = msgspec.structs.replace(scan.state, preparation=restart_steps(scan.state.preparation))
    if scan.state.preparation.step is None:
        refuse_early_start(scan)
    if not run_check(scan):
        step_by_hand(scan)
    start_by_hand(scan)


def _paused(scan: Scan) -> None:
    paused_ns = scan.now_ns - scan.state.since_ns
    if paused_ns > scan.settings.core.session.pause_limit_s * 1e9:
        say(scan, Event.PAUSE_TOO_LONG, paused_s=round(paused_ns / 1e9))
        return
    _ask_harness_again(scan, paused_ns)
    if not run_check(scan):
        step_by_hand(scan)
    start_by_hand(scan)


# Control C-NEXT-PATIENT.
def _held_up(scan: Scan) -> None:
    """A latch that the session would outlive is a pause to it: whoever is clipped in long after may be somebody else."""
    held_ns = scan.now_ns - scan.state.since_ns
    if session_goes_on(scan.state) and held_ns > scan.settings.core.session.pause_limit_s * 1e9:
        say(scan, Event.PAUSE_TOO_LONG, paused_s=round(held_ns / 1e9))


def _ask_harness_again(scan: Scan, waited_ns: int) -> None:
    """Once the clip was opened, or when the wait has become long, the whole harness check stands before the restart."""
    limit_ns = int(scan.settings.core.session.harness_recheck_pause_s * 1e9)
    just_passed = waited_ns >= limit_ns > waited_ns - scan.elapsed_ns
    if scan.digital.was_released(Input.CLIP) or just_passed:
        checked_again = restart_steps(scan.state.preparation, harness=True)
        scan.state = msgspec.structs.replace(scan.state, preparation=checked_again)


def _complete(scan: Scan) -> None:
    """The next patient needs one clip-open since the last: then everything of this one is forgotten.

    Until then the questions and the list after the exercise wait, for as long as it takes; they hold nobody back.
    """
    if not scan.drive.standstill:
        return
    if _has_left(scan):
        change_state(scan, Trigger.LEAVE)
        clear_pause_alarms(scan)
        scan.state = forget_session(scan.state)
        return
    if not ended_by_fall(scan.state):
        ask_after_session(scan)
    if not run_check(scan):
        step_by_hand(scan)


def _has_left(scan: Scan) -> bool:
    """Whether the clip is open. Under somebody who hangs its contact bounces: then for a while, and with no weight in the strap; a
    load that is unknown must not keep the next patient away for ever."""
    if scan.digital.is_closed(Input.CLIP):
        return False
    if not scan.state.hanging.since_ns:
        return True
    return scan.now_ns - scan.digital.changed_at_ns[Input.CLIP] >= _UNCLIPPED_NS and not harness_is_loaded(scan.state)


_RULES = {
    State.PREPARED: run_prepared,
    State.REST: _rest,
    State.PAUSED: _paused,
    State.COMPLETE: _complete,
    State.PROTECTIVE_STOP: _held_up,
    **dict.fromkeys(MOVING_STATES, run_moving),
}
