"""Delta debugging finds the few that matter, in the order they had."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.campaign.shrink import shrink


@given(st.sets(st.integers(0, 199), min_size=1, max_size=4))
def test_nothing_is_left_that_is_not_needed(needed: set[int]) -> None:
    assert shrink(range(200), lambda part: needed <= set(part), plays_at_most=5000) == sorted(needed)


def test_what_fails_without_anything_shrinks_to_nothing() -> None:
    assert shrink([1, 2, 3], lambda _part: True) == []


def test_it_stops_when_its_plays_are_used_up() -> None:
    plays: list[list[int]] = []

    def fails(part: list[int]) -> bool:
        plays.append(part)
        return 7 in part and 93 in part

    left = shrink(list(range(100)), fails, plays_at_most=5)
    assert len(plays) == 5
    assert {7, 93} <= set(left)
