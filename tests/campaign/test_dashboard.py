"""Commands over the broker go through the shipped intake: a stop stops the belt, and whoever could not hear owes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.campaign.fault import Fault
from simulator.campaign.faults import dashboard
from simulator.campaign.planting import functions_changed
from simulator.campaign.run import RunResult, play
from simulator.campaign.stage import Stage
from simulator.campaign.stops import NETWORK_STOP
from tests.campaign.played import script_with

SAID = len(dashboard._SAID)
STOP, A_HUNDRED, PREPARE, CANCEL, TWICE, RETAINED, JUNK, LATE = 0, 2, 3, 4, 7, 8, 9, 10
AT_MS = 40_000


def said(what: int, pick: int = 0) -> Fault:
    """In run 3/92 somebody walks then. pick: which of several such commands."""
    return Fault(AT_MS, "dashboard-command", 10, 0.5, what + SAID * 64 * pick)


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """When a stop was due, in ms of the run, and what was answered in `answers`."""
    times_ms: list[int] = []
    publish = dashboard._publish

    def spy(stage: Stage, *arguments: Any, **options: Any) -> int:
        stage.later(5000, lambda: times_ms.append((stage.network_stop_ns - stage.began_ns) // 1_000_000))
        stage.later(5000, lambda: ANSWERS.extend(stage.system.broker.responses))
        return publish(stage, *arguments, **options)

    ANSWERS.clear()
    monkeypatch.setattr(dashboard, "_publish", spy)
    return times_ms


ANSWERS: list[bytes] = []
STOPPED_TOO_LATE = f"stops: {NETWORK_STOP}"


def played(*faults: Fault, lasts_s: float = 60.0) -> RunResult:
    result = play(script_with(*faults, lasts_s=lasts_s))
    assert result.in_motion["dashboard-command"] == 1, "somebody walked"
    return result


@pytest.mark.parametrize("what", [STOP, 1, A_HUNDRED])
def test_a_stop_is_due_at_once_and_comes(claimed: list[int], what: int) -> None:
    result = played(said(what))
    assert not result.violations, result.violations
    assert set(claimed) == {AT_MS + dashboard.UNDERWAY_MS}
    assert any(b'"accepted":true' in answer for answer in ANSWERS)


def test_an_intake_that_drops_stops_is_found_out() -> None:
    deaf = {"telemetry.intake:CommandIntake._forward_stop": (("    # A stop goes", "    return\n    # A stop goes"),)}
    with functions_changed(deaf):
        result = played(said(STOP))
    assert [violation.invariant for violation in result.violations] == [STOPPED_TOO_LATE]


@pytest.mark.parametrize("hindrance", ["broker-away", "telemetry-killed", "telemetry-frozen", "broker-slow"])
def test_nobody_owes_a_stop_that_cannot_be_heard(claimed: list[int], hindrance: str) -> None:
    result = play(script_with(Fault(AT_MS - 500, hindrance, 3000, 0.9, 1), said(STOP), lasts_s=60.0))
    assert not result.violations, result.violations
    if hindrance == "broker-slow":
        assert set(claimed) == {AT_MS + dashboard.UNDERWAY_MS}, "a connection that stands carries commands at once"
    elif hindrance != "telemetry-frozen":
        assert result.unfelt == {"dashboard-command": 1}
    if hindrance != "broker-slow":
        assert all(time_ms < 0 for time_ms in claimed)


def test_nobody_owes_a_stop_whose_telemetry_dies_under_it(claimed: list[int]) -> None:
    result = played(said(STOP), Fault(AT_MS + 20, "telemetry-killed", 2000, 0.5, 1))
    assert not result.violations, result.violations
    assert all(time_ms < 0 for time_ms in claimed)


@pytest.mark.parametrize(
    ("what", "pick", "words"),
    [
        (TWICE, 0, b"this id was used before"),
        (RETAINED, 0, b"the message is retained"),
        (LATE, 0, b'"reason":"expired"'),
        (LATE + 1, 0, b"ahead"),
        (JUNK, 4, b"unknown command"),
    ],
)
def test_the_intake_refuses_what_it_must(claimed: list[int], what: int, pick: int, words: bytes) -> None:
    result = played(said(what, pick))
    assert not result.violations, result.violations
    assert any(words in answer for answer in ANSWERS), ANSWERS
    assert all(time_ms < 0 for time_ms in claimed)


def test_a_session_is_proposed_with_what_the_desk_knows(claimed: list[int]) -> None:
    """At 300 ms nobody has proposed one yet that telemetry could be late for; whatever the answer is, it is the controller's."""
    result = play(script_with(Fault(AT_MS, "dashboard-command", 10, 0.5, PREPARE), lasts_s=60.0))
    assert not result.violations, result.violations
    assert claimed
    assert any(b'"command":"session/prepare"' in answer and b"profile" not in answer for answer in ANSWERS), ANSWERS
