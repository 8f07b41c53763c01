"""The harness load's signal chain: HX711 counts become newtons that may be believed, or a named fault. Pure.

counts -> newtons -> range -> stuck -> sieve (one wrong sample is dropped) -> load, rate and mean, tare removed. Recorded
HX711s deliver 62-66 samples/s where 80 are nominal, with steps of 12.5 and 25 ms, gaps up to 0.16 s and single samples of
2^n - 1 or with a bit slipped (docs/balance-loss.md).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from controller.core.events import Event, Happening
from controller.core.load_mean import MeanState, extend_mean, mean_n
from controller.core.load_sieve import NEVER_NS, SieveState, drop, sift
from controller.core.readings import LoadSample, Quality, Reading

_HIGHEST_COUNTS = 0x7FFFFF
_LOWEST_COUNTS = -0x800000
_INFINITY = float("inf")
_GOOD = Quality.GOOD


def _meta(lowest: float, highest: float, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=lowest, le=highest, description=description)


class LoadChainSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calibration and limits of the chain.

    The calibration has no default: it belongs to one cell. Noise and gaps: recordings of an HX711 at 80 samples/s on a 3.4 kN
    range (docs/balance-loss.md).
    """

    zero_counts: float
    newtons_per_count: float
    maximum_n: float
    minimum_n: Annotated[float, _meta(-1000, -10, "a strap cannot push: below this the cell or a sample is wrong")] = -150.0
    gap_limit_s: Annotated[float, _meta(0.05, 0.2, "no believable sample for longer is a sensor fault")] = 0.100
    out_of_range_samples: Annotated[int, _meta(2, 8, "in a row; one alone is dropped")] = 3
    stuck_time_s: Annotated[float, _meta(0.1, 2.0, "without the converter's own noise")] = 0.25
    stuck_samples: Annotated[int, _meta(8, 100, "and at least so many samples")] = 12
    stuck_span_counts: Annotated[float, _meta(0, 20, "highest minus lowest; recorded noise is 69-135 counts rms")] = 6.0
    reach_n: Annotated[float, _meta(20, 130, "a larger step waits for the next sample; below 0.30 x 45 kg")] = 130.0
    reach_growth: Annotated[
        float, _meta(1, 200, "the reach widens by so many times the last step above noise, the way it went [tuned]")
    ] = 100.0


class SteadyState(msgspec.Struct, frozen=True, gc=False):
    """The stretch of samples, up to the newest, that lie within the stuck span."""

    lowest: float = 0.0
    highest: float = 0.0
    since_ns: int = NEVER_NS
    samples: int = 0


class LoadChainState(msgspec.Struct, frozen=True, gc=False):
    """All that the chain remembers. `silent`, `stuck` and `outside`: that fault is reported and lasts."""

    began_at_ns: int = NEVER_NS
    newest_at_ns: int = NEVER_NS
    raw_latest_n: float = 0.0
    sieve: SieveState = SieveState()
    mean: MeanState = MeanState()
    steady: SteadyState = SteadyState()
    outside_run: int = 0
    silent: bool = False
    stuck: bool = False
    outside: bool = False


LOAD_CHAIN_START = LoadChainState()
"""Before the first sample."""


class LoadEstimate(msgspec.Struct, frozen=True, gc=False):
    """What may be believed of the harness load at this scan.

    load: newtons, glitches and tare removed, with the time of the sample it rests on. rate_n_s: N/s, robust against one bad
    sample. mean_1s_n: over the last 1.0-1.125 s, tare removed. new_samples: brought by this scan, good or not. discarded: all
    since the start. raw_latest_n: the newest sample as it came, tare not removed; for display and service only.
    """

    load: Reading
    rate_n_s: float
    mean_1s_n: float
    new_samples: int
    discarded: int
    raw_latest_n: float


# Control C-LOAD-CHAIN.
def advance_load(
    state: LoadChainState, samples: tuple[LoadSample, ...], tare_n: float, settings: LoadChainSettings, now_ns: int
) -> tuple[LoadChainState, LoadEstimate, tuple[Happening, ...]]:
    """Takes this scan's samples, in any order, and returns the next state, the estimate, and each fault at its onset.

    tare_n: what the empty hook weighs, in newtons. A quality other than GOOD lasts as long as its fault does.
    """
    before = state
    if state.began_at_ns == NEVER_NS:
        state = msgspec.structs.replace(state, began_at_ns=now_ns)
    for sample in samples if len(samples) < 2 else sorted(samples, key=_oldest_then_heaviest_first):
        state = _take(state, sample, settings)
    state = _find_faults(state, settings, now_ns)
    happenings = () if state is before else _report(before, state, settings, now_ns)
    return state, _estimate(state, len(samples), tare_n), happenings


def _oldest_then_heaviest_first(sample: LoadSample) -> tuple[int, float]:
    """Of samples that claim the same instant only one can be true: the heaviest is taken, whatever the order they came in."""
    return sample.measured_at_ns, -sample.counts if sample.counts == sample.counts else _INFINITY


