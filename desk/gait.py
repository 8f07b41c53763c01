"""Cadence and steps from the belt's speed alone: each foot strike brakes the belt for a tenth of a second.

The dips are found in three steps. (1) In windows of about 10 s the autocorrelation says how often they come, and by how much they
stand out of the drive's own noise. (2) One chain of strikes a stretch is laid through the signal so that it meets the deepest
dips at about that interval. (3) The mean dip so found takes the place of the assumed one, and the chain is laid once more.

Which foot is the left one the belt cannot tell: the two alternate and are called first and second foot. What does not stand out of
the noise is not measured, and the reason is said. Pure Python on purpose: half an hour takes some seconds at a desk, and the
treadmill's computer needs no numerical library for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from statistics import median

import msgspec

from desk.speed_series import GRID_S, Stretch, even_stretches, running_mean, steady_stretches

WINDOW_S = 10.0
SHORTEST_STEP_S, LONGEST_STEP_S, LONGEST_STRIDE_S = 0.30, 1.25, 2.5
LONGEST_STEP_M = 0.95
"""No patient steps backward further; dips that are further apart are those of one foot."""
LEAST_LIKENESS = 0.2
"""Mean autocorrelation at one to three intervals, below which dips tell nothing of single steps."""
LEAST_STANDING_OUT = 5.0
"""That autocorrelation in standard deviations of what noise of the same colour makes by chance (Bartlett's formula)."""
LEAST_VARIATION = 0.006
"""Intervals that vary less are not a person's (1.5-3 %): something turns with the belt."""
STEP_VARIATION = 0.05
_TREND_SAMPLES = 75
_DIP_HALF_SAMPLES = 8
_ROUNDS = 4


class GaitFigures(msgspec.Struct, frozen=True):
    """What the strikes say. Step times and lengths: medians of the longest steady stretch, (first foot, second foot).

    step_times_s and step_lengths_m are None where only one foot's strikes show. measured_s: how much of the walking this rests on.
    """

    cadence_per_min: float
    step_times_s: tuple[float, float] | None
    step_lengths_m: tuple[float, float] | None
    steps: int
    measured_s: float


class NotMeasured(msgspec.Struct, frozen=True):
    """Nothing can be said, and why."""

    reason: str


class Strikes(msgspec.Struct, frozen=True):
    """The strikes of one steady stretch. per_stride: strikes that show in one stride, 2 or 1."""

    times_s: list[float]
    per_stride: int
    speed_m_s: float


def measure_gait(samples: Iterable[tuple[float, float]]) -> GaitFigures | NotMeasured:
    """Returns the figures of a walk. samples: (time in s, belt speed in mm/s), in order of time, at about 50 Hz."""
    steady = [part for stretch in even_stretches(samples) for part in steady_stretches(stretch)]
    if not steady:
        return NotMeasured("the belt never ran steadily for 8 s")
    found = [strikes for stretch in steady if (strikes := find_strikes(stretch)) is not None]
    if not found:
        return NotMeasured("no foot strikes stand out of the belt's own unsteadiness")
    return _figures(found)


def find_strikes(stretch: Stretch) -> Strikes | None:
    """Returns the strikes of a steady stretch, or None where they do not stand out."""
    signal = dips(stretch.speeds_mm_s)
    interval = _interval(signal)
    if interval is None:
        return None
    chain = _lay_chain(signal, interval)
    intervals = [later - earlier for earlier, later in pairwise(chain)]
    if len(intervals) < 6 or _variation(intervals) < LEAST_VARIATION:
        return None
    per_stride = _strikes_per_stride(median(intervals) * GRID_S, stretch.mean_m_s)
    if per_stride is None:
        return None
    return Strikes([stretch.start_s + place * GRID_S for place in chain], per_stride, stretch.mean_m_s)


def dips(speeds_mm_s: list[float]) -> list[float]:
    """Returns how far the belt is below its own mean of 1.5 s, in mm/s, lightly smoothed."""
    trend = running_mean(speeds_mm_s, _TREND_SAMPLES)
    raw = [mean - speed for mean, speed in zip(trend, speeds_mm_s, strict=True)]
    smooth = [(a + 2 * b + c) / 4 for a, b, c in zip(raw, raw[1:], raw[2:], strict=False)]
    return [raw[0], *smooth, raw[-1]]


# --- how often ---------------------------------------------------------------------------------------------------------


def _interval(signal: list[float]) -> float | None:
    """Returns the interval between dips, in samples: the median of the windows in which it stands out, if most of them."""
    windows = max(1, int(len(signal) * GRID_S / WINDOW_S))
    length = len(signal) // windows
    found = []
    for index in range(windows):
        interval, stands_out = _best_interval(signal[index * length : (index + 1) * length])
        if stands_out:
            found.append(interval)
    if len(found) * 2 <= windows:
        return None
    middle = median(found)
    agreeing = [interval for interval in found if abs(interval - middle) <= 0.15 * middle]
    return middle if len(agreeing) * 2 > windows else None


def _best_interval(window: list[float]) -> tuple[int, bool]:
    """Returns the interval in samples at which the signal is most like itself, and whether that stands out of noise.

    Judged by the mean autocorrelation at once, twice and three times the interval. Of intervals that do nearly as well the
    shortest counts: at twice the interval both feet's strikes look alike too.
    """
    longest = min(int(LONGEST_STRIDE_S / GRID_S), len(window) // 3 - 1)
    correlation = _autocorrelation(window, longest * 3 + 2)
    score = {}
    for interval in range(int(SHORTEST_STEP_S / GRID_S), longest + 1):
        peaks = [max(correlation[interval * times - 1 : interval * times + 2]) for times in (1, 2, 3)]
        score[interval] = sum(peaks) / 3
    best = max(score.values())
    interval = min(candidate for candidate, value in score.items() if value >= 0.75 * best)
    while score.get(interval + 1, -1.0) > score[interval]:
        interval += 1
    independent = 1 + 2 * sum(value * value for value in correlation[1 : int(SHORTEST_STEP_S / GRID_S)])
    chance = math.sqrt(independent / len(window) / 3)
    return interval, score[interval] >= max(LEAST_LIKENESS, LEAST_STANDING_OUT * chance)


def _autocorrelation(values: list[float], lags: int) -> list[float]:
    mean = sum(values) / len(values)
    centred = [value - mean for value in values]
    power = sum(value * value for value in centred) / len(centred)
    if power <= 0:
        return [0.0] * lags
    found = []
    for lag in range(lags):
        count = len(centred) - lag
        found.append(sum(a * b for a, b in zip(centred, centred[lag:], strict=False)) / count / power if count > 0 else 0.0)
    return found


# --- where -------------------------------------------------------------------------------------------------------------


def _lay_chain(signal: list[float], interval: float) -> list[float]:
    """Returns the strikes' places in samples (with fractions)."""
    half = min(_DIP_HALF_SAMPLES, int(interval / 3))
    shape = [1 + math.cos(math.pi * offset / (half + 1)) for offset in range(-half, half + 1)]
    chain: list[float] = []
    for _ in range(_ROUNDS):
        likeness = _likeness(signal, shape, interval)
        places = _best_chain(likeness, interval)
        chain = [place + _summit(likeness, place) for place in places]
        shape = _mean_dip(signal, places, half)
    return chain


def _likeness(signal: list[float], shape: list[float], interval: float) -> list[float]:
    """How much more likely a strike is at each sample than none, as a logarithm: a matched filter in Gaussian noise."""
    mean = sum(shape) / len(shape)
    norm = math.sqrt(sum((value - mean) ** 2 for value in shape)) or 1.0
    unit = [(value - mean) / norm for value in shape]
    half = len(unit) // 2
    padded = [0.0] * half + signal + [0.0] * half
    matched = [sum(a * b for a, b in zip(unit, padded[i : i + len(unit)], strict=True)) for i in range(len(signal))]
    best = sorted(matched, reverse=True)[: max(1, int(len(signal) / interval))]
    amplitude = median(best)
    noise = sum(value * value for value in signal) / len(signal)
    weight = amplitude / noise if noise > 0 else 0.0
    return [weight * (value - amplitude / 2) for value in matched]


def _best_chain(likeness: list[float], interval: float) -> list[int]:
    """The chain of greatest likelihood whose links are about one interval long (dynamic programming)."""
    nearest, furthest = max(1, int(0.7 * interval)), int(1.35 * interval) + 1
    cost = {link: ((link / interval - 1) / STEP_VARIATION) ** 2 / 2 for link in range(nearest, furthest + 1)}
    total: list[float] = []
    previous: list[int] = []
    for place, own in enumerate(likeness):
        best, origin = (0.0, -1) if place < furthest else (-math.inf, -1)
        for link, price in cost.items():
            if link <= place and total[place - link] - price > best:
                best, origin = total[place - link] - price, place - link
        total.append(best + own)
        previous.append(origin)
    end = max(range(max(0, len(total) - furthest), len(total)), key=total.__getitem__)
    chain = [end]
    while previous[chain[-1]] >= 0:
        chain.append(previous[chain[-1]])
    return chain[::-1]


def _summit(values: list[float], place: int) -> float:
    """Where between the samples the summit lies: -0.5 to 0.5, by the parabola through three."""
    if not 0 < place < len(values) - 1:
        return 0.0
    left, middle, right = values[place - 1 : place + 2]
    curve = left - 2 * middle + right
    return max(-0.5, min(0.5, (left - right) / (2 * curve))) if curve < 0 else 0.0


def _mean_dip(signal: list[float], places: list[int], half: int) -> list[float]:
    whole = [signal[place - half : place + half + 1] for place in places if half <= place < len(signal) - half]
    return [sum(column) / len(whole) for column in zip(*whole, strict=True)]


# --- what it comes to --------------------------------------------------------------------------------------------------


def _variation(intervals: list[float]) -> float:
    mean = sum(intervals) / len(intervals)
    return math.sqrt(sum((interval - mean) ** 2 for interval in intervals) / len(intervals)) / mean


def _strikes_per_stride(interval_s: float, speed_m_s: float) -> int | None:
    """Two while the dips can be single steps; one where they are too far apart for that; None where nobody walks so."""
    if interval_s <= LONGEST_STEP_S and interval_s * speed_m_s <= LONGEST_STEP_M:
        return 2
    return 1 if interval_s * speed_m_s / 2 <= LONGEST_STEP_M else None


def _figures(found: list[Strikes]) -> GaitFigures:
    seconds = sum(strikes.times_s[-1] - strikes.times_s[0] for strikes in found)
    steps = sum((len(strikes.times_s) - 1) * (2 // strikes.per_stride) for strikes in found)
    longest = max(found, key=lambda strikes: strikes.times_s[-1] - strikes.times_s[0])
    times = step_times_s(longest) if longest.per_stride == 2 else None
    return GaitFigures(
        cadence_per_min=60 * steps / seconds,
        step_times_s=times,
        step_lengths_m=(times[0] * longest.speed_m_s, times[1] * longest.speed_m_s) if times else None,
        steps=steps,
        measured_s=seconds,
    )


def step_times_s(strikes: Strikes) -> tuple[float, float]:
    """Returns the median time from the other foot's strike to the first foot's, and to the second's."""
    steps = [later - earlier for earlier, later in pairwise(strikes.times_s)]
    return median(steps[1::2]), median(steps[0::2])
