"""Power-up, reset, watchdog: the drive comes up safe, says what it is, and forgets every grant."""

from __future__ import annotations

import itertools

import pytest

from firmware_bridge.codec import Hello
from firmware_bridge.drive import BeltDirection, Clear, DriveFault, DriveInput, DriveLimits, DriveState, DriveTarget
from hil_tests.bench import Bench
from hil_tests.conformance.steps import grant, has, lies_still, walk
from hil_tests.simulated import Simulated

WATCHDOG_MS = 120


@pytest.mark.hazard("H-01", "H-03", "H-38", "C-SAFE-POWER-UP")
def test_powers_up_idle_with_everything_off(bench: Bench) -> None:
    assert bench.state is DriveState.IDLE
    assert bench.status.faults == 0
    assert bench.status.direction is BeltDirection.REST
    assert (bench.status.commanded_mm_s, bench.status.granted_mm_s, bench.status.distance_mm) == (0, 0, 0)
    assert lies_still(bench)


def test_says_what_it_is(bench: Bench, drive_kind: str) -> None:
    ident = bench.hello()

    assert ident.target is {"native": DriveTarget.HOST, "avr": DriveTarget.AVR}.get(drive_kind, DriveTarget.BOARD)
    assert ident.limits == DriveLimits()
    assert ident.nonce == bench.status.nonce
    bench.pass_ms(100)
    assert bench.idents_heard == 1
    assert lies_still(bench)


def test_shows_every_contact(simulated: Simulated) -> None:
    bench, machine, _ = simulated
    at_rest = DriveInput.STOP_INPUT_CLOSED | DriveInput.CONTACTOR_1_CLOSED | DriveInput.CONTACTOR_2_CLOSED
    assert bench.status.inputs == at_rest
    for name, bit in {
        "start": DriveInput.START_CLOSED,
        "faster": DriveInput.FASTER_CLOSED,
        "stop_input": DriveInput.STOP_INPUT_CLOSED,
        "contactor_1": DriveInput.CONTACTOR_1_CLOSED,
        "contactor_2": DriveInput.CONTACTOR_2_CLOSED,
    }.items():
        closed_at_rest = bool(at_rest & bit)
        machine.set_inputs(**{name: not closed_at_rest})
        bench.pass_ms(50)
        assert bench.status.inputs == at_rest ^ bit
        machine.set_inputs(**{name: closed_at_rest})
        bench.pass_ms(50)


def test_sends_status_at_50_hz_with_ticks_in_milliseconds(bench: Bench) -> None:
    bench.forget()
    began_us = bench.drive.time_us
    rejected = bench.rejected
    bench.pass_ms(1000)

    ticks = [status.tick for _, status, _ in bench.heard]
    assert [later - earlier for earlier, later in itertools.pairwise(ticks)] == [20] * (len(ticks) - 1)
    assert len(ticks) == pytest.approx((bench.drive.time_us - began_us) / 20_000, abs=3)
    sequences = [heard.sequence for heard in bench.heard]
    assert [(later - earlier) % 256 for earlier, later in itertools.pairwise(sequences)] == [1] * (len(ticks) - 1)
    assert bench.rejected == rejected


def test_asking_without_end_for_ident_does_not_silence_status(simulated: Simulated) -> None:
    bench = simulated.bench
    bench.forget()
    for _ in range(1000):
        bench.send(Hello())
        bench.pass_ms(1)

    assert len(bench.heard) >= 49


def test_a_stop_repeated_without_end_makes_status_no_denser_and_does_not_silence_ident(simulated: Simulated) -> None:
    """Only a change of state is told at once: a stop that finds the drive stopped already changes nothing."""
    bench, _, hands = simulated
    grant(bench, hands)
    bench.stop(category_0=True)
    bench.pass_until(lambda: bench.state is DriveState.LATCHED, 50)
    bench.forget()
    bench.ident = None
    for _ in range(500):
        bench.stop(category_0=True)
        bench.pass_ms(1)
    bench.send(Hello())
    bench.pass_ms(20)

    assert bench.state is DriveState.LATCHED
    assert 24 <= len(bench.heard) <= 28
    assert bench.ident is not None


def test_its_clock_keeps_time_while_the_line_is_flooded(simulated: Simulated) -> None:
    """A processor too busy for its steps would lose milliseconds, and with them the lease."""
    bench, machine, hands = simulated
    walk(bench, hands)
    first = bench.heard[-1]
    for _ in range(1000):
        machine.write(b"\x03\x01\x02\x03\x00\x07\x01\x02\x03\x04\x05")
        bench.pass_ms(1)

    last = bench.heard[-1]
    elapsed_ms = (last.first_byte_us - first.first_byte_us) / 1000
    assert last.status.tick - first.status.tick == pytest.approx(elapsed_ms, abs=3)


def test_every_boot_has_its_own_nonce(simulated: Simulated) -> None:
    bench, machine, _ = simulated
    nonces = [bench.status.nonce]
    for _ in range(8):
        machine.reset()
        bench.pass_ms(60)
        nonces.append(bench.status.nonce)

    assert len(set(nonces)) == len(nonces)
    assert machine.resets == len(nonces)


@pytest.mark.hazard("H-03", "C-SAFE-POWER-UP")
def test_a_reset_while_walking_opens_the_relay_and_ends_the_grant(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)

    machine.reset()
    assert not machine.relay_commanded
    assert machine.duty == 0
    bench.pass_ms(3000)  # the host goes on asking, with the new boot's nonce

    assert bench.state is DriveState.IDLE
    assert bench.status.granted_mm_s == 0
    assert lies_still(bench)


def test_a_reset_while_granted_ends_the_grant(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    grant(bench, hands)

    machine.reset()
    bench.pass_ms(60)
    bench.follow(100)
    bench.pass_ms(500)

    assert bench.state is DriveState.IDLE
    assert lies_still(bench)


@pytest.mark.hazard("H-03", "H-17", "C-SAFE-POWER-UP")
def test_a_hung_firmware_is_reset_by_its_watchdog_and_stays_in_fault(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    boots = machine.resets

    machine.hang()
    hung_ms = bench.pass_until(lambda: not machine.relay_commanded, 300)

    assert hung_ms <= WATCHDOG_MS * 1.1
    assert machine.resets == boots + 1
    bench.pass_ms(60)
    assert bench.state is DriveState.FAULT
    assert bench.status.faults == DriveFault.WATCHDOG
    bench.pass_ms(3000)
    hands.press("start", 200)
    bench.pass_ms(300)
    assert bench.state is DriveState.FAULT
    assert lies_still(bench)


def test_after_a_watchdog_reset_clear_and_a_fresh_start_walk_again(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    machine.reset(watchdog=True)
    bench.pass_ms(1200)
    assert has(bench, DriveFault.WATCHDOG)

    bench.send(Clear())
    bench.pass_ms(60)
    assert bench.state is DriveState.IDLE
    walk(bench, hands)

    assert machine.speed_m_s == pytest.approx(0.1, abs=0.02)
