"""The gate's limits, made once at start from the configuration and held to the firmware's own ceilings."""

from __future__ import annotations

from controller.core.gate import GateLimits
from controller.core.settings import CoreSettings

FIRMWARE_CEILING_MM_S = 1600
FIRMWARE_ACCELERATION_MM_S2 = 150
FIRMWARE_DECELERATION_MM_S2 = 1500
_LOAD_LIMIT_N = 250.0
"""No patient is driven with more in the harness, whatever their weight: the absolute half of min(0.30 BW, 250 N)."""
_LOAD_AGE_LIMIT_NS = 150_000_000


def make_gate_limits(core: CoreSettings) -> GateLimits:
    """Returns the limits; each is the smaller of the configuration's and the firmware's."""
    return GateLimits(
        ceiling_mm_s=min(int(core.speed.ceiling_m_s * 1000 + 0.5), FIRMWARE_CEILING_MM_S),
        acceleration_mm_s2=FIRMWARE_ACCELERATION_MM_S2,
        deceleration_mm_s2=FIRMWARE_DECELERATION_MM_S2,
        status_limit_ns=core.drive.status_limit_ms * 1_000_000,
        load_limit_n=_LOAD_LIMIT_N,
        load_age_limit_ns=_LOAD_AGE_LIMIT_NS,
        denied_deceleration_mm_s2=int(core.ramp.protective_deceleration_m_s2 * 1000 + 0.5),
    )
