"""From the core's state to what others read: snapshot, event record and session record. Pure; the shell adds time and numbers."""

from __future__ import annotations

import math

import msgspec

from controller.core.chart import EXERCISING_STATES, MOVING_STATES, State
from controller.core.display_text import Lines
from controller.core.events import RULES, Event, Happening
from controller.core.exercise import figures_so_far
from controller.core.inputs import Input
from controller.core.patient import body_weight_n, known_load_n
from controller.core.state import CoreState, Outputs, ScanInputs
from controller.hardware.settings import RAIL_LEFT, RAIL_RIGHT
from controller.rail_loads import RailReading
from messages.wire import BeltSpeed, EventRecord, Health, SessionRecord, Snapshot


def chart_name(state: State) -> str:
    """The state's name for others: the four phases are one state, exercising."""
    return "exercising" if state in EXERCISING_STATES else state.value


def phase_name(state: CoreState) -> str:
    """The phase that runs, or an empty string."""
    return state.chart.value if state.chart in EXERCISING_STATES else ""


def event_record(happening: Happening, event_id: int, time: str, state: CoreState) -> EventRecord:
    """The record of one happening, with its row of the event table."""
    rule = RULES[happening.event]
    return EventRecord(
        id=event_id,
        at_ns=happening.at_ns,
        time=time,
        code=happening.event.value,
        severity=rule.severity.name.lower(),
        effect=rule.effect.name.lower(),
        priority=rule.priority.name.lower(),
        state=chart_name(state.chart),
        text=rule.text,
        remedy=rule.remedy,
        detail={key: _storable(value) for key, value in happening.detail},
        session=state.exercise.session,
    )


