"""A virtual panel and a real drive can never be mixed, nor a real panel and an emulated drive."""

from __future__ import annotations

from firmware_bridge.drive import Drive, DriveTarget


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
