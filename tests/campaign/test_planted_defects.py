"""Every judge can say no: each planted defect is caught by the judge that it is meant for, after a time that is printed."""

from __future__ import annotations

import os
import random

import pytest

from simulator.campaign.events import NAME as EVENTS
from simulator.campaign.invariants import all_invariants
from simulator.campaign.modules import NoSuchText
from simulator.campaign.planted import DEFECTS, Defect, seek
from simulator.campaign.planting import functions_changed
from simulator.campaign.run import write_script


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_caught(defect: Defect) -> None:
    seed = os.environ.get("STERNWAY_SEED") or f"{random.SystemRandom().randrange(10**9)}"
    catch = seek(defect, seed)
    assert catch is not None, f"nobody noticed, with seed {seed}"
    print(f"seed {seed}: caught after {catch.simulated_s:.0f} simulated seconds: {catch.violation.text}")


def test_every_judge_has_a_defect_that_it_must_catch() -> None:
    judges = {judge.name for judge in all_invariants(write_script("1").plan, 1.0) if judge.reason} | {EVENTS}
    assert judges - {name for defect in DEFECTS for name in defect.caught_by} == set()


def test_a_change_that_does_not_fit_any_more_is_an_error_and_changes_nothing() -> None:
    from controller.core import trips

    before = trips.judge_trips.__code__
    with pytest.raises(NoSuchText), functions_changed({"controller.core.trips:judge_trips": (("no such text", ""),)}):
        pass
    assert trips.judge_trips.__code__ is before
