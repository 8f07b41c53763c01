"""Breaks and shorts one wire of the emulated machine, by the `place` of docs/wiring/wires.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec

from controller.core.events import Event
from controller.core.inputs import INPUT_TABLE, Contact, Input
from tests.core.machine import NEWTONS_PER_COUNT, PLAN, Machine, S, proposal

WIRES_FILE = Path(__file__).parents[2] / "docs" / "wiring" / "wires.toml"
NOTHING = "nothing"
GIVEN_UP_NS = 1_100 * S


class Unknown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rails (left, right) whose load is unknown then, and how the reason begins."""

    rails: tuple[str, ...]
    reason: str


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row."""

    id: str
    name: str
    place: str
    broken: tuple[str, ...]
    shorted: tuple[str, ...]
    notice: str
    self_test: str = ""
    unknown: Unknown | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wire: tuple[Wire, ...]


def read_wires() -> tuple[Wire, ...]:
    """Returns the rows."""
    return msgspec.convert(tomllib.loads(WIRES_FILE.read_text(encoding="utf-8")), _File).wire


def break_wire(machine: Machine, place: str) -> None:
    """The wire breaks while a patient walks."""
    machine.to_walking()
    kind, _, name = place.partition(" ")
    if kind == "input":
        machine.chain_shorted = True  # the chain has contacts of its own, which a wire to the Pi does not open
        machine.open(Input[name.upper()])
        machine.run(6.5)
        return
    _BROKEN[place](machine)


def short_wire(machine: Machine, place: str) -> None:
    """The wire's two ends touch: an input reads closed for ever, whatever its contact does."""
    kind, _, name = place.partition(" ")
    if kind == "input":
        _short_input(machine, Input[name.upper()])
        return
    machine.to_walking()
    _SHORTED[place](machine)


def _short_input(machine: Machine, which: Input) -> None:
    contact = next(rule.contact for rule in INPUT_TABLE if rule.input is which)
    if which in (Input.EMERGENCY_A, Input.EMERGENCY_B):
        machine.to_walking()
        other = Input.EMERGENCY_B if which is Input.EMERGENCY_A else Input.EMERGENCY_A
        machine.open(other)
        machine.run(0.5)
    elif which in (Input.LANYARD, Input.OVERLOAD):
        machine.to_walking()
        machine.chain_broken = True
        machine.run(0.5)
    elif contact is Contact.NORMALLY_OPEN:
        machine.to_walking()
        machine.close(which)
        machine.run(6.0)
    elif which in (Input.STOP, Input.SYMPTOM):
        machine.to_walking()
        machine.run(2.0)
    else:
        _start_with_an_input_that_never_changes(machine, which)


def _start_with_an_input_that_never_changes(machine: Machine, which: Input) -> None:
    """Everything is done as for any session, but this contact's opening never arrives."""
    held = machine.open
    machine.open = lambda *names: held(*(name for name in names if name is not which))  # type: ignore[method-assign]
    machine.to_standby()
    machine.close(which)
    if which is Input.CLIP:
        machine.requests.append(proposal("r", "test", PLAN))
        machine.run(0.1)
        while Event.STEP_REFUSED not in machine.events and machine.now_ns < GIVEN_UP_NS:
            machine.press(Input.OK)
        return
    machine.prepare()
    machine.run(1.0)
    machine.press(Input.START, 0.3)
    machine.run(1.0)
    assert machine.belt_m_s == 0.0


def _force_at_the_drive(machine: Machine, **forced: bool) -> None:
    """From now on the drive reads these contacts so, whatever hands do."""
    given = machine.drive.set_inputs
    machine.drive.set_inputs = lambda **levels: given(**{**levels, **forced})  # type: ignore[method-assign]


def _chain(machine: Machine) -> None:
    machine.chain_broken = True
    machine.run(0.5)


def _chain_shorted_past_the_mushroom(machine: Machine) -> None:
    machine.chain_shorted = True
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.5)


def _drive_start_broken(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.run(3)
    machine.close(Input.STOP)
    machine.run(2)
    machine.start_wire_cut = True
    machine.press(Input.OK)
    machine.run(1.2)
    machine.press(Input.START, 0.3)
    machine.run(1.0)


def _drive_start_shorted(machine: Machine) -> None:
    _force_at_the_drive(machine, start=True)
    machine.run(3.0)


def _drive_faster_broken(machine: Machine) -> None:
    _force_at_the_drive(machine, faster=False)
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 40)
    machine.press(Input.FASTER)
    machine.run(2.0)
    assert machine.state.exercise.wanted_m_s == machine.settings.core.speed.first_m_s


def _drive_faster_shorted(machine: Machine) -> None:
    _force_at_the_drive(machine, faster=True)
    machine.run(3.0)


def _unplugged(machine: Machine) -> None:
    machine.drive_connected = False
    machine.run(0.5)


def _encoder(machine: Machine) -> None:
    machine.drive.set_faults(encoder_slip=1.0)
    machine.run(3.0)


def _load_silent(machine: Machine) -> None:
    machine.load_silent = True
    machine.run(0.5)


def _load_frozen(machine: Machine) -> None:
    machine.load_frozen = True
    machine.run(3.0)


def _load_saturated(machine: Machine) -> None:
    machine.load_n = 8_388_607 * NEWTONS_PER_COUNT
    machine.run(1.0)


def _display(machine: Machine) -> None:
    machine.display = False
    machine.run(0.5)


def _output(machine: Machine) -> None:
    machine.run(1.0)


_Act = Callable[[Machine], None]
_BROKEN: dict[str, _Act] = {
    "chain": _chain,
    "drive start": _drive_start_broken,
    "drive faster": _drive_faster_broken,
    "drive serial": _unplugged,
    "encoder": _encoder,
    "load silent": _load_silent,
    "load frozen": _load_frozen,
    "load saturated": _load_saturated,
    "display": _display,
    "pulse": _chain,
    "output": _output,
    **dict.fromkeys(("rail clock", "rail data left", "rail data right", "rail frozen", "rail saturated"), _output),
}
_SHORTED: dict[str, _Act] = {
    **_BROKEN,  # a short does the same, unless said here
    "chain": _chain_shorted_past_the_mushroom,
    "drive start": _drive_start_shorted,
    "drive faster": _drive_faster_shorted,
}
