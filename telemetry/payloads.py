"""What goes out over MQTT: one struct a topic. SI units, the unit in the key; `time` is UTC RFC 3339.

These types are the contract: docs/asyncapi.json is generated from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from messages.plan import Plan

Time = Annotated[
    str,
    msgspec.Meta(
        description="UTC, RFC 3339",
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$",
        extra_json_schema={"format": "date-time"},
    ),
]
Sequence = Annotated[int, msgspec.Meta(ge=1, description="grows by one a message of this topic, from 1 at each start")]
Priority = Literal["high", "medium", "low"]
Availability = Literal["online", "offline"]
Value = float | int | str | bool


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every payload has."""

    time: Time
    seq: Sequence


class AboutPayload(Payload, frozen=True, kw_only=True):
    """Versions, drive, limits."""

    version: str
    boot_id: str
    """Names the controller's present life."""
    clinic: str
    treadmill: str
    drive: dict[str, Value]
    """The drive's identity and capability record."""
    limits: dict[str, Value]
    schemas: dict[str, str]
    """Topic (below the base) to the place of its schema in docs/asyncapi.json."""


class StatePayload(Payload, frozen=True, kw_only=True):
    """The state, and why, while it is latched. State `unknown`: the controller is not heard."""

    state: str
    phase: str
    """warm_up, work, rest, cool_down, or empty."""
    since: Time
    cause: str
    """Code of what latched it, or empty."""
    cause_text: str
    remedy: str
    display: tuple[str, str, str, str]
    """The panel's display."""
    unready: tuple[str, ...]
    """Why no session may be prepared: not calibrated, self-test overdue, under-voltage; in the words of the display."""


class SessionPayload(Payload, frozen=True, kw_only=True):
    """The session by pseudonym: plan, progress, what is left."""

    session: str
    status: str
    """prepared, running, paused, complete, ended, interrupted, cancelled, lapsed."""
    patient: str
    plan: Plan
    phase_index: int
    phase_remaining_s: float | None
    session_remaining_s: float | None
    belt_time_s: float | None
    work_time_s: float | None
    distance_m: float | None
    balance_losses: int
    stops: int
    ended_by: str


class HealthPayload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Raspberry Pi's own state. null: not measured."""

    under_voltage: bool | None
    """The supply is too low now."""
    under_voltage_seen: bool | None
    """It was so at least once since the boot."""
    throttled: bool | None
    """The processor is slowed now, for heat or voltage."""
    temperature_c: float | None
    """Of the processor."""
    disk_free_mb: float | None
    clock_known: bool | None
    """The wall clock was synchronised, or set from a real-time clock, since the boot."""


class TelemetryPayload(Payload, frozen=True, kw_only=True):
    """The machine at one instant, ten times a second. null: unknown."""

    snapshot_sequence: int
    snapshots_lost: int
    asked_speed_m_s: float | None
    accepted_speed_m_s: float | None
    measured_speed_m_s: float | None
    granted_speed_m_s: float | None
    distance_m: float | None
    load_n: float | None
    load_body_weight_percent: float | None
    rail_left_held: bool
    rail_right_held: bool
    rail_left_load_n: float | None
    """What the left rail bears, pressed down. null as well where it has no load cell."""
    rail_right_load_n: float | None
    attendant_present: bool
    scan_lateness_s: float | None
    drive_state: str
    drive_current_a: float | None
    health: HealthPayload


class EventPayload(Payload, frozen=True, kw_only=True):
    """One event. `id` grows by one for ever and is what to tell repeats by; `seq` is the id."""

    id: int
    code: str
    severity: str
    effect: str
    priority: str
    state: str
    text: str
    remedy: str
    detail: dict[str, Value]
    session: str


class Alarm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One active alarm."""

    code: str
    priority: Priority
    text: str = ""
    remedy: str = ""


class AlarmPayload(Payload, frozen=True, kw_only=True):
    """The active alarms, highest priority first."""

    highest: Priority | Literal["none"]
    alarms: tuple[Alarm, ...]


class ResponsePayload(Payload, frozen=True, kw_only=True):
    """The answer to a command, on the command's response topic with its correlation data."""

    command: str
    id: str
    """The command's id, or empty when it had none that could be read."""
    accepted: bool
    reason: str
    session: str


OUTGOING: dict[str, type[Payload]] = {
    "about": AboutPayload,
    "state": StatePayload,
    "session": SessionPayload,
    "telemetry": TelemetryPayload,
    "event": EventPayload,
    "alarm": AlarmPayload,
}
"""Topic (below the base) to its payload. `availability` is the bare word online or offline."""


def finite(value: float | None) -> float | None:
    """Returns the value, or None (unknown) when it is not a finite number: JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None


def finite_values(values: Mapping[str, Value]) -> dict[str, Value]:
    """Returns the table with every number that is not finite spelled out ("nan", "inf"): JSON has no NaN."""
    return {name: value if not isinstance(value, float) or math.isfinite(value) else str(value) for name, value in values.items()}
