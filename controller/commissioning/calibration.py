"""Decides whether a load cell works, what it reads, and whether a calibration may be believed. Pure: samples in, numbers out.

The known limits come from recordings of HX711s at 80 conversions a second on a 3.4 kN cell (docs/balance-loss.md): 62-66 samples a
second, noise of 69-135 counts rms. What is opinion says so: [O].
"""

from __future__ import annotations

import statistics

import msgspec

from controller.commissioning.cells import CalibratedCell
from controller.commissioning.certificate import WeightPoint
from controller.core.readings import LoadSample
from controller.core.settings import CalibrationSettings
from controller.core.state import GRAVITY_M_S2

HIGHEST_COUNTS = 0x7FFFFF
LEAST_RATE_HZ = 50.0
RATE_PIN_LOW_HZ = 20.0
"""At RATE low the chip converts 10 times a second."""
HIGHEST_NOISE_COUNTS = 600.0
"""Four times the worst recorded [O]."""
STUCK_SPAN_COUNTS = 6
NEAR_RANGE_SHARE = 0.9
MOST_DISCARDED_SHARE = 0.02
MOST_OUTLIERS_SHARE = 0.02
LEAST_SAMPLES = 40
_OUTLIER_NOISES = 10.0
_NORMAL_MAD = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""
STILL_NOISES = 1.0
"""The means of both halves of a still load differ by less than one sample's noise [O]."""
SWINGING_NOISES, SWINGING_LEAST_COUNTS = 2.0, 50.0
"""A load that hangs still has the noise of the empty cell, and by some counts more where the building trembles [O]."""

LEAST_WEIGHTS = 2
LEAST_DIFFERENCE_KG = 2.0
RESIDUAL_LEAST_N, RESIDUAL_SHARE = 2.0, 0.005
"""A weight must read right within the larger of the two [O]."""
HIGHEST_ZERO_RETURN_N = 5.0
"""The empty hook must read zero again after the weights [O]."""
SPAN_LOWEST, SPAN_HIGHEST = 1e-5, 1.0
SPAN_CHANGE_SHARE = 0.05
"""A span that differs by more from the last one is another cell, another gain, or a wrong weight: a person must say so."""


class Measured(msgspec.Struct, frozen=True):
    """A stretch of samples: robust mean and noise in counts, samples a second, and shares of what was no good."""

    samples: int
    rate_hz: float
    mean_counts: float
    noise_counts: float
    span_counts: float
    drift_counts: float
    outlier_share: float
    discarded_share: float


class Fit(msgspec.Struct, frozen=True):
    """Zero and span from the tare and the known weights, and how well they fit."""

    zero_counts: int
    newtons_per_count: float
    weights: tuple[WeightPoint, ...]
    zero_return_n: float

    @property
    def worst_residual_n(self) -> float:
        """The largest error at a weight, as a magnitude."""
        return max((abs(point.residual_n) for point in self.weights), default=0.0)


def measure(samples: tuple[LoadSample, ...], discarded: int) -> Measured:
    """Returns what a stretch of samples says. discarded: samples that the sampler itself dropped meanwhile.

    Single wrong samples, which every HX711 delivers now and then, are left out of mean and noise, and counted.
    """
    counts = [sample.counts for sample in samples]
    if not counts:
        return Measured(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0 if discarded else 0.0)
    middle = statistics.median(counts)
    noise = _NORMAL_MAD * statistics.median(abs(count - middle) for count in counts)
    good = [count for count in counts if abs(count - middle) <= max(_OUTLIER_NOISES * noise, 1.0)]
    seconds = (samples[-1].measured_at_ns - samples[0].measured_at_ns) / 1e9
    half = len(good) // 2
    drift = abs(statistics.fmean(good[half:]) - statistics.fmean(good[:half])) if half else 0.0
    return Measured(
        samples=len(counts),
        rate_hz=(len(counts) - 1) / seconds if seconds > 0 else 0.0,
        mean_counts=statistics.fmean(good),
        noise_counts=noise,
        span_counts=max(good) - min(good),
        drift_counts=drift,
        outlier_share=1 - len(good) / len(counts),
        discarded_share=discarded / (discarded + len(counts)),
    )


def diagnose(found: Measured) -> tuple[str, ...]:
    """Returns what is wrong with cell, amplifier or wiring, each with what to look at; empty when it may be calibrated."""
    if found.samples == 0:
        return ("No conversion comes: check the amplifier's supply, its data and clock wires, and its configured pins.",)
    faults = []
    if found.samples < LEAST_SAMPLES or found.rate_hz < LEAST_RATE_HZ:
        hint = (
            "its RATE pin must be high" if found.rate_hz < RATE_PIN_LOW_HZ else "the clock may be disturbed or the processor busy"
        )
        faults.append(f"Only {found.rate_hz:.0f} conversions a second, {LEAST_RATE_HZ:.0f} are needed: {hint}.")
    if found.span_counts <= STUCK_SPAN_COUNTS:
        faults.append("The reading never moves, not even by noise: check the data wire and the cell's four wires.")
    if abs(found.mean_counts) >= NEAR_RANGE_SHARE * HIGHEST_COUNTS:
        faults.append(
            "The converter is at the end of its range: a wire of the cell is broken, swapped or shorted, or it is overloaded."
        )
    if found.noise_counts > HIGHEST_NOISE_COUNTS:
        words = f"{found.noise_counts:.0f} counts, {HIGHEST_NOISE_COUNTS:.0f} are allowed"
        faults.append(
            f"Noise of {words}: let nothing touch it, check the screen and its one earth, keep the cable off the motor's."
        )
    if found.outlier_share > MOST_OUTLIERS_SHARE or found.discarded_share > MOST_DISCARDED_SHARE:
        share = max(found.outlier_share, found.discarded_share)
        faults.append(
            f"{share:.0%} of the samples are wrong: the clock wire is disturbed, or pulses are late (not with the backend spi)."
        )
    return tuple(faults)


