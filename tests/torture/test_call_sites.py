"""Every call of the controller's shell that can fail fails once: the belt stops or goes on, the error is said, nothing is lost.

`STERNWAY_EVERY_ERROR=1` (`make torture`): every plausible error in every phase; without it, of each site one error by chance.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.torture import cases
from tests.torture.call_sites import CONTROLLER_FILES, find_sites
from tests.torture.judging import problems
from tests.torture.machine import Life

SITES = find_sites(CONTROLLER_FILES)


@pytest.fixture(scope="module")
def reached() -> dict[str, dict[str, bool]]:
    return cases.survey()


def test_every_site_is_reached_or_listed_with_its_reason(reached: dict[str, dict[str, bool]]) -> None:
    unreached = {site.name for site in SITES} - set(reached)
    assert unreached - cases.DEPEND_ON_THE_MACHINE == set(cases.UNREACHED) - cases.DEPEND_ON_THE_MACHINE
    assert len(SITES) >= 100


def test_silence_is_claimed_for_sites_that_are_there_only() -> None:
    names = {site.name for site in SITES}
    assert set(cases.SILENT) <= names
    assert {site for site, _ in cases.SILENT_ERRORS} <= names


def _wrong(answer: dict[str, Any]) -> list[str]:
    if "broken" in answer:
        return [answer["broken"]]
    first, second = (msgspec.convert(life, Life) for life in answer["lives"])
    fault = answer["fault"]
    if not answer["fired"]:
        return [f"never came to the call: {first.states}, {first.highest_m_s:.3f} m/s, {first.details}, {first.said.strip()!r}"]
    return [
        f"{problem} (said: {first.said.strip()!r}; events {first.details[-4:]})"
        for problem in problems(first, second, cases.silence_is_right(fault["site"], fault["error"]))
    ]


@pytest.mark.hazard("H-32", "C-EVENTS-KEPT")
def test_each_call_fails_once(reached: dict[str, dict[str, bool]]) -> None:
    """A case that went wrong is judged by a second run of its own, as the display's and the edges' threads live in real time."""
    made = list(cases.make(SITES, reached))
    suspects = [answer["fault"] for answer in cases.run_to_the_call(made) if _wrong(answer)]
    again = [case for case in made if case[0] in suspects]
    wrong = {str(answer["fault"]): found for answer in cases.run_to_the_call(again) if (found := _wrong(answer))}
    print(f"{len(made)} failed calls at {len({case[0]['site'] for case in made})} sites, {len(again)} run twice")
    assert not wrong, "\n".join(f"{fault}: {found}" for fault, found in wrong.items())
    assert len({case[0]["site"] for case in made}) >= len(SITES) - len(cases.UNREACHED)
