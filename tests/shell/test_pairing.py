"""Simulated pins never run a real drive, nor real pins an emulated one; and a drive runs only the way for which it was made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from controller.pairing import why_not_mounted, why_not_paired
from firmware_bridge.drive import DriveTarget, Mounting

REAL_DRIVE = "The pins are simulated, but the drive is real."
EMULATED_DRIVE = "The pins are real, but the drive is emulated."


def a_drive(target: DriveTarget | None = None, pseudo_terminal: bool | None = None, mounting: Mounting = Mounting.BELT_REVERSED):
    """As much of a drive as is looked at: what it says of itself, or, where it says nothing, on what line it hangs."""
    capabilities = SimpleNamespace(has_hello=target is not None, mounting=mounting, name="a drive")
    identity = SimpleNamespace(target=target) if target is not None else None
    return SimpleNamespace(identity=identity, capabilities=capabilities, is_pseudo_terminal=pseudo_terminal)


@pytest.mark.parametrize("target", DriveTarget)
@pytest.mark.hazard("H-30", "C-PAIRING")
def test_a_drive_that_says_what_it_is_is_believed(target: DriveTarget) -> None:
    real = target is DriveTarget.BOARD
    assert why_not_paired(a_drive(target), panel_is_simulated=True) == (REAL_DRIVE if real else "")
    assert why_not_paired(a_drive(target), panel_is_simulated=False) == ("" if real else EMULATED_DRIVE)


@pytest.mark.parametrize("pseudo_terminal", [True, False])
@pytest.mark.hazard("H-30", "C-PAIRING")
def test_one_that_says_nothing_is_judged_by_its_line(pseudo_terminal: bool) -> None:
    drive = a_drive(pseudo_terminal=pseudo_terminal)
    assert why_not_paired(drive, panel_is_simulated=True) == ("" if pseudo_terminal else REAL_DRIVE)
    assert why_not_paired(drive, panel_is_simulated=False) == (EMULATED_DRIVE if pseudo_terminal else "")


@pytest.mark.parametrize("simulated", [True, False])
def test_a_drive_that_has_not_been_heard_is_the_drive_watchs_business(simulated: bool) -> None:
    silent = SimpleNamespace(identity=None, capabilities=SimpleNamespace(has_hello=True), is_pseudo_terminal=None)
    assert why_not_paired(silent, simulated) == ""
    assert why_not_paired(a_drive(pseudo_terminal=None), simulated) == ""


@pytest.mark.parametrize("configured", Mounting)
@pytest.mark.parametrize("able", Mounting)
@pytest.mark.hazard("H-06", "H-30")
def test_a_drive_runs_only_the_way_for_which_it_was_made(configured: Mounting, able: Mounting) -> None:
    reason = why_not_mounted(a_drive(mounting=able), configured)
    assert bool(reason) is (configured is not able)
    if reason:
        assert configured.value in reason
        assert able.value in reason
