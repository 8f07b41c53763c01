"""A session's plan as it crosses the socket. Untrusted: the controller recomputes every cap from its own configuration."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=7200)]
AccelerationMS2 = Annotated[float, msgspec.Meta(ge=0, le=0.15)]
SpeedMS = Annotated[float, msgspec.Meta(ge=0, le=5)]
# Control C-PSEUDONYMS.
Pseudonym = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$(?!\n)",
        description="a pseudonym, never a name: 1 to 32 letters, digits, - and _, the first a letter or digit",
    ),
]


class PhaseKind(enum.Enum):
    """What a phase is for. A rest is standing, with the belt at rest."""

    WARM_UP = "warm_up"
    WORK = "work"
    REST = "rest"
    COOL_DOWN = "cool_down"


class RailStage(enum.Enum):
    """Which rails the patient must hold."""

    BOTH = "both"
    ONE = "one"
    LEFT = "left"
    RIGHT = "right"


class AttendantStage(enum.Enum):
    """How closely somebody stands by."""

    CONTACT_GUARD = "contact_guard"
    STAND_BY = "stand_by"
    SUPERVISION = "supervision"


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stretch of the session. speed_m_s is where it wants to come; hands take it there by increments.

    acceleration_m_s2: how gently a rise in this phase is taken; 0: as the treadmill is configured. It can only be gentler.
    """

    kind: PhaseKind
    duration_s: Seconds
    speed_m_s: SpeedMS = 0.0
    acceleration_m_s2: AccelerationMS2 = 0.0


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole session, for one patient by pseudonym (never a name)."""

    patient: Pseudonym
    mass_kg: Annotated[float, msgspec.Meta(ge=20, le=200)]
    phases: Annotated[tuple[Phase, ...], msgspec.Meta(min_length=1, max_length=60)]
    rails: RailStage = RailStage.BOTH
    attendant: AttendantStage = AttendantStage.CONTACT_GUARD
    first_session: bool = False
    body_weight_support_fraction: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
