"""What screening comes to: refusals, caps, questions to ask, notes. Each carries the rule that set it; the strictest cap wins.

A cap can only be lowered by a further rule, and the order of rules shows nowhere: everything is sorted.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from messages.plan import AttendantStage
from settings_files.problems import Problem


class Limit(enum.Enum):
    """What a rule may cap. The value says it in words."""

    CEILING_M_S = "speed, m/s"
    ACCELERATION_M_S2 = "acceleration up, m/s²"
    BELT_TIME_S = "belt time, s"
    BOUT_S = "walking without a rest, s"
    BOUTS = "stretches of walking"
    REST_S = "a rest at least, s"
    ENDS_FRACTION = "warm-up and cool-down, of the belt time"
    CHECK_INTERVAL_S = "belt time between symptom checks, s"
    RAILS = "rails: 0 every hand that can hold one, 1 as the patient's stage says"
    ATTENDANT = "attendant: 0 contact guard, 1 stand-by, 2 supervision"
    HANDS_FREE = "hands-free windows: 0 none, 1 as the patient's stage says"
    HEART_RATE_PER_MIN = "heart rate in the session, 1/min"
    SYSTOLIC_MM_HG = "systolic pressure in the session, mmHg"
    DIASTOLIC_MM_HG = "diastolic pressure in the session, mmHg"


HIGHEST_WINS = frozenset({Limit.REST_S})
"""Limits from below: the strictest is the highest. Of all others it is the lowest."""

ATTENDANTS = (AttendantStage.CONTACT_GUARD, AttendantStage.STAND_BY, AttendantStage.SUPERVISION)
"""By their cap's number: the lower, the closer."""


class Demand(enum.Enum):
    """What a rule may ask for besides."""

    FAMILIARISATION = "the plan is a first session"
    ASK_LEGS = "the legs are asked at every check"
    LEGS_END = "leg symptoms end the session"
    ASK_GLASSES = "the pre-start list asks for the right glasses"


class Cap(msgspec.Struct, frozen=True):
    """One rule's limit."""

    limit: Limit
    value: float
    rule: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """One rule's reason why there is no session today. Its remedy says who may decide."""

    problem: Problem
    rule: str = ""


class Ask(msgspec.Struct, frozen=True):
    """One rule's demand."""

    demand: Demand
    rule: str = ""


class Note(msgspec.Struct, frozen=True):
    """What people should know; it caps nothing."""

    text: str
    rule: str = ""


Finding = Cap | Refusal | Ask | Note
_Kind = TypeVar("_Kind", Cap, Refusal, Ask, Note)


class Verdict(msgspec.Struct, frozen=True):
    """All findings, each kind sorted. Without refusals there is at least one cap for every limit."""

    refusals: tuple[Refusal, ...]
    caps: tuple[Cap, ...]
    asks: tuple[Ask, ...]
    notes: tuple[Note, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why there is no session; empty when there may be one."""
        return tuple(refusal.problem for refusal in self.refusals)

    def cap(self, limit: Limit) -> Cap:
        """The strictest cap of a limit; of equals the first by the rule's name. Raises LookupError where no rule set one."""
        found = [cap for cap in self.caps if cap.limit is limit]
        if not found:
            raise LookupError(f"no rule caps {limit.value}")
        return found[0]

    def asks_for(self, demand: Demand) -> bool:
        """Whether any rule demands it."""
        return any(ask.demand is demand for ask in self.asks)


def make_verdict(findings: Iterable[Finding]) -> Verdict:
    """Returns the findings, sorted: whatever order the rules were asked in, the verdict is the same."""
    found = tuple(findings)
    return Verdict(
        refusals=tuple(sorted(_only(found, Refusal), key=lambda item: (item.rule, str(item.problem)))),
        caps=tuple(sorted(_only(found, Cap), key=_strictest_first)),
        asks=tuple(sorted(_only(found, Ask), key=lambda item: (item.demand.value, item.rule))),
        notes=tuple(sorted(_only(found, Note), key=lambda item: (item.rule, item.text))),
    )


def _only(found: tuple[Finding, ...], kind: type[_Kind]) -> list[_Kind]:
    return [finding for finding in found if isinstance(finding, kind)]


def _strictest_first(cap: Cap) -> tuple[str, float, str]:
    return cap.limit.name, -cap.value if cap.limit in HIGHEST_WINS else cap.value, cap.rule
