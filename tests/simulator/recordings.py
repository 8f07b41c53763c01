"""Where recorded data lies, and how it is read."""

from __future__ import annotations

import csv

import pytest

from evaluation.place import recordings_directory, why_absent

RECORDINGS = recordings_directory()


def rows(relative: str) -> list[dict[str, str]]:
    """A recording's rows; skips the test where the recording is absent."""
    path = RECORDINGS / relative
    if not path.exists():
        pytest.skip(why_absent(relative))
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
