"""What each state of a session does in a scan: prepare, run its phases, rest, pause, and let the next patient come."""

from __future__ import annotations

import msgspec

from controller.core.attendance import attendant_present
from controller.core.balance import BALANCE_START
from controller.core.chart import MOVING_STATES, TRIGGER_OF_PHASE, State, Trigger
from controller.core.digital import forget_patient
from controller.core.effects import change_state, clear_pause_alarms, finish, restart_steps
from controller.core.events import Event, Happening
from controller.core.exercise import (
    ExerciseState,
    accept_rise,
    advance_offer,
    begin_phase,
    count_motion,
    next_phase,
    slow_down,
)
from controller.core.inputs import Input
from controller.core.limits import SessionLimits
from controller.core.patient import belt_time_limit_s, body_weight_n, ceiling_m_s, known_load_n, rails_as_planned
from controller.core.preparation import ALL_STEPS, PreparationFacts, PreparationState, advance_preparation
from controller.core.ramp import AT_REST
from controller.core.readings import Quality
from controller.core.start import judge_start
from controller.core.state import CoreState, Scan
from messages.plan import PhaseKind, Plan

_ACCEPT_WAIT_NS = 500_000_000
_SETTLED_M_S = 0.005


def run_session(scan: Scan) -> None:
    """One scan of whatever state the session is in; does nothing outside a session."""
    rule = _RULES.get(scan.state.chart)
    if rule is not None:
        rule(scan)


def prepare_session(state: CoreState, plan: Plan, limits: SessionLimits, session: str) -> CoreState:
    """Returns the state with the plan prepared, for the chart to follow; nothing of an earlier patient is in it."""
    return msgspec.structs.replace(
        state,
        exercise=ExerciseState(session=session, plan=plan, limits=limits),
        preparation=PreparationState(steps=ALL_STEPS),
        balance=BALANCE_START,
        sessions_prepared=state.sessions_prepared + 1,
        stopped_by=None,
    )


# Control C-NEXT-PATIENT.
def forget_session(state: CoreState) -> CoreState:
    """Returns the state without patient: identity, tare, slack and baseline are dropped."""
    return msgspec.structs.replace(
        state,
        exercise=ExerciseState(),
        preparation=PreparationState(),
        balance=BALANCE_START,
        digital=forget_patient(state.digital),
        stopped_by=None,
        ramp=AT_REST,
    )


def _say(scan: Scan, event: Event, **detail: float | int | str) -> None:
    scan.happenings.append(Happening(event, scan.now_ns, tuple(detail.items())))


def _prepared(scan: Scan) -> None:
    if scan.now_ns - scan.state.since_ns > scan.settings.core.session.prepared_lapse_s * 1e9:
        withdraw(scan, Event.SESSION_LAPSED)
        return
    _prepare_steps(scan)


def withdraw(scan: Scan, why: Event) -> None:
    """Takes a prepared session back; said with its identifier before it is forgotten."""
    _say(scan, why, session=scan.state.exercise.session)
    change_state(scan, Trigger.WITHDRAW)
    scan.state = msgspec.structs.replace(scan.state, exercise=ExerciseState(), preparation=PreparationState(), start_until_ns=0)


def _prepare_steps(scan: Scan) -> None:
    state = scan.state
    step = state.preparation.step
    if step is None:
        return
    estimate = scan.estimate
    known = estimate.load.quality is Quality.GOOD
    facts = PreparationFacts(
        digital=scan.digital,
        load_n=known_load_n(state),
        mean_1s_n=estimate.mean_1s_n if known else None,
        body_weight_n=body_weight_n(state),
        standstill=scan.drive.standstill,
        rails_held=rails_as_planned(state.exercise.plan, scan.digital.closed),
    )
    moved, happenings = advance_preparation(state.preparation, facts, scan.settings.core.session, scan.now_ns)
    if moved is not state.preparation:
        scan.state = msgspec.structs.replace(state, preparation=moved)
    scan.happenings.extend(happenings)
    if judge_start(scan):
        _start(scan)


def _start(scan: Scan) -> None:
    """The belt starts: at the first speed, in the phase that is due. A rest that a pause interrupted is over."""
    exercise = scan.state.exercise
    resumed = exercise.belt_time_ns > 0
    phase = exercise.phase
    if phase is not None and phase.kind is PhaseKind.REST:
        exercise = next_phase(exercise)
        phase = exercise.phase
    if phase is None:
        finish(scan, Event.SESSION_COMPLETE)
        return
    change_state(scan, TRIGGER_OF_PHASE[phase.kind])
    scan.state = msgspec.structs.replace(
        scan.state,
        exercise=begin_phase(exercise, scan.settings.core.speed, scan.now_ns),
        preparation=msgspec.structs.replace(scan.state.preparation, steps=()),
        ramp=AT_REST,
        deceleration_m_s2=0.0,
        stopped_by=None,
    )
    clear_pause_alarms(scan)
    _say(scan, Event.SESSION_RESUMED if resumed else Event.SESSION_STARTED, session=exercise.session)
    _say_phase(scan)


def _say_phase(scan: Scan) -> None:
    exercise = scan.state.exercise
    phase = exercise.phase
    if phase is not None:
        _say(
            scan,
            Event.PHASE_STARTED,
            phase=phase.kind.value,
            index=exercise.phase_index,
            duration_s=phase.duration_s,
            speed_m_s=phase.speed_m_s,
        )


