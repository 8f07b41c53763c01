"""config/treadmill.toml: every key with its default, and in a comment its meaning, unit and range."""

from __future__ import annotations

import textwrap

from documents.fields import Key, Table, all_tables

_HEAD = """
# The treadmill's configuration: every key with its default. Generated from the code by `make docs`.
#
# Copy it to /etc/sternway/treadmill.toml, change what differs, and run `sternway check-config /etc/sternway/treadmill.toml`.
# Keys may be left out: they then have the default given here. Those marked "must be given" have none.
# [O] marks clinical opinion without a trial behind it, [unverified] a number that no stored source confirms, [tuned] one chosen
# on the tuning half of the evaluation.
"""
_EXAMPLES = {
    "identity.clinic": '"example-clinic"',
    "identity.treadmill": '"treadmill-1"',
    "identity.mounting": '"belt_reversed"',
    "serial.device": '"/dev/serial/by-id/usb-sternway-drive-if00"',
}
_WIDTH = 120


def treadmill_toml() -> str:
    """Returns the file's text."""
    return _HEAD.lstrip("\n") + "".join(_table(section) for section in all_tables())


def _table(section: Table) -> str:
    lines = ["", *_comment(section.words), f"[{section.name}]"]
    for key in section.keys:
        lines += _key(section.name, key)
    return "\n".join(lines) + "\n"


def _key(table: str, key: Key) -> list[str]:
    default = key.default or _EXAMPLES[f"{table}.{key.name}"]
    facts = key.allowed if key.default else f"{key.allowed}; must be given"
    meaning = f"{key.words[0].upper()}{key.words[1:]}. " if key.words else ""
    return [*_comment(f"{meaning}Allowed: {facts}."), f"{key.name} = {default}"]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="#   ", break_long_words=False)
