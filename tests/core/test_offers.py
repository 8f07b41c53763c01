"""An offer of more speed on the whole core with the real firmware: what it stands on holds until the drive has granted it.

The wait for the drive's word is drawn out by a STATUS that still tells the old grant.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from controller.core.events import Event
from controller.core.inputs import Input
from messages.plan import Phase, PhaseKind, RailStage
from tests.core.machine import PLAN, Machine

WORK = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WORK, 200, 0.3),))
NOT_YET = {"granted_mm_s": 100}


def offered() -> Machine:
    machine = Machine()
    machine.to_walking(WORK)
    machine.run_until(lambda m: m.state.exercise.offered_until_ns > 0, 15)
    return machine


@pytest.mark.parametrize(("held", "is_offered"), [(Input.RAIL_LEFT, True), (Input.RAIL_RIGHT, False)])
def test_a_rise_is_offered_to_who_holds_the_rail_that_the_plan_asks_for(held: Input, is_offered: bool) -> None:
    machine = Machine()
    machine.to_walking(msgspec.structs.replace(WORK, rails=RailStage.LEFT))
    machine.open(Input.RAIL_LEFT if held is Input.RAIL_RIGHT else Input.RAIL_RIGHT)
    machine.run(15)
    assert (Event.RISE_OFFERED in machine.events) is is_offered


def awaiting_the_drive() -> Machine:
    """FASTER was pressed and released; the drive granted, and the core has yet to hear of it."""
    machine = offered()
    machine.status_changes = dict(NOT_YET)
    machine.press(Input.FASTER)
    assert machine.state.accept_until_ns, machine.where()
    return machine


def let_go(machine: Machine) -> None:
    machine.open(Input.RAIL_LEFT, Input.RAIL_RIGHT)
    machine.run(0.05)


def let_one_go_for_a_moment(machine: Machine) -> None:
    machine.open(Input.RAIL_LEFT)
    machine.run(0.05)
    machine.close(Input.RAIL_LEFT)
    machine.run(0.05)


def release_the_pedal(machine: Machine) -> None:
    machine.open(Input.ATTENDANT)
    machine.run(0.05)


def press_slower(machine: Machine) -> None:
    machine.press(Input.SLOWER, 0.05)


def report_an_effort(machine: Machine) -> None:
    machine.report("effort", grade=6)


def test_what_the_drive_grants_late_is_still_a_rise() -> None:
    machine = awaiting_the_drive()
    machine.run(0.2)
    machine.status_changes = {}
    machine.run(0.1)
    assert Event.RISE_ACCEPTED in machine.events
    assert machine.state.exercise.wanted_m_s == pytest.approx(0.15)


@pytest.mark.hazard("H-04", "C-GRANT")
def test_what_the_drive_grants_long_after_the_press_is_no_rise() -> None:
    """The press has waited for half a second; the offer stands on, and asks for another."""
    machine = awaiting_the_drive()
    machine.run(0.6)
    assert machine.state.accept_until_ns == 0
    machine.status_changes = {}
    machine.run(0.5)
    assert machine.state.exercise.offered_until_ns
    assert Event.RISE_ACCEPTED not in machine.events
    assert machine.belt_m_s < 0.11


@pytest.mark.hazard("H-04", "C-GRANT")
@pytest.mark.parametrize("meanwhile", [let_go, let_one_go_for_a_moment, release_the_pedal, press_slower, report_an_effort])
def test_a_grant_that_comes_after_what_takes_the_offer_back_brings_no_rise(meanwhile: Callable[[Machine], None]) -> None:
    machine = awaiting_the_drive()
    meanwhile(machine)
    machine.status_changes = {}
    machine.run(0.1)
    assert machine.state.drive.granted_m_s == pytest.approx(0.15), "the drive saw the hand"
    machine.run(0.5)
    assert Event.RISE_ACCEPTED not in machine.events
    assert machine.state.exercise.wanted_m_s == pytest.approx(0.10)
    assert (machine.state.accept_until_ns, machine.state.exercise.offered_until_ns) == (0, 0)
    assert machine.belt_m_s < 0.11


@pytest.mark.hazard("H-04", "C-GRANT")
def test_hands_off_after_faster_get_no_rise_when_the_belt_has_slowed_for_them() -> None:
    machine = awaiting_the_drive()
    machine.open(Input.RAIL_LEFT, Input.RAIL_RIGHT)
    machine.run_until(lambda m: Event.RAIL_SLOW in m.events, 0.5)
    machine.status_changes = {}
    machine.run(0.3)
    assert Event.RISE_ACCEPTED not in machine.events


@pytest.mark.hazard("H-04", "C-GRANT")
def test_a_press_from_before_the_offer_is_no_answer_to_it() -> None:
    machine = Machine()
    machine.to_walking(WORK)
    due_ns = machine.state.exercise.risen_at_ns + int(machine.settings.core.speed.increment_interval_s * 1e9)
    machine.run_until(lambda m: m.now_ns > due_ns - 10**8, 15)
    machine.press(Input.FASTER, 0.3)
    machine.run(0.5)
    assert Event.RISE_ACCEPTED not in machine.events
    assert machine.state.exercise.offered_until_ns, "it is made once FASTER is open"
    machine.press(Input.FASTER)
    assert Event.RISE_ACCEPTED in machine.events
