"""The harness load cell and its converter."""

from __future__ import annotations

import schemdraw
from schemdraw import elements as elm
from schemdraw import flow

TITLE = "The load cell's bridge feeds the HX711, which the Pi clocks and reads from its SPI peripheral"


def draw(drawing: schemdraw.Drawing) -> None:
    """Draws it."""
    d = drawing
    d += (cell := flow.Box(w=3.0, h=3.4).label("load cell\nat the hook", fontsize=10))
    d += (
        converter := flow.Box(w=3.4, h=3.4)
        .anchor("W")
        .at((cell.E[0] + 2.4, cell.E[1]))
        .label("HX711\n3.3 V\nRATE high: 80/s", fontsize=10)
    )
    d += (pi := flow.Box(w=3.6, h=3.4).anchor("W").at((converter.E[0] + 3.4, converter.E[1])).label("Raspberry Pi", fontsize=10))
    for offset, name in ((1.2, "E+"), (0.4, "E-"), (-0.4, "A+"), (-1.2, "A-")):
        d += (
            elm.Line()
            .at((cell.E[0], cell.E[1] + offset))
            .to((converter.W[0], converter.W[1] + offset))
            .label(name, loc="top", fontsize=9)
        )
    for offset, name in ((0.8, "PD_SCK  ←  MOSI, BCM 10"), (-0.8, "DOUT  →  MISO, BCM 9")):
        d += (
            elm.Line()
            .at((converter.E[0], converter.E[1] + offset))
            .to((pi.W[0], pi.W[1] + offset))
            .label(name, loc="top", fontsize=9)
        )
