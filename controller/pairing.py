"""A virtual panel and a real drive can never be mixed, nor a real panel and an emulated drive."""

from __future__ import annotations

import time

from controller.hardware.errors import HardwareError
from firmware_bridge.discovery import UnknownDriveError, open_drive
from firmware_bridge.drive import Drive, DriveLimits, DriveTarget, IdentFrame, Mounting
from settings_files.problems import Problem, written

IDENTITY_WAIT_S = 3.0
_NO_DRIVE = "/nonexistent/drive"
"""A driver that opens this says what it is made for, and reaches nothing."""


def refuse_wrong_drive(drive: Drive, panel_is_simulated: bool, mounting: Mounting) -> None:
    """Waits until the drive has said who it is; raises HardwareError where it does not belong to these pins or this treadmill."""
    deadline = time.monotonic() + IDENTITY_WAIT_S
    while drive.identity is None and drive.loss is None and time.monotonic() < deadline:
        drive.receive(time.monotonic_ns())
        time.sleep(0.005)
    _refuse_mixed_pair(drive, panel_is_simulated)
    reason = why_not_mounted(drive, mounting)
    if reason:
        raise HardwareError(reason, "Correct identity.mounting, or choose the driver for this treadmill with serial.driver.")


class PairWatch:
    """Judges whichever drive answers: one may come after the start, and another may take its place while the treadmill is on."""

    def __init__(self, drive: Drive, panel_is_simulated: bool) -> None:
        self._drive = drive
        self._panel_is_simulated = panel_is_simulated
        self._judged: IdentFrame | bool | None = None

    def knows_the_drive(self) -> bool:
        """Whether it is known what answers now, and that it belongs to these pins; to be asked after each reading of the line.

        One comparison while nothing changes. Raises HardwareError, at each call, while the drive does not belong to these pins.
        """
        evidence = _evidence(self._drive)
        if evidence is not self._judged:
            _refuse_mixed_pair(self._drive, self._panel_is_simulated)
            self._judged = evidence
        return evidence is not None


def _refuse_mixed_pair(drive: Drive, panel_is_simulated: bool) -> None:
    reason = why_not_paired(drive, panel_is_simulated)
    if reason:
        raise HardwareError(reason, "Use real pins with a real drive, or the simulator's pins with the emulated drive.")


def _evidence(drive: Drive) -> IdentFrame | bool | None:
    """By what a drive is judged: its word, another one after each boot and opening, or whether its line is a pseudo-terminal."""
    return drive.identity if drive.capabilities.has_hello else drive.is_pseudo_terminal


# Control C-PAIRING.
def why_not_paired(drive: Drive, panel_is_simulated: bool) -> str:
    """Returns why panel and drive do not belong together, or an empty string; empty too while it is not known what the drive is.

    A drive that says what it is is believed; one that has no such word is judged by its line: behind a pseudo-terminal there is
    no real drive, and behind a real serial device there is no emulated one.
    """
    evidence = _evidence(drive)
    if evidence is None:
        return ""
    emulated = evidence if isinstance(evidence, bool) else evidence.target is not DriveTarget.BOARD
    if panel_is_simulated and not emulated:
        return "The pins are simulated, but the drive is real."
    if emulated and not panel_is_simulated:
        return "The pins are real, but the drive is emulated."
    return ""


def why_refused(drive: Drive) -> str:
    """Returns why a drive that answers is refused (other limits than configured, another protocol), or an empty string.

    A lost line is none of it: it is opened again, and told as a loss.
    """
    return "" if drive.loss is not None else drive.problem or ""


def judge_driver(name: str, expected: DriveLimits, configured: Mounting) -> tuple[Problem, ...]:
    """Returns what is wrong with the configured driver, before there is a drive: its name, and how the patient stands."""
    try:
        drive = open_drive(name, _NO_DRIVE, expected, 0)
    except UnknownDriveError as error:
        return (Problem("serial.driver", written(name), "one installed driver's name", f"correct it ({error})"),)
    reason = why_not_mounted(drive, configured)
    drive.close()
    if not reason:
        return ()
    able = written(drive.capabilities.mounting.value)
    remedy = "correct it, or choose the driver for this treadmill with serial.driver"
    return (Problem("identity.mounting", written(configured.value), f"{able} with the driver {name}", remedy),)


def why_not_mounted(drive: Drive, configured: Mounting) -> str:
    """Returns why the drive does not run the way in which the configuration says the patient stands, or an empty string.

    A belt that runs the other way under a patient who was told otherwise is the worst of all mistakes of wiring.
    """
    able = drive.capabilities.mounting
    if able is configured:
        return ""
    return f"identity.mounting is {configured.value}, but the driver {drive.capabilities.name} is made for {able.value}."
