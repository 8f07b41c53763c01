"""The harness strap: from the load cell over the deck to the patient's shoulders, slack until it is not.

A tension-only spring with damping that is never more than the spring itself (rope and webbing lose energy by stretching, not by
speed alone). x is fore-aft on the deck, positive the way the patient faces; drop is how far the shoulders
are below where they are in tall standing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class StrapParameters:
    """Stiffness of rope and harness together (5-30 kN/m are in use), damping, and the height of the hook over the shoulders."""

    stiffness_n_m: float = 15_000.0
    damping_n_s_m: float = 500.0
    height_m: float = 1.3


@dataclass(frozen=True)
class Pull:
    """What the strap does to the body: its tension, and that tension's parts towards the front and upwards, in newtons."""

    tension_n: float
    forward_n: float
    up_n: float


NO_PULL = Pull(0.0, 0.0, 0.0)


class Strap:
    """Hangs loose until `attach`."""

    def __init__(self, parameters: StrapParameters | None = None) -> None:
        self.parameters = parameters or StrapParameters()
        self.attached = False
        self.slack_m = 0.0
        """How far the patient may sink in place before it bears; negative: pulled tighter than the standing body."""

    def attach(self, slack_m: float) -> None:
        """Hooks the patient in with so much slack."""
        self.attached = True
        self.slack_m = slack_m

    def detach(self) -> None:
        """Hangs empty again."""
        self.attached = False

    def slack_for_tension_m(self, tension_n: float) -> float:
        """The (negative) slack that pulls a quietly standing patient with this tension."""
        return -tension_n / self.parameters.stiffness_n_m

    def pull(self, x_m: float, drop_m: float, forward_m_s: float, down_m_s: float) -> Pull:
        """The pull on a body at this place and with this velocity. Never pushes; damping alone never pulls a slack strap."""
        if not self.attached:
            return NO_PULL
        parameters = self.parameters
        height = parameters.height_m + drop_m
        length = math.hypot(x_m, height)
        stretch = length - (parameters.height_m + self.slack_m)
        if stretch <= 0.0:
            return NO_PULL
        lengthening = (x_m * forward_m_s + height * down_m_s) / length
        spring = parameters.stiffness_n_m * stretch
        damping = parameters.damping_n_s_m * lengthening
        tension = spring + max(-spring, min(spring, damping))
        if tension <= 0.0:
            return NO_PULL
        return Pull(tension, -tension * x_m / length, tension * height / length)
