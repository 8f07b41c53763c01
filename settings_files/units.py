"""The units that a key's name may end in: how people read them, and how one is turned into another.

The unit stands in the key (`first_m_s`), so a value in another unit shows as an unknown key that differs only in its ending.
"""

from __future__ import annotations

import msgspec


class Unit(msgspec.Struct, frozen=True):
    """One unit. factor: how many of the dimension's SI unit one of it is."""

    text: str
    dimension: str
    factor: float


UNITS: dict[str, Unit] = {
    "_m_s": Unit("m/s", "speed", 1.0),
    "_mm_s": Unit("mm/s", "speed", 1e-3),
    "_cm_s": Unit("cm/s", "speed", 1e-2),
    "_m_min": Unit("m/min", "speed", 1 / 60),
    "_km_h": Unit("km/h", "speed", 1 / 3.6),
    "_kmh": Unit("km/h", "speed", 1 / 3.6),
    "_kph": Unit("km/h", "speed", 1 / 3.6),
    "_mph": Unit("mile/h", "speed", 0.44704),
    "_m_s2": Unit("m/s²", "acceleration", 1.0),
    "_mm_s2": Unit("mm/s²", "acceleration", 1e-3),
    "_m_s3": Unit("m/s³", "jerk", 1.0),
    "_s": Unit("s", "time", 1.0),
    "_ms": Unit("ms", "time", 1e-3),
    "_us": Unit("µs", "time", 1e-6),
    "_ns": Unit("ns", "time", 1e-9),
    "_min": Unit("min", "time", 60.0),
    "_h": Unit("h", "time", 3600.0),
    "_m": Unit("m", "length", 1.0),
    "_cm": Unit("cm", "length", 1e-2),
    "_mm": Unit("mm", "length", 1e-3),
    "_in": Unit("in", "length", 0.0254),
    "_n": Unit("N", "force", 1.0),
    "_kn": Unit("kN", "force", 1000.0),
    "_kgf": Unit("kgf", "force", 9.80665),
    "_lbf": Unit("lbf", "force", 4.4482216152605),
    "_n_s": Unit("N/s", "force rate", 1.0),
    "_kg": Unit("kg", "mass", 1.0),
    "_g": Unit("g", "mass", 1e-3),
    "_lb": Unit("lb", "mass", 0.45359237),
    "_hz": Unit("Hz", "frequency", 1.0),
    "_khz": Unit("kHz", "frequency", 1000.0),
    "_mm_hg": Unit("mmHg", "pressure", 1.0),
    "_days": Unit("days", "time", 86400.0),
    "_per_min": Unit("1/min", "rate", 1 / 60),
    "_mb": Unit("MB", "size", 1e6),
    "_per_s": Unit("1/s", "rate", 1.0),
    "_share": Unit("(1 = body weight)", "share", 1.0),
    "_percent": Unit("%", "share", 0.01),
    "_fraction": Unit("(1 = all)", "share", 1.0),
    "_counts": Unit("counts", "counts", 1.0),
    "_per_count": Unit("N a count", "span", 1.0),
}
_SUFFIXES = sorted(UNITS, key=len, reverse=True)


def split_unit(key: str) -> tuple[str, Unit | None]:
    """Returns the key without its unit, and the unit; None where its name ends in none."""
    for suffix in _SUFFIXES:
        if key.endswith(suffix) and len(key) > len(suffix):
            return key[: -len(suffix)], UNITS[suffix]
    return key, None


def unit_text(key: str) -> str:
    """Returns the unit in a key's name as people read it, or an empty string."""
    unit = split_unit(key)[1]
    return unit.text if unit is not None else ""


def same_in(value: object, written_unit: Unit, wanted_unit: Unit) -> str:
    """Returns `0.36 km/h = 0.1 m/s`, or an empty string where the value cannot be turned."""
    if isinstance(value, bool) or not isinstance(value, int | float) or written_unit.dimension != wanted_unit.dimension:
        return ""
    turned = value * written_unit.factor / wanted_unit.factor
    return f"{value:g} {written_unit.text} = {turned:.4g} {wanted_unit.text}"
