"""A series of belt speeds on an even grid, cut into the stretches in which the belt was steady. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

import msgspec

GRID_S = 0.02
"""The drive's status rate, 50 Hz."""
LONGEST_GAP_S = 0.1
CLOCK_BACK_S = 1.0
"""A sample that is older than the one before is left out; a clock that went back further is that of a drive switched on anew."""
SHORTEST_STRETCH_S = 8.0
LEAST_SPEED_MM_S = 50.0
STEADY_WITHIN_MM_S2 = 15.0
"""Change of the 2 s mean: foot strikes leave it alone, the gentlest ramp of a plan (30 mm/s²) does not."""
_MEAN_SAMPLES = 100
_SLOPE_SAMPLES = 50


class Stretch(msgspec.Struct, frozen=True):
    """Speeds in mm/s every GRID_S from start_s on."""

    start_s: float
    speeds_mm_s: list[float]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.speeds_mm_s) * GRID_S

    @property
    def mean_m_s(self) -> float:
        """Its mean speed."""
        return sum(self.speeds_mm_s) / len(self.speeds_mm_s) / 1000 if self.speeds_mm_s else 0.0


def even_stretches(samples: Iterable[tuple[float, float]]) -> list[Stretch]:
    """Returns the samples (time in s, rising; speed in mm/s) on an even grid, cut where more than LONGEST_GAP_S is missing."""
    stretches: list[Stretch] = []
    before: tuple[float, float] | None = None
    start_s = 0.0
    speeds: list[float] = []
    for time_s, speed in samples:
        if before is None or not 0 < time_s - before[0] <= LONGEST_GAP_S:
            if before is not None and 0 <= before[0] - time_s < CLOCK_BACK_S:
                continue
            stretches.append(Stretch(start_s, speeds))
            start_s, speeds = time_s, [speed]
        else:
            while (due_s := start_s + len(speeds) * GRID_S) <= time_s:
                share = (due_s - before[0]) / (time_s - before[0])
                speeds.append(before[1] + share * (speed - before[1]))
        before = (time_s, speed)
    stretches.append(Stretch(start_s, speeds))
    return [stretch for stretch in stretches if stretch.speeds_mm_s]


def steady_stretches(stretch: Stretch) -> list[Stretch]:
    """Returns the parts of at least SHORTEST_STRETCH_S in which the belt moved and neither rose nor slowed."""
    speeds = stretch.speeds_mm_s
    mean = running_mean(speeds, _MEAN_SAMPLES)
    half = _SLOPE_SAMPLES // 2
    found: list[Stretch] = []
    first: int | None = None
    for index in range(len(speeds) + 1):
        steady = (
            half <= index < len(speeds) - half
            and mean[index] >= LEAST_SPEED_MM_S
            and abs(mean[index + half] - mean[index - half]) <= STEADY_WITHIN_MM_S2 * _SLOPE_SAMPLES * GRID_S
        )
        if steady and first is None:
            first = index
        elif not steady and first is not None:
            if (index - first) * GRID_S >= SHORTEST_STRETCH_S:
                found.append(Stretch(stretch.start_s + first * GRID_S, speeds[first:index]))
            first = None
    return found


def running_mean(values: list[float], width: int) -> list[float]:
    """Returns the mean of the `width` samples around each one; at the ends, of as many as there are."""
    sums = [0.0, *accumulate(values)]
    half = width // 2
    means = []
    for index in range(len(values)):
        low, high = max(0, index - half), min(len(values), index + half + 1)
        means.append((sums[high] - sums[low]) / (high - low))
    return means
