"""The Pi's health from files like the kernel's; what is not there was not measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.hardware import pi_health
from messages.wire import Health


def read_pi_health(state_directory: Path, root: Path, *, clock_is_kept: bool = True) -> Health:
    return pi_health.read_pi_health(state_directory, lambda: clock_is_kept, root)


def pi(root: Path, **files: str) -> Path:
    paths = {
        "model": "proc/device-tree/model",
        "throttled": "sys/devices/platform/soc/soc:firmware/get_throttled",
        "throttled_5": "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled",
        "temperature": "sys/class/thermal/thermal_zone0/temp",
    }
    for name, text in files.items():
        path = root / paths[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MODEL = "Raspberry Pi 4 Model B Rev 1.4\0"
MODEL_5 = "Raspberry Pi 5 Model B Rev 1.0\0"


def test_a_healthy_pi(tmp_path: Path) -> None:
    found = read_pi_health(tmp_path, pi(tmp_path, model=MODEL, throttled="0\n", temperature="48312\n"))
    assert (found.under_voltage, found.under_voltage_seen, found.throttled) == (False, False, False)
    assert found.temperature_c == 48.312
    assert found.clock_known is True
    assert found.disk_free_mb is not None
    assert found.disk_free_mb > 0


@pytest.mark.parametrize(
    ("flags", "now", "seen", "slowed"),
    [
        ("1", True, False, False),
        ("50005", True, True, True),
        ("50000", False, True, False),
        ("2", False, False, True),
        ("8", False, False, True),
        ("e0000", False, False, False),
    ],
)
def test_the_firmwares_flags(tmp_path: Path, flags: str, now: bool, seen: bool, slowed: bool) -> None:
    found = read_pi_health(tmp_path, pi(tmp_path, model=MODEL, throttled=flags))
    assert (found.under_voltage, found.under_voltage_seen, found.throttled) == (now, seen, slowed)


def test_a_pi_5_has_the_flags_at_another_node(tmp_path: Path) -> None:
    found = read_pi_health(tmp_path, pi(tmp_path, model=MODEL_5, throttled_5="50005\n"))
    assert (found.under_voltage, found.under_voltage_seen, found.throttled) == (True, True, True)


def test_flags_that_cannot_be_read_hide_none_that_can(tmp_path: Path) -> None:
    found = read_pi_health(tmp_path, pi(tmp_path, model=MODEL_5, throttled="", throttled_5="1"))
    assert found.under_voltage is True


def test_whether_the_clock_is_kept_is_told_of_a_pi(tmp_path: Path) -> None:
    root = pi(tmp_path, model=MODEL)
    assert read_pi_health(tmp_path, root, clock_is_kept=False).clock_known is False
    assert read_pi_health(tmp_path, root, clock_is_kept=True).clock_known is True


@pytest.mark.parametrize("text", ["", "x", "\xff", "9" * 1000, "nan"])
def test_what_cannot_be_read_was_not_measured(tmp_path: Path, text: str) -> None:
    found = read_pi_health(tmp_path, pi(tmp_path, model=MODEL, throttled="zz" + text, temperature="t" + text))
    assert (found.under_voltage, found.throttled, found.temperature_c) == (None, None, None)


def test_another_computer_is_asked_for_its_disk_alone(tmp_path: Path) -> None:
    root = pi(tmp_path, model="A laptop", throttled="50005", temperature="99000")
    found = read_pi_health(tmp_path, root)
    assert found == Health(disk_free_mb=found.disk_free_mb)
    assert read_pi_health(tmp_path / "away", root) == Health()
