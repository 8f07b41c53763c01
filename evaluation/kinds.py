"""How balance is lost, and what the session asks of the hands meanwhile."""

from __future__ import annotations

import enum


class Kind(enum.Enum):
    """How balance is lost."""

    BACKWARD_SLIP = "backward slip"
    FORWARD_TRIP = "forward trip"
    COLLAPSE = "collapse"
    SIT_DOWN = "slow sit-down"
    STUMBLE = "recovered stumble"
    STANDING_STILL = "standing still"


class Stage(enum.Enum):
    """What the session asks of the hands."""

    BOTH = "both hands"
    ONE = "one hand"
    FREE = "hands free"


FALLS = (Kind.BACKWARD_SLIP, Kind.FORWARD_TRIP, Kind.COLLAPSE, Kind.SIT_DOWN)
"""Kinds that end with weight in the harness."""
PLANNED_STAGES = (Stage.BOTH, Stage.ONE)
"""Stages that a plan can ask for (messages.plan.RailStage); hands-free walking comes in windows (controller.core.hands_free)."""
