"""Made falls and undisturbed gait, judged: what is counted, and how honestly it can be bounded."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from controller.core.balance import BalanceSettings
from controller.core.events import Event
from controller.core.load_chain import LoadChainSettings
from controller.core.readings import LoadSample
from controller.core.settings import RampSettings
from evaluation.baselines import median_threshold, plain_threshold
from evaluation.converter import NEWTONS_PER_COUNT, ZERO_COUNTS, convert
from evaluation.falls import BEFORE_S, G_M_S2, Fall, make_fall
from evaluation.gait import Motion, strap_force, vary
from evaluation.judge import Decision, Subject, Surroundings, first_stop, judge
from evaluation.kinds import FALLS, Kind, Stage
from evaluation.travel import belt_travel_m

CHAIN = LoadChainSettings(zero_counts=ZERO_COUNTS, newtons_per_count=NEWTONS_PER_COUNT, maximum_n=10000.0)
DEFAULTS = BalanceSettings()
RAMP = RampSettings()
"""What ships."""
ONSET_NS = int(BEFORE_S * 1e9)
GLITCH_SHARE = 2e-5
"""Bad samples of simulated gait; recordings show single ones in tens of thousands."""
TUNING_SEED, REPORT_SEED = 1001, 4004
"""The two halves of the made falls: parameters were chosen on the first, figures come from the second."""
SLACKS_M = (0.03, 0.05, 0.10, 0.15, 0.20)
JUDGED_SLACK_M = 0.10
SWEEP_SLACK_M = 0.08
"""Between a slack at which running stops the belt a hundred times an hour and one at which it never does."""


class JudgedFall(msgspec.Struct, frozen=True):
    """Delays in ms after the onset, NaN where nothing was decided. taut: the physical limit. travel_m: the belt's, fused."""

    kind: Kind
    stage: Stage
    slack_m: float
    peak_share: float
    limit_share: float
    taut_ms: float
    plain_ms: float
    median_ms: float
    alone_ms: float
    fused_ms: float
    alone_rule: Event | None
    fused_rule: Event | None
    counted: bool
    """As recovered, by the harness alone."""
    counted_fused: bool
    """And with the hands."""
    belt_m_s: float
    travel_m: float

    @property
    def deep(self) -> bool:
        """A fall that would drop more than 5 cm beyond the slack if there were no strap: all these kinds do."""
        return self.kind in FALLS


def judge_fall(fall: Fall, samples: Sequence[LoadSample], balance: BalanceSettings = DEFAULTS) -> JudgedFall:
    """One made fall, through every contender."""
    subject = Subject(fall.body_weight_n, CHAIN, 0.0, balance)
    alone = judge(samples, subject)
    fused = judge(samples, subject, fall.surroundings)
    alone_stop, fused_stop = first_stop(alone), first_stop(fused)
    return JudgedFall(
        kind=fall.kind,
        stage=fall.stage,
        slack_m=fall.slack_m,
        peak_share=fall.peak_n / fall.body_weight_n,
        limit_share=min(0.30, 250.0 / fall.body_weight_n),
        taut_ms=fall.taut_s * 1e3,
        plain_ms=_after_onset_ms(plain_threshold(samples, subject)),
        median_ms=_after_onset_ms(median_threshold(samples, subject)),
        alone_ms=_after_onset_ms(alone_stop.at_ns if alone_stop else None),
        fused_ms=_after_onset_ms(fused_stop.at_ns if fused_stop else None),
        alone_rule=alone_stop.event if alone_stop else None,
        fused_rule=fused_stop.event if fused_stop else None,
        counted=any(one.event is Event.BALANCE_RECOVERED for one in alone),
        counted_fused=any(one.event is Event.BALANCE_RECOVERED for one in fused),
        belt_m_s=fall.belt_m_s,
        travel_m=belt_travel_m(fused, ONSET_NS, fall.belt_m_s, RAMP),
    )


def _after_onset_ms(at_ns: int | None) -> float:
    return math.nan if at_ns is None else (at_ns - ONSET_NS) / 1e6


def judge_falls(seed: int, each: int, slack_m: float) -> list[JudgedFall]:
    """`each` falls of every kind at a slack; three times as many at the slack that is judged most closely."""
    random = np.random.default_rng([seed, round(slack_m * 1000)])
    count = each * (3 if slack_m == JUDGED_SLACK_M else 1)
    judged = []
    for kind in Kind:
        for _ in range(count):
            fall = make_fall(kind, slack_m, random)
            judged.append(judge_fall(fall, convert(fall.force_n, random)))
    return judged


