"""The load cell's samples beside recorded ones: rate, irregularity, noise, delay, faults."""

from __future__ import annotations

import statistics
from itertools import pairwise
from random import Random

import pytest

from controller.core.readings import LoadSample
from simulator.load_cell import CellFault, CellParameters, LoadCell
from tests.simulator.recordings import rows

SECOND = 1_000_000_000


def sample(cell: LoadCell, seconds: float, force_n: float, begin_ns: int = 0) -> list[LoadSample]:
    """What a constant force gives, in steps of 2 ms."""
    samples: list[LoadSample] = []
    for step in range(1, int(seconds * 500) + 1):
        samples += cell.advance(begin_ns + step * 2_000_000, force_n)
    return samples


def test_rate_and_irregularity_are_the_recorded_ones() -> None:
    samples = sample(LoadCell(Random(1), 0), 120.0, 0.0)
    steps_ms = [(b.measured_at_ns - a.measured_at_ns) / 1e6 for a, b in pairwise(samples)]
    assert 62.0 <= len(samples) / 120.0 <= 66.0
    assert 0.20 <= sum(step == 25.0 for step in steps_ms) / len(steps_ms) <= 0.24
    assert sum(step >= 50.0 for step in steps_ms) / len(steps_ms) <= 0.01
    assert min(steps_ms) == 12.5


def test_noise_is_within_what_recordings_of_a_still_rope_show() -> None:
    counts = [item.counts for item in sample(LoadCell(Random(2), 0), 20.0, 0.0)]
    assert 69 <= statistics.pstdev(counts) <= 135
    recorded = [float(row["raw reading"]) for row in rows("harness_arrest/sundayDropWFlail3.csv")[:300]]
    assert 0.5 < statistics.pstdev(counts) / statistics.pstdev(recorded) < 2.0


def test_counts_follow_the_recordings_calibration() -> None:
    parameters = CellParameters(hook_n=0.0, noise_counts=0.0, glitch=0.0)
    last = sample(LoadCell(Random(3), 0, parameters), 1.0, 1000.0)[-1]
    assert last.counts * 3.58722e-3 - 3715.24 == pytest.approx(1000.0, abs=0.5)


def test_a_step_of_force_is_complete_after_four_conversions() -> None:
    parameters = CellParameters(hook_n=0.0, noise_counts=0.0, glitch=0.0, skip_one=0.0, skip_more=0.0)
    cell = LoadCell(Random(4), 0, parameters)
    sample(cell, 1.0, 0.0)
    rising = [(item.counts - parameters.zero_counts) * parameters.newtons_per_count for item in sample(cell, 0.1, 1000.0, SECOND)]
    assert rising[0] < 400.0
    assert rising[4] == pytest.approx(1000.0, abs=0.1)


def test_faults_are_silence_and_the_same_counts_for_ever() -> None:
    cell = LoadCell(Random(5), 0)
    before = sample(cell, 1.0, 50.0)
    cell.fault = CellFault.STUCK
    stuck = sample(cell, 1.0, 500.0, SECOND)
    assert {item.counts for item in stuck} == {before[-1].counts}
    assert len(stuck) > 50
    cell.fault = CellFault.SILENT
    assert sample(cell, 1.0, 50.0, 2 * SECOND) == []


def test_glitches_are_all_ones_or_a_halved_sample() -> None:
    cell = LoadCell(Random(6), 0, CellParameters(noise_counts=0.0, hook_n=0.0, glitch=0.05))
    zero = cell.parameters.zero_counts
    wrong = {item.counts for item in sample(cell, 30.0, 0.0)} - {zero}
    assert zero >> 1 in wrong
    assert all(counts == zero >> 1 or (counts + 1).bit_count() == 1 for counts in wrong)
