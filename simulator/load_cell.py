"""The harness load cell as its HX711 delivers it: late, noisy, irregular, and now and then wrong.

Rates, noise and glitches are those of recorded arrests (80 conversions a second asked, 62-66 delivered). The chip's own filter
settles within four conversions, so that a sample is the mean force of the last 50 ms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from random import Random

from controller.core.readings import LoadSample

CONVERSION_NS = 12_500_000
SETTLING_NS = 4 * CONVERSION_NS
_MAXIMUM_COUNTS = (1 << 23) - 1
_MINIMUM_COUNTS = -(1 << 23)


class CellFault(Enum):
    """How the cell may fail."""

    NONE = "none"
    STUCK = "stuck"
    """The same counts again and again, on time."""
    SILENT = "silent"
    """No conversion ever again."""


_NO_FAULT = CellFault.NONE


@dataclass(frozen=True)
class CellParameters:
    """Calibration (that of the recordings), noise and irregularity.

    skip_one: share of conversions that come one period late; skip_more: four periods late. glitch: share of samples that are wrong.
    hook_n: what the empty hook weighs.
    """

    zero_counts: int = 1_035_688
    newtons_per_count: float = 3.58722e-3
    noise_counts: float = 100.0
    skip_one: float = 0.22
    skip_more: float = 0.005
    glitch: float = 2e-5
    hook_n: float = 6.0


class LoadCell:
    """Turns the force on the hook into samples. `advance` takes the force since the last call."""

    def __init__(self, random: Random, start_ns: int, parameters: CellParameters | None = None) -> None:
        self._random = random
        self.parameters = parameters or CellParameters()
        self.fault = CellFault.NONE
        self._now_ns = start_ns
        self._next_ns = start_ns + CONVERSION_NS
        self._impulse = 0.0
        """Integral of the force over time, in newton-nanoseconds."""
        self._history: deque[tuple[int, float]] = deque([(start_ns, 0.0)])
        self._last_counts = self.parameters.zero_counts

    def advance(self, to_ns: int, force_n: float) -> list[LoadSample]:
        """Returns the samples that became ready, oldest first."""
        total_n = force_n + self.parameters.hook_n
        samples = []
        while self._next_ns <= to_ns:
            self._integrate(self._next_ns, total_n)
            sample = self._convert(self._next_ns)
            if sample is not None:
                samples.append(sample)
            self._next_ns += self._interval_ns()
        self._integrate(to_ns, total_n)
        return samples

    def counts_now(self) -> int:
        """What a conversion that ended now would read: for a chip model that has its own clock."""
        if self.fault is CellFault.NONE:
            self._last_counts = self._read()
        return self._last_counts

    def _integrate(self, to_ns: int, force_n: float) -> None:
        self._impulse += force_n * (to_ns - self._now_ns)
        self._now_ns = to_ns
        history = self._history
        history.append((to_ns, self._impulse))
        while len(history) > 2 and history[1][0] <= to_ns - SETTLING_NS:
            history.popleft()

    def _convert(self, at_ns: int) -> LoadSample | None:
        fault = self.fault
        if fault is _NO_FAULT:
            self._last_counts = self._spoil(self._read())
        elif fault is CellFault.SILENT:
            return None
        return LoadSample(at_ns, self._last_counts)

    def _read(self) -> int:
        parameters = self.parameters
        ideal = parameters.zero_counts + self._mean_n() / parameters.newtons_per_count
        noisy = round(ideal + self._random.gauss(0.0, parameters.noise_counts))
        return max(_MINIMUM_COUNTS, min(_MAXIMUM_COUNTS, noisy))

    def _mean_n(self) -> float:
        since_ns, impulse = self._history[0]
        span_ns = self._now_ns - since_ns
        return (self._impulse - impulse) / span_ns if span_ns else 0.0

    def _spoil(self, counts: int) -> int:
        """The two glitches seen: all lower bits set, and a sample read one bit early."""
        if self._random.random() >= self.parameters.glitch:
            return counts
        if self._random.random() < 0.5:
            bits: int = self._random.randint(16, 23)
            return (1 << bits) - 1
        return counts >> 1

    def _interval_ns(self) -> int:
        chance = self._random.random()
        if chance < self.parameters.skip_more:
            return 5 * CONVERSION_NS
        if chance < self.parameters.skip_more + self.parameters.skip_one:
            return 2 * CONVERSION_NS
        return CONVERSION_NS
