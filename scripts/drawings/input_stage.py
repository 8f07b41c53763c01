"""One input: a contact at 24 V, isolated from the Pi."""

from __future__ import annotations

import schemdraw
from schemdraw import elements as elm

TITLE = "A contact at 24 V lights an optocoupler that pulls the Pi's input to ground: closed reads low, a broken wire open"


def draw(drawing: schemdraw.Drawing) -> None:
    """Draws it."""
    d = drawing
    d += elm.Dot(open=True).label("+24 V", loc="left")
    d += elm.Button(nc=True).right().label("contact in the field", loc="top", ofst=0.35)
    d += elm.Resistor().right().label("R1 2.2 kΩ", loc="top")
    d += elm.Line().right(0.6)
    d += (coupler := elm.Optocoupler().anchor("anode").label("", loc="top"))
    d += elm.Line().at(coupler.cathode).left(0.6)
    d += elm.Ground()
    d += elm.Line().at(coupler.collector).right(0.8)
    d += (node := elm.Dot())
    d += elm.Resistor().at(node.center).up().label("R2 10 kΩ", loc="bottom")
    d += elm.Vdd().label("3.3 V")
    d += elm.Resistor().at(node.center).right().label("R3 1 kΩ", loc="top")
    d += (pin := elm.Dot())
    d += elm.Capacitor().at(pin.center).down().label("C1 100 nF", loc="bottom")
    d += elm.Ground()
    d += elm.Line().at(pin.center).right(1.0)
    d += elm.Dot(open=True).label("GPIO", loc="right")
    d += elm.Line().at(coupler.emitter).right(0.8)
    d += elm.Ground()
