"""RESET opens a latch only when nothing stands in its way, and says in words what does."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import State
from controller.core.display_text import display_lines
from controller.core.events import RULES, Event
from controller.core.hanging import HangingState
from controller.core.inputs import Input
from controller.core.latch import ENDED_BY_FALL, FALLS, reset_blockers, session_goes_on
from controller.core.readings import DriveState, Quality, Reading
from controller.core.settings import CoreSettings
from controller.core.state import CoreState
from controller.snapshot import session_record
from messages.patient import Ending
from messages.plan import Phase, PhaseKind
from messages.wire import Cancel, SessionRecord
from telemetry.past_sessions import ending_of
from tests.core.machine import PLAN, WEIGHT_N, Machine

KEEPING = (Event.CLIP_OPEN, Event.DECK_FRONT, Event.DECK_REAR, Event.TENSION_LOST)
ENDING = (Event.HARNESS_LOADED, Event.LOADING_FAST, Event.OVERLOAD_SWITCH, Event.EMERGENCY_PRESSED, Event.DRIVE_SILENT)


@pytest.fixture(scope="module")
def stopped() -> CoreState:
    """Latched by the clip in the middle of a session; the clip is closed again and the belt has come to rest."""
    machine = Machine()
    machine.to_walking()
    machine.open(Input.CLIP)
    machine.to_rest()
    machine.close(Input.CLIP)
    machine.run(1)
    assert machine.chart is State.PROTECTIVE_STOP
    return machine.state


def changed(state: CoreState, **fields: object) -> CoreState:
    return msgspec.structs.replace(state, **fields)


def with_inputs(state: CoreState, opened: int = 0, closed: int = 0, **digital: object) -> CoreState:
    levels = state.digital.closed & ~opened | closed
    return changed(state, digital=msgspec.structs.replace(state.digital, closed=levels, **digital))


def with_drive(before: CoreState, **fields: object) -> CoreState:
    return changed(before, drive=msgspec.structs.replace(before.drive, **fields))


def with_load(state: CoreState, load_n: float, quality: Quality = Quality.GOOD) -> CoreState:
    assert state.estimate is not None
    return changed(state, estimate=msgspec.structs.replace(state.estimate, load=Reading(load_n, state.scanned_ns, quality)))


def test_nothing_stands_in_the_way_once_the_cause_is_gone(stopped: CoreState) -> None:
    assert reset_blockers(stopped) == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (Input.EMERGENCY_A, "release mushroom"),
        (Input.EMERGENCY_B, "release mushroom"),
        (Input.LANYARD, "put lanyard back"),
        (Input.OVERLOAD, "overload switch"),
        (Input.CLIP, "close the clip"),
    ],
)
@pytest.mark.hazard("H-02", "H-31", "C-LATCH")
def test_an_open_input_is_named(stopped: CoreState, name: Input, words: str) -> None:
    assert reset_blockers(with_inputs(stopped, opened=name.bit)) == (words,)


def test_both_channels_of_the_mushroom_are_named_once(stopped: CoreState) -> None:
    both = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit
    assert reset_blockers(with_inputs(stopped, opened=both)) == ("release mushroom",)


@pytest.mark.hazard("H-02", "C-LATCH")
def test_hands_off_start_and_no_faulty_input(stopped: CoreState) -> None:
    assert reset_blockers(with_inputs(stopped, closed=Input.START.bit)) == ("release START",)
    assert reset_blockers(with_inputs(stopped, stuck=Input.FASTER.bit)) == ("faulty: FASTER",)
    assert reset_blockers(with_inputs(stopped, chattering=Input.CLIP.bit)) == ("faulty: CLIP",)


def test_a_channel_that_stayed_behind_asks_for_the_mushroom_again(stopped: CoreState) -> None:
    assert reset_blockers(changed(stopped, channels_proved=False)) == ("press mushroom again",)


@pytest.mark.parametrize(("cause", "name"), [(Event.DECK_FRONT, Input.DECK_FRONT), (Event.DECK_REAR, Input.DECK_REAR)])
def test_the_deck_end_that_stopped_the_belt_has_to_be_clear(stopped: CoreState, cause: Event, name: Input) -> None:
    by_deck = changed(stopped, causes=(cause,))
    assert reset_blockers(with_inputs(by_deck, opened=name.bit)) == ("clear the deck ends",)
    assert reset_blockers(with_inputs(stopped, opened=name.bit)) == (), "another cause does not ask for it"


@pytest.mark.hazard("H-02", "C-LATCH")
def test_the_strap_is_unloaded_below_a_tenth_of_body_weight(stopped: CoreState) -> None:
    assert reset_blockers(with_load(stopped, 0.0999 * WEIGHT_N)) == ()
    assert reset_blockers(with_load(stopped, 0.10 * WEIGHT_N)) == ("unload the strap",)
    assert reset_blockers(with_load(stopped, float("nan"))) == ("unload the strap",)
    assert reset_blockers(with_load(stopped, 0.0, Quality.STALE)) == ("load cell unknown",)
    assert reset_blockers(changed(stopped, estimate=None)) == ("load cell unknown",)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"heard": False}, "drive silent"),
        ({"state": DriveState.FAULT}, "drive fault"),
        ({"standstill": False}, "wait for standstill"),
    ],
)
@pytest.mark.hazard("H-02", "C-LATCH")
def test_the_drive_has_to_answer_and_to_rest(stopped: CoreState, fields: dict, words: str) -> None:
    assert reset_blockers(with_drive(stopped, **fields)) == (words,)


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({}, "press RESET"),
        ({"state": DriveState.FAULT}, "drive fault: RESET"),
        ({"state": DriveState.FAULT, "standstill": False}, "wait for standstill"),
    ],
)
def test_the_display_says_when_a_hand_on_reset_helps(stopped: CoreState, fields: dict, hint: str) -> None:
    lines = display_lines(with_drive(stopped, **fields), CoreSettings(), (), stopped.scanned_ns)
    assert lines[3].strip() == hint


def test_a_latch_whose_first_cause_was_not_kept_shows_the_causes_own_words(stopped: CoreState) -> None:
    """As in a recording of a version that kept none."""
    of_old = changed(stopped, stopped_by=None, causes=(Event.DECK_REAR,))
    assert display_lines(of_old, CoreSettings(), (), stopped.scanned_ns)[1].strip().startswith(RULES[Event.DECK_REAR].text[:10])


def test_what_the_drive_reports_is_named(stopped: CoreState) -> None:
    def reporting(event: Event) -> CoreState:
        return changed(stopped, watch=msgspec.structs.replace(stopped.watch, reported=(event,)))

    assert reset_blockers(reporting(Event.DRIVE_STOP_INPUT_OPEN)) == ("stop chain open",)
    assert reset_blockers(reporting(Event.RUNAWAY)) == ("drive not healthy",)


def test_several_are_said_in_the_order_in_which_hands_meet_them(stopped: CoreState) -> None:
    worst = with_drive(with_inputs(stopped, opened=Input.EMERGENCY_A.bit | Input.CLIP.bit), standstill=False)
    assert reset_blockers(worst) == ("release mushroom", "close the clip", "wait for standstill")


@pytest.mark.parametrize("cause", KEEPING)
def test_after_what_was_caught_in_time_the_session_may_go_on(stopped: CoreState, cause: Event) -> None:
    assert session_goes_on(changed(stopped, causes=(cause,)))


@pytest.mark.parametrize("cause", ENDING)
@pytest.mark.hazard("H-11", "C-LATCH")
def test_after_a_fall_or_an_emergency_stop_it_does_not(stopped: CoreState, cause: Event) -> None:
    assert not session_goes_on(changed(stopped, causes=(cause,)))
    assert not session_goes_on(changed(stopped, causes=(Event.CLIP_OPEN, cause))), "the graver of two causes counts"


def test_a_session_that_is_over_or_was_none_does_not_go_on(stopped: CoreState) -> None:
    over = msgspec.structs.replace(stopped.exercise, over="pain")
    nobody = msgspec.structs.replace(stopped.exercise, session="")
    assert not session_goes_on(changed(stopped, exercise=over))
    assert not session_goes_on(changed(stopped, exercise=nobody))


@pytest.mark.hazard("H-11", "C-LATCH")
def test_it_does_not_go_on_once_the_nurse_was_called(stopped: CoreState) -> None:
    """Whatever stopped the belt: who hung in the harness after it has fallen."""
    assert not session_goes_on(changed(stopped, hanging=HangingState(called=True)))


FAST = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 6, 0.3), Phase(PhaseKind.WORK, 20, 0.3)))


def record_after_reset(machine: Machine, *, fell: bool = True) -> SessionRecord:
    """The patient is taken down, the chain closed, RESET pressed; returns what is recorded."""
    machine.load_n = 0.0
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B, Input.DECK_REAR)
    machine.run(3)
    machine.press(Input.RESET)
    assert machine.chart is State.COMPLETE, machine.where()
    record = session_record(machine.state, "2026-01-01T00:00:00Z")
    assert record is not None
    assert (Event.POST_FALL_FORM in machine.events) is fell
    assert ("post-fall form: desk" in machine.lines()[2]) is fell
    assert record.status == "ended"
    return record


@pytest.mark.hazard("H-11", "H-21", "C-LATCH", "C-HANGING")
def test_who_hangs_after_a_stop_at_the_deck_end_has_fallen() -> None:
    machine = Machine()
    machine.to_walking(FAST)
    machine.run(3)
    machine.open(Input.DECK_REAR)
    machine.to_rest()
    machine.run(1.2)
    machine.load_n = 0.8 * WEIGHT_N
    machine.run(1)
    assert Event.NURSE_CALL in machine.events
    record = record_after_reset(machine)
    assert (record.ended_by, ending_of(record)) == ("nurse-call", Ending.FALL)
    assert machine.lines()[1] == "Rear end of the deck", "nobody hangs any more"
    travel_m = machine.drive.travel_m
    machine.press(Input.OK)
    machine.press(Input.START, 0.3)
    machine.run(2)
    assert machine.drive.travel_m - travel_m < 0.001


@pytest.mark.hazard("H-11", "C-LATCH")
def test_a_fall_while_the_belt_slows_at_the_sessions_end_is_a_fall() -> None:
    machine = Machine()
    machine.to_walking(FAST)
    machine.run_until(lambda m: m.chart is State.COMPLETE, 100)
    assert machine.state.exercise.over == "session-complete"
    machine.load_n = 0.5 * WEIGHT_N
    machine.run(3)
    fall = next(event for event in machine.events if event in FALLS)
    record = record_after_reset(machine)
    assert (record.ended_by, ending_of(record)) == (fall.value, Ending.FALL)


@pytest.mark.hazard("H-11", "C-LATCH")
@pytest.mark.parametrize("later_s", [0.0, 0.1, 3.0])
def test_a_mushroom_pressed_before_the_strap_loads_hides_no_fall(later_s: float) -> None:
    machine = Machine()
    machine.to_walking(FAST)
    machine.run(3)
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(later_s)
    machine.load_n = 0.5 * WEIGHT_N
    machine.run(3)
    record = record_after_reset(machine)
    assert ending_of(record) is Ending.FALL
    first = next(event for event in machine.events if event in ENDED_BY_FALL)
    assert record.ended_by == first.value, "of several the first"


@pytest.mark.hazard("H-02", "C-LATCH")
def test_reset_with_the_mushroom_still_pressed_opens_nothing_and_says_so() -> None:
    machine = Machine()
    machine.to_walking()
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.to_rest()
    machine.press(Input.RESET)
    assert machine.chart is State.EMERGENCY_STOP
    refusal = next(happening for happening in machine.happenings if happening.event is Event.RESET_REFUSED)
    assert dict(refusal.detail)["missing"].split(", ")[0] == "release mushroom"


@pytest.mark.hazard("H-11", "C-LATCH")
@pytest.mark.parametrize(
    ("cause", "opened"),
    [
        (Event.EMERGENCY_PRESSED, (Input.EMERGENCY_A, Input.EMERGENCY_B)),
        (Event.LANYARD_PULLED, (Input.LANYARD,)),
        (Event.OVERLOAD_SWITCH, (Input.OVERLOAD,)),
    ],
)
@pytest.mark.parametrize("later_s", [0.0, 0.01, 0.15])
def test_who_opened_the_chain_names_the_stop_and_not_the_drives_echo(
    cause: Event, opened: tuple[Input, ...], later_s: float
) -> None:
    """later_s: how long after the drive's word the Pi's own contact opens."""
    machine = Machine()
    machine.to_walking(FAST)
    machine.run(1)
    machine.status_changes = {"stop_input_closed": False}
    if not later_s:
        machine.open(*opened)
    machine.run_until(lambda m: Event.DRIVE_STOP_INPUT_OPEN in m.events, 0.1)
    machine.run(later_s)
    machine.open(*opened)
    machine.run(0.1)
    assert machine.state.stopped_by is cause
    assert machine.lines()[1].strip() in RULES[cause].text
    record = session_record(machine.state, "2026-01-01T00:00:00Z")
    assert record is not None
    assert record.ended_by == cause.value
    assert {Event.DRIVE_STOP_INPUT_OPEN, cause} <= set(machine.state.causes)


@pytest.mark.hazard("H-11", "C-LATCH")
def test_a_chain_that_nobodys_contact_opened_names_the_stop_before_what_the_same_scan_finds_besides() -> None:
    """As after a freeze: watchdog relay and lease have stopped the belt, and the first scan finds that it comes far too late."""
    machine = Machine()
    machine.to_walking(FAST)
    heard = machine.inputs.drive
    machine.run_until(lambda m: m.inputs.drive is not heard, 0.1)
    machine.scan()  # STATUS comes with every second scan: with the next one
    machine.status_changes = {"stop_input_closed": False}
    machine.lateness_ns = 1_800_000_000
    machine.scan()
    assert {Event.DRIVE_STOP_INPUT_OPEN, Event.SCAN_OVERRUN} <= set(machine.state.causes)
    assert machine.state.stopped_by is Event.DRIVE_STOP_INPUT_OPEN


@pytest.mark.hazard("H-11", "C-LATCH")
def test_a_mushroom_pressed_long_after_the_chain_opened_by_itself_did_not_open_it() -> None:
    machine = Machine()
    machine.to_walking(FAST)
    machine.run(1)
    machine.chain_broken = True
    machine.run(0.5)
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.1)
    assert machine.state.stopped_by is Event.DRIVE_STOP_INPUT_OPEN
    assert machine.state.exercise.over == Event.DRIVE_STOP_INPUT_OPEN.value
    machine.chain_broken = False
    record_after_reset(machine, fell=False)
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.1)
    assert machine.state.exercise.over == Event.DRIVE_STOP_INPUT_OPEN.value, "what ended it is not what latches after it"


@pytest.mark.hazard("H-31", "C-PLAIN-WORDS")
@pytest.mark.parametrize("where", [State.STANDBY, State.PREPARED, State.PAUSED, State.COMPLETE])
def test_a_belt_that_moves_out_of_its_rest_is_told_as_such_and_as_no_brake_that_failed(where: State) -> None:
    machine = Machine()
    machine.to_standby()
    if where is not State.STANDBY:
        machine.prepare(FAST)
    if where in (State.PAUSED, State.COMPLETE):
        machine.start()
        machine.open(Input.STOP)
        machine.run(0.2)
        machine.close(Input.STOP)
        machine.to_rest()
    if where is State.COMPLETE:
        machine.requests.append(Cancel("c", "desk"))
        machine.run(0.1)
    assert machine.chart is where
    machine.status_changes = {"measured_mm_s": 30}
    machine.run(0.05)
    assert machine.chart is State.FAULT
    assert machine.state.power_off
    assert machine.state.causes == (Event.MOTION_AT_REST,)
    assert machine.lines()[1] == "Belt moves though it"


def test_once_reset_in_standby_nothing_is_told_of_what_had_stopped_the_belt() -> None:
    machine = Machine(unclean=True)
    machine.run_until(lambda m: m.chart is State.FAULT, 5)
    assert machine.state.stopped_by is Event.UNCLEAN_START
    machine.run(1)
    machine.press(Input.RESET)
    assert machine.chart is State.STANDBY
    assert machine.state.stopped_by is None


@pytest.mark.hazard("H-25", "C-NEXT-PATIENT")
def test_a_latch_that_lasts_longer_than_a_pause_may_ends_the_session() -> None:
    """Who left under the latch, and whoever is clipped in an hour later, would walk on with what the first one may do."""
    machine = Machine()
    machine.to_walking(FAST)
    machine.run(2)
    machine.open(Input.CLIP)
    machine.to_rest()
    limit_s = machine.settings.core.session.pause_limit_s
    latched_ns = machine.state.since_ns
    machine.run_until(lambda m: Event.PAUSE_TOO_LONG in m.events, limit_s + 1)
    assert machine.now_ns - latched_ns == pytest.approx(limit_s * 1e9, abs=0.02e9)
    machine.run(1)
    assert machine.events.count(Event.PAUSE_TOO_LONG) == 1
    assert machine.chart is State.PROTECTIVE_STOP, "and opens no latch"
    machine.close(Input.CLIP)
    machine.run(0.5)
    machine.press(Input.RESET)
    assert machine.chart is State.COMPLETE, machine.where()
    assert machine.state.exercise.over == "pause-too-long"
    machine.open(Input.CLIP)
    machine.run(0.3)
    assert machine.chart is State.STANDBY
    assert not machine.state.exercise.session


def only_another_press_opens_it(machine: Machine) -> None:
    """RESET is still held, and was refused."""
    refused = [happening for happening in machine.happenings if happening.event is Event.RESET_REFUSED]
    assert [dict(happening.detail)["missing"] for happening in refused] == ["press RESET again"]
    machine.open(Input.RESET)
    machine.run(0.2)
    machine.press(Input.RESET)
    machine.run(1.0)
    assert machine.chart is State.STANDBY, machine.where()


@pytest.mark.hazard("H-02", "H-31", "C-LATCH")
@pytest.mark.parametrize("held_before_s", [0.0, 0.01, 0.02], ids=["with it", "a scan before", "two scans before"])
def test_a_press_that_began_before_the_stop_does_not_open_it(held_before_s: float) -> None:
    """As after a freeze: RESET is held when the stop is found, and the cause is gone before the filter lets the press through."""
    machine = Machine()
    machine.to_standby()
    machine.close(Input.RESET)
    machine.run(held_before_s)
    machine.status_changes = {"stop_input_closed": False}
    machine.run_until(lambda m: m.chart is State.EMERGENCY_STOP, 0.05)
    machine.status_changes = {}
    machine.run(1.0)
    assert machine.chart is State.EMERGENCY_STOP
    only_another_press_opens_it(machine)


@pytest.mark.hazard("H-02", "H-31", "C-LATCH")
def test_a_press_that_began_before_a_second_cause_does_not_open_both() -> None:
    """The display shows the second cause while the press for the first is in its filter: nobody has agreed to that one."""
    machine = Machine(unclean=True)
    machine.run_until(lambda m: m.chart is State.FAULT, 5)
    machine.run(1.0)
    machine.close(Input.RESET)
    machine.run(0.01)
    machine.status_changes = {"state": DriveState.FAULT}
    machine.run_until(lambda m: Event.DRIVE_FAULT in m.events, 0.05)
    machine.status_changes = {}
    machine.run(1.0)
    assert machine.chart is State.FAULT, machine.where()
    assert machine.state.causes == (Event.UNCLEAN_START, Event.DRIVE_FAULT)
    only_another_press_opens_it(machine)
