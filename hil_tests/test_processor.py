"""What only the ATmega328P build can suffer: wires of its encoder, a processor without time, a program that runs astray."""

from __future__ import annotations

from typing import Literal

import pytest

from firmware_bridge.drive import DriveFault, DriveState
from hil_tests.avr_drive import AvrDrive
from hil_tests.bench import Bench
from hil_tests.conformance.steps import has, lies_still, walk
from hil_tests.conftest import BOOT_MS
from hil_tests.hands import SimulatedHands

PWM_EDGES_PER_S = 31_250
"""Two for each period of the motor's PWM: what its switching would couple into a badly shielded wire."""
STORM_PER_S = 280_000
"""More than the processor can answer, and still have time for its steps."""
WATCHDOG_LIMIT_MS = 132
LATE_MS = 10
GARBAGE = b"\x03\x01\x02\x03\x00\x07\x01\x02\x03\x04\x05"
"""As many bytes as the line takes in a millisecond."""


@pytest.fixture
def drive(avr: AvrDrive) -> AvrDrive:
    return avr


@pytest.fixture
def simulated_hands(bench: Bench, avr: AvrDrive) -> SimulatedHands:
    return SimulatedHands(bench, avr)


def lag_ms(bench: Bench, last_ms: int, traffic: bytes = b"") -> float:
    """By how much the drive's clock fell behind ours while so much time passed."""
    first = bench.heard[-1]
    for _ in range(last_ms):
        bench.drive.write(traffic)
        bench.pass_ms(1)
    last = bench.heard[-1]
    return (last.first_byte_us - first.first_byte_us) / 1000 - (last.status.tick - first.status.tick)


class TestEncoderLine:
    def test_a_walking_belt_is_measured_right_through_the_motors_switching(
        self, bench: Bench, avr: AvrDrive, simulated_hands: SimulatedHands
    ) -> None:
        walk(bench, simulated_hands, 300)
        before_m = avr.travel_m
        before_mm = bench.status.distance_mm
        avr.disturb_encoder(PWM_EDGES_PER_S)
        bench.pass_ms(1000)

        assert bench.states_heard() == [DriveState.RUNNING]
        assert {status.measured_mm_s // 50 for _, status, _ in bench.heard} <= {5, 6}
        assert bench.status.distance_mm - before_mm == pytest.approx(1000 * (avr.travel_m - before_m), abs=10)

    def test_a_belt_at_rest_does_not_creep_by_it(self, bench: Bench, avr: AvrDrive) -> None:
        avr.disturb_encoder(PWM_EDGES_PER_S)
        bench.pass_ms(1500)

        assert bench.state is DriveState.IDLE
        assert bench.status.distance_mm == 0

    @pytest.mark.hazard("H-05", "C-ENCODER")
    def test_a_line_that_never_rests_is_no_measurement_and_cuts_the_power(
        self, bench: Bench, avr: AvrDrive, simulated_hands: SimulatedHands
    ) -> None:
        walk(bench, simulated_hands, 300)
        avr.disturb_encoder(STORM_PER_S)
        took_ms = bench.pass_until(lambda: not avr.relay_commanded, 300)
        bench.pass_ms(40)

        assert took_ms <= 25
        assert avr.resets == 1
        assert bench.state is DriveState.FAULT
        assert has(bench, DriveFault.OVERSPEED)

    @pytest.mark.hazard("H-18", "C-LEASE")
    @pytest.mark.parametrize("pulses_per_s", [PWM_EDGES_PER_S, 80_000, STORM_PER_S])
    def test_no_disturbance_slows_the_clock_by_which_the_lease_runs_out(
        self, bench: Bench, avr: AvrDrive, simulated_hands: SimulatedHands, pulses_per_s: int
    ) -> None:
        """With a full line at the same time."""
        walk(bench, simulated_hands)
        avr.disturb_encoder(pulses_per_s)

        assert lag_ms(bench, 600, GARBAGE) == pytest.approx(0, abs=3)

    @pytest.mark.hazard("H-05", "C-ENCODER")
    @pytest.mark.parametrize("channel", ["A", "B"])
    def test_a_broken_wire_is_a_stall(
        self, bench: Bench, avr: AvrDrive, simulated_hands: SimulatedHands, channel: Literal["A", "B"]
    ) -> None:
        walk(bench, simulated_hands, 150)
        avr.break_encoder_wire(channel)
        took_ms = bench.pass_until(lambda: not avr.relay_commanded, 1000)
        bench.pass_ms(40)

        assert took_ms <= 540
        assert has(bench, DriveFault.STALL)
        assert avr.speed_m_s < 0.4


@pytest.mark.hazard("H-17", "C-SAFE-POWER-UP")
def test_a_firmware_that_cannot_keep_up_is_reset_by_its_watchdog(
    bench: Bench, avr: AvrDrive, simulated_hands: SimulatedHands
) -> None:
    """Each step is finished, and each takes longer than the time until the next: every rule's time would stretch."""
    walk(bench, simulated_hands)
    avr.hurry_clock()
    took_ms = bench.pass_until(lambda: not avr.relay_commanded, 1000)
    bench.pass_ms(BOOT_MS)

    assert took_ms <= WATCHDOG_LIMIT_MS + LATE_MS * 4
    assert avr.resets == 2
    assert bench.state is DriveState.FAULT
    assert has(bench, DriveFault.WATCHDOG)


@pytest.mark.hazard("H-03", "C-SAFE-POWER-UP")
def test_a_program_that_begins_again_without_a_reset_stays_in_fault(
    bench: Bench, avr: AvrDrive, simulated_hands: SimulatedHands
) -> None:
    walk(bench, simulated_hands)
    nonce = bench.status.nonce
    avr.jump_to_start()
    bench.pass_until(lambda: not avr.relay_commanded, 2)
    bench.pass_ms(BOOT_MS)

    assert avr.resets == 1
    assert bench.status.nonce != nonce
    assert bench.state is DriveState.FAULT
    assert has(bench, DriveFault.WATCHDOG)
    bench.pass_ms(1500)
    simulated_hands.press("start", 200)
    bench.pass_ms(100)
    assert lies_still(bench)
    assert bench.status.granted_mm_s == 0
