"""The socket's messages: msgpack of tagged structs, one a datagram (SOCK_SEQPACKET), 32 KiB at most: a request to
prepare brings the patient's records.

Times named `_ns` are the controller's monotonic clock; `time` is UTC RFC 3339 and only for people.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from messages.figures import SessionFigures
from messages.patient import Screening
from messages.plan import Plan

MAXIMUM_MESSAGE_BYTES = 32 * 1024

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
DetailValue = float | int | str


class Message(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """Whatever crosses the socket."""


class Health(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The computer's own state. None: not measured, as on a machine that is no Raspberry Pi."""

    under_voltage: bool | None = None
    """The supply is too low now."""
    under_voltage_seen: bool | None = None
    """It was so at least once since the boot."""
    throttled: bool | None = None
    """The processor is slowed now, for heat or voltage."""
    temperature_c: float | None = None
    """Of the processor."""
    disk_free_mb: float | None = None
    """Where the controller keeps its state."""
    clock_known: bool | None = None
    """The wall clock was synchronised, or set from a real-time clock, since the boot."""


class CertificateDates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a calibration or self-test: when it was made and by whom, and when it is due again. Dates are RFC 3339."""

    made_at: str
    made_by: str
    due_at: str
    emulated: bool


# --- from the controller ---------------------------------------------------------------------------------------------


class About(Message, tag="about", frozen=True):
    """Sent once to every client that connects."""

    version: str
    boot_id: str
    """Names this life of the controller; event ids go on growing over lives."""
    clinic: str
    treadmill: str
    drive: dict[str, DetailValue | bool]
    """The drive's identity and capability record."""
    limits: dict[str, DetailValue]
    certificates: dict[str, CertificateDates] = {}
    """By name: calibration, self_test. What was not found is not there."""


class EventRecord(Message, tag="event", frozen=True):
    """One event. Resent from a ring until acknowledged; `id` grows by one for ever."""

    id: int
    at_ns: int
    time: str
    code: str
    severity: str
    effect: str
    priority: str
    state: str
    """Chart state after the scan in which it happened."""
    text: str
    remedy: str
    detail: dict[str, DetailValue]
    session: str
    """Session identifier, or empty."""


class BeltSpeed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The belt's speed as one STATUS of the drive tells it. at_ms: the drive's own clock."""

    at_ms: int
    speed_mm_s: int


class Snapshot(Message, tag="snapshot", frozen=True):
    """The machine at one instant, 10 Hz. Lost ones are counted in `lost`, never queued for a slow reader."""

    at_ns: int
    time: str
    sequence: int
    lost: int
    state: str
    """Chart state: self_test, standby, prepared, exercising, paused, complete, protective_stop, emergency_stop, fault."""
    phase: str
    """warm_up, work, rest, cool_down, or empty."""
    since_ns: int
    """When the state was entered."""
    cause: str
    """Code of what latched it, or empty."""
    cause_text: str
    remedy: str
    display: tuple[str, str, str, str]
    asked_speed_m_s: float
    """Where the phase and the hands want to be."""
    accepted_speed_m_s: float
    """The ramp's set-point, as passed by the gate."""
    measured_speed_m_s: float | None
    """None: unknown."""
    granted_speed_m_s: float
    distance_m: float
    """Since the session's first START."""
    load_n: float | None
    load_body_weight_percent: float | None
    rails: tuple[bool, bool]
    attendant: bool
    inputs_closed: dict[str, bool]
    lamps: dict[str, bool]
    alarms: tuple[tuple[str, str], ...]
    """Active alarms: code and priority."""
    lateness_ms: float
    """Worst lateness of a scan since the last snapshot."""
    drive_state: str
    drive_current_ma: int
    session: str
    patient: str
    phase_index: int
    phase_remaining_s: float
    session_remaining_s: float
    balance_losses: int
    unready: tuple[str, ...] = ()
    """Why no session may be prepared: uncalibrated, overdue, under-voltage; in the words of the display."""
    health: Health = Health()
    belt_speeds: tuple[BeltSpeed, ...] = ()
    """Every STATUS since the snapshot before, at most 16: foot strikes show in them."""
    rail_left_load_n: float | None = None
    """What the left rail bears, pressed down; None: unknown, or no cell is fitted there."""
    rail_right_load_n: float | None = None
    rail_loads_unknown: dict[str, str] = {}
    """By the name of a fitted rail cell (rail-left, rail-right) why its load is unknown."""


