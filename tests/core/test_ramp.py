"""The ramp: within acceleration and jerk, never above what hands have granted, and safe against numbers that are none."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.ramp import AT_REST, RampLimits, RampState, advance_ramp

LIMITS = RampLimits(acceleration_m_s2=0.10, deceleration_m_s2=0.15, jerk_m_s3=0.20, ceiling_m_s=1.2)
STEP_S = 0.01
ANY = st.floats(allow_nan=True, allow_infinity=True)


def test_it_reaches_the_goal_and_stays_there() -> None:
    state = AT_REST
    for _ in range(800):
        state = advance_ramp(state, 0.5, LIMITS, STEP_S)
    assert state == RampState(0.5, 0.0)


@pytest.mark.hazard("H-07", "C-RAMP")
def test_a_rise_keeps_acceleration_and_jerk() -> None:
    state, rates = AT_REST, [0.0]
    while state.set_point_m_s < 0.5:
        before = state
        state = advance_ramp(state, 0.5, LIMITS, STEP_S)
        assert state.set_point_m_s - before.set_point_m_s <= 0.10 * STEP_S + 1e-12
        rates.append((state.set_point_m_s - before.set_point_m_s) / STEP_S)
    changes = [abs(after - before) / STEP_S for before, after in itertools.pairwise(rates)]
    assert max(changes[:-1]) <= 0.20 + 1e-9
    assert max(rates) > 0.09, "the ramp must use the acceleration it is given"


def test_slowing_does_not_wait_for_the_jerk() -> None:
    state = advance_ramp(RampState(0.8, 0.1), 0.1, LIMITS, STEP_S)
    assert math.isclose(state.set_point_m_s, 0.8 - 0.15 * STEP_S)


EXACT = RampLimits(acceleration_m_s2=1.0, deceleration_m_s2=0.5, jerk_m_s3=0.125, ceiling_m_s=4.0)
"""Powers of two, and so is the step below: every result is exact."""
EXACT_STEP_S = 2.0**-7


def test_the_rate_falls_from_where_it_can_still_come_to_zero_at_the_goal() -> None:
    """0.25² / (2 x 0.125) is 0.25 m before the goal; a hair farther away it still rises."""
    change = 0.125 * EXACT_STEP_S
    assert advance_ramp(RampState(1.0, 0.25), 1.25, EXACT, EXACT_STEP_S).rate_m_s2 == 0.25 - change
    assert advance_ramp(RampState(1.0, 0.25), 1.2500001, EXACT, EXACT_STEP_S).rate_m_s2 == 0.25 + change


def test_at_the_goal_the_rate_is_zero_whichever_way_it_was_reached() -> None:
    reached = (0.25 - 0.125 * EXACT_STEP_S) * EXACT_STEP_S
    assert advance_ramp(RampState(0.0, 0.25), reached, EXACT, EXACT_STEP_S) == RampState(reached, 0.0)
    assert advance_ramp(RampState(1.0, 0.0), 1.0 - 2.0**-8, EXACT, EXACT_STEP_S) == RampState(1.0 - 2.0**-8, 0.0)
    assert advance_ramp(RampState(1.0, -0.5), 1.0 - 2.0**-9, EXACT, EXACT_STEP_S) == RampState(1.0 - 2.0**-9, 0.0)


def test_while_it_slows_the_rate_is_the_deceleration() -> None:
    assert advance_ramp(RampState(1.0, 0.3), 0.5, EXACT, EXACT_STEP_S) == RampState(1.0 - 2.0**-8, -0.5)


def test_a_gap_of_one_metre_a_second_is_a_ramp_like_any_other() -> None:
    assert advance_ramp(AT_REST, 1.0, EXACT, EXACT_STEP_S).set_point_m_s == 0.125 * EXACT_STEP_S**2


def test_no_time_no_step_and_a_low_grant_holds() -> None:
    assert advance_ramp(RampState(0.1, 0.05), 0.5, EXACT, 0.0).set_point_m_s == 0.1
    low = RampLimits(acceleration_m_s2=1.0, deceleration_m_s2=0.5, jerk_m_s3=0.125, ceiling_m_s=0.3)
    assert advance_ramp(RampState(0.29999, 0.0625), 1.0, low, EXACT_STEP_S) == RampState(0.3, 0.0)


@given(wanted=ANY, ceiling=ANY, elapsed=ANY, start=st.floats(0, 1.6), rate=st.floats(-0.5, 0.15))
@pytest.mark.hazard("H-04", "C-RAMP")
def test_nothing_makes_it_faster_than_granted_or_by_more_than_a_step(
    wanted: float, ceiling: float, elapsed: float, start: float, rate: float
) -> None:
    limits = RampLimits(0.10, 0.15, 0.20, ceiling)
    state = advance_ramp(RampState(start, rate), wanted, limits, elapsed)
    assert math.isfinite(state.set_point_m_s)
    assert state.set_point_m_s >= 0.0
    assert state.set_point_m_s - start <= 0.15 * 0.02 + 1e-12
    if not ceiling > 0.0 or not wanted > 0.0:
        assert state.set_point_m_s <= start
    if state.set_point_m_s > start:
        assert state.set_point_m_s <= ceiling
        assert state.set_point_m_s <= wanted


def test_a_rise_after_slowing_begins_at_once_and_gently() -> None:
    """What the rate was downwards is forgotten: the rise neither goes on falling nor begins steeper than the jerk allows."""
    limits = RampLimits(acceleration_m_s2=0.10, deceleration_m_s2=0.15, jerk_m_s3=0.20, ceiling_m_s=1.0)
    risen = advance_ramp(RampState(0.20, -0.15), 0.50, limits, 0.01)
    assert risen.rate_m_s2 == pytest.approx(0.002)
    assert risen.set_point_m_s == pytest.approx(0.20002)
