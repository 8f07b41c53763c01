"""ACSM's equations by hand, the range that backward gait adds, and that no number comes without its range."""

from __future__ import annotations

import pytest

from controller.session.energy import Range, energy, oxygen_uptake


@pytest.mark.parametrize(
    ("speed_m_s", "forward"),
    [(0.5, 3.5 + 0.1 * 30), (1.0, 3.5 + 0.1 * 60), (1.62, 3.5 + 0.1 * 97.2), (1.63, 3.5 + 0.2 * 97.8), (2.0, 3.5 + 0.2 * 120)],
)
def test_backward_gait_costs_17_to_35_percent_more_than_forward(speed_m_s: float, forward: float) -> None:
    found = oxygen_uptake(speed_m_s)
    assert (found.low, found.high) == (pytest.approx(1.17 * forward), pytest.approx(1.35 * forward))


def test_standing_is_rest() -> None:
    assert oxygen_uptake(0.0) == Range(3.5, 3.5, "ml/kg/min", False)


def test_a_session_by_hand() -> None:
    """70 kg, 10 min at 1.0 m/s (9.5 ml/kg/min forward) and 2 min standing: 5 kcal a litre of oxygen."""
    found = energy(70.0, [(600.0, 1.0), (120.0, 0.0)])
    standing = 3.5 * 70 / 1000 * 2 * 5
    assert found.low == pytest.approx(1.17 * 9.5 * 70 / 1000 * 10 * 5 + standing)
    assert found.high == pytest.approx(1.35 * 9.5 * 70 / 1000 * 10 * 5 + standing)
    assert found.unit == "kcal"


def test_an_estimate_is_read_as_a_range_with_its_basis() -> None:
    assert str(energy(70.0, [(600.0, 1.0)])) == "39-45 kcal (ACSM, backward +17-35 %)"
    assert str(oxygen_uptake(0.5)) == "7.6-8.8 ml/kg/min (ACSM, backward +17-35 %, extrapolated to slow walking)"
    assert energy(70.0, [(600.0, 1.0), (60.0, 0.5)]).extrapolated
    assert not energy(70.0, [(600.0, 1.0), (60.0, 0.0)]).extrapolated
