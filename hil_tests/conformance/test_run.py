"""RUN: what is refused and why, what is followed and how fast."""

from __future__ import annotations

import msgspec
import pytest

from firmware_bridge.codec import encode
from firmware_bridge.drive import DriveState, Run
from hil_tests.bench import Bench, Hands
from hil_tests.conformance.steps import Refusal, grant, lies_still, walk
from hil_tests.simulated import Simulated


def refusal_of(bench: Bench, run: Run) -> int:
    """Sends one RUN as it is and returns the reason of its refusal, 0 if it was accepted."""
    bench.send(run)
    bench.pass_ms(30)
    return bench.status.refusal


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        pytest.param({"target_mm_s": 101}, Refusal.ABOVE_GRANTED, id="one mm/s above the grant"),
        pytest.param({"target_mm_s": 1600}, Refusal.ABOVE_GRANTED, id="at the absolute ceiling"),
        pytest.param({"target_mm_s": 1601}, Refusal.ABOVE_CEILING, id="above the absolute ceiling"),
        pytest.param({"target_mm_s": 65535}, Refusal.ABOVE_CEILING, id="highest number: a negative speed in disguise"),
        pytest.param({"acceleration_mm_s2": 0}, Refusal.ABOVE_CEILING, id="no acceleration"),
        pytest.param({"acceleration_mm_s2": 1}, Refusal.ABOVE_CEILING, id="a rise that takes minutes"),
        pytest.param({"acceleration_mm_s2": 29}, Refusal.ABOVE_CEILING, id="just too slow a rise"),
        pytest.param({"acceleration_mm_s2": 151}, Refusal.ABOVE_CEILING, id="acceleration above the ceiling"),
        pytest.param({"acceleration_mm_s2": 65535}, Refusal.ABOVE_CEILING, id="highest acceleration"),
    ],
)
@pytest.mark.hazard("H-04", "H-07", "C-CEILINGS")
def test_a_run_beyond_a_limit_starts_nothing(bench: Bench, hands: Hands, changes: dict[str, int], refusal: Refusal) -> None:
    grant(bench, hands)

    assert refusal_of(bench, msgspec.structs.replace(bench.run_frame(100), **changes)) == refusal
    assert bench.state is DriveState.GRANTED
    assert bench.status.refusals == 1
    assert lies_still(bench)


@pytest.mark.parametrize(
    ("nonce_change", "tick_change"),
    [
        pytest.param(1, 0, id="another boot's nonce"),
        pytest.param(0, -200, id="a tick of 200 ms ago"),
        pytest.param(0, 1000, id="a tick from the future"),
        pytest.param(0, 2**31, id="a tick half the clock away"),
    ],
)
def test_a_stale_run_starts_nothing(bench: Bench, hands: Hands, nonce_change: int, tick_change: int) -> None:
    grant(bench, hands)
    honest = bench.run_frame(100)

    stale = msgspec.structs.replace(honest, nonce=(honest.nonce + nonce_change) % 2**32, tick=(honest.tick + tick_change) % 2**32)

    assert refusal_of(bench, stale) == Refusal.STALE
    assert lies_still(bench)


@pytest.mark.hazard("H-18", "C-FRAMES", "C-LEASE")
def test_an_echo_is_fresh_for_150_ms_and_no_longer(simulated: Simulated) -> None:
    """To the millisecond, in the drive's own ticks: the frame's way over the line counts as age."""
    bench, _, hands = simulated
    grant(bench, hands)
    accepted_ages: list[int] = []
    refused_ages: list[int] = []
    for age_ms in range(130, 171, 4):
        bench.pass_ms(1)
        now_tick = round((bench.drive.time_us - bench.drive_clock_us()) / 1000)
        frame = Run(100, 100, bench.status.nonce, now_tick - age_ms)
        refusals = bench.status.refusals
        bench.send(frame)
        bench.pass_ms(30)
        (refused_ages if bench.status.refusals != refusals else accepted_ages).append(age_ms)

    assert accepted_ages
    assert refused_ages
    # 20 bytes are on the line for 1.7 ms and the clock is known to about 1.
    assert max(accepted_ages) in range(145, 151)
    assert min(refused_ages) in range(147, 155)


@pytest.mark.hazard("H-01", "C-GRANT")
def test_without_a_grant_it_is_refused_as_such(bench: Bench) -> None:
    assert refusal_of(bench, bench.run_frame(100)) == Refusal.NOT_GRANTED
    assert lies_still(bench)


