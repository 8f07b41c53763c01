"""A drive without Sternway's firmware: what hardware must hold instead."""

from __future__ import annotations

import schemdraw
from schemdraw import elements as elm
from schemdraw import flow

TITLE = "A drive without our firmware gets its power through a contactor that only START pulls in and that every stop releases"


def draw(drawing: schemdraw.Drawing) -> None:
    """Draws it."""
    d = drawing
    d += elm.Dot(open=True).label("+24 V behind\nthe stop chain", loc="left")
    d += elm.Line().right(1.0)
    d += (fork := elm.Dot())
    d += elm.Button().right().label("START", loc="top", ofst=0.45)
    d += (join := elm.Dot())
    d += elm.Line().right(0.6)
    d += elm.Button(nc=True).right().label("STOP", loc="top", ofst=0.35)
    d += elm.Line().right(0.6)
    d += (coil := flow.Box(w=3.2, h=1.2).anchor("W").label("K5 coil", fontsize=10))
    d += elm.Line().at(coil.E).right(0.8)
    d += elm.Ground()
    d += elm.Line().at(fork.center).down(1.4)
    d += elm.Switch().right().label("K5 holds itself", loc="bottom", ofst=0.35)
    d += elm.Line().to(join.center)
    d += elm.Dot(open=True).at((0, -4.0)).label("mains, RCD", loc="left")
    d += elm.Switch().right().label("K5", loc="top", ofst=0.35)
    d += elm.Switch().right().label("K1, K2", loc="top", ofst=0.35)
    d += elm.Line().right(0.5)
    d += flow.Box(w=4.4, h=1.2).anchor("W").label("drive without our firmware", fontsize=10)
