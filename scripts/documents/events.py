"""docs/events.md, from the event table."""

from __future__ import annotations

from controller.core.events import EVENT_TABLE, Effect
from documents.markdown import page, table, words

_INTRODUCTION = """
The single place where a fault meets its effect. Of several events in one scan the strongest effect wins; the effects stand below
in rising order. A latched stop opens only by RESET, with its cause gone. Priorities are those of IEC 60601-1-8.
"""
_MEANING = {
    Effect.RECORD: "written down; moves and stops nothing",
    Effect.REFUSE: "refuses or withdraws a start; moves and stops nothing",
    Effect.SLOW: "slows to the first speed",
    Effect.PAUSE: "controlled stop at the pause deceleration; going on needs OK and a new START",
    Effect.END: "controlled stop at the planned deceleration; the session is over",
    Effect.PROTECTIVE_STOP: "category 1, latched; deceleration by whether the harness is loaded",
    Effect.EMERGENCY_STOP: "category 1, latched; the session is over",
    Effect.FAULT: "category 1, latched: something cannot be trusted",
    Effect.POWER_OFF: "category 0, latched: the drive does not do as told",
}


def events_page() -> str:
    """Returns the page."""
    rows = (
        (
            f"`{rule.event.value}`",
            words(rule.severity.name),
            words(rule.effect.name),
            "yes" if rule.latches else "",
            words(rule.priority.name) if rule.priority else "",
            rule.text,
            rule.remedy,
        )
        for rule in EVENT_TABLE
    )
    return page(
        "Events",
        _INTRODUCTION,
        table(("effect", "what the machine does"), ((words(effect.name), _MEANING[effect]) for effect in Effect)),
        f"## All {len(EVENT_TABLE)} events",
        table(("code", "severity", "effect", "latches", "alarm", "text", "what to do"), rows),
    )