def swings(found: Measured, tare: Measured) -> bool:
    """Whether this stretch trembles more than the empty cell did, which the cable does not explain: its noise is in both."""
    return found.noise_counts > SWINGING_NOISES * tare.noise_counts + SWINGING_LEAST_COUNTS


def drifts(found: Measured) -> bool:
    """Whether the load goes on changing one way. Never true of a stretch without samples."""
    return not found.drift_counts <= max(STILL_NOISES * found.noise_counts, STUCK_SPAN_COUNTS)


def fit(tare: Measured, loads: tuple[tuple[float, Measured], ...], after: Measured) -> Fit:
    """Returns the line through the tare that fits the weights best (least squares of the force).

    loads: mass in kg and what the cell read under it. after: the empty hook again, at the end. With no usable weight the span is 0.
    """
    zero = round(tare.mean_counts)
    forces = [(mass_kg, mass_kg * GRAVITY_M_S2, found) for mass_kg, found in loads]
    squares = sum((found.mean_counts - zero) ** 2 for _, _, found in forces)
    span = sum(force * (found.mean_counts - zero) for _, force, found in forces) / squares if squares > 0 else 0.0
    points = tuple(
        WeightPoint(mass_kg, force, found.mean_counts, found.noise_counts, span * (found.mean_counts - zero) - force)
        for mass_kg, force, found in forces
    )
    return Fit(zero, span, points, span * (after.mean_counts - zero))


def judge_weights(masses_kg: tuple[float, ...], cell: CalibratedCell) -> str:
    """Returns why these weights cannot calibrate, or an empty string."""
    heaviest, lightest = max(masses_kg, default=0.0), min(masses_kg, default=0.0)
    if len(masses_kg) < LEAST_WEIGHTS or not heaviest - lightest >= LEAST_DIFFERENCE_KG:
        return f"At least {LEAST_WEIGHTS} weights are needed that differ by {LEAST_DIFFERENCE_KG:g} kg: one alone shows no error."
    if not heaviest >= cell.least_heaviest_kg:
        return f"The heaviest weight must be {cell.least_heaviest_kg:g} kg or more: {cell.why_heaviest}."
    return ""


def judge_fit(found: Fit, maximum_n: float, cell: CalibratedCell) -> tuple[str, ...]:
    """Returns why this calibration must not be used; empty when it may. maximum_n: the range that is configured."""
    if not SPAN_LOWEST <= found.newtons_per_count <= SPAN_HIGHEST:
        hint = (
            "swap the cell's two signal wires"
            if found.newtons_per_count < 0
            else "the weights were not seen, or are not what was said"
        )
        return (f"The span of {found.newtons_per_count:.3g} N a count cannot be: {hint}.",)
    faults = []
    for point in found.weights:
        allowed = max(RESIDUAL_LEAST_N, RESIDUAL_SHARE * point.force_n)
        if not abs(point.residual_n) <= allowed:
            faults.append(
                f"At {point.mass_kg:g} kg the reading is {point.residual_n:+.1f} N off, {allowed:.1f} N are allowed: "
                "check the weight, that it hangs free, and the cell's mounting."
            )
    if not abs(found.zero_return_n) <= HIGHEST_ZERO_RETURN_N:
        words = f"{found.zero_return_n:+.1f} N, {HIGHEST_ZERO_RETURN_N:g} N are allowed"
        faults.append(
            f"The empty {cell.place} did not come back to zero: {words}; something binds, or the cell was overloaded once."
        )
    reach_n = (HIGHEST_COUNTS - found.zero_counts) * found.newtons_per_count
    if not reach_n >= maximum_n:
        faults.append(
            f"The converter ends at {reach_n:.0f} N, but {cell.table}.maximum_n is {maximum_n:g} N: correct it to the cell's range."
        )
    return tuple(faults)


def differs_from_before(found: Fit, before: CalibrationSettings) -> str:
    """Returns what is unusual beside the configuration's present span, or an empty string."""
    change = found.newtons_per_count / before.newtons_per_count - 1
    if abs(change) <= SPAN_CHANGE_SHARE:
        return ""
    return f"The span differs by {change:+.0%} from the configured {before.newtons_per_count:.6g} N a count."
