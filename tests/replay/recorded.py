"""Recordings to read: a walking treadmill of the core's tests behind the real recorder."""

from __future__ import annotations

from controller.code_identity import code_identity, python_version
from controller.core.state import Settings
from controller.flight_format import FlightHeader


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
