"""A motor at full duty behind a relay that is welded: the drive's firmware can do nothing, and nobody presses the mushroom.

What is left are the contactors. They fall when the chain opens, and the core opens it by withholding the pulse.
"""

from __future__ import annotations

import pytest

from controller.core.chart import State
from controller.core.events import Event
from controller.core.inputs import Input
from simulator.stop_chain import ChainParameters, StopChain
from tests.core.machine import Machine


def run_away(machine: Machine, seconds: float, *, obeyed: bool = True, opened: int = 0) -> None:
    """From walking: the fault, and the wired chain beside the core.

    obeyed: the core's word on the pulse reaches the relay. opened: contacts of the chain that are open; the Pi's own beside them,
    which report, are broken and say nothing.
    """
    chain = StopChain(ChainParameters(), machine.now_ns)
    chain.pulse(machine.now_ns)
    chain.advance(machine.now_ns, machine.closed)
    machine.drive.set_faults(relay_welded=True, motor_runaway=True)
    for _ in range(round(seconds * 100)):
        machine.scan()
        if machine.outputs.hold_chain or not obeyed:
            chain.pulse(machine.now_ns)
        closed, contactors = chain.advance(machine.now_ns, machine.closed & ~opened)
        machine.chain_broken = not closed
        machine.drive.set_inputs(contactor_1=contactors, contactor_2=contactors)


@pytest.mark.hazard("H-05", "H-27", "C-PULSE", "C-CHAIN")
def test_a_welded_relay_and_a_runaway_end_by_the_contactors_without_a_hand() -> None:
    machine = Machine()
    machine.to_walking()
    run_away(machine, 12.0)
    assert machine.chart is State.FAULT
    assert Event.RUNAWAY in machine.events
    assert machine.belt_m_s < 0.005


def test_with_the_pulse_going_on_the_belt_would_run_for_ever() -> None:
    machine = Machine()
    machine.to_walking()
    run_away(machine, 12.0, obeyed=False)
    assert machine.belt_m_s > 1.0


@pytest.mark.parametrize("name", [Input.OVERLOAD, Input.LANYARD, Input.EMERGENCY_A], ids=lambda name: name.name.lower())
@pytest.mark.hazard("H-09", "H-11", "H-13", "H-35", "C-CHAIN")
def test_whoever_falls_on_the_switch_pulls_the_lanyard_or_presses_the_mushroom_is_obeyed_by_hardware_alone(name: Input) -> None:
    """Neither the drive can stop the motor, nor does the core let go of the chain, nor has it seen the fall."""
    machine = Machine()
    machine.to_walking()
    run_away(machine, 12.0, obeyed=False, opened=name.bit)
    assert machine.belt_m_s < 0.005


def test_at_proven_rest_the_chain_is_held_again() -> None:
    machine = Machine()
    machine.to_walking()
    machine.drive.set_faults(motor_reversed=True)
    machine.run_until(lambda m: m.state.power_off, 5)
    assert not machine.outputs.hold_chain
    machine.run_until(lambda m: m.state.drive.standstill, 15)
    assert machine.outputs.hold_chain
    assert machine.state.power_off