class SessionRecord(Message, tag="session", frozen=True):
    """A session as prepared, at each change of phase, and at its end."""

    session: str
    time: str
    status: str
    """prepared, running, paused, complete, ended, interrupted, cancelled, lapsed."""
    patient: str
    plan: Plan
    belt_time_s: float
    distance_m: float
    work_time_s: float
    balance_losses: int
    stops: int
    ended_by: str
    figures: SessionFigures = SessionFigures()
    vouched_on: date | None = None
    """The day for which a clinician vouched, where the clock could not be trusted; `time` is the clock's all the same."""


class Reply(Message, tag="reply", frozen=True):
    """The answer to one request. `reason` names key, value and what is allowed when it was refused."""

    request: Identifier
    accepted: bool
    reason: str
    session: str = ""


# --- to the controller -----------------------------------------------------------------------------------------------


class Heartbeat(Message, tag="heartbeat", frozen=True):
    """From telemetry every 0.5 s: it lives, its journal takes writes. Also its greeting."""

    role: str
    journal_writable: bool


class Acknowledge(Message, tag="acknowledge", frozen=True):
    """Every event up to this id has been committed by the journal."""

    up_to_id: int


class Stop(Message, tag="stop", frozen=True):
    """Stop the belt. Always obeyed, whoever says it."""

    request: Identifier
    origin: Annotated[str, msgspec.Meta(max_length=128)]


class Prepare(Message, tag="prepare", frozen=True):
    """Propose a session; hands at the panel confirm it. Without screening it is judged, and refused."""

    request: Identifier
    origin: Annotated[str, msgspec.Meta(max_length=128)]
    plan: Plan
    screening: Screening | None = None


class Cancel(Message, tag="cancel", frozen=True):
    """Withdraw a prepared session, or end one whose belt is at rest. Moves and stops nothing."""

    request: Identifier
    origin: Annotated[str, msgspec.Meta(max_length=128)]


class Symptom(Message, tag="symptom", frozen=True):
    """Somebody reports a symptom, or enters what was measured by hand: it can slow, pause or end, and nothing else.

    grade: 0-10, None when it was not said. Heart rate and blood pressure are None unless they are what is reported.
    """

    request: Identifier
    origin: Annotated[str, msgspec.Meta(max_length=128)]
    kind: Annotated[str, msgspec.Meta(max_length=64)]
    grade: Annotated[int, msgspec.Meta(ge=0, le=10)] | None = None
    heart_rate_per_min: Annotated[int, msgspec.Meta(ge=20, le=250)] | None = None
    systolic_mm_hg: Annotated[int, msgspec.Meta(ge=50, le=300)] | None = None
    diastolic_mm_hg: Annotated[int, msgspec.Meta(ge=20, le=200)] | None = None


class Silence(Message, tag="silence", frozen=True):
    """Silence the buzzer of low and medium alarms; never of a high-priority one."""

    request: Identifier
    origin: Annotated[str, msgspec.Meta(max_length=128)]


class Refused(Message, tag="refused", frozen=True):
    """Telemetry refused a command of the network's: recorded as an event."""

    origin: Annotated[str, msgspec.Meta(max_length=128)]
    command: Annotated[str, msgspec.Meta(max_length=64)]
    reason: Annotated[str, msgspec.Meta(max_length=256)]


# Control C-NO-START-MESSAGE.
SocketRequest = Stop | Prepare | Cancel | Symptom | Silence | Refused
"""What a client may ask."""

FromController = About | EventRecord | Snapshot | SessionRecord | Reply
ToController = Heartbeat | Acknowledge | Stop | Prepare | Cancel | Symptom | Silence | Refused

_encoder = msgspec.msgpack.Encoder()
_from_controller = msgspec.msgpack.Decoder(FromController)
_to_controller = msgspec.msgpack.Decoder(ToController)


def encode(message: Message) -> bytes:
    """Returns the datagram for a message; raises ValueError when it is over MAXIMUM_MESSAGE_BYTES."""
    datagram = _encoder.encode(message)
    if len(datagram) > MAXIMUM_MESSAGE_BYTES:
        raise ValueError(f"a {type(message).__name__} of {len(datagram)} bytes is over {MAXIMUM_MESSAGE_BYTES}")
    return datagram


def decode_from_controller(datagram: bytes) -> FromController:
    """Returns the message; raises msgspec.DecodeError (ValidationError is one) on anything else."""
    try:
        message: FromController = _from_controller.decode(datagram)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    return message


def decode_to_controller(datagram: bytes) -> ToController:
    """Returns the message; raises msgspec.DecodeError (ValidationError is one) on anything else.

    Text that is no UTF-8 makes msgspec raise something else: one datagram of it once ended the controller.
    """
    try:
        message: ToController = _to_controller.decode(datagram)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    return message