def _moving(scan: Scan) -> None:
    exercise = count_motion(scan.state.exercise, scan.elapsed_ns, scan.drive.speed_m_s)
    if scan.digital.was_pressed(Input.SLOWER):
        exercise = slow_down(exercise, scan.settings.core.speed, False, scan.now_ns)
    scan.state = msgspec.structs.replace(scan.state, exercise=exercise)
    plan = exercise.plan
    if plan is not None and exercise.belt_time_ns >= belt_time_limit_s(plan, scan.settings.core) * 1e9:
        _say(scan, Event.SESSION_COMPLETE, reason="belt time", belt_time_s=round(exercise.belt_time_ns / 1e9, 1))
        return
    phase = exercise.phase
    if phase is None or exercise.phase_elapsed_ns >= phase.duration_s * 1e9:
        _enter_next_phase(scan)
        return
    _offer_and_accept(scan)


def _enter_next_phase(scan: Scan) -> None:
    exercise = next_phase(scan.state.exercise)
    phase = exercise.phase
    if phase is None:
        _say(scan, Event.SESSION_COMPLETE, session=exercise.session)
        return
    change_state(scan, TRIGGER_OF_PHASE[phase.kind])
    scan.state = msgspec.structs.replace(scan.state, exercise=exercise, accept_until_ns=0)
    if phase.kind is PhaseKind.REST:
        planned = scan.settings.core.ramp.planned_deceleration_m_s2
        scan.state = msgspec.structs.replace(scan.state, deceleration_m_s2=planned)
    _say_phase(scan)


def _offer_and_accept(scan: Scan) -> None:
    """A hand accepts by pressing and releasing FASTER while the offer stands; the drive sees the same hand and grants."""
    state, core = scan.state, scan.settings.core
    ceiling = ceiling_m_s(state.exercise.plan, core)
    if scan.digital.was_released(Input.FASTER) and state.exercise.offered_until_ns:
        state = msgspec.structs.replace(state, accept_until_ns=scan.now_ns + _ACCEPT_WAIT_NS)
    if state.accept_until_ns:
        exercise, happenings = accept_rise(state.exercise, scan.drive.granted_m_s, ceiling, core.speed, scan.now_ns)
        if happenings or scan.now_ns >= state.accept_until_ns:
            state = msgspec.structs.replace(state, exercise=exercise, accept_until_ns=0)
        scan.state = state
        scan.happenings.extend(happenings)
        return
    plan = state.exercise.plan
    settled = abs(state.ramp.set_point_m_s - state.exercise.wanted_m_s) < _SETTLED_M_S
    may_rise = rails_as_planned(plan, scan.digital.closed) and (
        plan is None or attendant_present(plan.attendant, state.attendance, scan.digital.closed, core.attendant, scan.now_ns)
    )
    exercise, happenings = advance_offer(state.exercise, may_rise, settled, ceiling, core.speed, scan.now_ns)
    if exercise is not state.exercise:
        scan.state = msgspec.structs.replace(state, exercise=exercise)
    scan.happenings.extend(happenings)


def _rest(scan: Scan) -> None:
    """A standing rest; when its time is over the same hands start again that started before."""
    phase = scan.state.exercise.phase
    rested_ns = scan.now_ns - scan.state.since_ns
    due_ns = int(phase.duration_s * 1e9) if phase is not None else 0
    if rested_ns > due_ns + scan.settings.core.session.pause_limit_s * 1e9:
        _say(scan, Event.PAUSE_TOO_LONG, resting_s=round(rested_ns / 1e9))
        return
    _ask_harness_again(scan, rested_ns - due_ns)
    if rested_ns >= due_ns and scan.state.preparation.step is None:
        scan.state = msgspec.structs.replace(scan.state, preparation=restart_steps(scan.state.preparation))
    _prepare_steps(scan)


def _paused(scan: Scan) -> None:
    paused_ns = scan.now_ns - scan.state.since_ns
    if paused_ns > scan.settings.core.session.pause_limit_s * 1e9:
        _say(scan, Event.PAUSE_TOO_LONG, paused_s=round(paused_ns / 1e9))
        return
    _ask_harness_again(scan, paused_ns)
    _prepare_steps(scan)


def _ask_harness_again(scan: Scan, waited_ns: int) -> None:
    """Once the clip was opened, or when the wait has become long, the whole harness check stands before the restart."""
    limit_ns = int(scan.settings.core.session.harness_recheck_pause_s * 1e9)
    just_passed = waited_ns >= limit_ns > waited_ns - scan.elapsed_ns
    if scan.digital.was_released(Input.CLIP) or just_passed:
        checked_again = restart_steps(scan.state.preparation, harness=True)
        scan.state = msgspec.structs.replace(scan.state, preparation=checked_again)


def _complete(scan: Scan) -> None:
    """The next patient needs one clip-open since the last: then everything of this one is forgotten."""
    if scan.drive.standstill and not scan.digital.is_closed(Input.CLIP):
        change_state(scan, Trigger.LEAVE)
        clear_pause_alarms(scan)
        scan.state = forget_session(scan.state)


_RULES = {
    State.PREPARED: _prepared,
    State.REST: _rest,
    State.PAUSED: _paused,
    State.COMPLETE: _complete,
    **dict.fromkeys(MOVING_STATES, _moving),
}
