"""Thresholds of the balance-loss rules, with unit, range, default and where each number comes from.

`[O]` marks opinion without a trial behind it, `[unverified]` a number that no stored source confirms, `[tuned]` one chosen on
the tuning half of the evaluation (docs/balance-loss.md). Shares are of body weight.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from controller.core.settings import RailSettings

_LEAST_WEIGHT_N = 20.0 * 9.81
_MOST_WEIGHT_N = 200.0 * 9.81


def _meta(lowest: float, highest: float, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=lowest, le=highest, description=description)


class BalanceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as losing one's balance. Every share comes with a ceiling in newtons, in case the weight entered is wrong."""

    loaded_share: Annotated[float, _meta(0.10, 0.30, "harness load that is a fall; Yang & Pai 2011 [unverified]")] = 0.30
    loaded_ceiling_n: Annotated[float, _meta(100, 250, "a fall whatever the weight says [O]")] = 250.0
    fast_share: Annotated[float, _meta(0.05, 0.30, "load from which its rate counts [tuned]")] = 0.06
    fast_ceiling_n: Annotated[float, _meta(40, 150, "the same whatever the weight says [O]")] = 50.0
    fast_share_per_s: Annotated[float, _meta(1.0, 20.0, "rise, body weights a second, that is a fall [tuned]")] = 12.0
    fast_ceiling_n_s: Annotated[float, _meta(800, 16000, "the same whatever the weight says [O]")] = 10000.0
    support_share: Annotated[float, _meta(0.02, 0.15, "1-s mean that is leaning; Yang & Pai 2011 [unverified]")] = 0.045
    support_ceiling_n: Annotated[float, _meta(20, 100, "the same whatever the weight says [O]")] = 50.0
    support_time_s: Annotated[float, _meta(0.3, 5.0, "the mean stays there for so long; a recovered stumble does not [O]")] = 1.0
    no_grace_share: Annotated[float, _meta(0.02, 0.20, "with so much load a rail let go has no grace [O]")] = 0.10
    no_grace_ceiling_n: Annotated[float, _meta(20, 100, "the same whatever the weight says [O]")] = 85.0
    touched_share: Annotated[float, _meta(0.01, 0.10, "the strap tightened: a loss of balance begins [tuned]")] = 0.03
    touched_ceiling_n: Annotated[float, _meta(10, 60, "the same whatever the weight says [O]")] = 40.0
    recovered_time_s: Annotated[float, _meta(0.2, 3.0, "strap slack again for so long: recovered [O]")] = 0.5
    retractor: Annotated[
        bool,
        msgspec.Meta(description="a retractor pulls the strap; what then does not hold: docs/balance-loss.md"),
    ] = False
    tension_least_n: Annotated[float, _meta(3, 15, "half a retractor's least pretension of 15 N [O]")] = 7.5
    tension_time_s: Annotated[float, _meta(0.05, 1.0, "pretension gone for so long [O]")] = 0.3
    pretension_n: Annotated[float, _meta(15, 60, "a retractor's greatest pretension: no sign of a fall")] = 30.0
    hands_free_time_s: Annotated[float, _meta(0.3, 5.0, "both hands off for so long is hands-free walking [O]")] = 1.0
    rails: RailSettings = RailSettings()


class Limits(msgspec.Struct, frozen=True, gc=False):
    """The same thresholds in newtons, for one body weight."""

    loaded_n: float
    fast_n: float
    fast_n_s: float
    support_n: float
    no_grace_n: float
    touched_n: float


def limits_for(settings: BalanceSettings, body_weight_n: float) -> Limits:
    """Returns the limits for a body weight in newtons.

    A weight that nobody can have (not a number included) is taken as 20 kg, which makes every rule its most sensitive.
    A retractor's pretension is added to the limits that lie near it.
    """
    weight_n = plausible_weight_n(body_weight_n)
    pull_n = greatest_pull_n(settings)
    return Limits(
        loaded_limit_n(settings, weight_n),
        min(settings.fast_share * weight_n, settings.fast_ceiling_n) + pull_n,
        min(settings.fast_share_per_s * weight_n, settings.fast_ceiling_n_s),
        min(settings.support_share * weight_n, settings.support_ceiling_n) + pull_n,
        min(settings.no_grace_share * weight_n, settings.no_grace_ceiling_n) + pull_n,
        min(settings.touched_share * weight_n, settings.touched_ceiling_n) + pull_n,
    )


def greatest_pull_n(settings: BalanceSettings) -> float:
    """Returns how hard the strap's retractor may pull, in newtons; 0 without one."""
    return settings.pretension_n if settings.retractor else 0.0


def loaded_limit_n(settings: BalanceSettings, body_weight_n: float) -> float:
    """Returns the harness load that is a fall, in newtons; a weight that nobody can have is taken as in `limits_for`."""
    return min(settings.loaded_share * plausible_weight_n(body_weight_n), settings.loaded_ceiling_n)


def plausible_weight_n(body_weight_n: float) -> float:
    """Returns the weight; 20 kg for one that nobody can have, not a number included."""
    return body_weight_n if _LEAST_WEIGHT_N <= body_weight_n <= _MOST_WEIGHT_N else _LEAST_WEIGHT_N
