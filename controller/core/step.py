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
from controller.core.events import RULES, Effect, Event, Happening
from controller.core.hands_free import may_escape
from controller.core.hanging import HangingLimits, hanging_limits, judge_hanging, judge_rest
from controller.core.inputs import INPUT_TABLE, Input, Role
from controller.core.latch import FALLS, PROVE_CHANNELS
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

_RAIL_LEFT, _RAIL_RIGHT = Input.RAIL_LEFT.bit, Input.RAIL_RIGHT.bit
_DECK_FRONT, _DECK_REAR, _OVERLOAD = Input.DECK_FRONT.bit, Input.DECK_REAR.bit, Input.OVERLOAD.bit
_CLIP = Input.CLIP.bit
_START, _RESET = Input.START.bit, Input.RESET.bit
_EITHER_CHANNEL, _OTHERS_IN_SERIES = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit, Input.LANYARD.bit | Input.OVERLOAD.bit
# Each scan asks for these several times, and Python 3.11 takes long to find an enumeration's member.
_SELF_TEST, _REST, _PAUSED, _COMPLETE = State.SELF_TEST, State.REST, State.PAUSED, State.COMPLETE
_BOTH, _LEFT, _RIGHT = RailStage.BOTH, RailStage.LEFT, RailStage.RIGHT
_TELEMETRY_LOST, _DISPLAY_LOST = Event.TELEMETRY_LOST, Event.DISPLAY_LOST
_SELF_TEST_NS = 10_000_000_000
_SELF_TEST_LEAST_NS = 1_500_000_000
_LATE_AGAIN_NS = 1_000_000_000
"""A machine that is late in every scan says so once a second: it must not push real events out of the ring."""
RESTART_LOOP_STARTS = 3
"""So many unclean starts in five minutes are no accident."""
_LEFT_BY_A_DEATH = frozenset({Event.UNCLEAN_START, Event.RESTART_LOOP, Event.SELF_TEST_FAILED})
"""What latches a life that knows nothing of the one before it."""
_FALLS = frozenset(event.value for event in FALLS)
_POWER_OFF = frozenset(rule.event.value for rule in RULES.values() if rule.effect is Effect.POWER_OFF)
_BUTTONS = tuple(rule.input for rule in INPUT_TABLE if rule.role is Role.BUTTON)
_MUST_BE_CLOSED_AT_REST = (
    Input.EMERGENCY_A,
    Input.EMERGENCY_B,
    Input.LANYARD,
    Input.OVERLOAD,
    Input.STOP,
    Input.SYMPTOM,
)


# Control C-UNCLEAN-START.
def start_state(
    boot_id: str, unclean: bool, now_ns: int, unclean_starts: int = 0, latched_before: tuple[str, ...] = ()
) -> CoreState:
    """Returns the state of a controller that has just started.

    unclean: it did not find its own clean-stop marker. unclean_starts: how many such starts there were in the last five minutes.
    latched_before: what had latched, by name, when the life before this one ended, and no hand has reset: a stop of category 0
    among them keeps the power off, and emergency channels that disagreed have to be seen to open together.
    """
    return CoreState(
        boot_id=boot_id,
        booted_ns=now_ns,
        unclean=unclean,
        unclean_starts=unclean_starts,
        latched_before=latched_before,
        power_off=not _POWER_OFF.isdisjoint(latched_before),
        channels_proved=Event.EMERGENCY_DISCREPANCY.value not in latched_before,
        since_ns=now_ns,
        scanned_ns=now_ns,
    )


