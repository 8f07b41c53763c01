"""A full disk refuses every commit for as long as it lasts, and the journal behind it goes on when there is room again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from simulator.campaign.disk import Disk
from simulator.campaign.fault import Fault
from simulator.campaign.modules import module_over
from simulator.campaign.run import play, write_script
from tests.campaign.played import script_with


def test_a_full_disk_refuses_an_event_and_takes_it_later(tmp_path: Path) -> None:
    from tests.telemetry import samples

    disk = Disk()
    journal_module = module_over("telemetry.journal", (), sqlite3=disk)
    journal = journal_module.Journal(journal_module._connect(tmp_path / "journal.sqlite", 64))
    journal.store([samples.event(1)], [])
    disk.full = True
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="full") as refused:
            journal.store([samples.event(2)], [])
        assert refused.value.sqlite_errorcode == sqlite3.SQLITE_FULL
    with pytest.raises(sqlite3.OperationalError, match="full"):
        journal.confirm(1)
    assert journal.store([], []) == 1, "what writes nothing asks for no room"
    assert (disk.refused, journal.position("received"), journal.position("confirmed")) == (3, 1, 0)
    disk.full = False
    assert journal.store([samples.event(2)], []) == 2
    journal.close()


def test_it_counts_where_it_bit_and_nowhere_else() -> None:
    """The emergency stop is an event that has nowhere to go; without one, and without a message to confirm, nobody notices."""
    pressed = script_with(Fault(40_000, "disk-full", 3000, 0.5, 1), Fault(40_500, "emergency-stop", 800, 0.5, 1))
    result = play(pressed)
    assert result.injected == {"disk-full": 1, "emergency-stop": 1}
    assert not result.violations, result.violations
    quiet = play(script_with(Fault(3_500, "disk-full", 500, 0.5, 1), lasts_s=30.0))
    assert (quiet.injected, quiet.unfelt) == ({}, {"disk-full": 1})


def test_a_clip_that_is_open_cannot_open() -> None:
    result = play(script_with(Fault(1000, "clip-opens", 500, 0.5, 1), lasts_s=30.0))
    assert (result.injected, result.unfelt) == ({}, {"clip-opens": 1})
    assert write_script("3/92").armed, "else the run above would have had others"
