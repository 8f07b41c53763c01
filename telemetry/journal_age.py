"""How old the journal's events are: counted over the events themselves, because the wall clock alone may leap. Pure.

An event carries the time of a wall clock that may have been wrong by decades, and set right again since. So age is counted back
from now, from event to event, and a step between two neighbours counts for a week at most, forward or back:

- A clock that leaps ahead makes nothing older than by a week, however far it leaps, however long it stays wrong, and whatever is
  written meanwhile; set right again, it takes that week back. What was written under a clock that was behind is older by a week
  at most. So who deletes adds two weeks to what must be kept, and neither makes anything go too soon, nor both together. Only
  each further leap ahead, on top of one that was never set right, may count for a week more.
- A treadmill that was switched off for longer than a week keeps what it has for so much longer. The rule of the week and
  progression would rather see too much than too little, and nights, weekends and public holidays are shorter.

The monotonic clock beside each event cannot vouch for more: it begins anew at each boot, and a computer without a real-time clock
learns only after its boot how long it was off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

LONGEST_STEP_DAYS = 7.0
KEPT_LONGER_DAYS = 2 * LONGEST_STEP_DAYS
"""Added to a retention: one leap before an event's time was told, and one now."""
SURE_DAYS = 1.0
"""Over a stretch of events that the clock says took no longer than this, it is believed without a look at each."""
MOST_STEPS = 4096
"""Of more events than these, so many of the same distance are looked at closest: the work has a bound, however the clock went."""

_LARGEST_ID = 2**63 - 1


class Moment(NamedTuple):
    """An event's id, and its time by the wall clock, in days since any fixed day."""

    id: int
    day: float


def newest_beyond(look: Callable[[int], Moment | None], oldest_id: int, now_day: float, limit_days: float) -> int | None:
    """Returns the id of an event beyond the limit of age; all before it are, too. None when there is none.

    look gives the newest event at or below an id, or None. What is returned is the newest such event, or one that is older by
    SURE_DAYS or by one step at most. Looks at no more than 2 * MOST_STEPS events and a few.
    """
    here = look(_LARGEST_ID)
    if here is None:
        return None
    least = stride = max(1, (here.id - oldest_id) // MOST_STEPS)
    age_days = _counted(now_day - here.day)
    while not age_days > limit_days:
        before = look(here.id - stride)
        if stride > least and (before is None or abs(here.day - before.day) > SURE_DAYS):
            stride = max(least, stride // 2)
        elif before is None:
            return None
        else:
            age_days += _counted(here.day - before.day)
            here, stride = before, stride * 2
    return here.id


def _counted(step_days: float) -> float:
    return min(max(step_days, -LONGEST_STEP_DAYS), LONGEST_STEP_DAYS)
