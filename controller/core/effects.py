"""From what happened to what the machine does: the strongest effect of a scan's happenings decides."""

from __future__ import annotations

import msgspec

from controller.core.alarms import clear_alarms, raise_alarms
from controller.core.balance_hands import RailStep
from controller.core.chart import (
    EXERCISING_STATES,
    LATCHED_STATES,
    MOVING_STATES,
    SESSION_STATES,
    State,
    Trigger,
    follow,
)
from controller.core.checks import ask_no_more
from controller.core.events import RULES, Effect, Event, Happening
from controller.core.exercise import slow_down
from controller.core.hands_free import close_window
from controller.core.hanging import NOBODY
from controller.core.latch import DRIVE_FAULT, ENDED_BY_FALL, FALLS, RESET_AGAIN, ended_by_fall, reset_blockers, session_goes_on
from controller.core.patient import known_load_n
from controller.core.preparation import AFTER_STEPS, HARNESS_STEPS, HARNESS_UNPROVED, RESTART_STEPS, PreparationState, Step
from controller.core.state import CoreState, Scan

_TRIGGER_OF_EFFECT = {
    Effect.PROTECTIVE_STOP: Trigger.PROTECT,
    Effect.EMERGENCY_STOP: Trigger.EMERGENCY,
    Effect.FAULT: Trigger.FAIL,
    Effect.POWER_OFF: Trigger.FAIL,
}
_PAUSE_ALARMS = frozenset(
    rule.event
    for rule in RULES.values()
    if rule.effect in (Effect.SLOW, Effect.PAUSE, Effect.END) or rule.event is Event.RAIL_RELEASED
)
_HANDS_PROMPTS = frozenset({Event.RAIL_RELEASED, Event.RAIL_SLOW})
_ATTENDANT_PROMPTS = frozenset({Event.ATTENDANT_GONE})
_HANGING_AT_REST = frozenset({Event.HANGING_AT_REST})
_RESET_WAIT_NS = 500_000_000
_CHAIN_ECHO = Event.DRIVE_STOP_INPUT_OPEN
"""The drive says that the stop chain is open, and not who opened it."""
_OPENS_CHAIN = frozenset({Event.EMERGENCY_PRESSED, Event.LANYARD_PULLED, Event.OVERLOAD_SWITCH})


def change_state(scan: Scan, trigger: Trigger) -> bool:
    """Follows the chart; returns whether the state changed (or was entered anew by a phase of the same kind)."""
    state = scan.state
    destination = follow(state.chart, trigger)
    if destination is state.chart:
        return False
    scan.state = msgspec.structs.replace(state, chart=destination, since_ns=scan.now_ns, rested=False)
    return True


def apply_effects(scan: Scan) -> None:
    """Latches, pauses, slows or ends by the scan's happenings, strongest first; raises their alarms."""
    _end_prompts(scan)
    if not scan.happenings:
        return
    _raise_alarms(scan)
    strongest = max(scan.happenings, key=lambda happening: RULES[happening.event].effect)
    effect = RULES[strongest.event].effect
    if effect >= Effect.PROTECTIVE_STOP:
        _latch(scan)
    elif effect is Effect.END:
        finish(scan, strongest.event)
    elif effect is Effect.PAUSE:
        _pause(scan, strongest)
    elif effect is Effect.SLOW and scan.state.chart in MOVING_STATES:
        _replace_exercise_slow(scan)
    _brake_harder(scan)
    for happening in scan.happenings:
        if scan.state.chart in LATCHED_STATES and _ends_session(happening.event):
            _end_under_latch(scan, happening.event)
        if happening.event is Event.BALANCE_RECOVERED:
            exercise = scan.state.exercise
            counted = msgspec.structs.replace(exercise, balance_losses=exercise.balance_losses + 1)
            scan.state = msgspec.structs.replace(scan.state, exercise=counted)


