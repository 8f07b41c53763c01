"""Alarms: which are active, and how lamp and buzzer tell their priority (IEC 60601-1-8).

High: red at 2 Hz, bursts of ten 150 ms pulses every 5 s. Medium: yellow at 0.6 Hz, three 200 ms pulses every 10 s. Low: steady
yellow and a single pulse when it begins.
"""

from __future__ import annotations

from controller.core.events import RULES, Event, Happening, Priority
from controller.core.state import AlarmState

_MS = 1_000_000
_SILENCE_NS = 120_000 * _MS
_PROMPT_BEEP_NS = 200 * _MS


def active_priority(alarms: AlarmState) -> Priority:
    """The highest priority of the active alarms."""
    highest = Priority.NONE
    for event, _ in alarms.active:
        priority = RULES[event].priority
        highest = max(highest, priority)
    return highest


def raise_alarms(alarms: AlarmState, happenings: list[Happening]) -> AlarmState:
    """Returns the alarms with those that the happenings raise. A new one ends a silence, and so does one that is raised again."""
    known = {event for event, _ in alarms.active}
    raised = {happening.event: happening.at_ns for happening in happenings if RULES[happening.event].priority > Priority.NONE}
    new = tuple((event, at_ns) for event, at_ns in raised.items() if event not in known)
    if not new and not (raised and alarms.silent_until_ns):
        return alarms
    return AlarmState(alarms.active + new, 0)


def clear_alarms(alarms: AlarmState, gone: frozenset[Event]) -> AlarmState:
    """Returns the alarms without those whose condition is over."""
    kept = tuple(entry for entry in alarms.active if entry[0] not in gone)
    return alarms if len(kept) == len(alarms.active) else AlarmState(kept, alarms.silent_until_ns)


def silence(alarms: AlarmState, now_ns: int) -> AlarmState | None:
    """Returns the silenced alarms; None when a high-priority one is active: it is never silenced."""
    if active_priority(alarms) is Priority.HIGH:
        return None
    return AlarmState(alarms.active, now_ns + _SILENCE_NS)


def indicate(alarms: AlarmState, prompted_at_ns: int, now_ns: int) -> tuple[bool, bool, bool]:
    """Returns (red lamp, yellow lamp, buzzer) at this instant. prompted_at_ns: when a hand was last asked for, which beeps once."""
    beep = prompted_at_ns != 0 and 0 <= now_ns - prompted_at_ns < _PROMPT_BEEP_NS
    if not alarms.active:
        return False, False, beep
    priority = active_priority(alarms)
    elapsed = now_ns - min(at_ns for event, at_ns in alarms.active if RULES[event].priority is priority)
    if priority is Priority.HIGH:
        return _lit(elapsed, 500, 250), False, _pulses(elapsed, 10, 150, 300, 5_000)
    audible = now_ns >= alarms.silent_until_ns
    if priority is Priority.MEDIUM:
        return False, _lit(elapsed, 1_667, 800), audible and _pulses(elapsed, 3, 200, 400, 10_000)
    return False, True, beep or (audible and elapsed < 200 * _MS)


def _lit(elapsed_ns: int, period_ms: int, lit_ms: int) -> bool:
    return elapsed_ns % (period_ms * _MS) < lit_ms * _MS


def _pulses(elapsed_ns: int, count: int, pulse_ms: int, spacing_ms: int, burst_ms: int) -> bool:
    in_burst = elapsed_ns % (burst_ms * _MS)
    return in_burst < count * spacing_ms * _MS and in_burst % (spacing_ms * _MS) < pulse_ms * _MS
