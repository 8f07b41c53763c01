"""Figures of the bench: each with its unit, its target and whether it was reached, as a table for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

NOT_MEASURED, NOT_REACHED, REACHED = "NOT MEASURED", "NOT REACHED", "reached"


class Figure(msgspec.Struct, frozen=True):
    """One measured number. limit: the highest value that reaches the target; None where there is no target.

    value: None when it could not be measured; that never counts as reached, and neither does a NaN.
    """

    name: str
    value: float | None
    unit: str
    limit: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """One of the three words above, or nothing for a figure without a target."""
        if self.value is None or math.isnan(self.value):
            return NOT_MEASURED
        if self.limit is None:
            return ""
        return REACHED if self.value <= self.limit else NOT_REACHED


class Section(msgspec.Struct, frozen=True):
    """Figures that were measured together. method: in a sentence, how."""

    title: str
    method: str
    figures: tuple[Figure, ...]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed; NaN of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(
    name: str, values: Sequence[float], unit: str, limits: tuple[float | None, float | None] = (None, None)
) -> tuple[Figure, ...]:
    """Median, 99th percentile and maximum. limits: those of the first two."""
    return (
        Figure(f"{name}, p50", percentile(values, 50), unit, limits[0]),
        Figure(f"{name}, p99", percentile(values, 99), unit, limits[1]),
        Figure(f"{name}, max", max(values, default=math.nan), unit),
    )


def table(sections: Sequence[Section]) -> str:
    """The figures as a Markdown document's sections, which is also readable in a terminal."""
    return "\n\n".join(_section(section) for section in sections)


def missed(sections: Sequence[Section]) -> list[str]:
    """Names of the figures with a target that was not reached or not measured."""
    return [figure.name for section in sections for figure in section.figures if figure.verdict in (NOT_MEASURED, NOT_REACHED)]


def as_json(sections: Sequence[Section], about: dict[str, str]) -> str:
    """The same, for programs: every figure with its verdict."""
    document = {
        "about": about,
        "sections": [
            {
                "title": section.title,
                "method": section.method,
                "figures": [{**msgspec.structs.asdict(figure), "verdict": figure.verdict} for figure in section.figures],
            }
            for section in sections
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _section(section: Section) -> str:
    rows = [("figure", "measured", "target", "")]
    rows += [(_named(figure), _measured(figure), _target(figure), figure.verdict) for figure in section.figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join((f"## {section.title}", "", section.method, "", *lines))


def _named(figure: Figure) -> str:
    return f"{figure.name} ({figure.note})" if figure.note else figure.name


def _measured(figure: Figure) -> str:
    return "-" if figure.value is None or math.isnan(figure.value) else _with_unit(figure.value, figure.unit)


def _target(figure: Figure) -> str:
    return "" if figure.limit is None else f"<= {_with_unit(figure.limit, figure.unit)}"


def _with_unit(value: float, unit: str) -> str:
    """Three digits that count; whole numbers whole."""
    return f"{value:.0f} {unit}".rstrip() if value >= 100 else f"{value:.3g} {unit}".rstrip()
