"""One probe for each test module: its sanitizers report when it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.firmware.programs import ProtocolProbe


@pytest.fixture(scope="module")
def probe() -> Iterator[ProtocolProbe]:
    with ProtocolProbe() as running:
        yield running
