"""Small figures that tables and criteria share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from evaluation.campaign import JudgedFall, quantile_ms


def as_ms(value: float) -> str:
    """Whole milliseconds, or that there are none."""
    return "-" if math.isnan(value) else "never" if math.isinf(value) else f"{value:.0f}"


def as_percent(hits: int, of: int) -> str:
    """A share with its counts."""
    return f"{100 * hits / of:.1f} % ({hits}/{of})" if of else "-"


def total_of(values: Iterable[float]) -> float:
    """Of floats, exactly."""
    return math.fsum(values)


def count_of(values: Iterable[int]) -> int:
    """Of whole numbers."""
    return sum(values)


def quantile_of(part: Sequence[JudgedFall], name: str, share: float) -> float:
    """Of one of the delays; never detected counts as infinitely late."""
    return quantile_ms([getattr(one, name) for one in part], share)
