"""What START lacks is said in words; a press is a press of a hand: as long as one, after a second open, good for half a second."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import State
from controller.core.digital import PROVED_MASK
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.preparation import Step
from controller.core.readings import DriveState, Quality, Reading
from controller.core.start import missing_to_start
from controller.core.state import CoreState
from tests.core.machine import CORE, PERIOD_NS, WEIGHT_N, Machine

MS = 1_000_000


@pytest.fixture(scope="module")
def ready() -> CoreState:
    """Prepared up to the step READY."""
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1)
    return machine.state


def changed(state: CoreState, **fields: object) -> CoreState:
    return msgspec.structs.replace(state, **fields)


def opened(state: CoreState, *names: Input) -> CoreState:
    mask = sum(name.bit for name in names)
    return changed(state, digital=msgspec.structs.replace(state.digital, closed=state.digital.closed & ~mask))


def missing(state: CoreState) -> tuple[str, ...]:
    return missing_to_start(state, CORE, state.scanned_ns)


def test_nothing_is_missing_at_ready(ready: CoreState) -> None:
    assert missing(ready) == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (Input.EMERGENCY_A, "mushroom pressed"),
        (Input.EMERGENCY_B, "mushroom pressed"),
        (Input.LANYARD, "lanyard off"),
        (Input.OVERLOAD, "overload switch"),
        (Input.CLIP, "clip open"),
        (Input.DECK_FRONT, "deck front blocked"),
        (Input.DECK_REAR, "deck rear blocked"),
        (Input.STOP, "STOP pressed"),
        (Input.SYMPTOM, "symptom button"),
        (Input.RAIL_LEFT, "hold the rails"),
        (Input.RAIL_RIGHT, "hold the rails"),
        (Input.ATTENDANT, "attendant's pedal"),
    ],
)
@pytest.mark.hazard("H-01", "H-31", "C-CLIP")
def test_an_open_input_is_named(ready: CoreState, name: Input, words: str) -> None:
    assert missing(opened(ready, name)) == (words,)


def test_the_load_has_to_be_known_and_below_a_tenth_of_body_weight(ready: CoreState) -> None:
    def loaded(load_n: float, quality: Quality = Quality.GOOD) -> CoreState:
        assert ready.estimate is not None
        return changed(ready, estimate=msgspec.structs.replace(ready.estimate, load=Reading(load_n, ready.scanned_ns, quality)))

    assert missing(loaded(0.0999 * WEIGHT_N)) == ()
    assert missing(loaded(0.10 * WEIGHT_N)) == ("unload the strap",)
    assert missing(loaded(float("nan"))) == ("unload the strap",)
    assert missing(loaded(0.0, Quality.MISSING)) == ("load cell unknown",)


@pytest.mark.parametrize("state", DriveState)
def test_the_drive_has_to_be_waiting_for_a_hand(ready: CoreState, state: DriveState) -> None:
    drive = msgspec.structs.replace(ready.drive, state=state)
    waits = state in (DriveState.IDLE, DriveState.LATCHED, DriveState.GRANTED)
    assert missing(changed(ready, drive=drive)) == (() if waits else ("drive not ready",))


def test_a_silent_drive_and_a_moving_belt_are_named(ready: CoreState) -> None:
    silent = msgspec.structs.replace(ready.drive, heard=False)
    moving = msgspec.structs.replace(ready.drive, standstill=False)
    assert missing(changed(ready, drive=silent)) == ("drive not ready",)
    assert missing(changed(ready, drive=moving)) == ("belt not at rest",)


@pytest.mark.hazard("H-12", "H-16", "C-SEEN-TO-CHANGE")
def test_before_a_patient_every_input_has_to_have_changed(ready: CoreState) -> None:
    for name in (name for name in Input if name.bit & PROVED_MASK):
        unseen = msgspec.structs.replace(ready.digital, seen_changed=ready.digital.seen_changed & ~name.bit)
        assert missing(changed(ready, digital=unseen)) == (f"try {name.name.lower()}",)
        assert missing(changed(ready, digital=unseen, chart=State.PAUSED)) == (), "asked once, not again after a pause"


def test_a_session_begins_only_with_recording_and_display(ready: CoreState) -> None:
    assert missing(changed(ready, telemetry_present=False)) == ("recording away",)
    assert missing(changed(ready, display_healthy=False)) == ("display lost",)
    assert missing(changed(ready, telemetry_present=False, display_healthy=False, chart=State.PAUSED)) == ()


class Hand:
    """Presses START for an exact time after an exact rest, and reads what was refused."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.machine.to_standby()
        self.machine.prepare()
        self.machine.run(2)

    def press(self, held_ms: int) -> str:
        """Returns the refusal, or nothing."""
        self.machine.happenings.clear()
        self.machine.close(Input.START)
        self.machine.run(held_ms / 1000)
        self.machine.open(Input.START)
        self.machine.run(1)
        refused = [dict(h.detail)["missing"] for h in self.machine.happenings if h.event is Event.START_REFUSED]
        return str(refused[0]) if refused else ""


@pytest.mark.parametrize(("held_ms", "honoured"), [(40, False), (50, True), (2000, True)])
def test_the_length_of_a_press(held_ms: int, honoured: bool) -> None:
    hand = Hand()
    refusal = hand.press(held_ms)
    if honoured:
        assert refusal == ""
        assert hand.machine.chart is State.WARM_UP
    else:
        assert refusal == "held 40 ms: hold START 0.05-2 s"
        assert hand.machine.chart is State.PREPARED


