"""Tells a load that really moved from a sample that is only wrong, at the cost of at most one sample.

The HX711 settles over four conversions, so a real rise never comes as one lone sample, however hard the strap jerks. A sample
within reach of the last accepted one counts at once; one beyond it is held until the next shows whether the load stayed there.
A plain median of three would delay every sample instead of only the surprising ones.
"""

from __future__ import annotations

import msgspec

NEVER_NS = -1
"""In place of a time: it has not happened."""
_LEAST_STEP_S = 0.005
"""No HX711 converts faster than this (93/s with the fastest internal oscillator): guards slopes against equal times."""
_MOST_GROWTH_N = 1500.0
"""Recorded arrests rise by up to 1,390 N from one sample to the next, but never in their first steps."""
_NOISE_STEP_N = 2.0
"""A smaller step foretells nothing: four times the recorded step noise of 0.5 N rms."""
_NOISE_SLOPE_N_S = _NOISE_STEP_N / 0.0125
_RATE_GROWTH = 50.0
"""[tuned] docs/balance-loss.md. By so many times may the newest slope, of two, exceed what the older one has above noise."""


class SieveState(msgspec.Struct, frozen=True, gc=False):
    """The last accepted sample, how the load moved up to it, and one held sample.

    Loads are newtons before tare, slopes N/s between successive accepted samples; times are NEVER_NS while there is none.
    `discarded` counts samples proven wrong since the start.
    """

    accepted_at_ns: int = NEVER_NS
    accepted_n: float = 0.0
    slope_n_s: float = 0.0
    slope_before_n_s: float = 0.0
    suspect_at_ns: int = NEVER_NS
    suspect_n: float = 0.0
    discarded: int = 0

    @property
    def rate_n_s(self) -> float:
        """Load rate that one bad sample on a resting load cannot raise: two successive slopes must agree in sign, and the newer
        counts only as far as the older foretold it (settling makes a real rise begin gently)."""
        newer, older = self.slope_n_s, self.slope_before_n_s
        if newer > 0.0 and older > 0.0:
            return min(newer, max(older, _RATE_GROWTH * (older - _NOISE_SLOPE_N_S)))
        if newer < 0.0 and older < 0.0:
            return max(newer, min(older, _RATE_GROWTH * (older + _NOISE_SLOPE_N_S)))
        return 0.0


def sift(state: SieveState, at_ns: int, load_n: float, reach_n: float, reach_growth: float) -> SieveState:
    """Returns the state after one finite, in-range sample.

    reach_n: how far the next sample may lie from the last without being doubted; reach_growth: by how many times the last
    slope that reach is widened while the load moves.
    """
    if state.accepted_at_ns == NEVER_NS:
        return _begin(state, at_ns, load_n, reach_n)
    if _within_reach(state, at_ns, load_n, reach_n, reach_growth):
        lost = 0 if state.suspect_at_ns == NEVER_NS else 1
        return _accept(state, at_ns, load_n, lost)
    if state.suspect_at_ns == NEVER_NS:
        return _hold(state, at_ns, load_n, 0)
    return _settle(state, at_ns, load_n, reach_n, reach_growth)


def drop(state: SieveState) -> SieveState:
    """Returns the state after a sample that cannot be a load at all (not a number, out of range, out of order)."""
    return msgspec.structs.replace(state, discarded=state.discarded + 1)


def _within_reach(state: SieveState, at_ns: int, load_n: float, reach_n: float, reach_growth: float) -> bool:
    """Whether a sample may be believed at once.

    The reach is widened only the way the load already went: settling smears every onset into a small step before a large.
    Two steps back count as well, since the last may have been a wrong sample too small to be noticed.
    """
    step_n = load_n - state.accepted_n
    along_n_s = max(state.slope_n_s, state.slope_before_n_s, 0.0)
    if step_n < 0.0:
        along_n_s = -min(state.slope_n_s, state.slope_before_n_s, 0.0)
    elapsed_s = (at_ns - state.accepted_at_ns) * 1e-9
    foretold_n = max(along_n_s * elapsed_s - _NOISE_STEP_N, 0.0)
    return abs(step_n) <= reach_n + min(reach_growth * foretold_n, _MOST_GROWTH_N)


def _begin(state: SieveState, at_ns: int, load_n: float, reach_n: float) -> SieveState:
    """Nothing is known yet: the first sample counts only once a second one agrees with it."""
    if state.suspect_at_ns == NEVER_NS:
        return _hold(state, at_ns, load_n, 0)
    if abs(load_n - state.suspect_n) <= reach_n:
        return SieveState(accepted_at_ns=at_ns, accepted_n=load_n, discarded=state.discarded)
    return _hold(state, at_ns, load_n, 1)


def _settle(state: SieveState, at_ns: int, load_n: float, reach_n: float, reach_growth: float) -> SieveState:
    """Two samples in a row are beyond reach. If they agree the load has moved; if not, the median of the three counts."""
    held_step_n = state.suspect_n - state.accepted_n
    step_n = load_n - state.accepted_n
    if (held_step_n > 0.0) is not (step_n > 0.0):
        return _hold(state, at_ns, load_n, 1)
    moved = _accept(state, state.suspect_at_ns, state.suspect_n, 0)
    if _within_reach(moved, at_ns, load_n, reach_n, reach_growth):
        return _accept(moved, at_ns, load_n, 0)
    if abs(step_n) < abs(held_step_n):
        return _accept(state, at_ns, load_n, 1)
    return _hold(moved, at_ns, load_n, 0)


def _accept(state: SieveState, at_ns: int, load_n: float, lost: int) -> SieveState:
    elapsed_s = (at_ns - state.accepted_at_ns) * 1e-9
    elapsed_s = max(elapsed_s, _LEAST_STEP_S)
    slope_n_s = (load_n - state.accepted_n) / elapsed_s
    return SieveState(at_ns, load_n, slope_n_s, state.slope_n_s, NEVER_NS, 0.0, state.discarded + lost)


def _hold(state: SieveState, at_ns: int, load_n: float, lost: int) -> SieveState:
    return msgspec.structs.replace(state, suspect_at_ns=at_ns, suspect_n=load_n, discarded=state.discarded + lost)
