"""Two faults of one kind, or of two kinds on one part: the first one's end is not the other's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from random import Random
from typing import Any

import pytest

from controller.configuration import parse_configuration
from controller.core.inputs import Input
from simulator.campaign.fault import UNFELT, Fault
from simulator.campaign.faults import KINDS
from simulator.campaign.holding import hold, hold_bits, is_held, newest
from simulator.campaign.run import write_script
from simulator.campaign.stage import Stage
from simulator.campaign.system import WholeSystem
from simulator.demo_configuration import demo_document
from simulator.world import WorldParameters


@pytest.fixture
def stage() -> Iterator[Stage]:
    script = write_script("3/92")
    configuration = parse_configuration(demo_document())
    parameters = WorldParameters(step_ns=10_000_000)
    with WholeSystem(configuration.core_settings, configuration.drive_limits, "1", parameters) as system:
        yield Stage(system, script.plan, script.screening, Random("hands"))


def look(stage: Stage, part: str) -> Any:
    """What of the machine a fault has changed."""
    found: Any = stage.system
    for name in part.split("."):
        found = getattr(found, name)
    return found


PAIRS = [
    ("hostile-host", "serial-half-open", "cable.down.dead"),
    ("incident-9-communication-loss", "serial-half-open", "cable.down.dead"),
    ("status-stuck", "incident-9-communication-loss", "cable.up.dead"),
    ("serial-delay", "serial-delay", "cable.down.delay_ns"),
    ("serial-loss", "serial-loss", "cable.down.lost_share"),
    ("serial-full", "incident-5-stop-behind-queued-writes", "tty.full"),
    ("controller-frozen", "incident-10-host-starved", "frozen"),
    ("telemetry-frozen", "telemetry-frozen", "telemetry.frozen"),
    ("disk-full", "disk-full", "telemetry.disk.full"),
    ("disk-slow", "disk-slow", "telemetry.disk.delay_s"),
    ("broker-slow", "broker-slow", "broker.delay_s"),
    ("gpio-stuck-low", "pedal-tied", "pins.stuck_closed"),
    ("gpio-stuck-high", "gpio-stuck-high", "pins.stuck_open"),
    ("pulse-output-stuck", "pulse-output-stuck", "pins.pulse_stuck"),
    ("start-wire-to-drive-cut", "start-wire-to-drive-cut", "world.cut_to_drive"),
    ("relay-welded", "relay-welded", "drive._inputs.relay_welded"),
    ("motor-runaway", "motor-runaway", "drive._inputs.motor_runaway"),
    ("encoder-slip", "encoder-slip", "drive._inputs.encoder_slip"),
]


@pytest.mark.parametrize("ending_first", [0, 1])
@pytest.mark.parametrize(("one", "other", "part"), PAIRS, ids=str)
def test_what_two_hold_is_at_rest_when_both_have_let_go(stage: Stage, one: str, other: str, part: str, ending_first: int) -> None:
    rest = look(stage, part)
    pick = next(pick for pick in range(0, 2000, 2) if Input(pick % len(Input)) is Input.ATTENDANT)
    undos = []
    for name in (one, other):
        undo = KINDS[name].deed(stage, Fault(0, name, 1000, 0.8, pick))
        assert callable(undo)
        undos.append(undo)
    assert look(stage, part) != rest
    undos[ending_first]()
    assert look(stage, part) != rest, "the end of one was the end of the other"
    undos[1 - ending_first]()
    assert look(stage, part) == rest


@pytest.mark.parametrize(
    ("names", "there"),
    [
        (
            ("serial-unplugged", "serial-reordered-at-reconnect", "incident-4-moves-on-connect"),
            lambda system: system.tty.plugged_in,
        ),
        (("broker-away", "broker-away"), lambda system: system.broker.present),
        (("telemetry-killed", "telemetry-killed"), lambda system: system.telemetry.lives),
        (("controller-killed", "controller-killed"), lambda system: system.controller is not None),
    ],
)
def test_what_is_away_comes_back_with_the_last(stage: Stage, names: tuple[str, ...], there: Any) -> None:
    for order in permutations(range(len(names))):
        undos: list[Any] = [KINDS[name].deed(stage, Fault(0, name, 1000, 0.5, 1)) for name in names]
        for index in order:
            assert not there(stage.system)
            undos[index]()
        assert there(stage.system)


class _Part:
    level = 3
    mask = 0


def test_the_worst_counts_and_then_the_next_worse() -> None:
    part = _Part()
    first, second = hold(part, "level", 9), hold(part, "level", 5)
    assert part.level == 9
    first()
    assert part.level == 5
    second()
    assert (part.level, is_held(part, "level")) == (3, False)
    first, second = hold(part, "level", 9, worst=newest), hold(part, "level", 5, worst=newest)
    assert part.level == 5
    second()
    assert part.level == 9
    first()
    bits = [hold_bits(part, "mask", 0b01), hold_bits(part, "mask", 0b01), hold_bits(part, "mask", 0b10)]
    assert part.mask == 0b11
    bits[0]()
    assert part.mask == 0b11
    bits[1]()
    bits[2]()
    assert part.mask == 0


def test_nobody_who_is_away_can_fall(stage: Stage) -> None:
    for name in ("fall", "stumble", "patient-stands-still", "rails-let-go", "pedal-released", "clip-opens", "dashboard-command"):
        assert KINDS[name].deed(stage, Fault(0, name, 1000, 0.5, 0)) is UNFELT, name
