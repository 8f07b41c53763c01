"""From the state to the drive: the one place that composes a command, and its passage through the gate."""

from __future__ import annotations

import msgspec

from controller.core.chart import LATCHED_STATES, MOVING_STATES, State
from controller.core.commands import NOTHING, Action, DriveCommand
from controller.core.effects import harness_is_loaded
from controller.core.events import Event, Happening
from controller.core.gate import GateFacts, pass_gate
from controller.core.inputs import Input
from controller.core.patient import acceleration_m_s2, ceiling_m_s
from controller.core.preparation import Step
from controller.core.ramp import AT_REST, RampLimits, RampState, advance_ramp
from controller.core.readings import DriveState, Quality
from controller.core.state import Scan

_RUNS_STILL = (DriveState.RUNNING, DriveState.BRAKING)
_STARTS_FROM = (State.PREPARED, State.PAUSED, State.REST)
# Each scan asks for these several times, and Python 3.11 takes long to find an enumeration's member.
_RUN, _READY, _GRANTED, _GOOD = Action.RUN, Step.READY, DriveState.GRANTED, Quality.GOOD
_NOT_A_LOAD_N = 1e9
"""Stands for an unknown load: above every limit."""


def order_drive(scan: Scan) -> None:
    """Composes this scan's command, passes it through the gate and remembers what passed in the state."""
    state = scan.state
    if state.chart in MOVING_STATES:
        ramp = _ramp(scan)
        proposed = _run(scan, ramp)
    else:
        ramp = AT_REST
        proposed = _rest_or_stop(scan)
    command, denied = pass_gate(proposed, _target_before(scan), _gate_facts(scan), scan.settings.gate, scan.now_ns)
    if denied:
        ramp = AT_REST
        scan.happenings.append(Happening(Event.GATE_DENIED, scan.now_ns, (("reason", denied),)))
    # What is ordered is what the next scan holds the belt to, and what no later order of the same stop goes below.
    ordered_m_s2 = command.rate_mm_s2 / 1000 if command.action is Action.STOP else 0.0
    deceleration_m_s2 = max(state.deceleration_m_s2, ordered_m_s2)
    scan.state = msgspec.structs.replace(state, ramp=ramp, command=command, denied=denied, deceleration_m_s2=deceleration_m_s2)


def _ramp(scan: Scan) -> RampState:
    """Towards what hands have brought the session to, and never above what the drive says that they granted."""
    state, core = scan.state, scan.settings.core
    plan, limits = state.exercise.plan, state.exercise.limits
    ramp_limits = RampLimits(
        acceleration_m_s2=acceleration_m_s2(plan, state.exercise.phase, core, limits),
        deceleration_m_s2=core.ramp.planned_deceleration_m_s2,
        jerk_m_s3=core.ramp.jerk_m_s3,
        ceiling_m_s=min(scan.drive.granted_m_s, ceiling_m_s(plan, core, limits)),
    )
    return advance_ramp(state.ramp, state.exercise.wanted_m_s, ramp_limits, scan.elapsed_ns / 1e9)


def _run(scan: Scan, ramp: RampState) -> DriveCommand:
    """The drive follows the ramp at half as much again as its rate, so that its own set-point never lags far behind."""
    reading = scan.inputs.drive
    if reading is None:
        return _stop(scan)
    core = scan.settings.core
    target = int(ramp.set_point_m_s * 1000 + 1e-6)
    slowing = target < _target_before(scan)
    rate = core.ramp.planned_deceleration_m_s2 if slowing else core.ramp.acceleration_m_s2
    limit = scan.settings.gate.deceleration_mm_s2 if slowing else scan.settings.gate.acceleration_mm_s2
    return DriveCommand(_RUN, target, min(int(rate * 1500), limit), reading.nonce, reading.tick_ms)


def _target_before(scan: Scan) -> int:
    return scan.state.command.target_mm_s  # 0 in whatever is no RUN


def _rest_or_stop(scan: Scan) -> DriveCommand:
    """Stops while anything moves or could; is silent at proven rest, so that a hand's START can be granted."""
    state, drive = scan.state, scan.drive
    if state.chart in LATCHED_STATES:
        if state.power_off and not drive.standstill:
            return DriveCommand(Action.POWER_OFF)
        if state.reset_until_ns and drive.standstill and drive.state is DriveState.FAULT:
            return DriveCommand(Action.CLEAR)
    if drive.heard and drive.state is _GRANTED and not _awaits_grant(scan):
        return _stop(scan)
    if drive.heard and drive.standstill and drive.state not in _RUNS_STILL:
        return NOTHING
    return _stop(scan)


def _awaits_grant(scan: Scan) -> bool:
    """While a hand is at START or its press was just honoured. The grant of a press that was refused is taken back: the next press
    would run on what is left of its time."""
    state = scan.state
    if state.preparation.step is not _READY or state.chart not in _STARTS_FROM:
        return False
    return state.start_until_ns > 0 or scan.digital.is_closed(Input.START)


# Control C-FITTING-STOP.
def _stop(scan: Scan) -> DriveCommand:
    """The deceleration of what stopped the belt; once the harness is loaded after a latched stop, the belt must stop under it."""
    state, ramp = scan.state, scan.settings.core.ramp
    deceleration = state.deceleration_m_s2
    if state.chart in LATCHED_STATES:
        if harness_is_loaded(state):
            deceleration = max(deceleration, ramp.loaded_deceleration_m_s2)
        deceleration = max(deceleration, ramp.protective_deceleration_m_s2)
    deceleration = max(deceleration, ramp.planned_deceleration_m_s2)
    return DriveCommand(Action.STOP, rate_mm_s2=int(deceleration * 1000 + 0.5))


def _gate_facts(scan: Scan) -> GateFacts:
    """Straight from the inputs: the gate trusts no filtered level and no state."""
    inputs, load = scan.inputs, scan.estimate.load
    drive = inputs.drive
    load_n = load.value if load.quality is _GOOD else _NOT_A_LOAD_N
    if drive is None:
        return GateFacts(inputs.levels.closed, inputs.levels.edges, -1, 0, -1, -1, 0, False, load_n, load.measured_at_ns, 0)
    return GateFacts(
        closed=inputs.levels.closed,
        edges=inputs.levels.edges,
        drive_received_at_ns=drive.received_at_ns,
        drive_state=drive.state,
        drive_nonce=drive.nonce,
        drive_tick_ms=drive.tick_ms,
        granted_mm_s=drive.granted_mm_s,
        stop_input_closed=drive.stop_input_closed,
        load_n=load_n,
        load_measured_at_ns=load.measured_at_ns,
        lateness_ns=inputs.lateness_ns,
    )
