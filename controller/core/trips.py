"""What the stop chain, the clip and the stop buttons say, taken from the filtered inputs at their first open sample."""

from __future__ import annotations

from controller.core.events import Event, Happening
from controller.core.inputs import Input
from controller.core.state import Scan

_EITHER_EMERGENCY = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit


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
    if facts.pressed & Input.SLOWER.bit:
        scan.happenings.append(Happening(Event.SLOWER_PRESSED, now_ns))
    _judge_discrepancy(scan)


def _judge_discrepancy(scan: Scan) -> None:
    """Both channels must open, and close, within the limit of each other; reported in the scan that passes it."""
    closed = scan.digital.closed
    if bool(closed & Input.EMERGENCY_A.bit) == bool(closed & Input.EMERGENCY_B.bit):
        return
    changed = scan.digital.changed_at_ns
    differs_ns = scan.now_ns - max(changed[Input.EMERGENCY_A], changed[Input.EMERGENCY_B], scan.state.booted_ns)
    limit_ns = scan.settings.core.supervision.discrepancy_ms * 1_000_000
    if differs_ns > limit_ns >= differs_ns - scan.elapsed_ns:
        detail = (("channel_a_closed", int(bool(closed & Input.EMERGENCY_A.bit))),)
        scan.happenings.append(Happening(Event.EMERGENCY_DISCREPANCY, scan.now_ns, detail))
