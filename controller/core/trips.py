"""What the stop chain, the clip and the stop buttons say, taken from the filtered inputs at their first open sample."""

from __future__ import annotations

import msgspec

from controller.core.events import Event, Happening
from controller.core.inputs import Input
from controller.core.state import Scan

_EMERGENCY_A, _EMERGENCY_B, _SLOWER = Input.EMERGENCY_A.bit, Input.EMERGENCY_B.bit, Input.SLOWER.bit
_EITHER_EMERGENCY = _EMERGENCY_A | _EMERGENCY_B


# Control C-CLIP, C-TWO-CHANNELS.
def judge_trips(scan: Scan, moving: bool) -> None:
    """Appends a happening for each trip of this scan. `moving`: the belt moves, or may."""
    facts, now_ns = scan.digital, scan.now_ns
    opened = facts.released
    if opened:
        if opened & _EITHER_EMERGENCY:
            scan.happenings.append(Happening(Event.EMERGENCY_PRESSED, now_ns))
        if opened & Input.LANYARD.bit:
            scan.happenings.append(Happening(Event.LANYARD_PULLED, now_ns))
        if opened & Input.STOP.bit:
            scan.happenings.append(Happening(Event.STOP_PRESSED, now_ns))
        if opened & Input.SYMPTOM.bit:
            scan.happenings.append(Happening(Event.SYMPTOM_BUTTON, now_ns))
        if opened & Input.CLIP.bit and moving:
            scan.happenings.append(Happening(Event.CLIP_OPEN, now_ns))
    if facts.pressed & _SLOWER:
        scan.happenings.append(Happening(Event.SLOWER_PRESSED, now_ns))
    _judge_discrepancy(scan)


def _judge_discrepancy(scan: Scan) -> None:
    """Both channels must open, and close, within the limit of each other; reported in the scan that passes it.

    A channel that stayed behind is trusted again only once both have been seen open together.
    """
    closed = scan.digital.closed
    open_a, open_b = not closed & _EMERGENCY_A, not closed & _EMERGENCY_B
    # By the contacts themselves: the filter of a new life begins with every input open, which proves nothing.
    if not scan.inputs.levels.closed & _EITHER_EMERGENCY and not scan.state.channels_proved:
        scan.state = msgspec.structs.replace(scan.state, channels_proved=True)
    if open_a == open_b:
        return
    changed = scan.digital.changed_at_ns
    differs_ns = scan.now_ns - max(changed[Input.EMERGENCY_A], changed[Input.EMERGENCY_B], scan.state.booted_ns)
    limit_ns = scan.settings.core.supervision.discrepancy_ms * 1_000_000
    if differs_ns > limit_ns >= differs_ns - scan.elapsed_ns:
        scan.state = msgspec.structs.replace(scan.state, channels_proved=False)
        detail = (("channel_a_open", int(open_a)), ("channel_b_open", int(open_b)))
        scan.happenings.append(Happening(Event.EMERGENCY_DISCREPANCY, scan.now_ns, detail))
