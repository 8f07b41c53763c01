"""The gate: the last thing before the wire.

It shares no code with what is before it and knows no plan, phase or state chart: it looks at the raw inputs and the drive's own
words, denies by default, and always lets a stop pass. A denied RUN becomes a stop.
"""

from __future__ import annotations

import msgspec

from controller.core.commands import Action, DriveCommand

# Bits of the input mask, written down a second time on purpose: a slip in the input table must not blind the gate.
_MUST_BE_CLOSED = (
    (1 << 0, "emergency stop A"),
    (1 << 1, "emergency stop B"),
    (1 << 2, "lanyard"),
    (1 << 3, "harness clip"),
    (1 << 4, "front of the deck"),
    (1 << 5, "rear of the deck"),
    (1 << 6, "harness overload"),
    (1 << 13, "STOP"),
    (1 << 16, "symptom button"),
)
_ALL_CLOSED = sum(bit for bit, _ in _MUST_BE_CLOSED)
_DRIVE_GRANTED, _DRIVE_RUNNING = 1, 2
_ALWAYS_PASS = (Action.NOTHING, Action.STOP, Action.POWER_OFF, Action.CLEAR)


class GateLimits(msgspec.Struct, frozen=True):
    """The gate's own limits, all in the wire's units; each must be positive."""

    ceiling_mm_s: int
    acceleration_mm_s2: int
    deceleration_mm_s2: int
    status_limit_ns: int
    load_limit_n: float
    load_age_limit_ns: int
    denied_deceleration_mm_s2: int


class GateFacts(msgspec.Struct, frozen=True, gc=False):
    """What the gate looks at, straight from the inputs."""

    closed: int
    edges: int
    drive_received_at_ns: int
    """-1: never heard."""
    drive_state: int
    drive_nonce: int
    drive_tick_ms: int
    granted_mm_s: int
    stop_input_closed: bool
    load_n: float
    load_measured_at_ns: int
    lateness_ns: int


# Control C-GATE.
def pass_gate(
    command: DriveCommand, previous_target_mm_s: int, facts: GateFacts, limits: GateLimits, now_ns: int
) -> tuple[DriveCommand, str]:
    """Returns the command to send and why it was denied (empty: it was not).

    previous_target_mm_s: the target that last passed, 0 after a stop; a rise above it is held to the acceleration ceiling.
    """
    if command.action in _ALWAYS_PASS:
        return command, ""
    reason = _why_not(command, previous_target_mm_s, facts, limits, now_ns)
    if not reason:
        return command, ""
    return DriveCommand(Action.STOP, rate_mm_s2=limits.denied_deceleration_mm_s2), reason


def _why_not(command: DriveCommand, previous: int, facts: GateFacts, limits: GateLimits, now_ns: int) -> str:
    if command.action is not Action.RUN:
        return "unknown action"
    opened = (facts.edges | ~facts.closed) & _ALL_CLOSED
    if opened:
        return f"{next(name for bit, name in _MUST_BE_CLOSED if opened & bit)} open"
    return _why_not_drive(command, facts, limits, now_ns) or _why_not_speed(command, previous, facts, limits, now_ns)


def _why_not_drive(command: DriveCommand, facts: GateFacts, limits: GateLimits, now_ns: int) -> str:
    age = now_ns - facts.drive_received_at_ns
    if facts.drive_received_at_ns < 0 or not 0 <= age <= limits.status_limit_ns:
        return "drive not heard"
    if facts.drive_state not in (_DRIVE_GRANTED, _DRIVE_RUNNING):
        return "drive not granted"
    if not facts.stop_input_closed:
        return "drive's STOP input open"
    if command.nonce != facts.drive_nonce or command.tick_ms != facts.drive_tick_ms:
        return "no proof of life"
    return ""


def _why_not_speed(command: DriveCommand, previous: int, facts: GateFacts, limits: GateLimits, now_ns: int) -> str:
    target = command.target_mm_s
    if not 0 <= target <= limits.ceiling_mm_s:
        return "target above the ceiling"
    if not target <= facts.granted_mm_s:
        return "target above what hands granted"
    rising = target > previous
    if not 0 < command.rate_mm_s2 <= (limits.acceleration_mm_s2 if rising else limits.deceleration_mm_s2):
        return "rate out of range"
    if not facts.load_n <= limits.load_limit_n:
        return "harness loaded, or load unknown"
    if not 0 <= now_ns - facts.load_measured_at_ns <= limits.load_age_limit_ns:
        return "harness load too old"
    if facts.lateness_ns > limits.load_age_limit_ns:
        return "scan too late"
    return ""
