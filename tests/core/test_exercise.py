"""Phases and rises: nothing becomes faster without a hand, nothing is ever above phase, ceiling or grant."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.events import Event
from controller.core.exercise import (
    ExerciseState,
    accept_rise,
    advance_offer,
    begin_phase,
    count_motion,
    increment_m_s,
    next_phase,
    slow_down,
)
from controller.core.settings import SpeedSettings
from messages.plan import Phase, PhaseKind, Plan

S = 1_000_000_000
SPEED = SpeedSettings()
PLAN = Plan(
    patient="p-1",
    mass_kg=70,
    phases=(
        Phase(PhaseKind.WARM_UP, 60, 0.10),
        Phase(PhaseKind.WORK, 120, 0.60),
        Phase(PhaseKind.REST, 60),
        Phase(PhaseKind.COOL_DOWN, 30, 0.15),
    ),
)
START = begin_phase(ExerciseState(session="s", plan=PLAN, phase_index=1), SPEED, 100 * S)


def test_it_begins_at_the_first_speed_and_offers_nothing_for_thirty_seconds() -> None:
    assert START.wanted_m_s == 0.10
    state, happenings = advance_offer(START, True, True, 1.2, SPEED, 100 * S + 29 * S)
    assert (state, happenings) == (START, ())


def test_an_offer_stands_ten_seconds_and_silence_declines() -> None:
    state, (offered,) = advance_offer(START, True, True, 1.2, SPEED, 130 * S)
    assert offered.event is Event.RISE_OFFERED
    same, nothing = advance_offer(state, True, True, 1.2, SPEED, 140 * S - 1)
    assert (same, nothing) == (state, ())
    closed, (declined,) = advance_offer(state, True, True, 1.2, SPEED, 140 * S)
    assert declined.event is Event.RISE_DECLINED
    assert closed.wanted_m_s == START.wanted_m_s
    assert advance_offer(closed, True, True, 1.2, SPEED, 169 * S)[1] == ()
    assert advance_offer(closed, True, True, 1.2, SPEED, 170 * S)[1] != ()


@pytest.mark.parametrize(("may_rise", "settled"), [(False, True), (True, False)])
def test_no_offer_without_rails_or_before_the_belt_has_settled(may_rise: bool, settled: bool) -> None:
    assert advance_offer(START, may_rise, settled, 1.2, SPEED, 500 * S) == (START, ())


def test_an_open_offer_closes_when_the_rails_are_let_go() -> None:
    state, _ = advance_offer(START, True, True, 1.2, SPEED, 130 * S)
    closed, (declined,) = advance_offer(state, False, True, 1.2, SPEED, 131 * S)
    assert declined.event is Event.RISE_DECLINED
    assert not closed.offered_until_ns


def test_accepting_gives_one_increment_as_far_as_it_was_granted() -> None:
    risen, (accepted,) = accept_rise(START, 0.15, 1.2, SPEED, 131 * S)
    assert accepted.event is Event.RISE_ACCEPTED
    assert risen.wanted_m_s == pytest.approx(0.15)
    assert accept_rise(START, 0.10, 1.2, SPEED, 131 * S) == (START, ())


def test_increments_are_smaller_below_half_a_metre_a_second() -> None:
    assert increment_m_s(0.45, SPEED) == 0.05
    assert increment_m_s(0.50, SPEED) == 0.10


def test_slower_always_works_and_never_goes_below_the_first_speed() -> None:
    state = msgspec.structs.replace(START, wanted_m_s=0.60)
    seen = []
    for _ in range(12):
        state = slow_down(state, SPEED, False, 0)
        seen.append(round(state.wanted_m_s, 3))
    assert seen[:3] == [0.5, 0.45, 0.4]
    assert seen[-1] == 0.10
    assert slow_down(START, SPEED, True, 0).wanted_m_s == 0.10


def test_a_slower_phase_slows_and_a_faster_one_only_makes_room() -> None:
    fast = msgspec.structs.replace(START, wanted_m_s=0.60, phase_index=2)
    assert next_phase(fast).wanted_m_s == 0.15
    first = msgspec.structs.replace(START, phase_index=0)
    assert next_phase(first).wanted_m_s == 0.10


@pytest.mark.parametrize("late_ms", [0, 9, 70])
def test_what_a_phase_was_walked_too_long_is_of_the_next_phases_time(late_ms: int) -> None:
    """Else the phases of a stretch last longer together than they say, by a scan each."""
    late_ns = late_ms * S // 1000
    ended = msgspec.structs.replace(START, phase_index=0, phase_elapsed_ns=60 * S + late_ns, phase_distance_m=6.0)
    moved = next_phase(ended)
    assert (moved.phase_elapsed_ns, moved.phase_distance_m) == (late_ns, 0.0)
    assert [(done.index, done.belt_time_s) for done in moved.done.phases] == [(0, 60.0)], "none of it is counted twice"


def test_a_rest_is_not_shortened_by_what_was_walked_before_it() -> None:
    resting = next_phase(msgspec.structs.replace(START, phase_elapsed_ns=121 * S))
    assert (resting.phase, resting.phase_elapsed_ns) == (PLAN.phases[2], 0)
    assert [(done.index, done.belt_time_s) for done in resting.done.phases] == [(1, 121.0)]
    assert next_phase(resting).phase_elapsed_ns == 0
    assert next_phase(resting).done.phases == resting.done.phases, "nobody walked in the rest"


def test_after_the_last_phase_nothing_is_left_over() -> None:
    over = next_phase(msgspec.structs.replace(START, phase_index=3, phase_elapsed_ns=31 * S))
    assert over.phase is None
    assert over.phase_elapsed_ns == 0
    assert [(done.index, done.belt_time_s) for done in over.done.phases] == [(3, 31.0)]


def test_motion_is_counted() -> None:
    state = count_motion(START, S, 0.3, 0.3)
    assert (state.belt_time_ns, state.work_time_ns, state.phase_elapsed_ns) == (S, S, S)
    assert state.distance_m == pytest.approx(0.3)
    warm = count_motion(msgspec.structs.replace(START, phase_index=0), S, 0.3, 0.3)
    assert warm.work_time_ns == 0


def test_a_grant_that_is_no_number_grants_nothing() -> None:
    assert accept_rise(START, float("nan"), 1.0, SPEED, 0) == (START, ())


@given(
    wanted=st.floats(0.0, 1.6),
    granted=st.floats(allow_nan=True),
    ceiling=st.floats(0.1, 1.6),
    phase_speed=st.floats(0.0, 1.6),
)
def test_no_rise_passes_grant_ceiling_phase_or_one_increment(
    wanted: float, granted: float, ceiling: float, phase_speed: float
) -> None:
    plan = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WORK, 60, phase_speed),))
    state = msgspec.structs.replace(START, plan=plan, phase_index=0, wanted_m_s=wanted)
    risen, happenings = accept_rise(state, granted, ceiling, SPEED, 0)
    if happenings:
        assert wanted < risen.wanted_m_s <= min(granted, ceiling, phase_speed)
        assert risen.wanted_m_s - wanted <= 0.10 + 1e-9
    else:
        assert risen == state


def test_the_belts_ripple_makes_no_session_faster_than_it_was_asked_to_be() -> None:
    state = count_motion(START, 10_000_000, 0.412, 0.4)
    assert state.phase_top_m_s == 0.4
    assert count_motion(state, 10_000_000, 0.39, 0.5).phase_top_m_s == 0.4, "nor as fast as it only was asked to be"
    assert state.distance_m == pytest.approx(0.00412), "the way is what was walked"
