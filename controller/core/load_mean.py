"""The harness load's mean over about the last second, from samples that come irregularly."""

from __future__ import annotations

import msgspec

_BLOCK_S = 0.125
_BLOCKS = 8


class MeanState(msgspec.Struct, frozen=True, gc=False):
    """Closed blocks of at least 125 ms, newest last (at most eight), and the open one; integrals are N s, durations s."""

    integrals_n_s: tuple[float, ...] = ()
    durations_s: tuple[float, ...] = ()
    open_integral_n_s: float = 0.0
    open_duration_s: float = 0.0


def extend_mean(state: MeanState, mean_n: float, elapsed_s: float) -> MeanState:
    """Returns the state after `elapsed_s` seconds at `mean_n` newtons."""
    integral = state.open_integral_n_s + mean_n * elapsed_s
    duration = state.open_duration_s + elapsed_s
    if duration < _BLOCK_S:
        return MeanState(state.integrals_n_s, state.durations_s, integral, duration)
    return MeanState((*state.integrals_n_s, integral)[-_BLOCKS:], (*state.durations_s, duration)[-_BLOCKS:])


def mean_n(state: MeanState) -> float:
    """Newtons, weighted by time over the last 1.0-1.125 s; 0 before the first two samples.

    Added up in a loop: the built-in sum of floats rounds differently between Python versions, and replay must not.
    """
    integral, duration = state.open_integral_n_s, state.open_duration_s
    for part in state.integrals_n_s:
        integral += part
    for part in state.durations_s:
        duration += part
    return integral / duration if duration > 0.0 else 0.0
