"""What the plan says of the patient, with what stands in while nobody is prepared."""

from __future__ import annotations

from controller.core.inputs import Input
from controller.core.limits import SessionLimits
from controller.core.readings import Quality
from controller.core.settings import CoreSettings
from controller.core.state import GRAVITY_M_S2, STANDARD_MASS_KG, CoreState
from messages.plan import Phase, Plan, RailStage

# Each scan asks for these several times, and Python 3.11 takes long to find an enumeration's member.
_RAIL_LEFT, _RAIL_RIGHT = Input.RAIL_LEFT.bit, Input.RAIL_RIGHT.bit
_LEFT, _RIGHT, _ONE = RailStage.LEFT, RailStage.RIGHT, RailStage.ONE
_GOOD = Quality.GOOD


def body_weight_n(state: CoreState) -> float:
    """The prepared patient's weight in newtons, from the scale's mass."""
    plan = state.exercise.plan
    return (plan.mass_kg if plan is not None else STANDARD_MASS_KG) * GRAVITY_M_S2


# Control C-CAPS.
def ceiling_m_s(plan: Plan | None, settings: CoreSettings, limits: SessionLimits | None = None) -> float:
    """The highest speed this session may reach, recomputed here whatever the plan asks.

    limits: the session's, which hold the first session's cap already, by what has been measured of the patient.
    """
    ceiling = settings.speed.ceiling_m_s
    if limits is not None:
        return _lower(ceiling, limits.ceiling_m_s)
    if plan is None or plan.first_session:
        return min(ceiling, settings.speed.first_session_ceiling_m_s)
    return ceiling


def acceleration_m_s2(plan: Plan | None, phase: Phase | None, settings: CoreSettings, limits: SessionLimits | None = None) -> float:
    """How fast the belt may gain speed in this phase: the plan may ask for a gentler ramp, never for a steeper one."""
    allowed = settings.ramp.acceleration_m_s2
    if plan is None or plan.first_session:
        allowed = settings.ramp.first_session_acceleration_m_s2
    if limits is not None:
        allowed = _lower(allowed, limits.acceleration_m_s2)
    asked = phase.acceleration_m_s2 if phase is not None else 0.0
    return asked if 0.0 < asked < allowed else allowed


def belt_time_limit_s(plan: Plan, settings: CoreSettings, limits: SessionLimits | None = None) -> float:
    """How long the belt may run in this session."""
    session = settings.session
    allowed = session.first_session_belt_time_s if plan.first_session else session.belt_time_limit_s
    return allowed if limits is None else _lower(allowed, limits.belt_time_s)


def _lower(one: float, other: float) -> float:
    """The lower of two limits; one that is not a number allows nothing."""
    if other <= one:
        return other
    return one if one < other else 0.0


def rails_as_planned(plan: Plan | None, closed: int) -> bool:
    """Whether the hands are where the plan's rail stage wants them."""
    left, right = bool(closed & _RAIL_LEFT), bool(closed & _RAIL_RIGHT)
    stage = plan.rails if plan is not None else RailStage.BOTH
    if stage is _LEFT:
        return left
    if stage is _RIGHT:
        return right
    if stage is _ONE:
        return left or right
    return left and right


def strap_hangs_limp(state: CoreState) -> bool:
    """Whether the retractor does not pull the strap that it should, as far as is known; never without one."""
    load_n = known_load_n(state)
    return state.retractor_least_n > 0.0 and load_n is not None and not load_n >= state.retractor_least_n


def known_load_n(state: CoreState) -> float | None:
    """The harness load, or None while it does not count."""
    estimate = state.estimate
    if estimate is None or estimate.load.quality is not _GOOD:
        return None
    return estimate.load.value
