"""Commands from the network: read strictly, judged once, and turned into what the controller is told.

Nothing here starts or speeds up a belt: there is no such command, and no message to the controller that could carry one.
A stop is a stop: without id, however late, whatever its body, unless the broker kept it (retained), for then nobody
knows when it was meant. Pure: messages and time come in, verdicts come out.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from messages.patient import TodayCheck
from messages.plan import Plan, Pseudonym
from messages.wire import Cancel, Silence, Stop, Symptom
from telemetry.patient_records import Diastolic, Grade, HeartRate, Systolic

MAXIMUM_COMMAND_BYTES = 8 * 1024
MAXIMUM_AHEAD = timedelta(seconds=10)
MAXIMUM_KNOWN_IDS = 1024
MAXIMUM_CORRELATION_BYTES = 256
MAXIMUM_REASON_CHARACTERS = 256
"""The socket's contract, as that of the command's name (64)."""

# The look-ahead keeps Python's $ from letting a trailing line feed pass.
CommandId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$(?!\n)")]
SymptomKind = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]{0,63}$(?!\n)")]
Expiry = Annotated[datetime, msgspec.Meta(tz=True, description="UTC; at most 10 s ahead; from then on the command is refused")]


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every command but stop must carry."""

    id: CommandId
    expires: Expiry


class PrepareCommand(Command, frozen=True, kw_only=True):
    """Proposes a session; hands at the panel confirm it. Without a plan, the one that was accepted last.

    The profile comes out of the patients' file, what was before out of it and the journal: nobody on the network says how
    healthy a patient is.
    """

    patient: Pseudonym
    today: TodayCheck
    plan: Plan | None = None


class CancelCommand(Command, frozen=True, kw_only=True):
    """Withdraws a prepared session, or ends one whose belt is at rest."""


class SymptomCommand(Command, frozen=True, kw_only=True):
    """Reports a symptom, such as `dizziness`, or what was measured by hand: it can slow, pause or end, and nothing else."""

    kind: SymptomKind
    grade: Grade | None = None
    heart_rate_per_min: HeartRate | None = None
    systolic_mm_hg: Systolic | None = None
    diastolic_mm_hg: Diastolic | None = None


class SilenceCommand(Command, frozen=True, kw_only=True):
    """Silences the buzzer of low and medium alarms."""


class StopCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Stops the belt. The body may be empty or anything; an id that can be read comes back in the answer."""

    id: str = ""


EXPIRED = "expired"
STOP = "stop"
COMMANDS: dict[str, type[Command]] = {
    "session/prepare": PrepareCommand,
    "session/cancel": CancelCommand,
    "symptom": SymptomCommand,
    "alarm/silence": SilenceCommand,
}


class Incoming(msgspec.Struct, frozen=True):
    """A message as the broker delivered it. `response_allowed`: an answer may go where it asks for one."""

    name: str
    payload: bytes
    retained: bool
    response_allowed: bool = True
    correlation_bytes: int = 0


class Forward(msgspec.Struct, frozen=True):
    """To be told to the controller. A wish to prepare a session first gets what the journal knows of the patient."""

    id: str
    message: Stop | PrepareCommand | Cancel | Symptom | Silence


class Refusal(msgspec.Struct, frozen=True):
    """Not to be obeyed, and why."""

    id: str
    reason: str


# Control C-COMMAND-INTAKE.
class CommandJudge:
    """Decides about each command; remembers the ids of those that were let through."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, datetime] = OrderedDict()

    def judge(self, incoming: Incoming, request: str, now: datetime) -> Forward | Refusal:
        """Returns what to do. `request` names it towards the controller; `now` is UTC."""
        if incoming.retained:
            return Refusal("", "the message is retained: nobody knows when it was meant")
        if incoming.name == STOP:
            command_id = _stop_id(incoming.payload)
            return Forward(command_id, Stop(request=request, origin=origin_of(command_id)))
        if len(incoming.payload) > MAXIMUM_COMMAND_BYTES:
            return Refusal("", f"{len(incoming.payload)} bytes; allowed are {MAXIMUM_COMMAND_BYTES}")
        if incoming.name not in COMMANDS:
            return Refusal("", f"unknown command; known are {', '.join((STOP, *COMMANDS))}")
        if not incoming.response_allowed:
            return Refusal("", "the response topic is not below response/ of this treadmill")
        if incoming.correlation_bytes > MAXIMUM_CORRELATION_BYTES:
            return Refusal("", f"correlation data over {MAXIMUM_CORRELATION_BYTES} bytes")
        try:
            command = msgspec.json.decode(incoming.payload, type=COMMANDS[incoming.name])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return Refusal(_any_id(incoming.payload), str(error)[:MAXIMUM_REASON_CHARACTERS])
        reason = self._untimely(command, now)
        if reason:
            return Refusal(command.id, reason)
        self._known[command.id] = command.expires
        return Forward(command.id, _message(command, request))

    def _untimely(self, command: Command, now: datetime) -> str:
        """Returns why a well-formed command cannot be obeyed now, or nothing."""
        if command.expires.utcoffset() != timedelta(0):
            return "expires is not in UTC; end it with Z"
        if command.expires <= now:
            return EXPIRED
        if command.expires > now + MAXIMUM_AHEAD:
            return f"expires more than {MAXIMUM_AHEAD.seconds} s ahead"
        if isinstance(command, PrepareCommand) and command.plan is not None and command.plan.patient != command.patient:
            return f"plan.patient is {command.plan.patient}, patient is {command.patient}; allowed is the same"
        if command.id in self._known:
            return "this id was used before"
        if not self._make_room(now):
            return f"more than {MAXIMUM_KNOWN_IDS} commands within {MAXIMUM_AHEAD.seconds} s"
        return ""

    def _make_room(self, now: datetime) -> bool:
        """Forgets the oldest id when the memory is full, but never one that has not expired: it could be replayed."""
        if len(self._known) < MAXIMUM_KNOWN_IDS:
            return True
        for command_id, expires in self._known.items():
            if expires <= now:
                del self._known[command_id]
                return True
        return False


def printable(text: str, longest: int) -> str:
    """Returns text of the network's as it may enter an event: printable ASCII, at most so long."""
    return re.sub(r"[^ -~]", "?", text[:longest])


def _message(command: Command, request: str) -> PrepareCommand | Cancel | Symptom | Silence:
    origin = origin_of(command.id)
    if isinstance(command, PrepareCommand):
        return command
    if isinstance(command, SymptomCommand):
        measured = command.heart_rate_per_min, command.systolic_mm_hg, command.diastolic_mm_hg
        return Symptom(request, origin, command.kind, command.grade, *measured)
    if isinstance(command, CancelCommand):
        return Cancel(request=request, origin=origin)
    if isinstance(command, SilenceCommand):
        return Silence(request=request, origin=origin)
    raise TypeError(f"no message for {type(command).__name__}")


def origin_of(command_id: str) -> str:
    """Returns how a command of the network's is named to the controller."""
    return f"mqtt {command_id}".strip()


def _stop_id(payload: bytes) -> str:
    return _any_id(payload) if len(payload) <= MAXIMUM_COMMAND_BYTES else ""


def _any_id(payload: bytes) -> str:
    """Returns the id of a body that may be anything, or nothing."""
    try:
        return printable(msgspec.json.decode(payload, type=StopCommand).id, 64)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
