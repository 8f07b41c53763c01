"""Which drives belong to which pins, and to which way of standing."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.pairing import why_not_mounted
from firmware_bridge.discovery import open_drive
from firmware_bridge.drive import DriveLimits, Mounting


@pytest.mark.parametrize(
    ("configured", "words"), [(Mounting.BELT_REVERSED, ""), (Mounting.PATIENT_TURNED, "made for belt_reversed")]
)
def test_the_drive_must_run_the_way_the_patient_stands(tmp_path: Path, configured: Mounting, words: str) -> None:
    drive = open_drive("reference", str(tmp_path / "nothing"), DriveLimits(), 0)
    reason = why_not_mounted(drive, configured)
    drive.close()
    assert words in reason
    assert bool(words) == bool(reason)
