"""Where recorded data lies, and how it is read."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def rows(relative: str) -> list[dict[str, str]]:
    """A recording's rows; skips the test where the recording is absent."""
    path = RECORDINGS / relative
    if not path.exists():
        pytest.skip(f"recording {relative} is not here")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
