"""The first look at everything: what is wrong is waited for, then named; and what a session is refused for."""

from __future__ import annotations

import pytest

from controller.core.chart import State, Trigger, _flatten, build_machine
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.state import Answer
from controller.core.step import start_state
from messages.wire import Cancel, Stop
from simulator.stop_chain import ChainParameters, StopChain
from tests.core.machine import PLAN, Machine, proposal

WRONG = [
    (lambda machine: machine.open(Input.EMERGENCY_A), "emergency_a open"),
    (lambda machine: machine.open(Input.EMERGENCY_B), "emergency_b open"),
    (lambda machine: machine.open(Input.LANYARD), "lanyard open"),
    (lambda machine: machine.open(Input.OVERLOAD), "overload open"),
    (lambda machine: machine.open(Input.STOP), "stop open"),
    (lambda machine: machine.open(Input.SYMPTOM), "symptom open"),
    (lambda machine: machine.close(Input.START), "a button is held"),
    (lambda machine: machine.close(Input.FASTER), "a button is held"),
    (lambda machine: setattr(machine, "drive_connected", False), "drive silent"),
    (lambda machine: setattr(machine, "load_silent", True), "load cell unknown"),
    (lambda machine: machine.status_changes.update(faults=1 << 3, state=5), "drive-fault"),
]


@pytest.mark.parametrize(("break_it", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_is_wrong_latches_after_ten_seconds_and_is_named(break_it, words: str) -> None:
    machine = Machine()
    break_it(machine)
    machine.run(9.9)
    assert machine.chart is State.SELF_TEST
    machine.run(0.3)
    assert machine.chart is State.FAULT
    failed = next(happening for happening in machine.happenings if happening.event is Event.SELF_TEST_FAILED)
    assert words in str(dict(failed.detail)["wrong"]).split(", ")


def test_a_belt_that_was_just_moved_by_hand_is_no_belt_at_rest() -> None:
    machine = Machine()
    for _ in range(20):
        assert machine.chart is State.SELF_TEST
        machine.status_changes = {"measured_mm_s": 30}
        machine.run(0.1)
        machine.status_changes = {"measured_mm_s": 0}
        machine.run(0.4)
    assert machine.chart is State.FAULT
    failed = next(happening for happening in machine.happenings if happening.event is Event.SELF_TEST_FAILED)
    assert dict(failed.detail)["wrong"] == "belt not at rest"


def test_it_takes_a_second_and_a_half_at_least() -> None:
    machine = Machine()
    machine.run(1.4)
    assert machine.chart is State.SELF_TEST
    machine.run(0.2)
    assert machine.chart is State.STANDBY


def test_a_late_scan_of_the_self_test_is_the_one_of_its_second() -> None:
    """Nothing is told of a self-test, but one late scan a second is all that is told of them. The clock began with the kernel."""
    machine = Machine()
    machine.now_ns = 0
    machine.state = start_state("b00t", False, 0)
    machine.run(0.99)
    machine.lateness_ns = 30_000_000
    machine.run(0.7)
    assert machine.chart is State.STANDBY
    machine.lateness_ns = 30_000_000
    machine.run(0.1)
    assert Event.SCAN_LATE not in machine.events
    machine.run(0.21)
    machine.lateness_ns = 30_000_000
    machine.scan()
    assert Event.SCAN_LATE in machine.events


REFUSED = [
    (lambda machine: setattr(machine, "telemetry", False), "the recording (telemetry) is away; no new session starts without it"),
    (lambda machine: setattr(machine, "display", False), "the display is lost; no new session starts without it"),
]


@pytest.mark.parametrize(("break_it", "words"), REFUSED, ids=["telemetry", "display"])
def test_a_session_is_refused_while_something_is_away(break_it, words: str) -> None:
    machine = Machine()
    machine.to_standby()
    machine.open(Input.CLIP)
    machine.run(0.2)
    break_it(machine)
    machine.run(0.3)
    machine.requests.append(proposal("r", "test", PLAN))
    machine.scan()
    answer = machine.answers[-1]
    assert (answer.accepted, answer.reason) == (False, words)
    assert machine.state.exercise.session == ""


def test_telemetry_and_display_that_come_back_no_longer_alarm() -> None:
    machine = Machine()
    machine.to_standby()
    machine.telemetry = machine.display = False
    machine.run(0.1)
    assert {event for event, _ in machine.state.alarms.active} >= {Event.TELEMETRY_LOST, Event.DISPLAY_LOST}
    machine.telemetry = machine.display = True
    machine.run(0.1)
    assert not {event for event, _ in machine.state.alarms.active} & {Event.TELEMETRY_LOST, Event.DISPLAY_LOST}


def test_a_transition_that_is_declared_twice_is_an_error() -> None:
    machine = build_machine()
    machine.add_transition(Trigger.PREPARE.value, State.STANDBY.value, State.PAUSED.value)
    with pytest.raises(ValueError, match="declared 2 times"):
        _flatten(machine)


def powered(machine: Machine, chain: StopChain, seconds: float) -> float:
    """Lets a machine run whose pulses hold a real stop chain; returns the highest speed of the belt."""
    highest = 0.0
    for _ in range(round(seconds * 100)):
        machine.scan()
        if machine.outputs.hold_chain:
            chain.pulse(machine.now_ns)
        closed, contactors = chain.advance(machine.now_ns, machine.closed)
        machine.chain_broken = not closed
        machine.drive.set_inputs(contactor_1=contactors, contactor_2=contactors)
        highest = max(highest, machine.belt_m_s)
    return highest


@pytest.mark.hazard("H-03", "C-UNCLEAN-START")
@pytest.mark.parametrize("remembers", [True, False], ids=["what latched is remembered", "nothing is remembered"])
def test_a_new_life_gives_a_motor_that_ran_away_no_power(remembers: bool) -> None:
    machine = Machine()
    machine.to_walking()
    chain = StopChain(ChainParameters(), machine.now_ns)
    powered(machine, chain, 0.5)
    machine.drive.set_faults(relay_welded=True, motor_runaway=True)
    powered(machine, chain, 15.0)
    assert machine.state.power_off
    assert machine.belt_m_s == 0.0
    if remembers:
        machine.restart()
    else:
        machine.state = start_state("b2", False, machine.now_ns)
    assert powered(machine, chain, 30.0) == 0.0, "no belt starts by itself"
    assert machine.chart is State.FAULT
    assert not machine.outputs.hold_chain
    machine.press(Input.RESET)
    powered(machine, chain, 1.0)
    assert machine.chart is State.FAULT
    machine.drive.set_faults(relay_welded=False, motor_runaway=False)
    powered(machine, chain, 3.0)
    machine.press(Input.RESET)
    powered(machine, chain, 1.0)
    assert machine.chart is State.STANDBY, machine.where()
    assert machine.outputs.hold_chain


@pytest.mark.hazard("H-03", "C-UNCLEAN-START")
def test_the_chain_is_not_held_before_the_belt_is_seen_at_rest_without_power() -> None:
    machine = Machine()
    machine.drive_connected = False
    machine.run(9.0)
    assert not machine.outputs.hold_chain
    machine.drive_connected = True
    machine.run(0.5)
    assert not machine.outputs.hold_chain, "a second at rest is the proof"
    machine.run(2.0)
    assert machine.outputs.hold_chain


def test_a_relay_that_is_closed_at_rest_is_named() -> None:
    machine = Machine()
    machine.status_changes = {"relay_closed": True}
    machine.run(10.5)
    assert machine.chart is State.FAULT
    failed = next(happening for happening in machine.happenings if happening.event is Event.SELF_TEST_FAILED)
    assert "drive relay closed" in str(dict(failed.detail)["wrong"]).split(", ")
    assert machine.state.power_off
    assert not machine.outputs.hold_chain


@pytest.mark.hazard("H-16", "C-TWO-CHANNELS")
def test_a_channel_that_stayed_behind_while_the_controller_started_is_proved_before_anybody_walks() -> None:
    machine = Machine()
    machine.open(Input.EMERGENCY_B)
    machine.run(2)
    machine.close(Input.EMERGENCY_B)
    machine.run(5)
    assert machine.chart is State.SELF_TEST, "both are closed, and one of them has not opened with the other"
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.5)
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(1)
    assert machine.chart is State.STANDBY, machine.where()


@pytest.mark.hazard("H-16", "C-TWO-CHANNELS")
def test_nobody_who_proves_the_channels_ends_the_self_test_latched() -> None:
    machine = Machine()
    machine.open(Input.EMERGENCY_B)
    machine.run(2)
    machine.close(Input.EMERGENCY_B)
    machine.run(10)
    failed = next(happening for happening in machine.happenings if happening.event is Event.SELF_TEST_FAILED)
    assert dict(failed.detail)["wrong"] == "press mushroom again"
    machine.press(Input.RESET)
    assert machine.chart is State.FAULT
    assert machine.lines()[3].strip() == "press mushroom again"


@pytest.mark.hazard("H-16", "C-TWO-CHANNELS")
def test_a_restart_proves_no_channel_that_stayed_behind() -> None:
    machine = Machine()
    machine.to_standby()
    machine.open(Input.EMERGENCY_A)
    machine.run(1)
    machine.close(Input.EMERGENCY_A)
    machine.run(1)
    assert Event.EMERGENCY_DISCREPANCY in machine.state.causes
    machine.restart()
    machine.run_until(lambda m: m.chart is State.FAULT, 12)
    machine.run(1)
    machine.press(Input.RESET)
    assert machine.chart is State.FAULT, "one channel alone would stop the next belt"
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.5)
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(1)
    machine.press(Input.RESET)
    assert machine.chart is State.STANDBY


