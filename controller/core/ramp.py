"""The ramp: from where the belt is asked to be to where it is wanted, within acceleration and jerk.

Upwards the acceleration itself rises and falls by the jerk, so that neither the start nor the end of a rise throws the patient.
Downwards the deceleration holds from the first scan: slowing is the safe direction and never waits for the jerk.
"""

from __future__ import annotations

import msgspec


class RampState(msgspec.Struct, frozen=True, gc=False):
    """The set-point in m/s, and its present rate of change in m/s2 (positive: faster)."""

    set_point_m_s: float = 0.0
    rate_m_s2: float = 0.0


class RampLimits(msgspec.Struct, frozen=True, gc=False):
    """Magnitudes. ceiling_m_s is what hands have granted: the set-point is never above it, whatever is wanted."""

    acceleration_m_s2: float
    deceleration_m_s2: float
    jerk_m_s3: float
    ceiling_m_s: float


AT_REST = RampState()
_LONGEST_STEP_S = 0.02


# Control C-RAMP.
def advance_ramp(state: RampState, wanted_m_s: float, limits: RampLimits, elapsed_s: float) -> RampState:
    """Returns the next set-point. A wanted speed that is not a number counts as 0; a late scan never makes a larger step."""
    step_s = elapsed_s if 0.0 <= elapsed_s <= _LONGEST_STEP_S else _LONGEST_STEP_S
    ceiling = limits.ceiling_m_s if limits.ceiling_m_s > 0.0 else 0.0
    goal = wanted_m_s if wanted_m_s > 0.0 else 0.0
    goal = min(goal, ceiling)
    gap = goal - state.set_point_m_s
    if gap < 0.0:
        return _down(state, goal, limits, step_s)
    if gap == 0.0:
        return RampState(goal, 0.0)
    return _up(state, goal, gap, limits, step_s)


def _up(state: RampState, goal: float, gap: float, limits: RampLimits, step_s: float) -> RampState:
    """The rate must be able to fall to 0 by the goal: that needs rate^2 / (2 jerk) of the gap."""
    rate = state.rate_m_s2 if state.rate_m_s2 > 0.0 else 0.0
    change = limits.jerk_m_s3 * step_s
    if rate * rate >= 2.0 * limits.jerk_m_s3 * gap:
        rate -= change
        rate = max(rate, change)
    else:
        rate += change
        rate = min(rate, limits.acceleration_m_s2)
    next_m_s = state.set_point_m_s + rate * step_s
    if next_m_s >= goal:
        return RampState(goal, 0.0)
    return RampState(next_m_s, rate)


def _down(state: RampState, goal: float, limits: RampLimits, step_s: float) -> RampState:
    next_m_s = state.set_point_m_s - limits.deceleration_m_s2 * step_s
    if not next_m_s > goal:
        return RampState(goal, 0.0)
    return RampState(next_m_s, -limits.deceleration_m_s2)
