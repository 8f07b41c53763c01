"""How far the belt still travels under somebody who has lost balance: from the onset until it rests."""

from __future__ import annotations

import math
from collections.abc import Sequence

from controller.core.events import Effect, Event
from controller.core.settings import RampSettings
from evaluation.judge import NS, Decision

REACTION_S = 0.03
"""From the decision until the belt brakes: one frame, one period of the drive's control, with room [O]."""
_LOADED = frozenset({Event.HARNESS_LOADED, Event.LOADING_FAST, Event.OVERLOAD_SWITCH})


def deceleration_m_s2(decision: Decision, ramp: RampSettings) -> float:
    """With which the belt brakes for a stop: hard only under a loaded harness; 0 for what does not stop."""
    if decision.event in _LOADED:
        return ramp.loaded_deceleration_m_s2
    if decision.effect >= Effect.PROTECTIVE_STOP:
        return ramp.protective_deceleration_m_s2
    return ramp.pause_deceleration_m_s2 if decision.stops else 0.0


def belt_travel_m(decisions: Sequence[Decision], onset_ns: int, belt_m_s: float, ramp: RampSettings) -> float:
    """Metres from the onset to standstill; a later, harder stop takes over from an earlier one. Infinite if nothing stops."""
    speed, travel_m, braking, at_s = belt_m_s, 0.0, 0.0, onset_ns / NS
    for decision in decisions:
        harder = deceleration_m_s2(decision, ramp)
        acts_s = decision.at_ns / NS + REACTION_S
        if harder <= braking or acts_s < at_s:
            continue
        lasting_s = acts_s - at_s
        if braking > 0.0:
            lasting_s = min(lasting_s, speed / braking)
        travel_m += speed * lasting_s - 0.5 * braking * lasting_s * lasting_s
        speed, braking, at_s = max(speed - braking * lasting_s, 0.0), harder, acts_s
    return travel_m + speed * speed / (2.0 * braking) if braking > 0.0 else math.inf
