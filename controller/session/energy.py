"""What a session cost in energy: an estimate with its range, never a bare number. Pure.

ACSM's equations for level walking and running, made for forward gait, times what backward gait was measured to cost more: 17-20 %
(walking on grades, Hooper 2004) to 35 % (running, PubMed 32840696). ACSM's walking equation is meant for 0.83-1.67 m/s: below,
the estimate is an extrapolation and says so. Holding a rail lowers the cost (IJmker 2015) by an amount that is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

RESTING_ML_KG_MIN = 3.5
WALK_ML_KG_M, RUN_ML_KG_M = 0.1, 0.2
BACKWARD_LOW, BACKWARD_HIGH = 1.17, 1.35
WALK_RUN_TRANSITION_M_S = 1.63
"""Backward (Hreljac 2005)."""
SLOWEST_M_S = 50 / 60
KCAL_PER_LITRE_OXYGEN = 5.0


class Range(msgspec.Struct, frozen=True):
    """An estimate: at least low, at most high, in `unit`. extrapolated: slower than ACSM's equation is meant for."""

    low: float
    high: float
    unit: str
    extrapolated: bool

    def __str__(self) -> str:
        beyond = ", extrapolated to slow walking" if self.extrapolated else ""
        return f"{self.low:.{_digits(self.high)}f}-{self.high:.{_digits(self.high)}f} {self.unit} (ACSM, backward +17-35 %{beyond})"


def _digits(value: float) -> int:
    return 0 if value >= 10 else 1


def oxygen_uptake(speed_m_s: float) -> Range:
    """Returns the gross oxygen uptake of level backward gait, ml/kg/min; at rest that of standing still, without range."""
    unit = "ml/kg/min"
    if not speed_m_s > 0:
        return Range(RESTING_ML_KG_MIN, RESTING_ML_KG_MIN, unit, False)
    per_metre = RUN_ML_KG_M if speed_m_s >= WALK_RUN_TRANSITION_M_S else WALK_ML_KG_M
    forward = RESTING_ML_KG_MIN + per_metre * speed_m_s * 60
    return Range(BACKWARD_LOW * forward, BACKWARD_HIGH * forward, unit, speed_m_s < SLOWEST_M_S)


def energy(mass_kg: float, stretches: Iterable[tuple[float, float]]) -> Range:
    """Returns the gross energy of stretches of (duration_s, speed_m_s), rests with speed 0 among them, in kcal."""
    low = high = 0.0
    extrapolated = False
    for duration_s, speed_m_s in stretches:
        uptake = oxygen_uptake(speed_m_s)
        litres = mass_kg * duration_s / 60 / 1000  # for each ml/kg/min
        low += uptake.low * litres * KCAL_PER_LITRE_OXYGEN
        high += uptake.high * litres * KCAL_PER_LITRE_OXYGEN
        extrapolated = extrapolated or uptake.extrapolated
    return Range(low, high, "kcal", extrapolated)
