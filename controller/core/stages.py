"""Of two stages the stricter: a plan may ask for more care than the profile does, never for less."""

from __future__ import annotations

import msgspec

from controller.core.limits import SessionLimits
from messages.plan import AttendantStage, Plan, RailStage

_HANDS = {RailStage.ONE: 0, RailStage.LEFT: 1, RailStage.RIGHT: 1, RailStage.BOTH: 2}
_CLOSENESS = {AttendantStage.SUPERVISION: 0, AttendantStage.STAND_BY: 1, AttendantStage.CONTACT_GUARD: 2}


def stricter_rails(one: RailStage, other: RailStage) -> RailStage:
    """Returns the hold that satisfies both: a named hand outranks any hand, and two different named hands are both of them."""
    if _HANDS[one] == _HANDS[other]:
        return one if one is other else RailStage.BOTH
    return one if _HANDS[one] > _HANDS[other] else other


def stricter_attendant(one: AttendantStage, other: AttendantStage) -> AttendantStage:
    """Returns the closer of the two."""
    return one if _CLOSENESS[one] > _CLOSENESS[other] else other


def with_strict_stages(plan: Plan, limits: SessionLimits) -> Plan:
    """Returns the plan as it is enforced: with rails and attendant as the stricter of plan and limits has them."""
    rails = stricter_rails(plan.rails, limits.rails)
    attendant = stricter_attendant(plan.attendant, limits.attendant)
    if rails is plan.rails and attendant is plan.attendant:
        return plan
    return msgspec.structs.replace(plan, rails=rails, attendant=attendant)
