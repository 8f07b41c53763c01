"""The load cells at the rails and their converters."""

from __future__ import annotations

import schemdraw
from schemdraw import elements as elm
from schemdraw import flow

TITLE = "Two load cells at the rails, each with an HX711 of its own; both share one clock, and each has its own data line to the Pi"


def draw(drawing: schemdraw.Drawing) -> None:
    """Draws it."""
    d = drawing
    d += (pi := flow.Box(w=3.4, h=6.4).label("Raspberry Pi", fontsize=10))
    clock_x = pi.W[0] - 1.2
    converters = []
    for offset, side, data in ((2.0, "left", "BCM 0"), (-2.0, "right", "BCM 8")):
        converter = flow.Box(w=3.2, h=2.0).anchor("E").at((pi.W[0] - 4.6, pi.W[1] + offset))
        d += converter.label("HX711\n3.3 V, RATE high", fontsize=10)
        cell = flow.Box(w=2.8, h=2.0).anchor("E").at((converter.W[0] - 1.6, converter.W[1]))
        d += cell.label(f"load cell\n{side} rail", fontsize=10)
        d += elm.Line().at(cell.E).to(converter.W).label("E± A±", loc="top", fontsize=9)
        outward = 0.5 if offset > 0 else -0.5
        y = converter.E[1] + outward
        d += (resistor := elm.Resistor().at((converter.E[0], y)).right().length(2.2).label("1 kΩ", fontsize=9))
        d += elm.Line().at(resistor.end).to((pi.W[0], y)).label(f"DOUT → {data}", loc="top", fontsize=9)
        converters.append((converter, converter.E[1] - outward))
    for converter, y in converters:
        d += elm.Line().at((converter.E[0], y)).to((clock_x, y)).label("PD_SCK", loc="top", fontsize=9)
        d += elm.Line().at((clock_x, y)).to((clock_x, pi.W[1]))
    d += elm.Dot().at((clock_x, pi.W[1]))
    d += elm.Line().at((clock_x, pi.W[1])).to(pi.W).label("BCM 1", loc="top", fontsize=9)
