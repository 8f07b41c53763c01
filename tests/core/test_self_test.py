"""The first look at everything: what is wrong is waited for, then named; and what a session is refused for."""

from __future__ import annotations

import pytest

from controller.core.chart import State, Trigger, _flatten, build_machine
from controller.core.events import Event
from controller.core.inputs import Input
from tests.core.machine import PLAN, Machine, proposal

WRONG = [
    (lambda machine: machine.open(Input.LANYARD), "lanyard open"),
    (lambda machine: machine.open(Input.STOP), "stop open"),
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


def test_it_takes_a_second_and_a_half_at_least() -> None:
    machine = Machine()
    machine.run(1.4)
    assert machine.chart is State.SELF_TEST
    machine.run(0.2)
    assert machine.chart is State.STANDBY


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