@pytest.mark.hazard("H-18", "C-FRAMES")
def test_the_same_sequence_number_twice_is_refused(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    bench.fall_silent()
    frame = encode(bench.run_frame(100), 77)
    bench.drive.write(frame)
    bench.pass_ms(30)
    assert (bench.status.refusal, bench.status.echo_sequence) == (Refusal.NONE, 77)
    bench.drive.write(frame)
    bench.pass_ms(30)

    assert bench.status.refusal == Refusal.REPEATED


def test_an_accepted_run_forgets_the_last_refusal(bench: Bench, hands: Hands) -> None:
    walk(bench, hands)
    bench.run(1000)
    bench.pass_ms(30)
    bench.pass_ms(60)

    assert bench.status.refusal == Refusal.NONE
    assert bench.status.refusals == 1


@pytest.mark.hazard("H-07", "C-CEILINGS")
def test_speed_rises_at_the_acceleration_asked(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)
    bench.follow(100, 50)
    bench.pass_until(lambda: bench.status.commanded_mm_s > 0, 200)
    bench.forget()
    bench.pass_ms(1000)

    first, last = bench.heard[0].status, bench.heard[-1].status
    rate_mm_s2 = 1000 * (last.commanded_mm_s - first.commanded_mm_s) / (last.tick - first.tick)
    assert rate_mm_s2 == pytest.approx(50, abs=2)
    assert bench.drive.speed_m_s * 1000 == pytest.approx(last.commanded_mm_s, abs=20)


def test_slowing_may_be_harder_than_speeding_up_and_keeps_the_lease_when_the_target_is_reached(bench: Bench, hands: Hands) -> None:
    walk(bench, hands, 200)
    bench.follow(100, 1000)
    bench.pass_ms(150)
    assert bench.status.commanded_mm_s == 100
    bench.pass_ms(500)

    assert bench.state is DriveState.RUNNING
    assert bench.status.refusals == 0
    assert bench.drive.speed_m_s == pytest.approx(0.1, abs=0.02)


def test_distance_is_what_the_belt_has_travelled(simulated: Simulated) -> None:
    bench, machine, hands = simulated
    walk(bench, hands)
    bench.pass_ms(2000)

    assert bench.status.distance_mm == pytest.approx(1000 * machine.travel_m, abs=5)


def test_distance_takes_wrong_way_travel_off_again(simulated: Simulated) -> None:
    bench, machine, _ = simulated
    bench.pass_ms(400, force_n=120)
    bench.pass_ms(1500)
    forward_mm = 1000 * machine.travel_m
    assert bench.status.distance_mm == pytest.approx(forward_mm, abs=2)
    bench.pass_ms(250, force_n=-120)
    bench.pass_ms(1500)

    assert 5 < 1000 * machine.travel_m < forward_mm - 5
    assert bench.status.distance_mm == pytest.approx(1000 * machine.travel_m, abs=2)


def test_a_foot_strike_dips_the_speed_as_in_the_recordings(simulated: Simulated) -> None:
    """150 N against the belt for 120 ms: 0.03 m/s, 0.05 at most, in recordings of walking at 0.8 m/s."""
    bench, machine, hands = simulated
    walk(bench, hands, 800)
    dips = []
    for _ in range(4):
        before = machine.speed_m_s
        slowest = before
        for _ in range(120):
            bench.pass_ms(1, force_n=-150)
            slowest = min(slowest, machine.speed_m_s)
        dips.append(before - slowest)
        bench.pass_ms(480)

    assert all(0.015 < dip < 0.05 for dip in dips), dips
    assert bench.state is DriveState.RUNNING


def test_the_gentlest_rise_uses_a_grant_within_its_life(bench: Bench, hands: Hands) -> None:
    grant(bench, hands)
    bench.follow(100, 30)
    bench.pass_ms(3600)

    assert bench.status.refusals == 0
    assert bench.status.commanded_mm_s == 100


@pytest.mark.hazard("H-01", "C-GRANT")
def test_a_rise_too_slow_to_be_seen_renews_no_lease(bench: Bench, hands: Hands) -> None:
    """A host that asks for all of each grant, and gets there in minutes, would save the presses for a leap."""
    walk(bench, hands)
    hands.press("faster", 200)
    bench.pass_ms(60)
    bench.follow(150, 29)
    bench.pass_until(lambda: bench.state is DriveState.BRAKING, 200)

    assert bench.status.refusal == Refusal.ABOVE_CEILING
    assert bench.status.commanded_mm_s <= 100


@pytest.mark.parametrize("target_mm_s", [100, 99, 0])
def test_slowing_and_holding_may_be_as_gentle_as_can_be(bench: Bench, hands: Hands, target_mm_s: int) -> None:
    walk(bench, hands)
    bench.follow(target_mm_s, 1)
    bench.pass_ms(1000)

    assert bench.state is DriveState.RUNNING
    assert bench.status.refusals == 0
    assert bench.status.commanded_mm_s == pytest.approx(100 if target_mm_s == 100 else 99, abs=0.5)
