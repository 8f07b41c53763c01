"""From a request to prepare up to the belt's start: the session's beginning, its steps by hand, and its end before it began."""

from __future__ import annotations

import msgspec

from controller.core.balance import BALANCE_START
from controller.core.balance_settings import greatest_pull_n
from controller.core.chart import TRIGGER_OF_PHASE, Trigger
from controller.core.check_rules import run_check
from controller.core.digital import forget_patient
from controller.core.effects import change_state, clear_pause_alarms, finish, restart_steps
from controller.core.events import RULES, Effect, Event, Happening
from controller.core.exercise import ExerciseState, begin_phase, next_phase, prescribed_distance_m
from controller.core.inputs import Input
from controller.core.limits import SessionLimits
from controller.core.patient import body_weight_n, known_load_n, rails_as_planned
from controller.core.preparation import HARNESS_STEPS, PreparationFacts, PreparationState, advance_preparation, steps_before
from controller.core.ramp import AT_REST
from controller.core.readings import Quality
from controller.core.stages import with_strict_stages
from controller.core.start import judge_start
from controller.core.state import CoreState, Scan
from messages.plan import Phase, PhaseKind, Plan


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
    clear_pause_alarms(scan)
    scan.state = msgspec.structs.replace(
        scan.state,
        exercise=ExerciseState(),
        preparation=PreparationState(),
        digital=forget_patient(scan.state.digital),
        start_until_ns=0,
    )


def run_prepared(scan: Scan) -> None:
    """One scan of a prepared session. A symptom that was told before the start is asked for again before it."""
    if scan.now_ns - scan.state.since_ns > scan.settings.core.session.prepared_lapse_s * 1e9:
        withdraw(scan, Event.SESSION_LAPSED)
        return
    _check_harness_again(scan)
    told = len(scan.happenings)
    asked = run_check(scan)
    if any(RULES[happening.event].effect is Effect.END for happening in scan.happenings[told:]):
        withdraw(scan, Event.SESSION_CANCELLED)
        return
    if not asked:
        step_by_hand(scan)
    start_by_hand(scan)


# Control C-HARNESS-CHECK.
def _check_harness_again(scan: Scan) -> None:
    """What was found of the strap holds while the clip stays closed: once it was opened, the harness steps begin again."""
    preparation = scan.state.preparation
    if scan.digital.was_released(Input.CLIP) and preparation.step in HARNESS_STEPS:
        scan.state = msgspec.structs.replace(scan.state, preparation=restart_steps(preparation, harness=True))


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
    limits = state.exercise.limits
    facts = PreparationFacts(
        digital=scan.digital,
        load_n=known_load_n(state),
        mean_1s_n=estimate.mean_1s_n if known else None,
        retractor_n=greatest_pull_n(scan.settings.balance),
        body_weight_n=body_weight_n(state),
        standstill=scan.drive.standstill,
        rails_held=rails_as_planned(state.exercise.plan, scan.digital.closed),
        least_slack_m=limits.least_slack_m if limits is not None else 0.0,
    )
    moved, happenings = advance_preparation(state.preparation, facts, scan.settings.core.session, scan.now_ns)
    if moved is not state.preparation:
        scan.state = msgspec.structs.replace(state, preparation=moved)
    scan.happenings.extend(happenings)


def _start(scan: Scan) -> None:
    """The belt starts: at the first speed, in the phase that is due. A rest that a pause interrupted is over.

    Whatever rest was asked for has been kept by now, pauses and latches in it included: a new bout begins, unless the plan's rest
    is too short for one.
    """
    exercise = scan.state.exercise
    resumed = exercise.belt_time_ns > 0
    stood_s, bout_rest_s = (scan.now_ns - scan.state.since_ns) / 1e9, scan.settings.core.session.bout_rest_s
    phase = exercise.phase
    too_short = phase is not None and phase.kind is PhaseKind.REST and phase.duration_s < bout_rest_s
    rested = stood_s >= bout_rest_s or (exercise.rest_until_at_ns > 0 and not too_short)
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
    say_phase(scan, phase)


def say_phase(scan: Scan, phase: Phase) -> None:
    """Records the phase that begins."""
    say(
        scan,
        Event.PHASE_STARTED,
        phase=phase.kind.value,
        index=scan.state.exercise.phase_index,
        duration_s=phase.duration_s,
        speed_m_s=phase.speed_m_s,
    )