def _end_prompts(scan: Scan) -> None:
    """Hands back on the rails, somebody back at the pedal, the weight taken: what asked for them is over, and may ask anew."""
    state = scan.state
    if not state.alarms.active:
        return
    answered = frozenset[Event]()
    if state.balance.hands.step is RailStep.HELD:
        answered |= _HANDS_PROMPTS
    if not state.attendance.reported:
        answered |= _ATTENDANT_PROMPTS
    if not state.hanging.called:
        answered |= _HANGING_AT_REST
    alarms = clear_alarms(state.alarms, answered)
    if alarms is not state.alarms:
        scan.state = msgspec.structs.replace(state, alarms=alarms)


def _raise_alarms(scan: Scan) -> None:
    """What pauses or ends a session alarms in one; of nobody it is only recorded, for no hand could end that alarm."""
    state, telling = scan.state, scan.happenings
    if not state.exercise.session:
        telling = [happening for happening in telling if happening.event not in _PAUSE_ALARMS]
    scan.state = msgspec.structs.replace(state, alarms=raise_alarms(state.alarms, telling))


def _ends_session(event: Event) -> bool:
    return RULES[event].effect is Effect.END or event in ENDED_BY_FALL


def _replace_exercise_slow(scan: Scan) -> None:
    slower = slow_down(scan.state.exercise, scan.settings.core.speed, True, scan.now_ns)
    scan.state = msgspec.structs.replace(scan.state, exercise=slower)


def _latch(scan: Scan) -> None:
    """Every latching happening of the scan adds its cause; the chart goes to the gravest of their states."""
    latching = [happening for happening in scan.happenings if RULES[happening.event].latches]
    state = scan.state
    causes = state.causes + tuple(h.event for h in latching if h.event not in state.causes)
    was_latched = state.chart in LATCHED_STATES
    exercise = state.exercise
    if exercise.session and not was_latched:
        window = close_window(exercise.hands_free)
        exercise = msgspec.structs.replace(exercise, stops=exercise.stops + 1, offered_until_ns=0, hands_free=window)
    power_off = state.power_off or any(RULES[h.event].effect is Effect.POWER_OFF for h in latching)
    named = _who_stopped(scan, latching)
    renamed = was_latched and named is not state.stopped_by
    if renamed and exercise.over == _CHAIN_ECHO.value:
        exercise = msgspec.structs.replace(exercise, over=named.value)
    scan.state = msgspec.structs.replace(
        state,
        causes=causes,
        caused_ns=scan.now_ns,
        exercise=exercise,
        power_off=power_off,
        stopped_by=named,
        reset_until_ns=0,
        start_until_ns=0,
        accept_until_ns=0,
    )
    for happening in sorted(latching, key=lambda h: RULES[h.event].effect):
        change_state(scan, _TRIGGER_OF_EFFECT[RULES[happening.event].effect])
    if scan.state.exercise.session and not session_goes_on(scan.state):
        _end_under_latch(scan, _first_of(latching))


def _first_of(latching: list[Happening]) -> Event:
    """The first cause; of the drive's word that the chain is open, who opened it, where that is known."""
    first = latching[0].event
    if first is not _CHAIN_ECHO:
        return first
    return next((happening.event for happening in latching if happening.event in _OPENS_CHAIN), first)


def _who_stopped(scan: Scan, latching: list[Happening]) -> Event:
    """What names the stop: the first cause; of a chain that opened whoever opened it, also where the Pi's contact is the later one.

    Contacts of one hand's press differ by as much as the two channels of the mushroom may.
    """
    state = scan.state
    named = state.stopped_by
    if state.chart not in LATCHED_STATES or named is None:
        return _first_of(latching)
    opened = next((happening.event for happening in latching if happening.event in _OPENS_CHAIN), None)
    together = scan.now_ns - state.since_ns <= scan.settings.core.supervision.discrepancy_ms * 1_000_000
    return opened if opened is not None and named is _CHAIN_ECHO and together else named


