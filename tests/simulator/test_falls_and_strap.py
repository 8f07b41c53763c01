"""The fall and the strap: when the load comes, how high it goes, and what a taut strap does to a walker."""

from __future__ import annotations

import statistics
from random import Random

import pytest

from simulator.drive import NativeDrive
from simulator.patient import Loss, Patient, Posture
from simulator.strap import NO_PULL, Strap, StrapParameters
from simulator.world import World, WorldParameters
from tests.simulator.recordings import rows
from tests.simulator.runner import RunningWorld

STEP_NS = 2_000_000


def fall(seed: int, slack_m: float, loss: Loss, catch_after_s: float = float("inf")) -> list[tuple[float, float]]:
    """(ms since onset, N) every 2 ms for 6 s, of a patient who stood still on a belt at rest."""
    world = World(NativeDrive(seed), Random(seed), 0, WorldParameters(step_ns=STEP_NS))
    world.patient.mount()
    world.advance(4_000_000_000)
    world.strap.attach(slack_m)
    world.advance(5_000_000_000)
    onset_ns = world.now_ns
    world.patient.lose_balance(loss, catch_after_s)
    series = []
    for _ in range(3000):
        world.advance(world.now_ns + STEP_NS)
        series.append(((world.now_ns - onset_ns) / 1e6, world.load_n))
    return series


@pytest.mark.parametrize(("slack_m", "replayed_ms"), [(0.05, 170), (0.10, 235), (0.15, 295)])
def test_thirty_percent_of_body_weight_comes_when_recorded_falls_brought_it(slack_m: float, replayed_ms: float) -> None:
    weight_n = 75.0 * 9.80665
    crossings = []
    for seed in range(9):
        series = fall(seed, slack_m, (Loss.SLIP, Loss.TRIP, Loss.COLLAPSE)[seed % 3])
        crossings.append(next(ms for ms, load in series if load >= 0.30 * weight_n))
    assert statistics.median(crossings) == pytest.approx(replayed_ms, rel=0.08)
    assert len(set(crossings)) > 1, "falls differ"


def test_an_arrest_rises_overshoots_and_settles_like_a_recorded_one() -> None:
    series = fall(1, 0.10, Loss.SLIP)
    peak_ms, peak_n = max(series, key=lambda sample: sample[1])
    first_ms = next(ms for ms, load in series if load > 120.0)
    settled = [load for ms, load in series if ms > 4000.0]
    assert 0.05 < (peak_ms - first_ms) / 1000 < 0.375, "recorded arrests peak 0.11-0.38 s after 120 N, from longer drops"
    assert 1.3 < peak_n / statistics.mean(settled) < 5.0
    assert statistics.pstdev(settled) < 5.0, "it hangs still in the end"
    assert 0.5 < statistics.mean(settled) / (75.0 * 9.80665) <= 1.0


def test_the_recorded_arrests_have_the_shape_that_is_modelled() -> None:
    for name, settled_n in (("drop1", 831.0), ("bigDrop1", 1429.0)):
        loads = [float(row["raw reading"]) * 3.58722e-3 - 3715.24 for row in rows(f"harness_arrest/{name}.csv")]
        glitches_out = [statistics.median(loads[i - 1 : i + 2]) for i in range(1, len(loads) - 1)]
        assert 1.3 < max(glitches_out) / settled_n < 5.0


def test_a_stumble_loads_the_strap_and_ends_on_the_feet() -> None:
    series = fall(2, 0.10, Loss.SLIP, catch_after_s=0.8)
    assert max(load for _, load in series) > 0.30 * 75.0 * 9.80665
    assert series[-1][1] == 0.0


def test_a_taut_strap_adds_a_third_of_body_weight_to_an_ordinary_bounce() -> None:
    strap = Strap(StrapParameters(stiffness_n_m=15_000.0, damping_n_s_m=0.0))
    strap.attach(0.0)
    assert strap.pull(0.0, 0.0175, 0.0, 0.0).tension_n / (75.0 * 9.80665) == pytest.approx(0.36, abs=0.01)


def test_the_strap_never_pushes_and_bears_nothing_while_slack() -> None:
    strap = Strap()
    assert strap.pull(0.0, 0.5, 0.0, 1.0) is NO_PULL, "not attached"
    strap.attach(0.10)
    assert strap.pull(0.0, 0.099, 0.0, 5.0) is NO_PULL
    assert strap.pull(0.0, 0.101, 0.0, -5.0).tension_n == 0.0
    assert strap.pull(0.51, 0.0, 0.0, 0.0).tension_n == 0.0, "0.52 m of drift is free with 10 cm of slack"
    assert strap.pull(0.55, 0.0, 0.0, 0.0).tension_n > 0.0


def test_a_patient_who_stands_still_is_carried_to_the_front_end() -> None:
    treadmill = RunningWorld(seed=5)
    treadmill.walk_at(100)
    treadmill.world.patient.freeze()
    assert not treadmill.world.patient.blocks_front
    treadmill.run(7.0)
    assert treadmill.world.patient.blocks_front
    assert not treadmill.world.patient.blocks_rear


def test_a_gentle_start_is_borne_and_a_jerk_of_the_belt_is_not() -> None:
    def losses(acceleration_m_s2: float, seconds: float) -> int:
        patient = Patient(Random(1))
        patient.mount()
        belt = 0.0
        for step in range(1000):
            patient.advance(0.01, belt, NO_PULL)
            if patient.posture is Posture.ON_FEET and 400 <= step < 400 + seconds * 100:
                belt += acceleration_m_s2 * 0.01
        return patient.losses

    assert losses(0.10, 3.0) == 0
    assert losses(0.30, 2.0) == 0
    assert losses(3.0, 0.5) >= 1


def test_hands_leave_the_rails_in_a_fall() -> None:
    patient = Patient(Random(1))
    patient.mount()
    patient.hold()
    for _ in range(400):
        patient.advance(0.01, 0.0, NO_PULL)
    assert patient.holds_left
    assert patient.holds_right
    patient.lose_balance(Loss.SLIP)
    for _ in range(30):
        patient.advance(0.01, 0.0, NO_PULL)
    assert not patient.holds_left
    assert not patient.holds_right
