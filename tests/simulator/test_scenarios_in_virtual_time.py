"""Every scenario in virtual time: the controller's own scan, codec and serial driver over the real firmware's C."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.scenarios import BY_NAME, GUIDED, SCENARIOS, SESSIONS, Scenario, When
from simulator.virtual import play

SEEDS = (1, 2, 3)
ASKED_FOR = {
    "session", "stumble", "fall", "hands-off", "stands-still", "dizzy", "mushroom", "clip-open", "sensor-stuck", "unplug",
    "freeze", "kill", "telemetry-kill", "broker-down",
}  # fmt: skip
SESSIONS_ASKED_FOR = {
    "first-session", "hands-free", "third-this-week", "contraindicated", "dizzy-at-check", "attendant-leaves", "two-patients",
    "wheelchair", "alone",
}  # fmt: skip


def test_no_scenario_is_missing() -> None:
    assert {scenario.name for scenario in SCENARIOS} == ASKED_FOR
    assert {scenario.name for scenario in SESSIONS} == SESSIONS_ASKED_FOR


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", [*SCENARIOS, GUIDED], ids=lambda scenario: scenario.name)
@pytest.mark.hazard("H-08", "H-09", "H-10", "H-11", "H-12", "H-13", "H-14", "H-15", "H-17", "H-20", "H-21", "H-24", "H-25", "H-29")
@pytest.mark.hazard("C-LOADED-HARNESS", "C-CLIP", "C-DECK-ENDS", "C-RAILS", "C-LEASE", "C-HANGING", "C-SYMPTOMS")
def test_the_expected_outcome_comes(scenario: Scenario, seed: int) -> None:
    summary = play(scenario, seed)
    assert summary.outcome == "passed", summary.to_json()
    assert summary.duration_s < 58.0, "each is under a minute in real time"
    assert summary.highest_speed_m_s < 0.30


@pytest.mark.hazard("H-14", "H-15", "H-22", "H-24", "H-25", "H-29", "C-SYMPTOMS", "C-SCREENING", "C-NEXT-PATIENT", "C-RAILS")
@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize("scenario", SESSIONS, ids=lambda scenario: scenario.name)
def test_a_whole_session_comes_out_as_expected(scenario: Scenario, seed: int) -> None:
    """However long it takes; two of the therapist's hands do for all of it."""
    summary = play(scenario, seed)
    assert summary.outcome == "passed", summary.to_json()
    assert summary.therapist_hands <= 2


def test_a_returning_patient_walks_soon_and_after_few_presses() -> None:
    summary = play(BY_NAME["session"], 1)
    assert summary.clipped_to_walking_s is not None
    assert summary.clipped_to_walking_s <= 90.0
    assert summary.clipped_to_walking_presses is not None
    assert summary.clipped_to_walking_presses <= 6


def test_what_must_not_come_and_what_is_too_much_fails() -> None:
    alone = BY_NAME["alone"]
    forbidden = replace(alone, expected=replace(alone.expected, never=("stop-pressed",), presses_to_walking=3))
    well = replace(BY_NAME["contraindicated"], patient=BY_NAME["session"].patient, ends=When(states=("prepared",)))
    found = play(forbidden, 1).reasons
    assert any("must not come" in reason for reason in found), found
    assert any("presses from clip" in reason for reason in found), found
    assert any("expected osteoporosis" in reason for reason in play(well, 1).reasons)


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