def _take(state: LoadChainState, sample: LoadSample, settings: LoadChainSettings) -> LoadChainState:
    at_ns, counts = sample.measured_at_ns, sample.counts
    if at_ns <= state.newest_at_ns:
        return msgspec.structs.replace(state, sieve=drop(state.sieve))
    load_n = (counts - settings.zero_counts) * settings.newtons_per_count
    in_range = settings.minimum_n <= load_n <= settings.maximum_n and _LOWEST_COUNTS < counts < _HIGHEST_COUNTS
    sieve, mean = state.sieve, state.mean
    if in_range:
        sieve = sift(sieve, at_ns, load_n, settings.reach_n, settings.reach_growth)
        last = state.sieve
        if sieve.accepted_at_ns != last.accepted_at_ns != NEVER_NS:
            elapsed_s = (sieve.accepted_at_ns - last.accepted_at_ns) * 1e-9
            mean = extend_mean(mean, 0.5 * (last.accepted_n + sieve.accepted_n), min(elapsed_s, settings.gap_limit_s))
    else:
        sieve = drop(sieve)
    return LoadChainState(
        state.began_at_ns,
        at_ns,
        load_n,
        sieve,
        mean,
        _follow_steadiness(state.steady, at_ns, counts, settings.stuck_span_counts),
        0 if in_range else state.outside_run + 1,
        state.silent,
        state.stuck,
        state.outside,
    )


def _follow_steadiness(steady: SteadyState, at_ns: int, counts: float, span_counts: float) -> SteadyState:
    lowest = counts if counts < steady.lowest else steady.lowest
    highest = counts if counts > steady.highest else steady.highest
    if steady.samples and highest - lowest <= span_counts:
        return SteadyState(lowest, highest, steady.since_ns, steady.samples + 1)
    return SteadyState(counts, counts, at_ns, 1)


def _find_faults(state: LoadChainState, settings: LoadChainSettings, now_ns: int) -> LoadChainState:
    steady = state.steady
    silent = not 0.0 <= _silence_s(state, now_ns) <= settings.gap_limit_s
    lasting_s = (state.newest_at_ns - steady.since_ns) * 1e-9
    stuck = steady.samples >= settings.stuck_samples and lasting_s >= settings.stuck_time_s
    outside = state.outside_run >= settings.out_of_range_samples
    if silent == state.silent and stuck == state.stuck and outside == state.outside:
        return state
    return msgspec.structs.replace(state, silent=silent, stuck=stuck, outside=outside)


def _silence_s(state: LoadChainState, now_ns: int) -> float:
    """Seconds since the last sample that could be believed; negative for one whose time has not come, which is none."""
    accepted_at_ns = state.sieve.accepted_at_ns
    return (now_ns - (accepted_at_ns if accepted_at_ns != NEVER_NS else state.began_at_ns)) * 1e-9


def _report(before: LoadChainState, state: LoadChainState, settings: LoadChainSettings, now_ns: int) -> tuple[Happening, ...]:
    found: tuple[Happening, ...] = ()
    if state.outside and not before.outside:
        detail = (
            ("raw_n", round(state.raw_latest_n, 1)),
            ("samples_in_a_row", state.outside_run),
            ("maximum_n", settings.maximum_n),
        )
        found += (Happening(Event.LOAD_OUT_OF_RANGE, now_ns, detail),)
    if state.stuck and not before.stuck:
        lasting_s = (state.newest_at_ns - state.steady.since_ns) * 1e-9
        span_counts = state.steady.highest - state.steady.lowest
        found += (Happening(Event.LOAD_STUCK, now_ns, (("stuck_s", round(lasting_s, 3)), ("span_counts", span_counts))),)
    if state.silent and not before.silent:
        silence_s = round(_silence_s(state, now_ns), 3)
        found += (Happening(Event.LOAD_GAP, now_ns, (("silent_s", silence_s), ("limit_s", settings.gap_limit_s))),)
    return found


def _estimate(state: LoadChainState, new_samples: int, tare_n: float) -> LoadEstimate:
    sieve = state.sieve
    load_n = sieve.accepted_n - tare_n
    return LoadEstimate(
        Reading(load_n, sieve.accepted_at_ns, _quality(state, load_n)),
        sieve.rate_n_s,
        mean_n(state.mean) - tare_n,
        new_samples,
        sieve.discarded,
        state.raw_latest_n,
    )


def _quality(state: LoadChainState, load_n: float) -> Quality:
    if state.sieve.accepted_at_ns == NEVER_NS:
        return Quality.MISSING
    if state.outside:
        return Quality.OUT_OF_RANGE
    if state.stuck:
        return Quality.STUCK
    if state.silent:
        return Quality.STALE
    if not -_INFINITY < load_n < _INFINITY:
        return Quality.NOT_FINITE
    return _GOOD
