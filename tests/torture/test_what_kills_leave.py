"""What the kills' run calls wrong in what is left: events that nobody heard, and a belt that never moved."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.heard import HeardEvent, heard_event
from telemetry.journal import open_journal
from tests.telemetry import samples
from tests.torture.kills import Kill, examine, not_met

KEPT = 500
BROKER_KILL = Kill("broker", "exercising", 0.1)
AT_REST = Kill("controller", "standby", 0.0)
STOPPED = Kill("controller", "exercising", 0.1, rest_ms=210.0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With a journal of whose events the broker has confirmed every one."""
    journal, _ = open_journal(tmp_path / "journal.sqlite", 64, datetime(2026, 3, 1, tzinfo=UTC))
    journal.store([samples.event(event_id) for event_id in range(1, KEPT + 1)], [])
    journal.confirm(KEPT)
    journal.close()
    return tmp_path


def heard(event_ids: Iterable[int]) -> list[HeardEvent]:
    return [heard_event(samples.event(event_id)) for event_id in event_ids]


def test_events_that_are_all_heard_are_right(directory: Path) -> None:
    remains = examine(directory, heard(range(1, KEPT + 1)), [])
    assert (remains.wrong, remains.kept, remains.heard, remains.lost_by_broker) == ([], KEPT, KEPT, 0)


def test_one_killed_broker_excuses_a_batch_and_no_more(directory: Path) -> None:
    excused, too_many = examine(directory, heard(range(19, KEPT + 1)), [BROKER_KILL]), heard(range(20, KEPT + 1))
    assert (excused.wrong, excused.lost_by_broker) == ([], 18)
    assert len(examine(directory, too_many, [BROKER_KILL]).wrong) == 1
    assert examine(directory, too_many, [BROKER_KILL] * 2).wrong == []


def test_one_killed_broker_does_not_excuse_that_nothing_was_heard(directory: Path) -> None:
    remains = examine(directory, [], [BROKER_KILL])
    assert (len(remains.wrong), remains.lost_by_broker) == (1, KEPT)


def test_without_a_killed_broker_no_lost_event_is_excused(directory: Path) -> None:
    assert len(examine(directory, heard(range(2, KEPT + 1)), []).wrong) == 1


def test_a_belt_that_never_moved_is_said() -> None:
    assert not_met([AT_REST] * 20) == ["only 0 of 20 kills met a moving belt", "only 0 of 20 kills stopped a moving belt"]


def test_kills_of_others_alone_say_nothing_of_how_the_belt_comes_to_rest() -> None:
    assert not_met([BROKER_KILL] * 20) == ["only 0 of 20 kills stopped a moving belt"]


def test_a_quarter_of_the_kills_on_a_moving_belt_and_one_of_twenty_that_stopped_it_are_enough() -> None:
    assert not_met([*[AT_REST] * 15, *[BROKER_KILL] * 4, STOPPED]) == []
