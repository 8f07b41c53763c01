"""What a scan of the moving belt does: count, come to the phase's end, ask for symptoms, offer a rise, let the hands go free."""

from __future__ import annotations

import msgspec

from controller.core.attendance import attendant_present
from controller.core.chart import TRIGGER_OF_PHASE
from controller.core.check_rules import run_check
from controller.core.effects import change_state
from controller.core.events import Event
from controller.core.exercise import accept_rise, advance_offer, beyond_phase_ns, count_motion, next_phase, slow_down
from controller.core.hands_free import HandsFreeFacts, advance_hands_free, call_hands_back, close_window
from controller.core.inputs import Input
from controller.core.patient import belt_time_limit_s, ceiling_m_s, rails_as_planned
from controller.core.preparing_rules import say, say_phase
from controller.core.state import Scan
from messages.plan import PhaseKind

_ACCEPT_WAIT_NS = 500_000_000
_SETTLED_M_S = 0.005
_EITHER_RAIL = Input.RAIL_LEFT.bit | Input.RAIL_RIGHT.bit


def run_moving(scan: Scan) -> None:
    """One scan of a phase of walking."""
    exercise = count_motion(scan.state.exercise, scan.elapsed_ns, scan.drive.speed_m_s, scan.state.ramp.set_point_m_s)
    if scan.digital.was_pressed(Input.SLOWER):
        exercise = slow_down(exercise, scan.settings.core.speed, False, scan.now_ns)
        window = call_hands_back(exercise.hands_free, scan.settings.core.hands_free, scan.now_ns)
        exercise = msgspec.structs.replace(exercise, hands_free=window)
    scan.state = msgspec.structs.replace(scan.state, exercise=exercise)
    if _prescription_done(scan):
        return
    if beyond_phase_ns(exercise) >= 0:
        _enter_next_phase(scan)
        return
    if _bout_done(scan):
        return
    run_check(scan)
    safe = _held_and_attended(scan)
    _hands_free(scan, safe)
    _offer_and_accept(scan, safe)


# Control C-CAPS.
def _prescription_done(scan: Scan) -> bool:
    """Neither time nor distance goes beyond what is prescribed by more than the scan that finds it."""
    exercise = scan.state.exercise
    plan = exercise.plan
    if plan is None:
        return False
    if not exercise.belt_time_ns < belt_time_limit_s(plan, scan.settings.core, exercise.limits) * 1e9:
        say(scan, Event.SESSION_COMPLETE, reason="belt time", belt_time_s=round(exercise.belt_time_ns / 1e9, 1))
        return True
    if not exercise.distance_m < exercise.prescribed_m:
        say(scan, Event.SESSION_COMPLETE, reason="distance", distance_m=round(exercise.distance_m, 2))
        return True
    return False


def _bout_done(scan: Scan) -> bool:
    """The longest bout without a rest is over: the belt pauses, and starts again only after a rest."""
    exercise = scan.state.exercise
    if exercise.limits is None or exercise.bout_ns < exercise.limits.bout_s * 1e9:
        return False
    until_ns = scan.now_ns + int(scan.settings.core.session.bout_rest_s * 1e9)
    scan.state = msgspec.structs.replace(scan.state, exercise=msgspec.structs.replace(exercise, rest_until_at_ns=until_ns))
    say(scan, Event.BOUT_TOO_LONG, bout_s=round(exercise.bout_ns / 1e9, 1))
    return True


def _enter_next_phase(scan: Scan) -> None:
    exercise = next_phase(scan.state.exercise)
    phase = exercise.phase
    if phase is None:
        scan.state = msgspec.structs.replace(scan.state, exercise=exercise)
        say(scan, Event.SESSION_COMPLETE, session=exercise.session)
        return
    change_state(scan, TRIGGER_OF_PHASE[phase.kind])
    scan.state = msgspec.structs.replace(scan.state, exercise=exercise, accept_until_ns=0)
    if phase.kind is PhaseKind.REST:
        planned = scan.settings.core.ramp.planned_deceleration_m_s2
        exercise = msgspec.structs.replace(
            exercise,
            hands_free=close_window(exercise.hands_free),
            rest_until_at_ns=scan.now_ns + int(phase.duration_s * 1e9),  # a pause or a latch in the rest does not shorten it
        )
        scan.state = msgspec.structs.replace(scan.state, exercise=exercise, deceleration_m_s2=planned)
    say_phase(scan, phase)


