"""The balance rules that read the harness load: loaded, loading too fast, leaning, recovered, tension lost."""

from __future__ import annotations

import msgspec

from controller.core.balance_settings import BalanceSettings, Limits
from controller.core.events import Event, Happening
from controller.core.load_chain import LoadEstimate
from controller.core.load_sieve import NEVER_NS

_REARM_SHARE = 0.5
"""A rule that has spoken speaks again only after the load has fallen to this share of its limit."""


class HarnessState(msgspec.Struct, frozen=True, gc=False):
    """What the load rules remember.

    loaded, fast, leaning, slack: that rule has spoken and is not re-armed. leaning_since_ns, slack_since_ns, quiet_since_ns:
    since when its condition holds. peak_n: highest load since the strap tightened, 0 while no loss of balance is under way;
    tightened_at_ns: when it began. stopped: this loss of balance has stopped the belt, so its end is no recovery. touch_at_ns: the
    one sample so far that has shown the strap tight; a second must agree, or a wrong sample would count as a loss of balance.
    """

    loaded: bool = False
    fast: bool = False
    leaning: bool = False
    slack: bool = False
    leaning_since_ns: int = NEVER_NS
    slack_since_ns: int = NEVER_NS
    quiet_since_ns: int = NEVER_NS
    tightened_at_ns: int = NEVER_NS
    peak_n: float = 0.0
    stopped: bool = False
    touch_at_ns: int = NEVER_NS


HARNESS_START = HarnessState()


def judge_harness(
    state: HarnessState, estimate: LoadEstimate, limits: Limits, retractor: bool, settings: BalanceSettings, now_ns: int
) -> tuple[HarnessState, tuple[Happening, ...]]:
    """Returns each rule's happening at its onset. The estimate's load must be GOOD; one that is no number trips."""
    load_n = estimate.load.value
    quiet = load_n < limits.touched_n and estimate.mean_1s_n < limits.support_n
    if quiet and not retractor and state == HARNESS_START:
        return state, ()
    found: list[Happening] = []
    loaded = _judge_loaded(state, load_n, limits, found, now_ns)
    fast = _judge_fast(state, estimate, loaded, limits, found, now_ns)
    leaning, leaning_since_ns = _judge_leaning(state, estimate.mean_1s_n, limits, settings, found, now_ns)
    slack, slack_since_ns = False, NEVER_NS
    if retractor:
        slack, slack_since_ns = _judge_tension(state, load_n, settings, found, now_ns)
    stopping = bool(found)
    moved = HarnessState(
        loaded,
        fast,
        leaning,
        slack,
        leaning_since_ns,
        slack_since_ns,
        state.quiet_since_ns,
        state.tightened_at_ns,
        state.peak_n,
        state.stopped or stopping,
        state.touch_at_ns,
    )
    moved = _follow_loss(moved, estimate, limits, settings, found, now_ns)
    return (state if moved == state else moved), tuple(found)


# Control C-LOADED-HARNESS.
def _judge_loaded(state: HarnessState, load_n: float, limits: Limits, found: list[Happening], now_ns: int) -> bool:
    if not load_n < limits.loaded_n:
        if not state.loaded:
            detail = (("load_n", round(load_n, 1)), ("limit_n", round(limits.loaded_n, 1)))
            found.append(Happening(Event.HARNESS_LOADED, now_ns, detail))
        return True
    return state.loaded and not load_n < _REARM_SHARE * limits.loaded_n


def _judge_fast(
    state: HarnessState, estimate: LoadEstimate, loaded: bool, limits: Limits, found: list[Happening], now_ns: int
) -> bool:
    """A strap that tightens at the speed of a falling body, seen before the load itself is beyond its limit."""
    load_n, rate_n_s = estimate.load.value, estimate.rate_n_s
    if not load_n < limits.fast_n and not rate_n_s < limits.fast_n_s:
        if not state.fast and not loaded:
            detail = (
                ("load_n", round(load_n, 1)),
                ("rate_n_s", round(rate_n_s, 1)),
                ("limit_n", round(limits.fast_n, 1)),
                ("limit_n_s", round(limits.fast_n_s, 1)),
            )
            found.append(Happening(Event.LOADING_FAST, now_ns, detail))
        return True
    return state.fast and not load_n < _REARM_SHARE * limits.fast_n


