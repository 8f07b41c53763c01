"""Kills at random moments of random processes, a few of them; `python -m tests.torture.kills 500` is the long run."""

from __future__ import annotations

import os

import pytest

from tests.seeds import draw_seed
from tests.torture.kills import not_met, torture

KILLS = int(os.environ.get("STERNWAY_KILLS", "20"))


@pytest.mark.real_time
@pytest.mark.hazard("H-03", "C-UNCLEAN-START")
def test_whatever_is_killed_the_belt_rests_or_goes_on_and_no_event_is_lost() -> None:
    said: list[str] = []
    kills, remains = torture(KILLS, draw_seed("kills") % 10**6, said.append)
    counted = [kill for kill in kills if not kill.void]
    wrong = [wrong for one in (*counted, *remains) for wrong in one.wrong]
    assert not wrong, "\n".join([*wrong, *said])
    assert len(counted) == KILLS, "the machine stood still too often"
    assert not_met(counted) == [], "\n".join(said)
