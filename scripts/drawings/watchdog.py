"""How pulses hold the watchdog relay: a level, high or low, brings nothing through the capacitor."""

from __future__ import annotations

import schemdraw
from schemdraw import elements as elm
from schemdraw import flow

TITLE = "The Pi's pulses reach relay K3 through a capacitor; its closed contact lights the red lamp"


def draw(drawing: schemdraw.Drawing) -> None:
    """Draws it."""
    d = drawing
    d += (pi := flow.Box(w=3.6, h=1.3).label("Raspberry Pi\nwatchdog_pulse", fontsize=10))
    d += elm.Line().at(pi.E).right(0.6)
    d += (coupler := flow.Box(w=1.9, h=1.3).anchor("W").label("opto-\ncoupler", fontsize=10))
    d += elm.Line().at(coupler.E).right(0.5)
    d += elm.Capacitor().right().label("C1 1 µF", loc="top")
    d += (pump := elm.Dot())
    d += elm.Diode().right().label("D2", loc="top")
    d += (store := elm.Dot())
    d += elm.Line().right(2.6)
    d += (coil := elm.Dot())
    d += elm.Line().right(2.0)
    d += (window := flow.Box(w=3.4, h=1.3).anchor("W").label("window: 35-120 Hz,\nelse K3 drops", fontsize=10))
    d += elm.Line().at(window.E).right(0.5)
    d += flow.Box(w=2.2, h=1.3).anchor("W").label("K3\ncoil", fontsize=10)
    d += elm.Diode().at(pump.center).down().reverse().label("D1", loc="bottom")
    d += elm.Ground()
    d += elm.Capacitor().at(store.center).down().label("C2 22 µF", loc="bottom")
    d += elm.Ground()
    d += elm.Resistor().at(coil.center).down().label("R1 4.7 kΩ", loc="bottom")
    d += elm.Ground()
    d += elm.Dot(open=True).at((0, -5.2)).label("+24 V", loc="left")
    d += elm.Button(nc=True).right().label("K3's closed contact", loc="top", ofst=0.35)
    d += elm.Lamp().right().label("red lamp: lit when K3 has dropped", loc="bottom", ofst=0.4)
    d += elm.Line().right(1.0)
    d += elm.Ground()
