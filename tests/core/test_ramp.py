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