def _held_and_attended(scan: Scan) -> bool:
    """Rails held as the plan asks, and somebody standing by."""
    state, closed = scan.state, scan.digital.closed
    plan = state.exercise.plan
    return rails_as_planned(plan, closed) and (
        plan is None or attendant_present(plan.attendant, state.attendance, closed, scan.settings.core.attendant, scan.now_ns)
    )


def _settled(scan: Scan) -> bool:
    return abs(scan.state.ramp.set_point_m_s - scan.state.exercise.wanted_m_s) < _SETTLED_M_S


def _hands_free(scan: Scan, safe: bool) -> None:
    """OK held at steady speed lets the hands go for a while; the press that answered or started something is not that press."""
    exercise = scan.state.exercise
    limits, check, window = exercise.limits, exercise.check, exercise.hands_free
    if limits is None or not (limits.hands_free or window.open):
        return
    ok_since_ns = scan.digital.changed_at_ns[Input.OK] if scan.digital.is_closed(Input.OK) else 0
    facts = HandsFreeFacts(
        allowed=limits.hands_free,
        steady=_settled(scan) and not (exercise.offered_until_ns or check.asking or check.again),
        held=safe,
        ok_since_ns=ok_since_ns if ok_since_ns > max(check.shown_at_ns, exercise.risen_at_ns) else 0,
        hands_off=not scan.digital.closed & _EITHER_RAIL,
        elapsed_ns=scan.elapsed_ns,
    )
    moved, happenings = advance_hands_free(window, facts, scan.settings.core.hands_free, scan.now_ns)
    if moved is not window:
        scan.state = msgspec.structs.replace(scan.state, exercise=msgspec.structs.replace(exercise, hands_free=moved))
    scan.happenings.extend(happenings)


def _offer_and_accept(scan: Scan, safe: bool) -> None:
    """A hand accepts by pressing and releasing FASTER while the offer stands; the drive sees the same hand and grants.

    While the drive's word is awaited all that the offer stands on must hold: whoever lets go then, or is slowed, gets no rise.
    """
    state, core = scan.state, scan.settings.core
    exercise = state.exercise
    ceiling = ceiling_m_s(exercise.plan, core, exercise.limits)
    may_rise = safe and not (exercise.check.asking or exercise.check.again or exercise.hands_free.open)
    if scan.digital.was_released(Input.FASTER) and exercise.offered_until_ns:
        state = msgspec.structs.replace(state, accept_until_ns=scan.now_ns + _ACCEPT_WAIT_NS)
    if state.accept_until_ns and not (may_rise and exercise.offered_until_ns):
        state = msgspec.structs.replace(state, accept_until_ns=0)
    if state.accept_until_ns:
        exercise, happenings = accept_rise(exercise, scan.drive.granted_m_s, ceiling, core.speed, scan.now_ns)
        if happenings or scan.now_ns >= state.accept_until_ns:
            state = msgspec.structs.replace(state, exercise=exercise, accept_until_ns=0)
        scan.state = state
        scan.happenings.extend(happenings)
        return
    ready = _settled(scan) and not scan.digital.is_closed(Input.FASTER)  # a press from before the offer is no answer to it
    exercise, happenings = advance_offer(exercise, may_rise, ready, ceiling, core.speed, scan.now_ns)
    if exercise is not state.exercise:
        state = msgspec.structs.replace(state, exercise=exercise)
    scan.state = state
    scan.happenings.extend(happenings)
