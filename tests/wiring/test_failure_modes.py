"""Each row of docs/wiring/wires.toml: the wire is broken, and shorted, in the emulated machine, and what the row says must come."""

from __future__ import annotations

import pytest

from controller.commissioning.cells import CELLS, HARNESS
from controller.commissioning.self_test_plan import OUTPUTS, TRIALS
from controller.core.events import RULES, Effect, Event
from controller.core.inputs import Input
from tests.core.machine import Machine
from tests.wiring.breakages import NOTHING, Wire, break_wire, read_wires, short_wire

WIRES = read_wires()
_CODES = {event.value for event in Event}
_HARMLESS = frozenset(event.value for event in Event if RULES[event].effect in (Effect.RECORD, Effect.REFUSE))


def _codes(machine: Machine, since: int) -> set[str]:
    return {event.value for event in machine.events[since:]}


def _judge(machine: Machine, expected: tuple[str, ...], came: set[str]) -> None:
    if expected == (NOTHING,):
        assert came <= _HARMLESS, came
        assert machine.belt_m_s <= machine.settings.core.speed.first_m_s + 0.05
    else:
        assert set(expected) <= came, (expected, came)


@pytest.mark.hazard("H-16", "H-30", "C-CHAIN")
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.id)
def test_a_broken_wire_does_what_its_row_says(wire: Wire) -> None:
    machine = Machine()
    machine.run(0.0)
    break_wire(machine, wire.place)
    _judge(machine, wire.broken, _codes(machine, 0))


@pytest.mark.hazard("H-16", "H-26", "C-SEEN-TO-CHANGE")
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.id)
def test_a_shorted_wire_does_what_its_row_says(wire: Wire) -> None:
    machine = Machine()
    short_wire(machine, wire.place)
    _judge(machine, wire.shorted, _codes(machine, 0))


def test_every_input_has_its_wire() -> None:
    places = {wire.place for wire in WIRES}
    assert {f"input {name.name.lower()}" for name in Input} <= places


def test_every_code_is_an_event_and_what_nothing_notices_is_in_the_self_test() -> None:
    for wire in WIRES:
        assert set((*wire.broken, *wire.shorted)) - {NOTHING} <= _CODES, wire.id
        if NOTHING in (*wire.broken, *wire.shorted):
            assert wire.self_test, wire.id


def test_the_self_test_has_the_steps_that_the_rows_name() -> None:
    steps = {trial.name for trial in TRIALS} | {name for name, _ in OUTPUTS}
    steps |= {f"load cell at the {cell.place}" for cell in CELLS.values() if cell is not HARNESS}
    named = {step for wire in WIRES if wire.self_test for step in wire.self_test.split(", ")}
    assert len(named) > 8
    assert named <= steps, named - steps


def test_ids_are_unique() -> None:
    assert len({wire.id for wire in WIRES}) == len(WIRES)
