"""One scan's decisions: `step(state, inputs, settings, now_ns)` returns the next state and what to do. Pure.

The order of the rules is the order of the lines: read, check, judge, let the strongest effect act, run the session, ask the
drive, pass the gate, indicate.
"""

from __future__ import annotations

import msgspec

from controller.core.alarms import clear_alarms, indicate
from controller.core.attendance import judge_attendance
from controller.core.balance import BalanceFacts, judge_balance
from controller.core.chart import LATCHED_STATES, MOVING_STATES, State, Trigger
from controller.core.digital import advance_digital, forget_patient
from controller.core.drive_watch import Asked, watch_drive
from controller.core.effects import apply_effects, change_state, judge_reset
from controller.core.events import Event, Happening
from controller.core.hands_free import may_escape
from controller.core.hanging import judge_hanging
from controller.core.inputs import Input
from controller.core.load_chain import advance_load
from controller.core.order import order_drive
from controller.core.patient import body_weight_n, known_load_n
from controller.core.prompts import prompted_at_ns
from controller.core.readings import Quality
from controller.core.requests import answer_requests
from controller.core.session_rules import run_session
from controller.core.state import CoreState, Outputs, Scan, ScanInputs, Settings
from controller.core.trips import judge_trips
from messages.plan import AttendantStage, RailStage

_SELF_TEST_NS = 10_000_000_000
_SELF_TEST_LEAST_NS = 1_500_000_000
RESTART_LOOP_STARTS = 3
"""So many unclean starts in five minutes are no accident."""
_MUST_BE_CLOSED_AT_REST = (
    Input.EMERGENCY_A,
    Input.EMERGENCY_B,
    Input.LANYARD,
    Input.OVERLOAD,
    Input.STOP,
    Input.SYMPTOM,
)


# Control C-UNCLEAN-START.
def start_state(boot_id: str, unclean: bool, now_ns: int, unclean_starts: int = 0) -> CoreState:
    """Returns the state of a controller that has just started.

    unclean: it did not find its own clean-stop marker. unclean_starts: how many such starts there were in the last five minutes.
    """
    return CoreState(
        boot_id=boot_id, booted_ns=now_ns, unclean=unclean, unclean_starts=unclean_starts, since_ns=now_ns, scanned_ns=now_ns
    )


def step(state: CoreState, inputs: ScanInputs, settings: Settings, now_ns: int) -> tuple[CoreState, Outputs]:
    """Decides one scan. Times are monotonic nanoseconds and never go back; the state returned is a new value."""
    scan, load_faults = _read(state, inputs, settings, now_ns)
    moving = is_moving(scan)
    if moving:
        scan.happenings.extend(load_faults)  # at rest an unknown load only refuses START: an idle cell latches nothing
    _judge(scan, moving)
    if scan.state.chart is State.SELF_TEST:
        _self_test(scan)
    else:
        answer_requests(scan)
        apply_effects(scan)
        _run(scan)
    decided = len(scan.happenings)
    order_drive(scan)
    _act_on_later(scan, decided)
    return _outputs(scan)


# Control C-FALL-RULES-MOVING.
def is_moving(scan: Scan) -> bool:
    """Whether fall rules act: the belt is driven, or is not proven to be at rest."""
    return scan.state.chart in MOVING_STATES or not scan.drive.standstill


def _read(state: CoreState, inputs: ScanInputs, settings: Settings, now_ns: int) -> tuple[Scan, tuple[Happening, ...]]:
    core = settings.core
    digital, facts, chatter = advance_digital(state.digital, inputs.levels, core.supervision.chatter_edges_per_s, now_ns)
    load, estimate, load_faults = advance_load(
        state.load, inputs.load_samples, state.preparation.tare_n, settings.load_chain, now_ns
    )
    asked = Asked(
        set_point_m_s=state.ramp.set_point_m_s,
        stopping=state.chart not in MOVING_STATES,
        deceleration_m_s2=state.deceleration_m_s2,
        must_rest=state.rested,
        start_closed=facts.is_closed(Input.START),
    )
    watch, drive, findings = watch_drive(state.watch, inputs.drive, asked, core.drive, now_ns)
    start_changed = (facts.pressed | facts.released) & Input.START.bit
    rested = state.rested or (drive.standstill and state.chart in (State.PAUSED, State.REST))
    moved = msgspec.structs.replace(
        state,
        digital=digital,
        load=load,
        estimate=estimate,
        watch=watch,
        drive=drive,
        scanned_ns=now_ns,
        rested=rested,
        telemetry_present=inputs.telemetry_present,
        display_healthy=inputs.display_healthy,
        unready=inputs.unready,
    )
    if start_changed & facts.pressed:
        open_ns = now_ns - state.digital.changed_at_ns[Input.START]
        moved = msgspec.structs.replace(moved, start_pressed_ns=now_ns, start_open_before_ns=open_ns)
    scan = Scan(
        state=moved,
        inputs=inputs,
        settings=settings,
        now_ns=now_ns,
        elapsed_ns=now_ns - state.scanned_ns,
        digital=facts,
        estimate=estimate,
        drive=drive,
        watch=watch,
        happenings=[*chatter, *findings],
        answers=[],
    )
    return scan, load_faults


