"""From a request to prepare up to the belt's start: the session's beginning, its steps by hand, and its end before it began."""

from __future__ import annotations

import msgspec

from controller.core.balance import BALANCE_START
from controller.core.chart import TRIGGER_OF_PHASE, State, Trigger
from controller.core.digital import forget_patient
from controller.core.effects import change_state, clear_pause_alarms, finish
from controller.core.events import Event, Happening
from controller.core.exercise import ExerciseState, begin_phase, next_phase, prescribed_distance_m
from controller.core.limits import SessionLimits
from controller.core.patient import body_weight_n, known_load_n, rails_as_planned
from controller.core.preparation import PreparationFacts, PreparationState, advance_preparation, steps_before
from controller.core.ramp import AT_REST
from controller.core.readings import Quality
from controller.core.stages import with_strict_stages
from controller.core.start import judge_start
from controller.core.state import CoreState, Scan
from messages.plan import PhaseKind, Plan


def say(scan: Scan, event: Event, **detail: float | int | str) -> None:
    """Appends a happening of this scan."""
    scan.happenings.append(Happening(event, scan.now_ns, tuple(detail.items())))


def prepare_session(state: CoreState, plan: Plan, limits: SessionLimits, session: str) -> CoreState:
    """Returns the state with the plan prepared, for the chart to follow; nothing of an earlier patient is in it."""
    enforced = with_strict_stages(plan, limits)
    return msgspec.structs.replace(
        state,
        exercise=ExerciseState(session=session, plan=enforced, limits=limits, prescribed_m=prescribed_distance_m(plan)),
        preparation=PreparationState(steps=steps_before(plan, limits)),
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


def withdraw(scan: Scan, why: Event) -> None:
    """Takes a prepared session back; said with its identifier before it is forgotten."""
    say(scan, why, session=scan.state.exercise.session)
    change_state(scan, Trigger.WITHDRAW)
    scan.state = msgspec.structs.replace(scan.state, exercise=ExerciseState(), preparation=PreparationState(), start_until_ns=0)


def run_prepared(scan: Scan) -> None:
    """One scan of a prepared session."""
    if scan.now_ns - scan.state.since_ns > scan.settings.core.session.prepared_lapse_s * 1e9:
        withdraw(scan, Event.SESSION_LAPSED)
        return
    step_by_hand(scan)
    start_by_hand(scan)


def start_by_hand(scan: Scan) -> None:
    """The start, once READY is reached and a hand asks for it; asked for earlier it is refused with what is missing."""
    if scan.state.preparation.step is not None and judge_start(scan):
        _start(scan)


def step_by_hand(scan: Scan) -> None:
    """The step shown, judged by hands and load."""
    state = scan.state
    if state.preparation.step is None:
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


def _start(scan: Scan) -> None:
    """The belt starts: at the first speed, in the phase that is due. A rest that a pause interrupted is over."""
    exercise = scan.state.exercise
    resumed = exercise.belt_time_ns > 0
    stood_ns = scan.now_ns - scan.state.since_ns
    rested = scan.state.chart is State.REST or stood_ns >= scan.settings.core.session.bout_rest_s * 1e9
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
        exercise=begin_phase(exercise, scan.settings.core.speed, scan.now_ns, rested=rested),
        preparation=msgspec.structs.replace(scan.state.preparation, steps=()),
        ramp=AT_REST,
        deceleration_m_s2=0.0,
        stopped_by=None,
    )
    clear_pause_alarms(scan)
    say(scan, Event.SESSION_RESUMED if resumed else Event.SESSION_STARTED, session=exercise.session)
    say_phase(scan)


def say_phase(scan: Scan) -> None:
    """Records the phase that begins."""
    exercise = scan.state.exercise
    phase = exercise.phase
    if phase is not None:
        say(
            scan,
            Event.PHASE_STARTED,
            phase=phase.kind.value,
            index=exercise.phase_index,
            duration_s=phase.duration_s,
            speed_m_s=phase.speed_m_s,
        )
