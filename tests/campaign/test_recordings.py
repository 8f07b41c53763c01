"""The campaign's telemetry saves the campaign's own flight recordings, and nothing outside of the run's directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.campaign.run import play, write_script
from telemetry.recordings import RecordingSaver


def test_a_latched_stop_is_saved_where_the_run_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[tuple[Path, int]] = []
    copy = RecordingSaver._copy

    def spy(saver: RecordingSaver, *names: Any) -> None:
        copy(saver, *names)
        saved.extend((path, path.stat().st_size) for path in saver._directory.iterdir())

    monkeypatch.setattr(RecordingSaver, "_copy", spy)
    play(write_script("3/92", 120.0, only=("emergency-stop",)))
    assert saved, "somebody pressed the mushroom"
    for path, size in saved:
        assert path.parent.parent.name.startswith("sternway-campaign-")
        assert size > 1000
