"""Cadence and steps from the belt's speed, against heel strikes recorded by others; and silence where there is nothing to say."""

from __future__ import annotations

import csv
import math
import random
from bisect import bisect
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

import pytest

from desk.gait import GaitFigures, NotMeasured, find_strikes, measure_gait, step_times_s
from desk.speed_series import GRID_S, even_stretches, steady_stretches
from evaluation.place import why_absent
from tests.simulator.recordings import RECORDINGS, rows

Samples = list[tuple[float, float]]
WALKS = sorted(path.name.removesuffix("_data.csv") for path in (RECORDINGS / "treadmill_walk").glob("*_data.csv")) or ["absent"]
"""Every walk in the folder is judged alike: whoever adds a subject adds a test."""


def over_the_wire(times_s: list[float], speeds_m_s: list[float], phase_s: float = 0.0, noise_mm_s: float = 0.0) -> Samples:
    """The recording as the drive's STATUS would tell it: 50 Hz from phase_s on, whole mm/s."""
    chance = random.Random(7)
    samples = []
    for index in range(int((times_s[-1] - times_s[0] - phase_s) / GRID_S)):
        at_s = times_s[0] + phase_s + index * GRID_S
        place = min(max(bisect(times_s, at_s), 1), len(times_s) - 1)
        share = (at_s - times_s[place - 1]) / (times_s[place] - times_s[place - 1])
        speed = speeds_m_s[place - 1] + share * (speeds_m_s[place] - speeds_m_s[place - 1])
        samples.append((at_s, float(round(speed * 1000 + chance.gauss(0, noise_mm_s)))))
    return samples


def walk(name: str) -> tuple[list[float], list[float], list[float]]:
    """Times, left and right belt speed. A treadmill with one belt feels both feet: their mean stands for it, which halves each
    dip, so that the test is harder than the machine."""
    table = rows(f"treadmill_walk/{name}_data.csv")
    return tuple([float(row[key]) for row in table] for key in ("time", "LeftBeltSpeed", "RightBeltSpeed"))  # type: ignore[return-value]


def heel_strikes(name: str) -> list[float]:
    table = rows(f"treadmill_walk/{name}__event.csv")
    return sorted(at_s for row in table for key in ("lhs", "rhs") if math.isfinite(at_s := float(row[key] or "nan")))


def matched_errors_s(found: list[float], recorded: list[float]) -> tuple[list[float], float]:
    """How far each step's time is off the recorded one, and the error of the cadence as a share. Dips come after the strike: the
    median delay is taken off to pair them."""
    delay = median(min((at - strike for strike in recorded), key=abs) for at in found)
    pairs = [min(recorded, key=lambda strike, at=at: abs(at - delay - strike)) for at in found]  # type: ignore[misc]
    assert len(set(pairs)) == len(pairs), "two dips for one strike"
    errors = [abs((b - a) - (d - c)) for a, b, c, d in zip(found, found[1:], pairs, pairs[1:], strict=False)]
    return errors, (pairs[-1] - pairs[0]) / (found[-1] - found[0]) - 1


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("phase_s", [0.0, 0.003, 0.007, 0.010, 0.013, 0.017])
def test_cadence_and_step_times_are_those_of_the_heel_strikes(name: str, phase_s: float) -> None:
    times, left, right = walk(name)
    samples = over_the_wire(times, [(a + b) / 2 for a, b in zip(left, right, strict=True)], phase_s)
    figures = measure_gait(samples)
    assert isinstance(figures, GaitFigures)
    recorded = heel_strikes(name)
    (stretch,) = [part for whole in even_stretches(samples) for part in steady_stretches(whole)]
    strikes = find_strikes(stretch)
    assert strikes is not None
    errors, cadence_error = matched_errors_s(strikes.times_s, recorded)
    print(f"{name} +{phase_s} s: cadence {cadence_error:+.2%}, step times median {median(errors) * 1000:.0f} ms")
    assert abs(cadence_error) < 0.02
    assert median(errors) < 0.020
    assert figures.step_times_s == step_times_s(strikes)
    walked = [strike for strike in recorded if strikes.times_s[0] <= strike <= strikes.times_s[-1]]
    steps = [b - a for a, b in pairwise(walked)]
    assert abs(figures.cadence_per_min / (60 / mean(steps)) - 1) < 0.02
    ours, theirs = sorted(figures.step_times_s), sorted((median(steps[0::2]), median(steps[1::2])))
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 0.020


@pytest.mark.parametrize("name", WALKS)
def test_one_foots_strikes_give_the_cadence_and_no_step_times(name: str) -> None:
    times, left, right = walk(name)
    both = measure_gait(over_the_wire(times, [(a + b) / 2 for a, b in zip(left, right, strict=True)]))
    assert isinstance(both, GaitFigures)
    for belt in (left, right):
        figures = measure_gait(over_the_wire(times, belt))
        assert isinstance(figures, GaitFigures)
        assert figures.step_times_s is None
        assert figures.step_lengths_m is None
        assert abs(figures.cadence_per_min / both.cadence_per_min - 1) < 0.02


