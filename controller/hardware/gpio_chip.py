"""Finds the GPIO chip of the 40-pin header by its label: its number differs between models and has changed between kernels.

On a Pi 5 it was gpiochip4 and became gpiochip0 with kernel 6.6.45; other chips of the same board would take the same line numbers
and drive something else.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Callable, MutableMapping
from pathlib import Path

from controller.hardware.errors import HardwareError

HEADER_LABELS = frozenset({"pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"})
"""Of the Pi 1 to 3 and Zero, the Pi 4, the Pi 5."""
CHIP_VARIABLE = "RPI_LGPIO_CHIP"
"""What rpi-lgpio reads the chip's number from."""
_CHIP_INFO = struct.Struct("=32s32sI")
_GET_CHIP_INFO = 0x8044B401
"""GPIO_GET_CHIPINFO_IOCTL of linux/gpio.h."""


def chip_label(device: Path) -> str:
    """Returns the label that the kernel gives a GPIO chip; raises OSError."""
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = fcntl.ioctl(descriptor, _GET_CHIP_INFO, bytes(_CHIP_INFO.size))
    finally:
        os.close(descriptor)
    label: bytes = _CHIP_INFO.unpack(found)[1]
    return label.partition(b"\0")[0].decode("ascii", errors="replace")


def point_at_header(
    environment: MutableMapping[str, str] = os.environ,
    devices: Path = Path("/dev"),
    label_of: Callable[[Path], str] = chip_label,
) -> None:
    """Tells rpi-lgpio the header's chip, unless somebody has named one. Raises HardwareError unless exactly one chip is it."""
    chips = {int(match[1]): path for path in devices.glob("gpiochip*") if (match := re.fullmatch(r"gpiochip(\d+)", path.name))}
    if CHIP_VARIABLE in environment or not chips:
        return  # without any chip the library itself says what it lacks
    try:
        labels = {number: label_of(path) for number, path in sorted(chips.items())}
    except OSError as error:
        raise HardwareError(
            f"The GPIO chips cannot be examined ({error.strerror}: {error.filename or devices}).",
            "let the service's user be a member of the group gpio.",
        ) from error
    headers = [number for number, label in labels.items() if label in HEADER_LABELS]
    if len(headers) != 1:
        seen = ", ".join(f"gpiochip{number} is {label}" for number, label in labels.items())
        what = "No GPIO chip" if not headers else "More than one GPIO chip"
        raise HardwareError(
            f"{what} has the label of a Raspberry Pi's header ({seen}).",
            f"run the controller on the treadmill's Pi; a chip of another name can be chosen with the variable {CHIP_VARIABLE}.",
        )
    environment[CHIP_VARIABLE] = str(headers[0])