def test_a_grant_that_the_drive_does_not_give_is_refused_after_half_a_second() -> None:
    hand = Hand()
    hand.machine.start_wire_cut = True
    assert hand.press(200) == "the drive did not grant it"


def waiting_for_the_drive() -> Hand:
    """START was honoured, and its wire to the drive is cut."""
    hand = Hand()
    hand.machine.start_wire_cut = True
    hand.machine.close(Input.START)
    hand.machine.run(0.2)
    hand.machine.open(Input.START)
    hand.machine.run_until(lambda machine: machine.state.start_until_ns > 0, 1)
    hand.machine.happenings.clear()
    return hand


@pytest.mark.parametrize(("late_ns", "starts"), [(0, True), (PERIOD_NS, False)])
def test_the_drives_grant_counts_up_to_the_last_scan_of_its_time(late_ns: int, starts: bool) -> None:
    machine = waiting_for_the_drive().machine
    answers_ns = machine.state.start_until_ns + late_ns
    machine.run_until(lambda machine: machine.now_ns == answers_ns - PERIOD_NS, 1)
    assert machine.chart is State.PREPARED
    machine.status_changes = {"state": DriveState.GRANTED}
    machine._reading = msgspec.structs.replace(machine._reading, state=DriveState.GRANTED)
    machine.scan()
    assert (machine.chart is State.WARM_UP) is starts
    assert machine.state.start_until_ns == 0, "granted or refused, no press is left waiting"


@pytest.mark.parametrize("lost", ["the step", "a rail"])
def test_what_is_lost_while_the_drive_has_not_granted_takes_the_start_back(lost: str) -> None:
    machine = waiting_for_the_drive().machine
    if lost == "the step":
        preparation = msgspec.structs.replace(machine.state.preparation, steps=(Step.ARROW, Step.READY))
        machine.state = msgspec.structs.replace(machine.state, preparation=preparation)
    else:
        machine.open(Input.RAIL_LEFT)
    machine.run(0.1)
    refused = [dict(happening.detail) for happening in machine.happenings if happening.event is Event.START_REFUSED]
    assert refused == [{"missing": "not at the step READY" if lost == "the step" else "hold the rails"}]
    assert machine.state.start_until_ns == 0


@pytest.mark.parametrize(("open_ms", "honoured"), [(990, False), (1000, True)])
def test_between_two_presses_start_is_open_for_a_second(open_ms: int, honoured: bool) -> None:
    hand = Hand()
    hand.machine.close(Input.START)
    hand.machine.run(0.04)
    hand.machine.open(Input.START)
    hand.machine.run(open_ms / 1000)
    assert hand.press(200) == ("" if honoured else "START must have been open for 1 s")


def test_before_the_last_step_start_is_refused_by_its_name() -> None:
    hand = Hand()
    preparation = msgspec.structs.replace(hand.machine.state.preparation, steps=(Step.ARROW, Step.READY))
    hand.machine.state = msgspec.structs.replace(hand.machine.state, preparation=preparation)
    assert hand.press(200) == "not at the step READY"


@pytest.mark.parametrize("pressed_before_ok", [True, False], ids=["before", "with"])
def test_a_press_that_began_before_ready_does_not_count(pressed_before_ok: bool) -> None:
    """Who leans on START while somebody else confirms the arrow has not asked for what READY shows."""
    hand = Hand()
    machine = hand.machine
    preparation = msgspec.structs.replace(machine.state.preparation, steps=(Step.ARROW, Step.READY))
    machine.state = msgspec.structs.replace(machine.state, preparation=preparation)
    machine.happenings.clear()
    machine.close(Input.START)
    if pressed_before_ok:
        machine.run(0.1)
    machine.press(Input.OK)
    assert machine.state.preparation.step is Step.READY
    machine.open(Input.START)
    machine.run(1)
    refused = [dict(h.detail)["missing"] for h in machine.happenings if h.event is Event.START_REFUSED]
    assert refused == ["START was pressed before READY"]
    assert machine.chart is State.PREPARED
    machine.run(1)
    assert hand.press(200) == "", "the next press counts"


def test_a_refusal_has_its_time_and_leaves_no_press_waiting() -> None:
    hand = Hand()
    hand.machine.start_wire_cut = True
    hand.press(200)
    refused = next(happening for happening in hand.machine.happenings if happening.event is Event.START_REFUSED)
    assert 0 < hand.machine.now_ns - refused.at_ns < 1000 * MS
    assert hand.machine.state.start_until_ns == 0
    hand.machine.happenings.clear()
    hand.machine.run(1)
    assert Event.START_REFUSED not in hand.machine.events, "said once"


def test_all_that_is_missing_is_named() -> None:
    hand = Hand()
    hand.machine.open(Input.RAIL_LEFT, Input.ATTENDANT)
    hand.machine.run(0.5)
    assert hand.press(200) == "hold the rails, attendant's pedal"


def test_a_stop_forgets_the_press_of_start_that_waits_for_the_drive() -> None:
    machine = waiting_for_the_drive().machine
    machine.status_changes = {"stop_input_closed": False}
    machine.run_until(lambda m: m.chart is State.EMERGENCY_STOP, 0.1)
    assert machine.state.start_until_ns == 0
