"""Fixtures of the live tests: broker, controller's end, telemetry process."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.telemetry.bench import STARTED, Ear, Mosquitto, Peer, Telemetry, ear, until


@pytest.fixture(autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    """Kills what a failed test did not end."""
    yield
    for process in STARTED:
        if process.returncode is None:
            process.kill()
            await process.wait()
    STARTED.clear()


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A real broker; an error, not a skip, where there is none."""
    broker = Mosquitto(tmp_path)
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    """The controller's real channel."""
    made = Peer(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def telemetry(tmp_path: Path, mosquitto: Mosquitto, peer: Peer) -> AsyncIterator[Telemetry]:
    """The process under test, started, present at the controller and online at the broker."""
    process = Telemetry(tmp_path, mosquitto.port)
    await process.start()
    await until(peer.present, "telemetry greets the controller")
    yield process
    await process.end(signal.SIGKILL)


@pytest.fixture
async def dashboard(mosquitto: Mosquitto, telemetry: Telemetry) -> AsyncIterator[Ear]:
    """An ear at the broker, with telemetry known to be online."""
    async with ear(mosquitto.port) as made:
        await until(lambda: b"online" in made.words("availability"), "telemetry is online")
        yield made
