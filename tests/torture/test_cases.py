"""The cases of a run are drawn afresh each time, and from `STERNWAY_SEED` where it is given: a failure can be repeated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torture import cases
from tests.torture.call_sites import CONTROLLER_FILES, OUR_OWN, ROOT, find_sites

SITES = find_sites(CONTROLLER_FILES)
REACHED = {site.name: {"walking": False} for site in SITES}


def drawn(seed: str | None, monkeypatch: pytest.MonkeyPatch, reached: dict[str, dict[str, bool]] = REACHED) -> list[cases.Case]:
    monkeypatch.setattr(cases, "EVERYTHING", False)
    monkeypatch.delenv("STERNWAY_SEED", raising=False)
    if seed is not None:
        monkeypatch.setenv("STERNWAY_SEED", seed)
    return list(cases.make(SITES, reached))


def test_each_call_that_is_left_out_as_our_own_is_still_there() -> None:
    left_out = (call.split() for call in OUR_OWN)
    assert [(file, written) for file, written in left_out if f"{written}(" not in (ROOT / file).read_text()] == []


def test_the_same_seed_draws_the_same_cases_and_another_draws_others(monkeypatch: pytest.MonkeyPatch) -> None:
    first = drawn("20261123", monkeypatch)
    assert len(first) == len(SITES)
    assert drawn("20261123", monkeypatch) == first
    assert drawn("20261124", monkeypatch) != first


def test_a_site_that_is_reached_no_more_changes_no_other_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """The survey's machine differs (a clock chip, a thermometer): what is repeated elsewhere is the same all the same."""
    first = drawn("20261123", monkeypatch)
    fewer = {name: phases for name, phases in REACHED.items() if name != SITES[0].name}
    assert drawn("20261123", monkeypatch, fewer) == first[1:]


def test_without_a_seed_each_run_draws_its_own_and_says_how_to_repeat_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = drawn(None, monkeypatch)
    _, _, seed = capsys.readouterr().out.partition("STERNWAY_SEED=")
    assert drawn(None, monkeypatch) != first
    assert drawn(seed.strip(), monkeypatch) == first


def test_a_run_that_never_came_to_its_call_is_repeated_with_other_chances_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: dict[str, list[int]] = {"late": [], "never": [], "at once": []}

    def run(asked: list[cases.Case]) -> list[dict[str, Any]]:
        for fault, _by_bit, seed in asked:
            seeds[fault["site"]].append(seed)
        return [
            {"fault": fault, "fired": fault["site"] == "at once" or (fault["site"], seed) == ("late", 11)}
            for fault, _, seed in asked
        ]

    monkeypatch.setattr(cases, "run", run)
    answers = cases.run_to_the_call([[{"site": site}, False, 10] for site in seeds])
    assert seeds == {"late": [10, 11], "never": [10, 11, 12, 13], "at once": [10]}
    assert {answer["fault"]["site"]: answer["fired"] for answer in answers} == {"late": True, "never": False, "at once": True}