def quantile_ms(delays: Sequence[float], share: float) -> float:
    """A quantile in which what was never detected counts as infinitely late."""
    if not delays:
        return math.nan
    ordered = sorted(math.inf if math.isnan(one) else one for one in delays)
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low if low == high else low + (high - low) * (place - math.floor(place))


class Gait(msgspec.Struct, frozen=True):
    """Undisturbed gait judged at one slack: hours, what would have stopped the belt, and losses counted as recovered."""

    name: str
    slack_m: float
    recorded: bool
    hours: float
    stops: int
    recovered: int
    sensor_faults: int
    plain_trips: int

    @property
    def bound_per_hour(self) -> float:
        """Upper 95 % bound on the rate of stops (Poisson): 3 / hours where there were none."""
        return poisson_bound(self.stops) / self.hours


def poisson_bound(count: int) -> float:
    """The mean at which so few events, or fewer, have a probability of 5 % (one-sided 95 %), by bisection."""
    low, high = 0.0, 10.0 + 3.0 * count
    for _ in range(60):
        mean = 0.5 * (low + high)
        low, high = (mean, high) if _poisson_at_most(count, mean) > 0.05 else (low, mean)
    return high


def _poisson_at_most(count: int, mean: float) -> float:
    """In logarithms: the exponential of a large mean is 0 in floating point, which would make the bound far too low."""
    logs = [number * math.log(mean) - mean - math.lgamma(number + 1) for number in range(count + 1)]
    largest = max(logs)
    return math.exp(largest) * math.fsum(math.exp(one - largest) for one in logs)


def judge_recorded(name: str, motions: Sequence[Motion], slack_m: float, seed: int) -> Gait:
    """Each recorded motion once, on a strap of 15 kN/m: a minute judged is a minute."""
    random = np.random.default_rng(seed)
    total = Gait(name, slack_m, True, 0.0, 0, 0, 0, 0)
    for motion in motions:
        samples = convert(strap_force(motion, slack_m, 15e3), random)
        total = _add(total, motion, samples)
    return total


def judge_simulated(name: str, motions: Sequence[Motion], slack_m: float, hours: float, variation: float, seed: int) -> Gait:
    """Hours resampled from the recorded motions in bouts of 10 minutes, each with its own strap, glitches included."""
    random = np.random.default_rng([seed, round(slack_m * 1000)])  # other strides at each slack, so that hours may be added
    total = Gait(name, slack_m, False, 0.0, 0, 0, 0, 0)
    for bout in range(round(hours * 6)):
        motion = vary(motions[bout % len(motions)], 600.0, variation, random)
        force = strap_force(motion, slack_m, random.uniform(5e3, 30e3), random.uniform(1.0, 1.6))
        total = _add(total, motion, convert(force, random, GLITCH_SHARE))
    return total


def _add(total: Gait, motion: Motion, samples: Sequence[LoadSample]) -> Gait:
    subject = Subject(motion.mass_kg * G_M_S2, CHAIN)
    decisions = judge(samples, subject)
    return Gait(
        total.name,
        total.slack_m,
        total.recorded,
        total.hours + motion.seconds / 3600.0,
        total.stops + len(_separate_stops(decisions)),
        total.recovered + sum(one.event is Event.BALANCE_RECOVERED for one in decisions),
        total.sensor_faults + sum(one.of_sensor for one in decisions),
        total.plain_trips + _plain_trips(samples, subject),
    )


def _separate_stops(decisions: Sequence[Decision]) -> list[Decision]:
    """Stops by patient rules, those within 5 s of the one before counted with it: the belt would have been at rest."""
    kept: list[Decision] = []
    for one in decisions:
        if one.stops and not one.of_sensor and (not kept or one.at_ns - kept[-1].at_ns > 5_000_000_000):
            kept.append(one)
    return kept


def _plain_trips(samples: Sequence[LoadSample], subject: Subject) -> int:
    """How often the unfiltered plain threshold would have stopped the same gait, counted the same way."""
    limit_counts = subject.chain.zero_counts + 0.30 * subject.body_weight_n / subject.chain.newtons_per_count
    trips, last_ns = 0, -(2**62)
    for sample in samples:
        if sample.counts >= limit_counts and sample.measured_at_ns - last_ns > 5_000_000_000:
            trips, last_ns = trips + 1, sample.measured_at_ns
    return trips