def _judge(scan: Scan, moving: bool) -> None:
    judge_trips(scan, moving)
    _judge_balance(scan, moving)
    plan = scan.state.exercise.plan
    stage = plan.attendant if plan is not None else AttendantStage.CONTACT_GUARD
    driven = scan.state.chart in MOVING_STATES
    attendance, happenings = judge_attendance(
        scan.state.attendance, stage, scan.digital, driven, scan.settings.core.attendant, scan.now_ns
    )
    if attendance is not scan.state.attendance:
        scan.state = msgspec.structs.replace(scan.state, attendance=attendance)
    scan.happenings.extend(happenings)
    _judge_company(scan, driven)


def _judge_balance(scan: Scan, moving: bool) -> None:
    state, digital = scan.state, scan.digital
    plan = state.exercise.plan
    stage = plan.rails if plan is not None else RailStage.BOTH
    driven = state.chart in MOVING_STATES
    window = state.exercise.hands_free
    held = driven and not window.open
    facts = BalanceFacts(
        estimate=scan.estimate,
        body_weight_n=body_weight_n(state),
        moving=moving and state.chart is not State.SELF_TEST,
        rail_left=digital.is_closed(Input.RAIL_LEFT),
        rail_right=digital.is_closed(Input.RAIL_RIGHT),
        rails_required=(2 if stage is RailStage.BOTH else 1) if held else 0,
        required_left=held and stage is RailStage.LEFT,
        required_right=held and stage is RailStage.RIGHT,
        hands_free=driven and may_escape(window, scan.settings.core.hands_free, scan.now_ns),
        deck_front_clear=digital.is_closed(Input.DECK_FRONT),
        deck_rear_clear=digital.is_closed(Input.DECK_REAR),
        overload_ok=digital.is_closed(Input.OVERLOAD),
        retractor=False,
    )
    balance, happenings = judge_balance(state.balance, facts, scan.settings.balance, scan.now_ns)
    if balance is not state.balance:
        scan.state = msgspec.structs.replace(scan.state, balance=balance)
    scan.happenings.extend(happenings)


# Control C-LATE-SCAN.
def _judge_company(scan: Scan, driven: bool) -> None:
    """Late scans, and the coming and going of telemetry and display."""
    state, inputs = scan.state, scan.inputs
    limits = scan.settings.core.supervision
    late_ms = inputs.lateness_ns / 1e6
    if driven and late_ms > limits.late_stop_ms:
        scan.happenings.append(Happening(Event.SCAN_OVERRUN, scan.now_ns, (("late_ms", round(late_ms, 2)),)))
    elif late_ms > limits.late_record_ms:
        scan.happenings.append(Happening(Event.SCAN_LATE, scan.now_ns, (("late_ms", round(late_ms, 2)),)))
    lost = Event.TELEMETRY_LOST, Event.DISPLAY_LOST
    known = {event for event, _ in state.alarms.active}
    if scan.state.chart is State.SELF_TEST:
        return
    if not inputs.telemetry_present and lost[0] not in known:
        scan.happenings.append(Happening(Event.TELEMETRY_LOST, scan.now_ns))
    elif inputs.telemetry_present and lost[0] in known:
        scan.happenings.append(Happening(Event.TELEMETRY_BACK, scan.now_ns))
        scan.state = msgspec.structs.replace(state, alarms=clear_alarms(state.alarms, frozenset({lost[0]})))
    if not inputs.display_healthy and lost[1] not in known:
        scan.happenings.append(Happening(Event.DISPLAY_LOST, scan.now_ns))
    elif inputs.display_healthy and lost[1] in known:
        cleared = clear_alarms(scan.state.alarms, frozenset({lost[1]}))
        scan.state = msgspec.structs.replace(scan.state, alarms=cleared)