@pytest.mark.parametrize("name", WALKS)
def test_more_noise_never_makes_a_wrong_figure(name: str) -> None:
    """Either within 2 %, or not measured."""
    times, left, right = walk(name)
    belt = [(a + b) / 2 for a, b in zip(left, right, strict=True)]
    true = measure_gait(over_the_wire(times, belt))
    assert isinstance(true, GaitFigures)
    outcomes = []
    for noise_mm_s in (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0):
        figures = measure_gait(over_the_wire(times, belt, noise_mm_s=noise_mm_s))
        outcomes.append(isinstance(figures, GaitFigures))
        if isinstance(figures, GaitFigures):
            assert abs(figures.cadence_per_min / true.cadence_per_min - 1) < 0.02, noise_mm_s
    assert outcomes[:2] == [True, True]
    assert not any(outcomes[-2:])


def _numbers(relative: str, delimiter: str, header: int) -> list[list[float]]:
    path: Path = RECORDINGS / relative
    if not path.exists():
        pytest.skip(why_absent(relative))
    with path.open(newline="") as file:
        return [[float(value) for value in row] for row in list(csv.reader(file, delimiter=delimiter))[header:]]


def test_the_other_treadmills_walk() -> None:
    """No heel strikes were recorded with it: the figures must be a person's, and the same in either half of the walk."""
    table = _numbers("treadmill_belt/treadmill-speed.csv", ",", 0)
    samples = over_the_wire([row[0] for row in table], [row[1] for row in table])
    whole = measure_gait(samples)
    early, late = measure_gait(samples[: len(samples) * 3 // 5]), measure_gait(samples[len(samples) * 3 // 5 :])
    assert isinstance(whole, GaitFigures)
    assert isinstance(early, GaitFigures)
    assert isinstance(late, GaitFigures)
    assert 95 < whole.cadence_per_min < 115
    assert abs(early.cadence_per_min / late.cadence_per_min - 1) < 0.05
    assert whole.step_lengths_m is not None
    assert 0.4 < min(whole.step_lengths_m) <= max(whole.step_lengths_m) < 0.7


def test_a_belt_with_nobody_on_it_is_not_measured() -> None:
    table = _numbers("treadmill_belt/RandomSlowSpeed1.txt", "\t", 1)
    samples = over_the_wire([row[0] for row in table], [row[2] for row in table])
    for first in range(0, len(samples) - 1500, 1500):
        assert isinstance(measure_gait(samples[first : first + 1500]), NotMeasured)
    assert isinstance(measure_gait(samples), NotMeasured)


def test_noise_of_any_colour_is_not_measured() -> None:
    """A drive's own unsteadiness: white, or slow as that of a weak speed controller."""
    measured = trials = 0
    for colour in (0.0, 0.5, 0.9, 0.97):
        for seed in range(25):
            chance, value, samples = random.Random(seed), 0.0, []
            for index in range(1500):
                value = colour * value + chance.gauss(0, 5 * math.sqrt(1 - colour * colour))
                samples.append((index * GRID_S, float(round(800 + value))))
            measured += isinstance(measure_gait(samples), GaitFigures)
            trials += 1
    print(f"{measured} of {trials} stretches of mere noise were taken for steps")
    assert measured <= 1


def test_what_turns_with_the_belt_is_no_person() -> None:
    samples = [
        (index * GRID_S, float(round(500 - 20 * max(0.0, math.sin(index * GRID_S * 2 * math.pi / 0.7))))) for index in range(3000)
    ]
    assert isinstance(measure_gait(samples), NotMeasured)


@pytest.mark.parametrize("name", WALKS)
def test_rest_and_ramps_are_not_measured(name: str) -> None:
    times, left, _ = walk(name)
    start = over_the_wire(times, left)[:150]
    assert isinstance(measure_gait(start), NotMeasured), "the start ramp"
    standing = [(index * GRID_S, float(random.Random(index).choice((0, 0, 0, 1)))) for index in range(3000)]
    assert isinstance(measure_gait(standing), NotMeasured)
    rise = [(index * GRID_S, 100 + index * GRID_S * 30) for index in range(2000)]
    assert isinstance(measure_gait(rise), NotMeasured)


@pytest.mark.parametrize("samples", [[], [(0.0, 800.0)], [(0.0, 800.0)] * 500, [(index * 0.5, 800.0) for index in range(500)]])
def test_too_little_is_not_measured(samples: Samples) -> None:
    result = measure_gait(samples)
    assert isinstance(result, NotMeasured)
    assert result.reason == "the belt never ran steadily for 8 s"


@pytest.mark.parametrize("name", WALKS)
def test_a_gap_in_the_record_cuts_and_does_not_mislead(name: str) -> None:
    times, left, right = walk(name)
    samples = over_the_wire(times, [(a + b) / 2 for a, b in zip(left, right, strict=True)])
    whole, holed = measure_gait(samples), measure_gait([sample for sample in samples if not 30 < sample[0] < 31.1])
    assert isinstance(whole, GaitFigures)
    assert isinstance(holed, GaitFigures)
    assert holed.measured_s < whole.measured_s - 1
    assert abs(holed.cadence_per_min / whole.cadence_per_min - 1) < 0.02