def nuisance_stops(walks: Sequence[Motion], variation: float, seed: int) -> tuple[int, int]:
    """Stops and slowings in 20 sessions of 10 minutes, both hands asked for, 10 cm of slack.

    The patient lets one rail go about once in two minutes, for 0.8 s (median, log-normal, sigma 0.7) [O].
    """
    random = np.random.default_rng(seed)
    pauses = slows = 0
    for session in range(20):
        motion = vary(walks[session % len(walks)], 600.0, variation, random)
        samples = convert(strap_force(motion, 0.10, random.uniform(5e3, 30e3)), random, GLITCH_SHARE)
        decisions = judge(samples, Subject(motion.mass_kg * G_M_S2, CHAIN), _restless_hand(600.0, random))
        pauses += len(_separate_stops(decisions))
        slows += sum(one.event is Event.RAIL_SLOW for one in decisions)
    return pauses, slows


def _restless_hand(seconds: float, random: np.random.Generator) -> tuple[Surroundings, ...]:
    held = Surroundings(rails_required=2)
    states, at_s = [held], random.exponential(120.0)
    while at_s < seconds:
        away_s = random.lognormal(math.log(0.8), 0.7)
        states.append(msgspec.structs.replace(held, at_ns=int(at_s * 1e9), rail_right=False))
        states.append(msgspec.structs.replace(held, at_ns=int((at_s + away_s) * 1e9)))
        at_s += away_s + random.exponential(120.0)
    return tuple(states)


class ThresholdPoint(msgspec.Struct, frozen=True):
    """False stops an hour of simulated running at one threshold of load: plain, and ours with that threshold."""

    share: float
    plain_per_hour: float
    ours_per_hour: float


def sweep_threshold(runs: Sequence[Motion], variation: float, hours: float, seed: int) -> list[ThresholdPoint]:
    """False stops against threshold, running at SWEEP_SLACK_M: the curve that a single figure hides."""
    random = np.random.default_rng(seed)
    bouts = []
    for run in runs:  # every trial, for as long as the others: the hardest decide
        motion = vary(run, hours * 3600.0 / len(runs), variation, random)
        force = strap_force(motion, SWEEP_SLACK_M, random.uniform(5e3, 30e3))
        bouts.append((motion, convert(force, random, GLITCH_SHARE)))
    judged_h = math.fsum(motion.seconds for motion, _ in bouts) / 3600.0
    points = []
    for share in (0.10, 0.15, 0.20, 0.25, 0.30):
        balance = msgspec.structs.replace(BalanceSettings(), loaded_share=share)
        plain = ours = 0
        for motion, samples in bouts:
            subject = Subject(motion.mass_kg * G_M_S2, CHAIN, 0.0, balance)
            as_share = msgspec.structs.replace(subject, body_weight_n=subject.body_weight_n * share / 0.30)
            plain += _plain_trips(samples, as_share)
            ours += len(_separate_stops(judge(samples, subject)))
        points.append(ThresholdPoint(share, plain / judged_h, ours / judged_h))
    return points


def tune(seed: int, each: int) -> list[tuple[float, float, float, float, float]]:
    """The grid that chose the loading rule, on the tuning half: (share, body weights/s, median ms, stumbles stopped, counted)."""
    random = np.random.default_rng(seed)
    kinds = (*FALLS, *[Kind.STUMBLE] * 5)
    falls = [make_fall(kind, 0.10, random) for kind in kinds for _ in range(each)]
    cases = [(fall, convert(fall.force_n, random)) for fall in falls]
    rows = []
    for share in (0.06, 0.10, 0.15):
        for rate in (8.0, 10.0, 12.0, 14.0, 16.0):
            balance = msgspec.structs.replace(
                BalanceSettings(),
                fast_share=share,
                fast_ceiling_n=share * 833.0,
                fast_share_per_s=rate,
                fast_ceiling_n_s=rate * 833.0,
            )
            judged = [judge_fall(fall, samples, balance) for fall, samples in cases]
            deep = [one.alone_ms for one in judged if one.deep]
            stumbles = recovered_stumbles(judged)
            stopped = sum(one.alone_rule is not None for one in stumbles) / len(stumbles)
            counted = sum(one.counted for one in stumbles) / len(stumbles)
            rows.append((share, rate, quantile_ms(deep, 0.5), stopped, counted))
    return rows


def recovered_stumbles(judged: Sequence[JudgedFall]) -> list[JudgedFall]:
    """Stumbles that tighten the strap by at least 3 % of body weight and stay below the limit that is a fall by definition."""
    return [one for one in judged if one.kind is Kind.STUMBLE and 0.03 <= one.peak_share < one.limit_share]
