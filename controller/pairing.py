"""A virtual panel and a real drive can never be mixed, nor a real panel and an emulated drive."""

from __future__ import annotations

import time

from controller.hardware.errors import HardwareError
from firmware_bridge.drive import Drive, DriveTarget, Mounting

IDENTITY_WAIT_S = 3.0


def refuse_wrong_drive(drive: Drive, panel_is_simulated: bool, mounting: Mounting) -> None:
    """Waits until the drive has said who it is; raises HardwareError where it does not belong to these pins or this treadmill."""
    deadline = time.monotonic() + IDENTITY_WAIT_S
    while drive.identity is None and drive.loss is None and time.monotonic() < deadline:
        drive.receive(time.monotonic_ns())
        time.sleep(0.005)
    reason = why_not_paired(drive, panel_is_simulated)
    if reason:
        raise HardwareError(reason, "Use real pins with a real drive, or the simulator's pins with the emulated drive.")
    reason = why_not_mounted(drive, mounting)
    if reason:
        raise HardwareError(reason, "Correct identity.mounting, or choose the driver for this treadmill with serial.driver.")


# Control C-PAIRING.
def why_not_paired(drive: Drive, panel_is_simulated: bool) -> str:
    """Returns why panel and drive do not belong together, or an empty string.

    A drive that says what it is is believed; one that has no such word is judged by its line: behind a pseudo-terminal there is
    no real drive, and behind a real serial device there is no emulated one.
    """
    identity = drive.identity
    if drive.capabilities.has_hello:
        if identity is None:
            return ""
        emulated = identity.target is not DriveTarget.BOARD
    elif drive.is_pseudo_terminal is None:
        return ""
    else:
        emulated = drive.is_pseudo_terminal
    if panel_is_simulated and not emulated:
        return "The pins are simulated, but the drive is real."
    if emulated and not panel_is_simulated:
        return "The pins are real, but the drive is emulated."
    return ""


def why_not_mounted(drive: Drive, configured: Mounting) -> str:
    """Returns why the drive does not run the way in which the configuration says the patient stands, or an empty string.

    A belt that runs the other way under a patient who was told otherwise is the worst of all mistakes of wiring.
    """
    able = drive.capabilities.mounting
    if able is configured:
        return ""
    return f"identity.mounting is {configured.value}, but the driver {drive.capabilities.name} is made for {able.value}."
