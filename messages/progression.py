"""What the machine proposes after some sessions, and what a named clinician makes of it: for the journal."""

from __future__ import annotations

import enum
from datetime import date

from messages.patient import Reason, Record
from messages.plan import Plan, Pseudonym


class Variable(enum.Enum):
    """What one proposal changes; never two at once."""

    NOTHING = "nothing"
    TIME = "time"
    SPEED = "speed"
    RAILS = "rails"
    HANDS_FREE = "hands_free"
    ATTENDANT = "attendant"
    RUNNING = "running"
    STEP_BACK = "step_back"


class Proposal(Record, frozen=True, kw_only=True):
    """One change with its reason. before, after: the variable's values as people read them.

    value: the variable's new value as a number (s for TIME, m/s for SPEED; a share of the last session for STEP_BACK); None for
    a stage, which `after` names as the profile does.
    """

    variable: Variable
    before: str
    after: str
    reason: str
    value: float | None = None


class Accepted(Record, frozen=True, kw_only=True, tag="accepted", tag_field="decision"):
    """A named clinician takes the proposal as it is."""

    patient: Pseudonym
    proposal: Proposal
    on: date
    by: Pseudonym


class Changed(Record, frozen=True, kw_only=True, tag="changed", tag_field="decision"):
    """A named clinician takes another plan instead; the controller judges it like any other."""

    patient: Pseudonym
    proposal: Proposal
    plan: Plan
    on: date
    by: Pseudonym
    reason: Reason


class Rejected(Record, frozen=True, kw_only=True, tag="rejected", tag_field="decision"):
    """A named clinician leaves everything as it was."""

    patient: Pseudonym
    proposal: Proposal
    on: date
    by: Pseudonym
    reason: Reason


Decision = Accepted | Changed | Rejected