def _self_test(scan: Scan) -> None:
    """Nothing latches before the first look at everything is over; it ends in standby, or latched with what is wrong."""
    waited_ns = scan.now_ns - scan.state.booted_ns
    scan.happenings.clear()
    if waited_ns < _SELF_TEST_LEAST_NS:
        return
    wrong = _what_is_wrong(scan)
    if wrong and waited_ns < _SELF_TEST_NS:
        return
    if scan.state.unclean_starts >= RESTART_LOOP_STARTS:
        detail = (("unclean_starts", scan.state.unclean_starts),)
        scan.happenings.append(Happening(Event.RESTART_LOOP, scan.now_ns, detail))
    if wrong:
        scan.happenings.append(Happening(Event.SELF_TEST_FAILED, scan.now_ns, (("wrong", ", ".join(wrong)),)))
    else:
        scan.happenings.append(Happening(Event.SELF_TEST_PASSED, scan.now_ns))
        change_state(scan, Trigger.SELF_TEST_PASSED)
        if scan.state.unclean:
            scan.happenings.append(Happening(Event.UNCLEAN_START, scan.now_ns))
    scan.happenings.append(Happening(Event.STARTED, scan.now_ns, (("boot_id", scan.state.boot_id),)))
    # The first look at an input is no change: before the first patient, too, each has to prove that it can.
    scan.state = msgspec.structs.replace(scan.state, digital=forget_patient(scan.state.digital))
    apply_effects(scan)


def _what_is_wrong(scan: Scan) -> list[str]:
    wrong = [f"{name.name.lower()} open" for name in _MUST_BE_CLOSED_AT_REST if not scan.digital.is_closed(name)]
    if scan.digital.is_closed(Input.START) or scan.digital.is_closed(Input.FASTER):
        wrong.append("a button is held")
    if not scan.drive.heard:
        wrong.append("drive silent")
    elif not scan.drive.healthy:
        wrong.extend(event.value for event in scan.watch.reported)
    elif not scan.drive.standstill:
        wrong.append("belt not at rest")
    if scan.estimate.load.quality is not Quality.GOOD:
        wrong.append("load cell unknown")
    return wrong


def _run(scan: Scan) -> None:
    """The session's own progress, RESET and hanging; what they say acts in the same scan."""
    judged = len(scan.happenings)
    run_session(scan)
    judge_reset(scan, scan.digital.was_pressed(Input.RESET))
    latched = scan.state.chart in LATCHED_STATES and bool(scan.state.exercise.session)
    hanging, calls = judge_hanging(scan.state.hanging, latched, known_load_n(scan.state), body_weight_n(scan.state), scan.now_ns)
    if hanging is not scan.state.hanging:
        scan.state = msgspec.structs.replace(scan.state, hanging=hanging)
    scan.happenings.extend(calls)
    _act_on_later(scan, judged)


def _act_on_later(scan: Scan, earlier_count: int) -> None:
    """Applies the effects of what was appended after the first `earlier_count` happenings: those have acted already."""
    if len(scan.happenings) == earlier_count:
        return
    earlier, scan.happenings = scan.happenings[:earlier_count], scan.happenings[earlier_count:]
    apply_effects(scan)
    scan.happenings = earlier + scan.happenings


def _outputs(scan: Scan) -> tuple[CoreState, Outputs]:
    state = scan.state
    red, yellow, buzzer = indicate(state.alarms, prompted_at_ns(state.exercise, scan.settings.core), scan.now_ns)
    return state, Outputs(
        command=state.command,
        happenings=tuple(scan.happenings),
        answers=tuple(scan.answers),
        lamp_red=red,
        lamp_yellow=yellow,
        buzzer=buzzer,
        nurse_call=state.hanging.called,
        hold_chain=_may_hold_chain(scan),
    )


def _may_hold_chain(scan: Scan) -> bool:
    """Power was to be off: until the belt is proven at rest with the drive's relay read back open, only the contactors are sure.

    They fall when the chain opens, and the chain opens when the watchdog relay gets no pulse. A welded relay keeps it open.
    """
    if not scan.state.power_off:
        return True
    reading = scan.inputs.drive
    return scan.drive.standstill and scan.drive.heard and reading is not None and not reading.relay_closed
