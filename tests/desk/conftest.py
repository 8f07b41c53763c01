"""A clinic whose desk works on files of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desk.clinic import Clinic


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """Its commands find it, whatever the configuration they are told of; its clock stands still."""
    made = Clinic(tmp_path)
    monkeypatch.setattr("desk.place.open_place", lambda _options: made.place)
    return made
