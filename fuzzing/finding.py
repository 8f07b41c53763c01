"""What every target may raise, and what several of them look for."""

from __future__ import annotations

import math


class FindingError(Exception):
    """A border did what it must never do."""


def must_be_finite(value: object) -> None:
    """Raises FindingError for a number anywhere in plain data (dictionaries, lists) that is none, or infinite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise FindingError("a number that is none has passed")
    if isinstance(value, dict):
        for item in value.values():
            must_be_finite(item)
    elif isinstance(value, list | tuple):
        for item in value:
            must_be_finite(item)
