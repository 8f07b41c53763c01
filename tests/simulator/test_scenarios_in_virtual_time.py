"""Every scenario in virtual time: the controller's own scan, codec and serial driver over the real firmware's C."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.scenarios import BY_NAME, SCENARIOS, Scenario
from simulator.virtual import play

SEEDS = (1, 2, 3)
ASKED_FOR = {
    "session", "stumble", "fall", "hands-off", "stands-still", "dizzy", "mushroom", "clip-open", "sensor-stuck", "unplug",
    "freeze", "kill", "telemetry-kill", "broker-down",
}  # fmt: skip


def test_no_scenario_is_missing() -> None:
    assert {scenario.name for scenario in SCENARIOS} == ASKED_FOR


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", BY_NAME.values(), ids=lambda scenario: scenario.name)
@pytest.mark.hazard("H-08", "H-09", "H-10", "H-11", "H-12", "H-13", "H-14", "H-15", "H-17", "H-20", "H-21", "H-24", "H-25", "H-29")
@pytest.mark.hazard("C-LOADED-HARNESS", "C-CLIP", "C-DECK-ENDS", "C-RAILS", "C-LEASE", "C-HANGING", "C-SYMPTOMS")
def test_the_expected_outcome_comes(scenario: Scenario, seed: int) -> None:
    summary = play(scenario, seed)
    assert summary.outcome == "passed", summary.to_json()
    assert summary.duration_s < 58.0, "each is under a minute in real time"
    assert summary.highest_speed_m_s < 0.30


def test_a_run_can_be_repeated_by_its_seed() -> None:
    assert play(BY_NAME["stumble"], 7) == play(BY_NAME["stumble"], 7)
    assert play(BY_NAME["stumble"], 7) != play(BY_NAME["stumble"], 8)


def test_another_outcome_than_the_expected_one_fails() -> None:
    mushroom = BY_NAME["mushroom"]
    wrong_cause = replace(mushroom, expected=replace(mushroom.expected, causes=("clip-open",)))
    too_slow = replace(mushroom, expected=replace(mushroom.expected, standstill_within_s=0.001))
    nothing_happens = replace(mushroom, steps=(), ends=replace(mushroom.ends, for_s=30.0))
    for scenario, reason in ((wrong_cause, "cause is"), (too_slow, "ms to standstill"), (nothing_happens, "state is")):
        summary = play(scenario, 1)
        assert summary.outcome == "failed"
        assert any(reason in text for text in summary.reasons), summary.reasons
