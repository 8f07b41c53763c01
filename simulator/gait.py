"""Backward walking as seen from outside: cadence, the bounce of the centre of mass, and what each foot does to the belt.

The figures come from an instrumented treadmill at 0.8 m/s (forward walking: no public recording of a backward one is known).
A step there takes 0.67 s at a length of 0.54 m, the centre of mass bounces by 26-30 mm, and each foot strike dips the belt's
speed by 0.03 m/s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

WALKS_ABOVE_M_S = 0.02
"""Below this nobody steps: the feet stay where they are."""


@dataclass(frozen=True)
class GaitParameters:
    """How somebody walks.

    walk_ratio_m_s: step length over cadence, constant over speed in a person: 0.36 forward in the recording; backward steps are
    shorter at the same speed [unverified by how much]. leg_m: length of the leg, for the arc over it.
    arc_share: how much of the stiff leg's arc the body follows. interval_variation: a step's time varies so much of its mean
    (standard deviation). strike_n: how hard a strike brakes the belt at 0.8 m/s; push_off_n: how hard the end of a step drives it.
    """

    walk_ratio_m_s: float = 0.33
    leg_m: float = 0.95
    arc_share: float = 0.74
    interval_variation: float = 0.035
    strike_n: float = 150.0
    strike_time_s: float = 0.10
    push_off_n: float = 30.0
    push_off_share: float = 0.2


def cadence_hz(speed_m_s: float, parameters: GaitParameters) -> float:
    """Steps a second at a walking speed; 0 when standing."""
    if speed_m_s <= WALKS_ABOVE_M_S:
        return 0.0
    return math.sqrt(speed_m_s / parameters.walk_ratio_m_s)


def bounce_m(speed_m_s: float, cadence: float, parameters: GaitParameters) -> float:
    """Peak to peak travel of the centre of mass in a step: the arc of a leg over its foot, as far as the body follows it."""
    if cadence == 0.0:
        return 0.0
    step_m = speed_m_s / cadence
    return parameters.arc_share * step_m * step_m / (8.0 * parameters.leg_m)


class Gait:
    """One walker's steps. `advance` moves time on; the rest says where the step is."""

    def __init__(self, random: Random, parameters: GaitParameters | None = None) -> None:
        """random: decides the small differences between steps."""
        self._random = random
        self.parameters = parameters or GaitParameters()
        self.phase = 0.0
        """0 at a foot strike, 1 at the next."""
        self.strikes = 0
        self._pace = 1.0
        self._speed_m_s = self._bounce_m = 0.0
        self._since_strike_s = math.inf

    def advance(self, step_s: float, speed_m_s: float) -> None:
        """Walks on for step_s at a speed; a strike falls where the phase passes 1."""
        self._speed_m_s = max(0.0, speed_m_s)
        self._since_strike_s += step_s
        cadence = cadence_hz(self._speed_m_s, self.parameters)
        self._bounce_m = bounce_m(self._speed_m_s, cadence, self.parameters)
        if cadence == 0.0:
            return
        self.phase += cadence * self._pace * step_s
        if self.phase >= 1.0:
            self.phase -= 1.0
            self.strikes += 1
            self._since_strike_s = self.phase / (cadence * self._pace)
            self._pace = max(0.7, self._random.gauss(1.0, self.parameters.interval_variation))

    @property
    def rise_m(self) -> float:
        """How far the centre of mass is above its height in quiet standing: lowest just after a strike, highest over the foot."""
        return -0.5 * self._bounce_m * math.cos(2.0 * math.pi * (self.phase - 0.12))

    @property
    def belt_force_n(self) -> float:
        """The feet's push on the belt, positive the way it runs: a strike brakes it, the push-off drives it.

        Scaled by speed, as the recorded forces are.
        """
        parameters = self.parameters
        scale = min(self._speed_m_s / 0.8, 1.5)
        if self._since_strike_s < parameters.strike_time_s:
            return -scale * parameters.strike_n * math.sin(math.pi * self._since_strike_s / parameters.strike_time_s)
        if self._speed_m_s > WALKS_ABOVE_M_S and self.phase > 1.0 - parameters.push_off_share:
            return scale * parameters.push_off_n
        return 0.0
