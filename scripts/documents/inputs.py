"""docs/inputs.md, from the input table."""

from __future__ import annotations

from controller.core.inputs import INPUT_TABLE, Contact, InputRule, Role
from controller.hardware.settings import PinSettings
from documents.markdown import page, table, words

_INTRODUCTION = """
Every contact closes its pin to ground against a pull-up: a closed contact reads low, a broken wire reads open. What a broken wire
means therefore follows from how the contact rests. A trip is acted on at its first open sample; the filter only decides when it
counts as closed again, or when a button counts as pressed. The pins are the default BCM numbers of `[pins]`.
"""


def inputs_page() -> str:
    """Returns the page."""
    return page(
        "Inputs",
        _INTRODUCTION,
        table(
            ("input", "pin", "rests", "role", "filter", "longest press", "must change between patients", "effect"),
            (_row(rule) for rule in INPUT_TABLE),
        ),
        "## How contacts rest",
        table(("contact", "meaning"), ((words(contact.name), contact.value) for contact in Contact)),
        "## Roles",
        table(("role", "meaning"), ((words(role.name), role.value) for role in Role)),
    )


def _row(rule: InputRule) -> tuple[object, ...]:
    longest = f"{rule.longest_press_ms / 1000:g} s" if rule.longest_press_ms else ""
    return (
        words(rule.input.name),
        getattr(PinSettings(), rule.input.name.lower()),
        words(rule.contact.name),
        words(rule.role.name),
        f"{rule.filter_ms} ms",
        longest,
        "yes" if rule.proved_between_patients else "",
        rule.effect,
    )
