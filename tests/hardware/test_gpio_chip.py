"""The header's chip by its label, and what is said where it is not there. The kernel's own answer needs a kernel with chips."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.hardware.errors import HardwareError
from controller.hardware.gpio_chip import CHIP_VARIABLE, chip_label, point_at_header


def chips(directory: Path, labels: dict[str, str]):
    for name in labels:
        (directory / name).write_text("")
    return lambda path: labels[path.name]


@pytest.mark.parametrize(
    ("labels", "number"),
    [
        ({"gpiochip0": "pinctrl-bcm2835", "gpiochip1": "raspberrypi-exp-gpio"}, "0"),
        ({"gpiochip0": "pinctrl-bcm2711", "gpiochip1": "raspberrypi-exp-gpio"}, "0"),
        ({"gpiochip0": "gpio-brcmstb@107d508500", "gpiochip4": "pinctrl-rp1", "gpiochip10": "gpio-brcmstb@107d517c00"}, "4"),
        ({"gpiochip0": "pinctrl-rp1", "gpiochip10": "gpio-brcmstb@107d508500"}, "0"),
    ],
    ids=["Pi 3", "Pi 4", "Pi 5, old kernel", "Pi 5, new kernel"],
)
def test_the_chip_of_the_header_is_found(tmp_path: Path, labels: dict[str, str], number: str) -> None:
    environment: dict[str, str] = {}
    label_of = chips(tmp_path, {**labels, "gpiochip": "not one", "gpiochip1x": "pinctrl-rp1"})
    point_at_header(environment, tmp_path, label_of)
    assert environment == {CHIP_VARIABLE: number}


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"gpiochip0": "INT34C5:00"}, "No GPIO chip has the label.*gpiochip0 is INT34C5:00"),
        ({"gpiochip0": "pinctrl-rp1", "gpiochip1": "pinctrl-rp1"}, "More than one"),
    ],
)
def test_another_computers_chips_are_refused(tmp_path: Path, labels: dict[str, str], words: str) -> None:
    environment: dict[str, str] = {}
    with pytest.raises(HardwareError, match=words):
        point_at_header(environment, tmp_path, chips(tmp_path, labels))
    assert environment == {}


def test_whoever_names_a_chip_is_obeyed(tmp_path: Path) -> None:
    environment = {CHIP_VARIABLE: "7"}
    point_at_header(environment, tmp_path, chips(tmp_path, {"gpiochip0": "pinctrl-rp1"}))
    assert environment == {CHIP_VARIABLE: "7"}
    point_at_header({}, tmp_path / "no-chips-at-all", chip_label)


def test_missing_permission_is_said(tmp_path: Path) -> None:
    def denied(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    chips(tmp_path, {"gpiochip0": ""})
    with pytest.raises(HardwareError, match=r"Permission denied.*group gpio"):
        point_at_header({}, tmp_path, denied)


def test_a_file_that_is_no_chip_is_an_error_and_no_label(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").write_text("x" * 100)
    with pytest.raises(HardwareError, match="cannot be examined"):
        point_at_header({}, tmp_path, chip_label)