def _storable(value: float | int | str) -> float | int | str:
    """JSON has no word for infinity or what is not a number: an event that says so says it as text, and is kept."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _remaining_s(state: CoreState) -> tuple[float, float]:
    exercise = state.exercise
    plan = exercise.plan
    if plan is None or exercise.phase is None:
        return 0.0, 0.0
    phase_s = max(0.0, exercise.phase.duration_s - exercise.phase_elapsed_ns / 1e9)
    later_s = 0.0
    for phase in plan.phases[exercise.phase_index + 1 :]:
        later_s += phase.duration_s
    return phase_s, phase_s + later_s


_INPUT_BITS = tuple((name.name.lower(), name.bit) for name in Input)
_UNSTOPPED = frozenset((State.STANDBY, State.PREPARED, *MOVING_STATES))
"""Here what stopped the belt before is no news."""


class FromShell(msgspec.Struct, frozen=True):
    """What the core does not know and a snapshot tells; see there."""

    time: str
    sequence: int
    lost: int
    lateness_ms: float
    health: Health
    belt_speeds: tuple[BeltSpeed, ...]
    rail_loads: RailReading


def _cause(state: CoreState) -> tuple[str, str, str]:
    """Code, text and remedy of what has stopped the belt; empty where nothing has."""
    cause = state.stopped_by
    if cause is None or state.chart in _UNSTOPPED:
        return "", "", ""
    rule = RULES[cause]
    return cause.value, rule.text, rule.remedy


def _load(state: CoreState) -> tuple[float | None, float | None]:
    """In newtons, and in percent of body weight."""
    load_n = known_load_n(state)
    if load_n is None:
        return None, None
    return round(load_n, 2), round(load_n / body_weight_n(state) * 100, 2)


def _lamps(outputs: Outputs) -> dict[str, bool]:
    return {
        "red": outputs.lamp_red,
        "yellow": outputs.lamp_yellow,
        "buzzer": outputs.buzzer,
        "nurse_call": outputs.nurse_call,
    }


def _rails_unknown(loads: RailReading) -> dict[str, str]:
    return {name: load.unknown for name, load in ((RAIL_LEFT, loads.left), (RAIL_RIGHT, loads.right)) if load.unknown}


def snapshot(state: CoreState, inputs: ScanInputs, outputs: Outputs, display: Lines, shell: FromShell) -> Snapshot:
    """The machine as this scan left it: one line a field, in their order."""
    closed = state.digital.closed
    exercise, drive = state.exercise, state.drive
    cause, cause_text, remedy = _cause(state)
    load_n, load_percent = _load(state)
    phase_s, session_s = _remaining_s(state)
    return Snapshot(
        at_ns=state.scanned_ns,
        time=shell.time,
        sequence=shell.sequence,
        lost=shell.lost,
        state=chart_name(state.chart),
        phase=phase_name(state),
        since_ns=state.since_ns,
        cause=cause,
        cause_text=cause_text,
        remedy=remedy,
        display=display,
        asked_speed_m_s=round(exercise.wanted_m_s, 4),
        accepted_speed_m_s=round(state.ramp.set_point_m_s, 4),
        measured_speed_m_s=drive.speed_m_s if drive.heard else None,
        granted_speed_m_s=drive.granted_m_s,
        distance_m=round(exercise.distance_m, 3),
        load_n=load_n,
        load_body_weight_percent=load_percent,
        rails=(bool(closed & Input.RAIL_LEFT.bit), bool(closed & Input.RAIL_RIGHT.bit)),
        attendant=bool(closed & Input.ATTENDANT.bit),
        inputs_closed={name: closed & bit != 0 for name, bit in _INPUT_BITS},
        lamps=_lamps(outputs),
        alarms=tuple((event.value, RULES[event].priority.name.lower()) for event, _ in state.alarms.active),
        lateness_ms=round(shell.lateness_ms, 3),
        drive_state=drive.state.name.lower() if drive.heard else "unheard",
        drive_current_ma=inputs.drive.current_ma if inputs.drive is not None else 0,
        session=exercise.session,
        patient=exercise.plan.patient if exercise.plan is not None else "",
        phase_index=exercise.phase_index,
        phase_remaining_s=round(phase_s, 2),
        session_remaining_s=round(session_s, 2),
        balance_losses=exercise.balance_losses,
        unready=state.unready,
        health=shell.health,
        belt_speeds=shell.belt_speeds,
        rail_left_load_n=shell.rail_loads.left.load_n,
        rail_right_load_n=shell.rail_loads.right.load_n,
        rail_loads_unknown=_rails_unknown(shell.rail_loads),
    )


_STATUS_OF_STATE = {
    State.PREPARED: "prepared",
    State.PAUSED: "paused",
    State.COMPLETE: "complete",
    State.PROTECTIVE_STOP: "paused",
    State.EMERGENCY_STOP: "ended",
    State.FAULT: "ended",
}


def session_record(state: CoreState, time: str) -> SessionRecord | None:
    """The session as it stands; None while there is none."""
    exercise = state.exercise
    if exercise.plan is None:
        return None
    status = _STATUS_OF_STATE.get(state.chart, "running")
    if exercise.over and exercise.over != "session-complete":
        status = "ended"
    return SessionRecord(
        session=exercise.session,
        time=time,
        status=status,
        patient=exercise.plan.patient,
        plan=exercise.plan,
        belt_time_s=round(exercise.belt_time_ns / 1e9, 2),
        distance_m=round(exercise.distance_m, 3),
        work_time_s=round(exercise.work_time_ns / 1e9, 2),
        balance_losses=exercise.balance_losses,
        stops=exercise.stops,
        ended_by=exercise.over,
        figures=figures_so_far(exercise),
        vouched_on=exercise.limits.vouched_on if exercise.limits is not None else None,
    )


def session_record_after(before: CoreState, state: CoreState, happenings: tuple[Happening, ...], time: str) -> SessionRecord | None:
    """The session as one scan left it. Of one that the scan has forgotten: how it stood, or, where it had not begun, that it was
    cancelled or has lapsed. None while there was none."""
    if state.exercise.plan is not None:
        return session_record(state, time)
    last = session_record(before, time)
    if last is None or before.chart is not State.PREPARED:
        return last
    lapsed = any(happening.event is Event.SESSION_LAPSED for happening in happenings)
    return msgspec.structs.replace(last, status="lapsed" if lapsed else "cancelled")
