"""The hardware stop chain, from 24 V to the contactors."""

from __future__ import annotations

import schemdraw
from schemdraw import elements as elm
from schemdraw import flow

TITLE = "Mushroom, lanyard, overload switch and watchdog relay in series feed the drive's STOP input and an off-delay relay"


def draw(drawing: schemdraw.Drawing) -> None:
    """Draws it."""
    d = drawing
    d += elm.Dot(open=True).label("+24 V", loc="left")
    for name in ("S1 mushroom", "S2 lanyard", "S3 overload"):
        d += elm.Line().right(0.5)
        d += elm.Button(nc=True).right().label(name, loc="top", ofst=0.35)
    d += elm.Line().right(0.5)
    d += (relay := elm.Switch().right().label("K3 watchdog relay", loc="top", ofst=0.35))
    d += elm.Line().right(0.5)
    d += (branch := elm.Dot())
    d += elm.Line().right(2.1)
    d += flow.Box(w=4.6, h=1.3).anchor("W").label("drive: STOP input\nopen: brakes at once, 1.0 m/s²", fontsize=10)
    d += elm.Line().at(branch.center).down(2.0)
    d += (delay := flow.Box(w=2.4, h=1.3).anchor("N").label("K4 off-delay\n2.0 s", fontsize=10))
    d += elm.Line().at(delay.E).right(0.9)
    d += flow.Box(w=4.6, h=1.3).anchor("W").label("coils of K1 and K2,\ntwo contactors in series", fontsize=10)
    d += (
        flow.Box(w=7.4, h=1.3)
        .anchor("center")
        .at((5.2, delay.E[1]))
        .label("second contacts report to the Raspberry Pi:\nemergency_a, emergency_b, lanyard, overload", fontsize=10)
    )
    middle = (relay.start[0] + relay.end[0]) / 2
    d += elm.Line().at((middle, -0.2)).to((middle, -4.6)).linestyle("--").color("#667")
    d += flow.Box(w=5.2, h=1.3).anchor("N").label("K3's coil, held by pulses:\n120 ms without one, it drops", fontsize=10)
