"""The line that the link and the driver are tested on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.peer import FarEnd


@pytest.fixture
def far_end(tmp_path: Path) -> Iterator[FarEnd]:
    end = FarEnd(tmp_path / "drive")
    yield end
    end.unplug()
