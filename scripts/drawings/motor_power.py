"""The motor's supply: two contactors in series, and what is read back."""

from __future__ import annotations

import schemdraw
from schemdraw import elements as elm
from schemdraw import flow

TITLE = "Mains through fuse and two contactors in series to the drive; their mirror contacts are read back by the drive"


def draw(drawing: schemdraw.Drawing) -> None:
    """Draws it."""
    d = drawing
    d += elm.Dot(open=True).label("mains, RCD", loc="left")
    d += elm.Line().right(0.4)
    d += elm.Fuse().right().label("F1", loc="top")
    d += (first := elm.Switch().right().label("K1", loc="top", ofst=0.35))
    d += (second := elm.Switch().right().label("K2", loc="top", ofst=0.35))
    d += elm.Line().right(0.5)
    d += (stage := flow.Box(w=3.4, h=1.6).anchor("W").label("drive\nrelay and power stage", fontsize=10))
    d += elm.Line().at(stage.E).right(0.8)
    d += elm.Motor().right().label("belt motor", loc="bottom", ofst=0.5)
    d += elm.Line().right(0.4)
    d += elm.Ground()
    for number, contactor in ((1, first), (2, second)):
        middle = (contactor.start[0] + contactor.end[0]) / 2
        d += elm.Line().at((middle, -0.2)).to((middle, -1.6 - number)).linestyle("--").color("#667")
        d += elm.Button(nc=True).right().at((middle, -1.6 - number)).label(f"mirror contact of K{number}", loc="bottom", ofst=0.3)
        d += elm.Line().to((stage.S[0] - 0.8 + 0.8 * number, -1.6 - number))
        d += elm.Line().to((stage.S[0] - 0.8 + 0.8 * number, stage.S[1]))