def step(state: CoreState, inputs: ScanInputs, settings: Settings, now_ns: int) -> tuple[CoreState, Outputs]:
    """Decides one scan. Times are monotonic nanoseconds and never go back; the state returned is a new value."""
    scan, load_faults = _read(state, inputs, settings, now_ns)
    moving = is_moving(scan)
    if moving:
        scan.happenings.extend(load_faults)  # at rest an unknown load only refuses START: an idle cell latches nothing
    _judge(scan, moving)
    if scan.state.chart is _SELF_TEST:
        _self_test(scan)
    else:
        answer_requests(scan)
        apply_effects(scan)
        _run(scan)
    decided = len(scan.happenings)
    _watch_hanging(scan)
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
        start_closed=facts.closed & _START != 0,
        chain_open=not facts.closed & _EITHER_CHANNEL or facts.closed & _OTHERS_IN_SERIES != _OTHERS_IN_SERIES,
    )
    watch, drive, findings = watch_drive(state.watch, inputs.drive, asked, core.drive, now_ns)
    start_changed = (facts.pressed | facts.released) & _START
    rested = state.rested or (drive.standstill and state.chart not in MOVING_STATES)
    balance = settings.balance
    hanging = hanging_limits(balance, body_weight_n(state))
    moved = msgspec.structs.replace(
        state,
        digital=digital,
        load=load,
        estimate=estimate,
        retractor_least_n=balance.tension_least_n if balance.retractor else 0.0,
        hangs_from_n=hanging.hangs_from_n,
        down_below_n=hanging.down_below_n,
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
        reset_began_ns=state.digital.differs_since_ns[Input.RESET],
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
    state, closed = scan.state, scan.digital.closed
    plan = state.exercise.plan
    stage = plan.rails if plan is not None else _BOTH
    driven = state.chart in MOVING_STATES
    window = state.exercise.hands_free
    held = driven and not window.open
    facts = BalanceFacts(
        estimate=scan.estimate,
        body_weight_n=body_weight_n(state),
        moving=moving and state.chart is not _SELF_TEST,
        rail_left=closed & _RAIL_LEFT != 0,
        rail_right=closed & _RAIL_RIGHT != 0,
        rails_required=(2 if stage is _BOTH else 1) if held else 0,
        required_left=held and stage is _LEFT,
        required_right=held and stage is _RIGHT,
        hands_free=driven and may_escape(window, scan.settings.core.hands_free, scan.now_ns),
        deck_front_clear=closed & _DECK_FRONT != 0,
        deck_rear_clear=closed & _DECK_REAR != 0,
        overload_ok=closed & _OVERLOAD != 0,
        retractor=scan.settings.balance.retractor and closed & _CLIP != 0,  # through an open clip it pulls on nothing
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
    elif late_ms > limits.late_record_ms and scan.now_ns - state.late_said_ns >= _LATE_AGAIN_NS:
        state = scan.state = msgspec.structs.replace(state, late_said_ns=scan.now_ns)
        scan.happenings.append(Happening(Event.SCAN_LATE, scan.now_ns, (("late_ms", round(late_ms, 2)),)))
    if scan.state.chart is _SELF_TEST:
        return
    known = [event for event, _ in state.alarms.active]
    if not inputs.telemetry_present and _TELEMETRY_LOST not in known:
        scan.happenings.append(Happening(_TELEMETRY_LOST, scan.now_ns))
    elif inputs.telemetry_present and _TELEMETRY_LOST in known:
        scan.happenings.append(Happening(Event.TELEMETRY_BACK, scan.now_ns))
        scan.state = msgspec.structs.replace(state, alarms=clear_alarms(state.alarms, frozenset({_TELEMETRY_LOST})))
    if not inputs.display_healthy and _DISPLAY_LOST not in known:
        scan.happenings.append(Happening(_DISPLAY_LOST, scan.now_ns))
    elif inputs.display_healthy and _DISPLAY_LOST in known:
        cleared = clear_alarms(scan.state.alarms, frozenset({_DISPLAY_LOST}))
        scan.state = msgspec.structs.replace(scan.state, alarms=cleared)


def _self_test(scan: Scan) -> None:
    """Nothing latches before the first look at everything is over; it ends in standby, or latched with what is wrong."""
    waited_ns = scan.now_ns - scan.state.booted_ns
    scan.happenings.clear()
    answer_requests(scan)
    if waited_ns < _SELF_TEST_LEAST_NS:
        return
    wrong = _what_is_wrong(scan)
    if wrong and waited_ns < _SELF_TEST_NS:
        return
    if scan.state.unclean_starts >= RESTART_LOOP_STARTS:
        detail = (("unclean_starts", scan.state.unclean_starts),)
        scan.happenings.append(Happening(Event.RESTART_LOOP, scan.now_ns, detail))
    before = (("latched_before", ", ".join(scan.state.latched_before)),) if scan.state.latched_before else ()
    if wrong:
        scan.happenings.append(Happening(Event.SELF_TEST_FAILED, scan.now_ns, (("wrong", ", ".join(wrong)), *before)))
        if not _rests_without_power(scan):
            scan.state = msgspec.structs.replace(scan.state, power_off=True)
    else:
        scan.happenings.append(Happening(Event.SELF_TEST_PASSED, scan.now_ns))
        change_state(scan, Trigger.SELF_TEST_PASSED)
        if scan.state.unclean:
            scan.happenings.append(Happening(Event.UNCLEAN_START, scan.now_ns, before))
    # Said here, too: a self-test that failed says nothing of how the life before ended.
    unclean = (("unclean", 1),) if scan.state.unclean else ()
    scan.happenings.append(Happening(Event.STARTED, scan.now_ns, (("boot_id", scan.state.boot_id), *unclean)))
    # The first look at an input is no change: before the first patient, too, each has to prove that it can.
    scan.state = msgspec.structs.replace(scan.state, digital=forget_patient(scan.state.digital))
    apply_effects(scan)


def _what_is_wrong(scan: Scan) -> list[str]:
    wrong = [f"{name.name.lower()} open" for name in _MUST_BE_CLOSED_AT_REST if not scan.digital.is_closed(name)]
    if not scan.state.channels_proved:
        wrong.append(PROVE_CHANNELS)
    if any(scan.digital.is_closed(name) for name in _BUTTONS):
        wrong.append("a button is held")
    if not scan.drive.heard:
        wrong.append("drive silent")
    elif not scan.drive.healthy:
        wrong.extend(event.value for event in scan.watch.reported)
    elif not scan.drive.standstill:
        wrong.append("belt not at rest")
    elif not _rests_without_power(scan):
        wrong.append("drive relay closed")
    if scan.estimate.load.quality is not Quality.GOOD:
        wrong.append("load cell unknown")
    return wrong


def _run(scan: Scan) -> None:
    """The session's own progress and RESET; what they say acts in the same scan."""
    judged = len(scan.happenings)
    run_session(scan)
    judge_reset(scan, scan.digital.pressed & _RESET != 0)
    _act_on_later(scan, judged)


def _watch_hanging(scan: Scan) -> None:
    state = scan.state
    load_n, limits = known_load_n(state), HangingLimits(state.hangs_from_n, state.down_below_n)
    if _rests(state):
        hanging, calls = judge_rest(state.hanging, load_n, limits, scan.now_ns)
    else:
        may_hang = _may_hang(state)
        fell = may_hang and not (FALLS.isdisjoint(state.causes) and _FALLS.isdisjoint(state.latched_before))
        hanging, calls = judge_hanging(state.hanging, may_hang, fell, load_n, limits, scan.now_ns)
    if hanging is not state.hanging:
        scan.state = msgspec.structs.replace(state, hanging=hanging)
    scan.happenings.extend(calls)


def _rests(state: CoreState) -> bool:
    """In a pause or a rest, and on into the end of a session that somebody hangs through."""
    chart = state.chart
    return chart is _PAUSED or chart is _REST or (chart is _COMPLETE and state.hanging.since_ns != 0)


def _may_hang(state: CoreState) -> bool:
    """After a stop in a session; and after a death, which forgets the session but not who was left in the strap."""
    if state.chart is _SELF_TEST:
        return state.unclean
    if state.chart not in LATCHED_STATES:
        return False
    return bool(state.exercise.session) or (state.unclean and not _LEFT_BY_A_DEATH.isdisjoint(state.causes))


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


# Control C-PULSE.
def _may_hold_chain(scan: Scan) -> bool:
    """Power was to be off: until the belt is proven at rest with the drive's relay read back open, only the contactors are sure.

    They fall when the chain opens, and the chain opens when the watchdog relay gets no pulse. A welded relay keeps it open. A new
    life gives no power either before it has seen that nothing waits for it: a motor that ran away would start with the controller.
    """
    if not scan.state.power_off and scan.state.chart is not _SELF_TEST:
        return True
    return _rests_without_power(scan)


def _rests_without_power(scan: Scan) -> bool:
    reading = scan.inputs.drive
    return scan.drive.standstill and scan.drive.heard and reading is not None and not reading.relay_closed
