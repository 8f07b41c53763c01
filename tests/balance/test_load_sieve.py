"""The sieve sample by sample: which is believed, which is held, and which is proven wrong; no chance decides what is tried."""

from __future__ import annotations

from controller.core.load_sieve import NEVER_NS, SieveState, drop, sift

MS = 1_000_000
REACH_N, GROWTH = 100.0, 50.0


def sifted(*loads_n: float, state: SieveState | None = None) -> SieveState:
    state = state if state is not None else SieveState()
    begins_ns = state.accepted_at_ns if state.accepted_at_ns != NEVER_NS else 0
    for number, load_n in enumerate(loads_n, 1):
        state = sift(state, begins_ns + number * 10 * MS, load_n, REACH_N, GROWTH)
    return state


def test_the_first_sample_counts_once_a_second_agrees_with_it() -> None:
    first = sifted(500.0)
    assert (first.accepted_at_ns, first.suspect_n, first.discarded) == (NEVER_NS, 500.0, 0)
    assert sifted(500.0, 600.0) == SieveState(accepted_at_ns=20 * MS, accepted_n=600.0)
    assert sifted(500.0, 400.0) == SieveState(accepted_at_ns=20 * MS, accepted_n=400.0)


def test_two_first_samples_that_disagree_leave_the_second_held_and_the_first_discarded() -> None:
    apart = sifted(500.0, 600.1)
    assert (apart.accepted_at_ns, apart.suspect_at_ns, apart.suspect_n, apart.discarded) == (NEVER_NS, 20 * MS, 600.1, 1)
    assert sifted(0.0, 900.0, 905.0) == SieveState(accepted_at_ns=30 * MS, accepted_n=905.0, discarded=1)


def test_a_sample_beyond_reach_is_held_and_forgotten_when_the_next_is_back() -> None:
    calm = sifted(0.0, 0.0)
    held = sifted(100.1, state=calm)
    assert (held.accepted_n, held.suspect_n, held.discarded) == (0.0, 100.1, 0)
    back = sifted(100.1, 1.0, state=calm)
    assert (back.accepted_n, back.suspect_at_ns, back.discarded) == (1.0, NEVER_NS, 1)
    assert sifted(100.0, state=calm).accepted_n == 100.0, "within reach"


def test_two_beyond_reach_that_agree_are_a_load_that_moved() -> None:
    calm = sifted(0.0, 0.0)
    moved = sifted(300.0, 310.0, state=calm)
    assert (moved.accepted_n, moved.suspect_at_ns, moved.discarded) == (310.0, NEVER_NS, 0)


def test_two_beyond_reach_on_either_side_leave_the_second_held() -> None:
    calm = sifted(0.0, 0.0)
    torn = sifted(300.0, -300.0, state=calm)
    assert (torn.accepted_n, torn.suspect_n, torn.discarded) == (0.0, -300.0, 1)


def test_of_two_that_disagree_on_one_side_the_median_of_the_three_counts() -> None:
    calm = sifted(0.0, 0.0)
    lower = sifted(900.0, 300.0, state=calm)
    assert (lower.accepted_n, lower.suspect_at_ns, lower.discarded) == (300.0, NEVER_NS, 1)
    downwards = sifted(-900.0, -300.0, state=calm)
    assert (downwards.accepted_n, downwards.discarded) == (-300.0, 1)


def test_what_can_be_no_load_at_all_is_only_counted() -> None:
    calm = sifted(0.0, 0.0)
    assert (drop(calm).discarded, drop(calm).accepted_n) == (1, 0.0)
