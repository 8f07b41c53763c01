"""Changes a right document at a few places: bytes at random hardly ever make a document of which only one value is odd."""

from __future__ import annotations

import copy
import math
from typing import Any

_GONE = object()
_OF_ANY_KIND: tuple[Any, ...] = (_GONE, None, True, "x", 1, [], {})
_TEXTS = ("", "x" * 400, "\ud800", "worn \udfff", "\0", "\n", "café", "p-1\n", "0001-01-01", "9999-12-31", "2026-02-30")
_NUMBERS = (0, -1, 0.5, 10**30, 1e308, -0.0, math.nan, math.inf, 2**63, 1e-320)
_MOST_CHANGES = 3
"""More are refused for one of them, and show nothing of the others."""


def altered(document: Any, script: bytes) -> Any:
    """Returns the document (dictionaries, lists) after the script: two bytes a change: which value, what stands there instead."""
    changed = copy.deepcopy(document)
    for at in range(0, min(len(script) - 1, 2 * _MOST_CHANGES), 2):
        places = _places(changed)
        if places:
            holder, key = places[script[at] % len(places)]
            odd = _odd(holder[key])
            value = odd[script[at + 1] % len(odd)]
            if value is _GONE:
                del holder[key]
            else:
                holder[key] = copy.deepcopy(value)
    return changed


def _odd(value: object) -> tuple[Any, ...]:
    if isinstance(value, str):
        return _TEXTS + _OF_ANY_KIND
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _NUMBERS + _OF_ANY_KIND
    return (*_OF_ANY_KIND, [value] * 33)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every value inside, as the dictionary or list that has it and its key there."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [place for key in keys for place in ((value, key), *_places(value[key]))]
