"""Makes the fault list of a violation as short as it can be and still violate: delta debugging (Zeller and Hildebrandt 2002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
PLAYS_AT_MOST = 120


class _OutOfPlays(Exception):
    pass


def shrink(items: Sequence[_Item], fails: Callable[[list[_Item]], bool], plays_at_most: int = PLAYS_AT_MOST) -> list[_Item]:
    """Returns a part of items, in their order, that still fails and of which no single one can be left out.

    fails: plays a part; called at most plays_at_most times, after which the shortest part found so far is returned. The whole of
    `items` must fail.
    """
    left = plays_at_most

    def play(part: list[_Item]) -> bool:
        nonlocal left
        if left == 0:
            raise _OutOfPlays
        left -= 1
        return fails(part)

    best = list(items)
    pieces = 2
    try:
        if play([]):
            return []
        while len(best) > 1:
            smaller = _without_a_piece(best, pieces, play)
            if smaller is not None:
                best, pieces = smaller, max(2, pieces - 1)
            elif pieces >= len(best):
                break
            else:
                pieces = min(len(best), 2 * pieces)
    except _OutOfPlays:
        pass
    return best


def _without_a_piece(items: list[_Item], pieces: int, fails: Callable[[list[_Item]], bool]) -> list[_Item] | None:
    """The first complement of a piece that fails; None when every one passes."""
    size = -(-len(items) // pieces)
    for start in range(0, len(items), size):
        complement = items[:start] + items[start + size :]
        if complement and fails(complement):
            return complement
    return None
