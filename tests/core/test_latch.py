"""RESET opens a latch only when nothing stands in its way, and says in words what does."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import State
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.latch import reset_blockers, session_goes_on
from controller.core.readings import DriveState, Quality, Reading
from controller.core.state import CoreState
from tests.core.machine import WEIGHT_N, Machine

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
    assert reset_blockers(stopped, WEIGHT_N) == ()


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
    assert reset_blockers(with_inputs(stopped, opened=name.bit), WEIGHT_N) == (words,)


def test_both_channels_of_the_mushroom_are_named_once(stopped: CoreState) -> None:
    both = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit
    assert reset_blockers(with_inputs(stopped, opened=both), WEIGHT_N) == ("release mushroom",)


@pytest.mark.hazard("H-02", "C-LATCH")
def test_hands_off_start_and_no_faulty_input(stopped: CoreState) -> None:
    assert reset_blockers(with_inputs(stopped, closed=Input.START.bit), WEIGHT_N) == ("release START",)
    assert reset_blockers(with_inputs(stopped, stuck=Input.FASTER.bit), WEIGHT_N) == ("a faulty input",)
    assert reset_blockers(with_inputs(stopped, chattering=Input.CLIP.bit), WEIGHT_N) == ("a faulty input",)


def test_a_channel_that_stayed_behind_asks_for_the_mushroom_again(stopped: CoreState) -> None:
    assert reset_blockers(changed(stopped, channels_proved=False), WEIGHT_N) == ("press mushroom again",)


@pytest.mark.parametrize(("cause", "name"), [(Event.DECK_FRONT, Input.DECK_FRONT), (Event.DECK_REAR, Input.DECK_REAR)])
def test_the_deck_end_that_stopped_the_belt_has_to_be_clear(stopped: CoreState, cause: Event, name: Input) -> None:
    by_deck = changed(stopped, causes=(cause,))
    assert reset_blockers(with_inputs(by_deck, opened=name.bit), WEIGHT_N) == ("clear the deck ends",)
    assert reset_blockers(with_inputs(stopped, opened=name.bit), WEIGHT_N) == (), "another cause does not ask for it"


@pytest.mark.hazard("H-02", "C-LATCH")
def test_the_strap_is_unloaded_below_a_tenth_of_body_weight(stopped: CoreState) -> None:
    assert reset_blockers(with_load(stopped, 0.0999 * WEIGHT_N), WEIGHT_N) == ()
    assert reset_blockers(with_load(stopped, 0.10 * WEIGHT_N), WEIGHT_N) == ("unload the strap",)
    assert reset_blockers(with_load(stopped, float("nan")), WEIGHT_N) == ("unload the strap",)
    assert reset_blockers(with_load(stopped, 0.0, Quality.STALE), WEIGHT_N) == ("load cell unknown",)
    assert reset_blockers(changed(stopped, estimate=None), WEIGHT_N) == ("load cell unknown",)


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
    assert reset_blockers(with_drive(stopped, **fields), WEIGHT_N) == (words,)


def test_what_the_drive_reports_is_named(stopped: CoreState) -> None:
    def reporting(event: Event) -> CoreState:
        return changed(stopped, watch=msgspec.structs.replace(stopped.watch, reported=(event,)))

    assert reset_blockers(reporting(Event.DRIVE_STOP_INPUT_OPEN), WEIGHT_N) == ("stop chain open",)
    assert reset_blockers(reporting(Event.RUNAWAY), WEIGHT_N) == ("drive not healthy",)


def test_several_are_said_in_the_order_in_which_hands_meet_them(stopped: CoreState) -> None:
    worst = with_drive(with_inputs(stopped, opened=Input.EMERGENCY_A.bit | Input.CLIP.bit), standstill=False)
    assert reset_blockers(worst, WEIGHT_N) == ("release mushroom", "close the clip", "wait for standstill")


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
