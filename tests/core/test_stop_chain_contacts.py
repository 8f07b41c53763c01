"""What the panel says of the stop chain against what the drive sees of it: a contact of the chain that does not open is found."""

from __future__ import annotations

import pytest

from controller.core.chart import State
from controller.core.events import Event
from controller.core.inputs import Input
from tests.core.machine import PLAN, Machine

MUSHROOM = (Input.EMERGENCY_A, Input.EMERGENCY_B)
STOPS = pytest.mark.parametrize("stop", [MUSHROOM, (Input.LANYARD,), (Input.OVERLOAD,)], ids=["mushroom", "lanyard", "overload"])
CHAIN_CONTACTS = pytest.mark.hazard("H-16", "C-CHAIN-CONTACTS")
DEAD = Event.STOP_CHAIN_CLOSED


@STOPS
@CHAIN_CONTACTS
def test_a_stop_that_does_not_open_the_chain_is_a_fault_wherever_it_is_tried(stop: tuple[Input, ...]) -> None:
    """On an idle machine, as on the day's first press."""
    machine = Machine()
    machine.to_standby()
    machine.chain_shorted = True
    machine.open(*stop)
    took_s = machine.run_until(lambda machine: DEAD in machine.events, within_s=0.5)
    assert 0.30 <= took_s <= 0.36
    assert machine.chart is State.FAULT
    machine.close(*stop)
    machine.run(1.5)
    assert machine.events.count(DEAD) == 1


@STOPS
@CHAIN_CONTACTS
def test_under_a_walking_patient_the_controller_stops_the_belt_all_the_same(stop: tuple[Input, ...]) -> None:
    machine = Machine()
    machine.to_walking(PLAN)
    machine.run(3)
    machine.chain_shorted = True
    machine.open(*stop)
    machine.run_until(lambda machine: machine.belt_m_s < 0.01, within_s=1.0)
    machine.run(0.4)
    assert machine.chart is State.FAULT
    assert machine.belt_m_s < 0.01


@STOPS
@CHAIN_CONTACTS
def test_a_sound_chain_raises_no_fault_however_slowly_its_stop_is_put_back(stop: tuple[Input, ...]) -> None:
    """A mushroom that is turned slowly closes the chain's contact long before those that report."""
    machine = Machine()
    machine.to_standby()
    machine.open(*stop)
    machine.run(1.0)
    machine.chain_shorted = True
    machine.run(3.0)
    machine.chain_shorted = False
    machine.close(*stop)
    machine.run(1.0)
    assert DEAD not in machine.events


@CHAIN_CONTACTS
def test_one_channel_of_the_mushroom_proves_nothing_of_the_chain() -> None:
    """A channel's broken wire is told as that."""
    machine = Machine()
    machine.to_standby()
    machine.chain_shorted = True
    machine.open(Input.EMERGENCY_A)
    machine.run(1.0)
    assert Event.EMERGENCY_DISCREPANCY in machine.events
    assert DEAD not in machine.events


@CHAIN_CONTACTS
def test_the_next_stop_is_judged_by_itself() -> None:
    """The lanyard's contact opened the chain; the mushroom's does not."""
    machine = Machine()
    machine.to_standby()
    machine.open(Input.LANYARD)
    machine.run(0.5)
    machine.close(Input.LANYARD)
    machine.run(0.5)
    machine.chain_shorted = True
    machine.open(*MUSHROOM)
    machine.run(0.5)
    assert DEAD in machine.events
