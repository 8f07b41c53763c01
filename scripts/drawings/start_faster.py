"""START and FASTER: one hand, two contacts, two wires."""

from __future__ import annotations

import schemdraw
from schemdraw import elements as elm
from schemdraw import flow

TITLE = "START and FASTER have two contacts each: one to the drive, which grants speed, one to the Pi, which sees the hand"


def draw(drawing: schemdraw.Drawing) -> None:
    """Draws it."""
    d = drawing
    for row, (button, grant, pin) in enumerate(
        (("START", "grants the first speed", "start"), ("FASTER", "grants one increment", "faster"))
    ):
        top = -4.6 * row
        d += elm.Dot(open=True).at((0, top)).label("+24 V", loc="left")
        d += (upper := elm.Button().right().label(f"{button}, first contact", loc="top", ofst=0.45))
        d += elm.Line().right(1.2)
        d += flow.Box(w=4.8, h=1.2).anchor("W").label(f"drive: {grant}", fontsize=10)
        d += elm.Dot(open=True).at((0, top - 2.0)).label("+24 V", loc="left")
        d += (lower := elm.Button().right().label(f"{button}, second contact", loc="bottom", ofst=0.25))
        d += elm.Line().right(1.2)
        d += flow.Box(w=4.8, h=1.2).anchor("W").label(f"Raspberry Pi: {pin}, isolated", fontsize=10)
        middle = (upper.start[0] + upper.end[0]) / 2
        d += (
            elm.Line().at((middle, top + 0.5)).to((middle, (lower.start[1] + lower.end[1]) / 2 + 0.6)).linestyle("--").color("#667")
        )
