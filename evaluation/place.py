"""Where the recordings lie that nobody here made: docs/recordings.md says what they are and where they come from."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "STERNWAY_RECORDINGS"
_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def recordings_directory() -> Path:
    """What the environment variable STERNWAY_RECORDINGS names, else `shared/data` beside the checkout. It need not exist."""
    return Path(os.environ.get(VARIABLE) or _BESIDE)


def why_absent(relative: str = "") -> str:
    """Says that a recording is not there, and what to do."""
    place = recordings_directory() / relative
    return f"no recordings in {place}: docs/recordings.md says where they come from, {VARIABLE} where they lie"