def _judge_leaning(
    state: HarnessState, mean_n: float, limits: Limits, settings: BalanceSettings, found: list[Happening], now_ns: int
) -> tuple[bool, int]:
    if mean_n < limits.support_n:
        return state.leaning and not mean_n < _REARM_SHARE * limits.support_n, NEVER_NS
    since_ns = state.leaning_since_ns if state.leaning_since_ns != NEVER_NS else now_ns
    lasting_s = (now_ns - since_ns) * 1e-9
    if lasting_s < settings.support_time_s:
        return state.leaning, since_ns
    if not state.leaning:
        detail = (
            ("mean_1s_n", round(mean_n, 1)),
            ("limit_n", round(limits.support_n, 1)),
            ("lasting_s", round(lasting_s, 2)),
        )
        found.append(Happening(Event.SUSTAINED_SUPPORT, now_ns, detail))
    return True, since_ns


def _judge_tension(
    state: HarnessState, load_n: float, settings: BalanceSettings, found: list[Happening], now_ns: int
) -> tuple[bool, int]:
    if load_n >= settings.tension_least_n:
        return False, NEVER_NS
    since_ns = state.slack_since_ns if state.slack_since_ns != NEVER_NS else now_ns
    lasting_s = (now_ns - since_ns) * 1e-9
    if lasting_s < settings.tension_time_s:
        return state.slack, since_ns
    if not state.slack:
        detail = (
            ("load_n", round(load_n, 1)),
            ("least_n", settings.tension_least_n),
            ("lasting_s", round(lasting_s, 2)),
        )
        found.append(Happening(Event.TENSION_LOST, now_ns, detail))
    return True, since_ns


def _follow_loss(
    state: HarnessState,
    estimate: LoadEstimate,
    limits: Limits,
    settings: BalanceSettings,
    found: list[Happening],
    now_ns: int,
) -> HarnessState:
    """Follows one loss of balance from the strap's tightening until it has been slack for a while, and counts a recovery."""
    under_way = state.tightened_at_ns != NEVER_NS
    load_n, sampled_at_ns = estimate.load.value, estimate.load.measured_at_ns
    if not load_n < limits.touched_n:
        if not under_way and state.touch_at_ns in (NEVER_NS, sampled_at_ns):
            return msgspec.structs.replace(state, touch_at_ns=sampled_at_ns)
        began_ns = state.tightened_at_ns if under_way else now_ns
        peak_n = load_n if load_n > state.peak_n else state.peak_n
        return msgspec.structs.replace(state, tightened_at_ns=began_ns, peak_n=peak_n, quiet_since_ns=NEVER_NS)
    if state.touch_at_ns != NEVER_NS:
        state = msgspec.structs.replace(state, touch_at_ns=NEVER_NS)
    if not under_way:
        return msgspec.structs.replace(state, stopped=False) if state.stopped else state
    if state.quiet_since_ns == NEVER_NS:
        return msgspec.structs.replace(state, quiet_since_ns=now_ns)
    if (now_ns - state.quiet_since_ns) * 1e-9 < settings.recovered_time_s:
        return state
    if not state.stopped:
        lasting_s = (state.quiet_since_ns - state.tightened_at_ns) * 1e-9
        detail = (
            ("peak_n", round(state.peak_n, 1)),
            ("limit_n", round(limits.touched_n, 1)),
            ("lasting_s", round(lasting_s, 2)),
        )
        found.append(Happening(Event.BALANCE_RECOVERED, now_ns, detail))
    return msgspec.structs.replace(state, tightened_at_ns=NEVER_NS, quiet_since_ns=NEVER_NS, peak_n=0.0, stopped=False)