@pytest.mark.parametrize("name", [Input.SLOWER, Input.OK, Input.RESET])
def test_a_button_that_is_stuck_from_the_start_is_found_however_long_the_self_test_takes(name: Input) -> None:
    machine = Machine()
    machine.drive_connected = False
    machine.close(name)
    machine.run(6)
    machine.drive_connected = True
    machine.run_until(lambda m: m.chart is State.FAULT, 6)
    failed = next(happening for happening in machine.happenings if happening.event is Event.SELF_TEST_FAILED)
    assert "a button is held" in dict(failed.detail)["wrong"]


@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("unclean", [True, False])
def test_however_the_self_test_ends_the_start_says_whether_the_life_before_ended_well(passes: bool, unclean: bool) -> None:
    machine = Machine(unclean=unclean)
    machine.drive_connected = passes
    machine.run(11)
    (started,) = [happening for happening in machine.happenings if happening.event is Event.STARTED]
    assert dict(started.detail).get("unclean") == (1 if unclean else None)


def test_whoever_asks_meanwhile_gets_an_answer() -> None:
    machine = Machine()
    machine.requests += [Stop("s", "desk"), Cancel("c", "desk")]
    machine.scan()
    assert machine.chart is State.SELF_TEST
    assert machine.answers == [Answer("s", True, ""), Answer("c", False, "there is nothing to cancel (state self_test)")]
