"""docs/failure-modes.md: what each wire does when it breaks or is shorted, from docs/wiring/wires.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from documents.markdown import page, table

_WIRES = Path(__file__).resolve().parents[2] / "docs" / "wiring" / "wires.toml"
_HEAD = """Each row is a test (`tests/wiring`): the wire is broken, and shorted, in the emulated machine with the real core
and the drive's real firmware, and the events of the row must come ([events.md](events.md) says what each does). Where nothing can
notice it in a session, the row names the step of the self-test that does. The load cells at the rails trip nothing: their
rows say what is shown instead of a number. Nobody has cut a real wire yet."""


def failure_modes_page() -> str:
    """Returns the page."""
    wires = tomllib.loads(_WIRES.read_text(encoding="utf-8"))["wire"]
    rows = [
        (wire["id"], wire["name"], _found(wire, "broken"), _found(wire, "shorted"), wire["notice"], wire.get("self_test", ""))
        for wire in wires
    ]
    header = ("id", "wire", "broken", "shorted", "when a person comes to know", "self-test step")
    return page("What each wire does when it fails", _HEAD, table(header, rows))


def _found(wire: dict[str, Any], how: str) -> str:
    unknown = wire.get("unknown")
    return f"{' and '.join(unknown['rails'])} rail unknown: {unknown['reason']}" if unknown else _codes(wire[how])


def _codes(codes: list[str]) -> str:
    return ", ".join("nothing notices it" if code == "nothing" else f"`{code}`" for code in codes)
