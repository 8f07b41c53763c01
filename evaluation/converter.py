"""A load cell on an HX711, as recordings show it: when it converts, how it settles, its noise, and the bits it sends.

Sampling intervals are those of the recorded arrests' full-rate stretches (66 samples/s where 80 are nominal). Settling: the data
sheet gives 50 ms, four conversions, at 80 samples/s; a third-order average of one conversion each is assumed for its shape.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from controller.core.readings import LoadSample
from controller.hardware.hx711 import decode_counts

Floats = npt.NDArray[np.float64]
STEP_S = 0.0005
"""Time step of every force handed to the converter."""
ZERO_COUNTS = 1035688.0
NEWTONS_PER_COUNT = 3.58722e-3
"""Calibration of the recorded cell (data/SOURCES.md)."""
NOISE_COUNTS = 100.0
"""Recorded: 69-135 counts rms."""
_CONVERSION_S = 0.0125
_INTERVALS = (0.0125, 0.025, 0.0375, 0.05)
_SHARES = (0.760, 0.217, 0.022, 0.001)
"""Of the recorded full-rate steps."""
_BITS = (1 << 24) - 1


def through_the_wire(counts: float) -> int:
    """The counts that arrive for a conversion: rounded, saturated, shifted out as 24 bits and decoded by the shipped decoder."""
    whole = round(min(max(counts, -(1 << 23)), (1 << 23) - 1))
    return decode_counts(whole & _BITS)


def settle(force_n: Floats) -> Floats:
    """The force as the converter sees it: three running averages of one conversion each."""
    width = round(_CONVERSION_S / STEP_S)
    kernel = np.ones(width) / width
    kernel = np.convolve(np.convolve(kernel, kernel), kernel)
    padded = np.concatenate([np.full(len(kernel) - 1, force_n[0]), force_n])
    return np.convolve(padded, kernel, mode="valid")


def convert(force_n: Floats, random: np.random.Generator, glitch_share: float = 0.0) -> list[LoadSample]:
    """Returns the samples of a force given every STEP_S from time 0.

    glitch_share: of the samples, so many come as 2^n - 1 or with a bit slipped.
    """
    seen_n = settle(force_n)
    steps = random.choice(_INTERVALS, size=int(len(force_n) * STEP_S / _CONVERSION_S) + 2, p=_SHARES)
    times_s = random.uniform(0.0, _CONVERSION_S) + np.cumsum(steps) - steps[0]
    times_s = times_s[times_s < len(force_n) * STEP_S]
    clean = seen_n[(times_s / STEP_S).astype(int)] / NEWTONS_PER_COUNT + ZERO_COUNTS
    counts = clean + random.normal(0.0, NOISE_COUNTS, len(clean))
    bad = random.random(len(counts)) < glitch_share
    return [
        LoadSample(int(at_s * 1e9), through_the_wire(glitch(value, int(random.integers(4))) if is_bad else value))
        for at_s, value, is_bad in zip(times_s, counts, bad, strict=True)
    ]


def glitch(counts: float, kind: int) -> float:
    """A bad sample in place of `counts`: the 2^n - 1 above it (0) or below it (1), a bit slipped down (2) or up (3)."""
    bits = max(int(abs(counts)).bit_length(), 1)
    return ((1 << bits) - 1, (1 << (bits - 1)) - 1, int(counts) >> 1, int(counts) << 1)[kind]