def _end_under_latch(scan: Scan, cause: Event) -> None:
    """The belt is stopped already; what is over now is the session: RESET leads to no restart.

    The first cause is kept, but for a fall: whatever had ended the session before, the next one must know of it.
    """
    exercise = scan.state.exercise
    if exercise.session and (not exercise.over or (cause in ENDED_BY_FALL and not ended_by_fall(scan.state))):
        scan.state = msgspec.structs.replace(scan.state, exercise=msgspec.structs.replace(exercise, over=cause.value))


# Control C-FITTING-STOP.
def harness_is_loaded(state: CoreState) -> bool:
    """Whether the patient hangs, by the load or by what stopped the belt: then it must stop under them."""
    if any(cause in FALLS for cause in state.causes):
        return True
    load_n = known_load_n(state)
    return load_n is not None and load_n >= state.hangs_from_n


def _pause(scan: Scan, cause: Happening) -> None:
    """A controlled stop. In a rest the belt is at rest already, but going on needs the restart's steps all the same, and a harness
    check that is still owed remains so.

    So it does where nothing runs yet, or any more: that the patient was ready is no longer true.
    """
    if scan.state.chart not in EXERCISING_STATES:
        if scan.state.preparation.step is Step.READY:
            asked_again = restart_steps(scan.state.preparation)
            scan.state = msgspec.structs.replace(scan.state, preparation=asked_again, start_until_ns=0)
        return
    exercise = scan.state.exercise
    window = close_window(exercise.hands_free)
    change_state(scan, Trigger.PAUSE)
    scan.state = msgspec.structs.replace(
        scan.state,
        stopped_by=cause.event,
        deceleration_m_s2=scan.settings.core.ramp.planned_deceleration_m_s2,
        exercise=msgspec.structs.replace(exercise, stops=exercise.stops + 1, offered_until_ns=0, wanted_m_s=0.0, hands_free=window),
        preparation=restart_steps(scan.state.preparation, harness=scan.state.preparation.step in HARNESS_UNPROVED),
        accept_until_ns=0,
        start_until_ns=0,
    )


def _brake_harder(scan: Scan) -> None:
    """STOP and the session's end brake gently; what else pauses brakes harder, also beside and after them, and nothing softer."""
    harder = any(RULES[h.event].effect is Effect.PAUSE and h.event is not Event.STOP_PRESSED for h in scan.happenings)
    if harder and scan.state.chart in (State.PAUSED, State.COMPLETE):
        deceleration_m_s2 = max(scan.state.deceleration_m_s2, scan.settings.core.ramp.pause_deceleration_m_s2)
        scan.state = msgspec.structs.replace(scan.state, deceleration_m_s2=deceleration_m_s2)


def finish(scan: Scan, cause: Event) -> None:
    """Ends the session with the planned deceleration. Its record stays until the patient has left."""
    if scan.state.chart not in SESSION_STATES:
        return
    exercise = scan.state.exercise
    change_state(scan, Trigger.FINISH)
    scan.state = msgspec.structs.replace(
        scan.state,
        stopped_by=cause,
        deceleration_m_s2=max(scan.settings.core.ramp.planned_deceleration_m_s2, _going_on(scan)),
        exercise=msgspec.structs.replace(
            exercise,
            over=exercise.over or cause.value,
            offered_until_ns=0,
            wanted_m_s=0.0,
            check=ask_no_more(exercise.check),
            hands_free=close_window(exercise.hands_free),
        ),
        preparation=msgspec.structs.replace(scan.state.preparation, steps=AFTER_STEPS if cause is Event.SESSION_COMPLETE else ()),
        accept_until_ns=0,
        start_until_ns=0,
    )


def _going_on(scan: Scan) -> float:
    """A stop that is under way is never made softer."""
    return 0.0 if scan.drive.standstill else scan.state.deceleration_m_s2


