"""The gate's own limits, number by number: each is the firmware's ceiling, or the configuration's where that is lower."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.gate import GateLimits
from controller.core.gate_limits import (
    FIRMWARE_ACCELERATION_MM_S2,
    FIRMWARE_CEILING_MM_S,
    FIRMWARE_DECELERATION_MM_S2,
    make_gate_limits,
)
from controller.core.settings import CoreSettings
from tests.firmware.test_second_entry import values


@pytest.mark.parametrize(
    ("ceiling_m_s", "status_ms", "protective_m_s2", "expected_mm_s", "denied_mm_s2"),
    [(1.2, 80, 0.5, 1200, 500), (1.1996, 60, 0.5006, 1200, 501), (1.1994, 61, 0.5004, 1199, 500), (2.0, 80, 0.3, 1600, 300)],
)
def test_each_number(ceiling_m_s: float, status_ms: int, protective_m_s2: float, expected_mm_s: int, denied_mm_s2: int) -> None:
    core = CoreSettings()
    core = msgspec.structs.replace(
        core,
        speed=msgspec.structs.replace(core.speed, ceiling_m_s=ceiling_m_s),
        drive=msgspec.structs.replace(core.drive, status_limit_ms=status_ms),
        ramp=msgspec.structs.replace(core.ramp, protective_deceleration_m_s2=protective_m_s2),
    )
    assert make_gate_limits(core) == GateLimits(
        ceiling_mm_s=expected_mm_s,
        acceleration_mm_s2=150,
        deceleration_mm_s2=1500,
        status_limit_ns=status_ms * 1_000_000,
        load_limit_n=250.0,
        load_age_limit_ns=150_000_000,
        denied_deceleration_mm_s2=denied_mm_s2,
    )


def test_the_gate_keeps_the_ceilings_that_the_firmware_keeps() -> None:
    firmware = values()
    assert firmware["MAXIMUM_SPEED_MM_S"] == FIRMWARE_CEILING_MM_S
    assert firmware["MAXIMUM_ACCELERATION_MM_S2"] == FIRMWARE_ACCELERATION_MM_S2
    assert firmware["MAXIMUM_DECELERATION_MM_S2"] == FIRMWARE_DECELERATION_MM_S2
