"""The wire of the motor's current sensor breaks: a pin that follows nothing would say that no current flows, for ever.

Only the ATmega328P build has the wire; the native build is handed the current as a number.
"""

from __future__ import annotations

import pytest

from firmware_bridge.drive import DriveFault, DriveState
from hil_tests.avr_drive import AvrDrive
from hil_tests.bench import Bench
from hil_tests.conformance.steps import has, walk
from hil_tests.conftest import BOOT_MS
from hil_tests.hands import SimulatedHands


@pytest.fixture
def drive(avr: AvrDrive) -> AvrDrive:
    return avr


def test_a_wire_that_breaks_while_the_belt_runs_cuts_the_power(avr: AvrDrive, bench: Bench) -> None:
    walk(bench, SimulatedHands(bench, avr), 300)
    assert bench.status.current_ma < 10_000
    avr.break_current_wire()
    bench.pass_until(lambda: not avr.relay_commanded, 500)
    bench.pass_ms(40)
    assert bench.state is DriveState.FAULT
    assert has(bench, DriveFault.OVER_CURRENT)


def test_a_wire_that_is_broken_at_rest_grants_nothing(avr: AvrDrive, bench: Bench) -> None:
    avr.break_current_wire()
    bench.pass_ms(1500)
    assert bench.status.current_ma > 60_000
    assert bench.state is DriveState.FAULT
    SimulatedHands(bench, avr).press("start", 200)
    bench.pass_ms(200)
    assert bench.state is DriveState.FAULT
    assert not avr.relay_commanded


def test_the_pull_up_is_on_again_after_a_reset(avr: AvrDrive, bench: Bench) -> None:
    avr.break_current_wire()
    avr.reset()
    bench.pass_ms(BOOT_MS + 500)
    assert has(bench, DriveFault.OVER_CURRENT)
