"""Millions of frames from a hostile host against the firmware's core, with sanitizers on. A seed reruns a failure exactly."""

from __future__ import annotations

import json

import pytest

from tests.firmware.programs import run_program

FRAMES_EACH = 500_000
SEEDS = ("1", "2", "3")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.hazard("H-01", "C-GRANT")
def test_without_a_hand_nothing_ever_moves(seed: str) -> None:
    result = run_program("hostile_host", seed, str(FRAMES_EACH), "hands-off")

    assert result.returncode == 0, f"seed {seed}: {result.stderr}"
    assert result.stderr == ""
    told = json.loads(result.stdout)
    assert told["starts"] == 0
    # The attack must have got past the CRC, or it would prove nothing.
    assert told["understood"] > FRAMES_EACH // 4
    assert told["reports"] > told["simulated_s"] * 40


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.hazard("H-04", "C-GRANT")
def test_hands_on_the_buttons_the_belt_stays_within_what_they_granted(seed: str) -> None:
    result = run_program("hostile_host", seed, str(FRAMES_EACH), "hands-on")

    assert result.returncode == 0, f"seed {seed}: {result.stderr}"
    assert result.stderr == ""
    told = json.loads(result.stdout)
    assert told["starts"] > 20
    assert told["accepted_while_running"] > 10_000


def test_frames_of_the_last_round_of_the_clock_are_stale() -> None:
    result = run_program("clock_wrap")

    assert (result.returncode, result.stdout, result.stderr) == (0, "refused\n", "")
