"""The least that a configuration must say, and ways to change it."""

from __future__ import annotations

import copy
from typing import Any

LEAST: dict[str, Any] = {
    "identity": {"clinic": "clinic", "treadmill": "one", "mounting": "belt_reversed"},
    "serial": {"device": "/dev/serial/by-id/drive"},
    "speed": {"ceiling_m_s": 1.0},
}


def least(**tables: Any) -> dict[str, Any]:
    """The least document with tables merged into it, key by key; anything that is no table replaces what was there."""
    document = copy.deepcopy(LEAST)
    for name, content in tables.items():
        if isinstance(content, dict):
            document.setdefault(name, {}).update(content)
        else:
            document[name] = content
    return document
