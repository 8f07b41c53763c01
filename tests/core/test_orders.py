"""What goes to the drive, number by number: targets, rates, and the facts that the gate gets."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import State
from controller.core.commands import Action, DriveCommand
from controller.core.digital import DigitalFacts
from controller.core.gate import GateFacts, pass_gate
from controller.core.inputs import Input
from controller.core.order import _gate_facts, _stop
from controller.core.readings import Quality, Reading
from controller.core.state import Scan
from messages.plan import Phase, PhaseKind
from tests.core.machine import PLAN, Machine

LONG = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 30, 0.1), Phase(PhaseKind.WORK, 600, 0.2)))


def scan_of(machine: Machine, **changed: object) -> Scan:
    """The machine's last scan, as the order's composition sees it. changed: fields of the inputs."""
    state = machine.state
    return Scan(
        state=state,
        inputs=msgspec.structs.replace(machine.inputs, **changed),
        settings=machine.settings,
        now_ns=machine.now_ns,
        elapsed_ns=10_000_000,
        digital=DigitalFacts(state.digital.closed, 0, 0, state.digital.changed_at_ns),
        estimate=state.estimate,
        drive=state.drive,
        watch=state.watch,
        happenings=[],
        answers=[],
    )


@pytest.fixture(scope="module")
def walking() -> Machine:
    machine = Machine()
    machine.to_walking(LONG)
    machine.run(3)
    return machine


def test_the_gate_gets_what_the_inputs_say(walking: Machine) -> None:
    drive, load = walking.inputs.drive, walking.state.estimate.load
    assert _gate_facts(scan_of(walking, lateness_ns=7)) == GateFacts(
        closed=walking.inputs.levels.closed,
        edges=walking.inputs.levels.edges,
        drive_received_at_ns=drive.received_at_ns,
        drive_state=drive.state,
        drive_nonce=drive.nonce,
        drive_tick_ms=drive.tick_ms,
        granted_mm_s=drive.granted_mm_s,
        stop_input_closed=True,
        load_n=load.value,
        load_measured_at_ns=load.measured_at_ns,
        lateness_ns=7,
    )


def test_of_a_drive_that_never_spoke_the_gate_gets_nothing_that_could_pass(walking: Machine) -> None:
    load = walking.state.estimate.load
    facts = _gate_facts(scan_of(walking, drive=None))
    levels = walking.inputs.levels
    assert facts == GateFacts(levels.closed, levels.edges, -1, 0, -1, -1, 0, False, load.value, load.measured_at_ns, 0)
    run = DriveCommand(Action.RUN, 0, 100, -1, -1)
    assert pass_gate(run, 0, facts, walking.settings.gate, walking.now_ns)[1] == "drive not heard"


def test_an_unknown_load_is_beyond_every_limit_of_the_gate(walking: Machine) -> None:
    scan = scan_of(walking)
    unknown = Reading(0.0, scan.now_ns, Quality.STUCK)
    scan.estimate = msgspec.structs.replace(scan.estimate, load=unknown)
    assert _gate_facts(scan).load_n > 100 * walking.settings.gate.load_limit_n


def test_a_rise_is_asked_for_at_one_and_a_half_times_the_ramps_rate_and_a_fall_at_the_planned_one() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare(LONG)
    machine.run(1.0)
    machine.press(Input.START, 0.3)
    machine.run_until(lambda m: m.chart is State.WARM_UP, 1)
    rising = int(machine.settings.core.ramp.acceleration_m_s2 * 1500)
    before = 0
    for _ in range(150):
        command = machine.outputs.command
        assert command.action is Action.RUN
        assert before <= command.target_mm_s <= 100
        assert command.rate_mm_s2 == min(rising, machine.settings.gate.acceleration_mm_s2)
        before = command.target_mm_s
        machine.scan()
    assert before == 100
    machine.state = msgspec.structs.replace(
        machine.state, exercise=msgspec.structs.replace(machine.state.exercise, wanted_m_s=0.05)
    )
    falling = int(machine.settings.core.ramp.planned_deceleration_m_s2 * 1500)
    machine.scan()
    while machine.outputs.command.target_mm_s == before:
        machine.scan()
    assert machine.outputs.command.rate_mm_s2 == min(falling, machine.settings.gate.deceleration_mm_s2)


@pytest.mark.hazard("H-08", "H-28", "C-FITTING-STOP")
def test_a_stop_has_the_rate_of_what_stopped_the_belt_to_the_millimetre(walking: Machine) -> None:
    ramp = walking.settings.core.ramp
    scan = scan_of(walking)
    for deceleration, expected in (
        (0.0, ramp.planned_deceleration_m_s2),
        (ramp.pause_deceleration_m_s2, ramp.pause_deceleration_m_s2),
        (0.7777, 0.778),
    ):
        scan.state = msgspec.structs.replace(walking.state, deceleration_m_s2=deceleration)
        assert _stop(scan) == DriveCommand(Action.STOP, rate_mm_s2=round(expected * 1000))
    scan.state = msgspec.structs.replace(walking.state, chart=State.PROTECTIVE_STOP, deceleration_m_s2=0.0)
    assert _stop(scan).rate_mm_s2 == round(ramp.protective_deceleration_m_s2 * 1000)
