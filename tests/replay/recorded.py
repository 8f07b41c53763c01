"""Recordings to read: a walking treadmill of the core's tests behind the real recorder."""

from __future__ import annotations

from pathlib import Path

from controller.code_identity import code_identity, python_version
from controller.core.state import Settings
from controller.flight_format import FlightHeader
from controller.flight_recorder import FILE_NAME, FlightRecorder
from tests.core.machine import WEIGHT_N, Machine


def flight_header(settings: Settings, boot_id: str = "b00t") -> FlightHeader:
    return FlightHeader(
        version="0.1.0",
        code=code_identity(),
        python=python_version(),
        treadmill="north/t-1",
        boot_id=boot_id,
        began_ns=1_000_000_000_000,
        began_time="2026-01-01T00:00:00.000Z",
        settings=settings,
    )


class Recorded(Machine):
    """The machine of the core's tests with the real flight recorder beside it."""

    def __init__(self, directory: Path, boot_id: str = "b00t") -> None:
        super().__init__()
        self.directory = directory
        self.said: list[str] = []
        self.recorder = FlightRecorder(directory, flight_header(self.settings, boot_id), self.said.append)

    def scan(self) -> None:
        before = self.state
        super().scan()
        assert self.outputs is not None
        self.recorder.record(before, self.inputs, self.outputs, self.now_ns)

    @property
    def file(self) -> Path:
        return self.directory / FILE_NAME


def record_stumble(directory: Path) -> Path:
    """A session that ends in a fall, and the two seconds after it; returns the recording."""
    machine = Recorded(directory)
    machine.to_walking()
    machine.run(3)
    machine.load_n = 0.6 * WEIGHT_N
    machine.run(2)
    machine.recorder.close()
    return machine.file