def restart_steps(preparation: PreparationState, harness: bool = False) -> PreparationState:
    """Returns the preparation with the steps before a restart; the whole harness check where that is asked."""
    return msgspec.structs.replace(preparation, steps=HARNESS_STEPS if harness else RESTART_STEPS, sit_began_ns=0, sit_peak_n=0.0)


# Control C-LATCH.
def judge_reset(scan: Scan, pressed: bool) -> None:
    """RESET's edge opens the latch when nothing stands in its way; it waits half a second for the drive to clear its faults.

    A press that began before the newest cause, or with it, is no answer to it: nobody at the panel has seen that one yet.
    """
    state = scan.state
    if state.chart not in LATCHED_STATES:
        return
    if pressed and scan.reset_began_ns <= state.caused_ns:
        scan.happenings.append(Happening(Event.RESET_REFUSED, scan.now_ns, (("missing", RESET_AGAIN),)))
        return
    if pressed:
        state = scan.state = msgspec.structs.replace(state, reset_until_ns=scan.now_ns + _RESET_WAIT_NS)
    if not state.reset_until_ns:
        return
    blockers = reset_blockers(state)
    if not blockers:
        _open_latch(scan)
    elif scan.now_ns >= state.reset_until_ns or any(blocker != DRIVE_FAULT for blocker in blockers):
        scan.state = msgspec.structs.replace(state, reset_until_ns=0)
        scan.happenings.append(Happening(Event.RESET_REFUSED, scan.now_ns, (("missing", ", ".join(blockers)),)))


def _open_latch(scan: Scan) -> None:
    state = scan.state
    goes_on = session_goes_on(state)
    had_session = bool(state.exercise.session)
    hung = state.hanging.called
    causes = frozenset(state.causes)
    trigger = Trigger.RESET_TO_STANDBY
    if goes_on and state.chart is State.PROTECTIVE_STOP:
        trigger = Trigger.RESET_TO_PAUSED
    elif had_session:
        trigger = Trigger.RESET_TO_COMPLETE
    change_state(scan, trigger)
    harness_again = restart_steps(state.preparation, harness=True)
    nothing_to_do = msgspec.structs.replace(state.preparation, steps=())
    scan.state = msgspec.structs.replace(
        scan.state,
        causes=(),
        latched_before=(),
        power_off=False,
        hanging=NOBODY,
        reset_until_ns=0,
        deceleration_m_s2=0.0,
        stopped_by=state.stopped_by if had_session else None,
        alarms=clear_alarms(scan.state.alarms, causes | _AFTER_FALL),
        preparation=harness_again if trigger is Trigger.RESET_TO_PAUSED else nothing_to_do,
    )
    if trigger is Trigger.RESET_TO_COMPLETE:
        exercise = scan.state.exercise
        exercise = msgspec.structs.replace(exercise, check=ask_no_more(exercise.check))
        over = Event(exercise.over)
        # The display says why the session is over; that the patient hung it no longer says: nobody hangs now.
        why = state.stopped_by if over is Event.NURSE_CALL else over
        scan.state = msgspec.structs.replace(scan.state, exercise=exercise, stopped_by=why)
    detail = (("causes", ", ".join(sorted(cause.value for cause in causes))),)
    scan.happenings.append(Happening(Event.LATCH_RESET, scan.now_ns, detail))
    if had_session and (hung or causes & FALLS):
        scan.happenings.append(Happening(Event.POST_FALL_FORM, scan.now_ns, (("session", state.exercise.session),)))


_AFTER_FALL = frozenset({Event.NURSE_CALL, Event.HANGING_60_S, Event.HANGING_180_S})


def clear_pause_alarms(scan: Scan) -> None:
    """Once the belt runs again by hand, what had paused or slowed it no longer alarms."""
    scan.state = msgspec.structs.replace(scan.state, alarms=clear_alarms(scan.state.alarms, _PAUSE_ALARMS))
