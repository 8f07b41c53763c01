"""A few scenarios in real time: the product's own processes, a real broker, the serial line a pseudo-terminal."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from simulator.broker import Broker, BrokerMissingError
from simulator.rig import play
from simulator.scenarios import BY_NAME

pytestmark = pytest.mark.real_time
SEED = 11


@pytest.fixture(autouse=True)
def broker_is_installed(tmp_path: Path) -> None:
    """The broker is part of what is tested: without it these tests fail, and say what to install."""
    try:
        Broker(tmp_path / "broker")
    except BrokerMissingError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("name", ["stumble", "freeze", "kill", "telemetry-kill"])
def test_the_expected_outcome_comes(name: str, tmp_path: Path) -> None:
    """A void run (the machine stalled) has proved nothing and is no pass."""
    said: list[str] = []
    picture = tmp_path / f"{name}.svg"
    summary = play(BY_NAME[name], SEED, said.append, picture)
    assert summary.outcome == "passed", "\n".join([*said, summary.to_json()])
    assert summary.events > 10, "events reached the broker"
    assert ET.parse(picture).getroot().tag.endswith("svg")
