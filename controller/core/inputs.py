"""The input table: every hand, rail, clip and barrier that the controller watches, and what each may do.

One row an input. All contacts close to ground with a pull-up, so that a closed contact reads low and a broken wire reads open.
`contact` therefore decides what a broken wire means: a normally closed input reads as tripped, a normally open one as not pressed.
"""

from __future__ import annotations

import enum

import msgspec


class Input(enum.IntEnum):
    """The digital inputs; the value is the input's bit in every mask of levels."""

    EMERGENCY_A = 0
    EMERGENCY_B = 1
    LANYARD = 2
    CLIP = 3
    DECK_FRONT = 4
    DECK_REAR = 5
    OVERLOAD = 6
    RAIL_LEFT = 7
    RAIL_RIGHT = 8
    ATTENDANT = 9
    START = 10
    FASTER = 11
    SLOWER = 12
    STOP = 13
    OK = 14
    RESET = 15
    SYMPTOM = 16

    bit: int
    """The mask that selects this input alone. An attribute, not a property: a scan asks for dozens of them."""

    def __init__(self, position: int) -> None:
        self.bit = 1 << position


ALL_INPUTS_MASK = (1 << len(Input)) - 1
"""Every input's bit."""


class Contact(enum.Enum):
    """How a contact rests, and so what a broken wire reads as."""

    NORMALLY_CLOSED = "normally closed: open, or a broken wire, is a trip"
    NORMALLY_OPEN = "normally open: closed is a press; a broken wire is never a press"
    PRESENCE = "closed while held; open, or a broken wire, is let go"


class Role(enum.Enum):
    """Which rules an input feeds."""

    TRIP = "acted on at the first sample that is open"
    RAIL = "a grace, then slow, then pause"
    ATTENDANT = "vigilance, as the session's attendant stage asks"
    BUTTON = "acted on when pressed for the filter time"
    STOP_BUTTON = "acted on at the first sample that is open"


class InputRule(msgspec.Struct, frozen=True):
    """One row of the input table.

    filter_ms: time a change must last before it counts as *clear* (trips) or as pressed (buttons); a trip itself is never filtered.
    longest_press_ms: a button closed longer than this is stuck; 0 where it does not apply.
    proved_between_patients: the input must be seen to change between two patients.
    """

    input: Input
    contact: Contact
    role: Role
    filter_ms: int
    longest_press_ms: int
    proved_between_patients: bool
    effect: str


def _row(  # a table is read in columns
    name: Input, contact: Contact, role: Role, filter_ms: int, longest_ms: int, proved: bool, effect: str
) -> InputRule:
    return InputRule(name, contact, role, filter_ms, longest_ms, proved, effect)


_NC, _NO, _HELD = Contact.NORMALLY_CLOSED, Contact.NORMALLY_OPEN, Contact.PRESENCE

INPUT_TABLE: tuple[InputRule, ...] = (
    _row(Input.EMERGENCY_A, _NC, Role.TRIP, 50, 0, False, "emergency stop; must agree with channel B within 200 ms"),
    _row(Input.EMERGENCY_B, _NC, Role.TRIP, 50, 0, False, "emergency stop; must agree with channel A within 200 ms"),
    _row(Input.LANYARD, _NC, Role.TRIP, 50, 0, False, "emergency stop"),
    _row(Input.CLIP, _NC, Role.TRIP, 50, 0, True, "protective stop while the belt moves or stops"),
    _row(Input.DECK_FRONT, _NC, Role.TRIP, 50, 0, True, "protective stop while the belt moves or stops"),
    _row(Input.DECK_REAR, _NC, Role.TRIP, 50, 0, True, "protective stop while the belt moves or stops"),
    _row(Input.OVERLOAD, _NC, Role.TRIP, 50, 0, False, "protective stop, harness loaded"),
    _row(Input.RAIL_LEFT, _HELD, Role.RAIL, 50, 0, True, "grace, then slow, then pause"),
    _row(Input.RAIL_RIGHT, _HELD, Role.RAIL, 50, 0, True, "grace, then slow, then pause"),
    _row(Input.ATTENDANT, _HELD, Role.ATTENDANT, 50, 0, True, "slow, then pause, as the attendant stage asks"),
    _row(Input.START, _NO, Role.BUTTON, 30, 2000, False, "grants the first speed when released after 0.05-2 s"),
    _row(Input.FASTER, _NO, Role.BUTTON, 30, 2000, False, "accepts an offered increment when released"),
    _row(Input.SLOWER, _NO, Role.BUTTON, 30, 5000, False, "one increment slower, always"),
    _row(Input.STOP, _NC, Role.STOP_BUTTON, 50, 0, False, "pause at the planned deceleration"),
    _row(Input.OK, _NO, Role.BUTTON, 30, 5000, True, "answers the line shown"),
    _row(Input.RESET, _NO, Role.BUTTON, 30, 2000, False, "opens a latch whose cause is gone, on its edge"),
    _row(Input.SYMPTOM, _NC, Role.STOP_BUTTON, 50, 0, False, "pause at the symptom deceleration; answers no"),
)
