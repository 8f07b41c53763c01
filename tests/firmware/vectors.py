"""The shared vectors: C and Python are held to the same frames."""

from __future__ import annotations

import json
from typing import Any

from simulator.drive_build import PROJECT_ROOT

VECTORS: dict[str, Any] = json.loads((PROJECT_ROOT / "tests" / "vectors" / "drive_protocol.json").read_text())
FRAMES: list[dict[str, Any]] = VECTORS["frames"]


def frame_name(vector: dict[str, Any]) -> str:
    """A vector's name, for test ids."""
    return str(vector["name"])


def sent_by(sender: str) -> list[dict[str, Any]]:
    """The good frames of one side, `host` or `drive`."""
    return [frame for frame in FRAMES if frame["sender"] == sender]
