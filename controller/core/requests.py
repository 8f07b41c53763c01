"""What the socket may ask: to stop, to propose a session, to take it back or end it, to report a symptom, to silence a buzzer.

None of it can start a belt or make it faster. Plans have been judged against the configuration before they come here.
"""

from __future__ import annotations

import msgspec

from controller.core.alarms import silence
from controller.core.chart import EXERCISING_STATES, SESSION_STATES, State, Trigger
from controller.core.check_rules import take_report
from controller.core.effects import change_state
from controller.core.events import RULES, Effect, Event, Happening
from controller.core.preparation import Step
from controller.core.preparing_rules import prepare_session, withdraw
from controller.core.state import Answer, Request, Scan, SessionRequest
from messages.wire import Cancel, Refused, Silence, Stop, Symptom

_REFUSAL_INTERVAL_NS = 1_000_000_000


def answer_requests(scan: Scan) -> None:
    """Takes each request of this scan in turn and appends its answer."""
    for request in scan.inputs.requests:
        _take(scan, request)


def _take(scan: Scan, request: Request) -> None:
    match request:
        case Stop():
            if _can_stop(scan):
                _say(scan, Event.NETWORK_STOP, origin=request.origin)
            scan.answers.append(Answer(request.request, True, ""))
        case Symptom():
            _report(scan, request)
        case SessionRequest():
            _prepare(scan, request)
        case Cancel():
            _cancel(scan, request)
        case Silence():
            _silence(scan, request)
        case Refused():
            _say_refused(scan, origin=request.origin, command=request.command, reason=request.reason)


def _report(scan: Scan, symptom: Symptom) -> None:
    """A symptom slows, pauses or ends; of a session that has not begun it takes back the preparation."""
    taken, event = take_report(scan, symptom)
    if event is not None and scan.state.chart is State.PREPARED and RULES[event].effect is Effect.END:
        withdraw(scan, Event.SESSION_CANCELLED)
    scan.answers.append(Answer(symptom.request, taken, "" if taken else "too many reports in a second: say it again"))


def _can_stop(scan: Scan) -> bool:
    """Whether a stop has anything to stop, a START that is awaited or may come included: it takes that back.

    Once it is stopping, or the patient is no longer ready, a flood of further stops is no flood of events.
    """
    return scan.state.chart in EXERCISING_STATES or scan.state.preparation.step is Step.READY


def _say(scan: Scan, event: Event, **detail: str) -> None:
    scan.happenings.append(Happening(event, scan.now_ns, tuple(detail.items())))


def _say_refused(scan: Scan, **detail: str) -> None:
    """Records at most one refusal a second: whoever floods the socket must not push real events out of the ring."""
    if scan.now_ns - scan.state.refusal_said_ns < _REFUSAL_INTERVAL_NS:
        return
    scan.state = msgspec.structs.replace(scan.state, refusal_said_ns=scan.now_ns)
    _say(scan, Event.REQUEST_REFUSED, **detail)


def _refuse(scan: Scan, request: SessionRequest | Cancel | Silence, reason: str) -> None:
    _say_refused(
        scan,
        origin=request.origin,
        command="prepare" if isinstance(request, SessionRequest) else type(request).__name__.lower(),
        reason=reason,
    )
    scan.answers.append(Answer(request.request, False, reason))


# Control C-SELF-TEST.
def _prepare(scan: Scan, request: SessionRequest) -> None:
    state = scan.state
    reason = ""
    if state.chart is not State.STANDBY:
        reason = f"the treadmill is in state {state.chart.value}; a session is prepared in standby"
    elif not state.telemetry_present:
        reason = "the recording (telemetry) is away; no new session starts without it"
    elif not state.display_healthy:
        reason = "the display is lost; no new session starts without it"
    elif not scan.drive.healthy:
        reason = "the drive is not healthy"
    elif state.unready:
        reason = f"the machine is not ready for a patient: {', '.join(state.unready)}; `sternway status` says what to do"
    if reason:
        _refuse(scan, request, reason)
        return
    session = f"{state.boot_id}-{state.sessions_prepared + 1}"
    scan.state = prepare_session(state, request.plan, request.limits, session)
    change_state(scan, Trigger.PREPARE)
    _say(scan, Event.SESSION_PREPARED, session=session, patient=request.plan.patient, origin=request.origin)
    scan.answers.append(Answer(request.request, True, "", session))


def _cancel(scan: Scan, request: Cancel) -> None:
    """Takes a prepared session back; ends one that has begun, once its belt is at rest."""
    chart = scan.state.chart
    if chart is State.PREPARED:
        withdraw(scan, Event.SESSION_CANCELLED)
    elif chart in (State.PAUSED, State.REST) and scan.drive.standstill:
        _say(scan, Event.SESSION_ENDED, session=scan.state.exercise.session, origin=request.origin)
    else:
        why = "the belt is not at rest; stop it first" if chart in SESSION_STATES else "there is nothing to cancel"
        _refuse(scan, request, f"{why} (state {chart.value})")
        return
    scan.answers.append(Answer(request.request, True, ""))


def _silence(scan: Scan, request: Silence) -> None:
    silenced = silence(scan.state.alarms, scan.now_ns)
    if silenced is None:
        _refuse(scan, request, "a high-priority alarm cannot be silenced")
        return
    scan.state = msgspec.structs.replace(scan.state, alarms=silenced)
    scan.answers.append(Answer(request.request, True, ""))
