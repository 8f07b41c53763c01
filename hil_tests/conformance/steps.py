"""What most tests begin with: a grant, a walking belt."""

from __future__ import annotations

import enum

from firmware_bridge.drive import DriveFault, DriveState
from hil_tests.bench import Bench, Hands

START_OPEN_MS = 1100
"""START must have been open, and the belt at rest, for a second."""
PRESS_MS = 200
FIRST_SPEED_MM_S = 100
LEASE_MS = 150
LEASE_LIMIT_MS = 165
RESOLUTION_MS = 1.0
"""The bench looks once a millisecond."""
BRAKE_MARGIN_MS = 300
SETTLING_MS = 300


class Refusal(enum.IntEnum):
    """Why a RUN was refused, as STATUS gives it."""

    NONE = 0
    STALE = 1
    NOT_GRANTED = 2
    ABOVE_GRANTED = 3
    ABOVE_CEILING = 4
    REPEATED = 5


def grant(bench: Bench, hands: Hands) -> None:
    """A fresh START as a hand makes it."""
    bench.pass_ms(START_OPEN_MS)
    hands.press("start", PRESS_MS)
    bench.pass_until(lambda: bench.state is DriveState.GRANTED, 100)


def walk(bench: Bench, hands: Hands, target_mm_s: int = FIRST_SPEED_MM_S) -> None:
    """A belt that follows the host at a speed, with as many presses of FASTER as that takes."""
    grant(bench, hands)
    bench.follow(FIRST_SPEED_MM_S)
    bench.pass_until(lambda: bench.state is DriveState.RUNNING, 100)
    while bench.status.granted_mm_s < target_mm_s:
        before = bench.status.granted_mm_s
        bench.pass_ms(100)
        hands.press("faster", PRESS_MS)
        bench.pass_until(lambda granted=before: bench.status.granted_mm_s > granted, 100)  # type: ignore[misc]
        bench.follow(min(target_mm_s, bench.status.granted_mm_s))
    bench.follow(target_mm_s)
    bench.pass_until(lambda: bench.status.commanded_mm_s == target_mm_s, target_mm_s * 10 + 500)
    bench.pass_ms(SETTLING_MS)
    bench.forget()


def lies_still(bench: Bench) -> bool:
    """Relay open, belt at rest."""
    return not bench.drive.relay_commanded and abs(bench.drive.speed_m_s) < 0.02


def has(bench: Bench, fault: DriveFault) -> bool:
    """Whether the last STATUS shows this fault."""
    return bool(bench.status.faults & fault)
