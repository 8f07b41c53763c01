"""Whole sessions of the simulated patient: what is counted as a nuisance is one, and an undisturbed walk has none."""

from __future__ import annotations

from evaluation.sessions import walk_one_session
from simulator.patient import PatientParameters


def test_an_undisturbed_session_is_walked_to_its_end() -> None:
    walked = walk_one_session(3, 40.0)
    assert (walked.count, walked.completed, walked.stops, walked.slows) == (1, 1, 0, 0)
    assert walked.belt_s == 50.0


def test_a_hand_that_stays_away_is_counted_as_the_nuisance_it_is() -> None:
    walked = walk_one_session(3, 40.0, PatientParameters(regrip_interval_s=10.0, regrip_s=5.0))
    assert walked.slows >= 1
    assert walked.stops >= 1
    assert {"rail-slow", "rail-pause"} <= set(walked.codes)
