"""A short run of every fuzz target, with a fresh seed; and that the fuzzers find what was planted."""

from __future__ import annotations

import pytest

from fuzzing.__main__ import ALL, CORPUS, fuzz
from tests.seeds import draw_seed

SECONDS = 5


@pytest.mark.hazard("H-18", "H-19", "H-04", "C-FRAMES", "C-COMMAND-INTAKE")
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_found_in_a_short_run(name: str) -> None:
    seed = draw_seed(name)
    result = fuzz(name, SECONDS, seed)
    assert not result.finding, f"seed {seed}: {result.finding}"
    assert result.executions > 100
    assert result.coverage > 10


@pytest.mark.parametrize("name", ["swallows_nan", "crashes_on_a_word"])
def test_a_planted_defect_is_found(name: str) -> None:
    result = fuzz(f"tests.fuzz.planted:{name}", 30, 1)
    assert "FindingError" in result.finding or "ZeroDivisionError" in result.finding


def test_every_target_has_a_corpus() -> None:
    assert {path.name for path in CORPUS.iterdir()} >= set(ALL)
