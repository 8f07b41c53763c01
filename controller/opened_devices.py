"""What every program opens first that has the treadmill's devices: the lock, the pins, the drive's line, in this order."""

from __future__ import annotations

import contextlib
import time
from typing import NamedTuple

from controller.configuration import Configuration
from controller.hardware.device_lock import DeviceLock
from controller.hardware.gpio import PanelPins, board_identity, load_gpio
from firmware_bridge.discovery import open_drive
from firmware_bridge.drive import Drive


class PanelAndDrive(NamedTuple):
    """Open, and given back by the stack that they were opened with. Whether the two belong together: `controller.pairing`."""

    panel: PanelPins
    panel_is_simulated: bool
    drive: Drive


def open_panel_and_drive(configuration: Configuration, stack: contextlib.ExitStack) -> PanelAndDrive:
    """Takes the devices' lock, and opens panel and drive. Raises HardwareError, UnknownDriveError, OSError."""
    stack.enter_context(DeviceLock(configuration.paths.runtime_directory))
    gpio = load_gpio()
    simulated = board_identity(gpio).is_simulated
    panel = PanelPins(configuration.pins, gpio)
    stack.callback(panel.close)
    drive = open_drive(configuration.serial.driver, configuration.serial.device, configuration.drive_limits, time.monotonic_ns())
    stack.callback(drive.close)
    return PanelAndDrive(panel, simulated, drive)
