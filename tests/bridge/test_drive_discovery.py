"""Drivers by name: the built-in one, and one from a package that is really found on the path."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.discovery import UnknownDriveError, open_drive
from firmware_bridge.drive import DriveLimits
from firmware_bridge.reference_drive import ReferenceDrive
from tests.bridge.peer import FarEnd

MODULE = """
from firmware_bridge.reference_drive import open_reference_drive

def open_it(device, expected, now_ns):
    drive = open_reference_drive(device, expected, now_ns)
    drive.opened_by_plug_in = (device, expected, now_ns)
    return drive
"""


def install(site: Path, distribution: str, names: list[str]) -> None:
    (site / f"{distribution}_module.py").write_text(MODULE)
    information = site / f"{distribution}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {distribution}_module:open_it" for name in names)
    (information / "entry_points.txt").write_text(f"[sternway.drives]\n{lines}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def test_the_reference_drive_is_built_in(far_end: FarEnd) -> None:
    drive = open_drive("reference", far_end.device, DriveLimits(), 0)
    assert isinstance(drive, ReferenceDrive)
    assert drive.loss is None
    drive.close()


def test_an_unknown_name_lists_the_known_ones(site: Path) -> None:
    install(site, "acme", ["acme-9000"])
    with pytest.raises(UnknownDriveError, match=r"no driver is named 'refrence'; known are: acme-9000, reference$"):
        open_drive("refrence", "/dev/null", DriveLimits(), 0)


def test_an_installed_driver_is_opened_with_what_was_given(site: Path, far_end: FarEnd) -> None:
    install(site, "acme", ["acme-9000"])
    drive = open_drive("acme-9000", far_end.device, DriveLimits(lease_ms=200), 5)
    assert drive.opened_by_plug_in == (far_end.device, DriveLimits(lease_ms=200), 5)  # type: ignore[attr-defined]
    drive.close()


def test_two_packages_with_one_name_are_refused(site: Path) -> None:
    install(site, "acme", ["belt"])
    install(site, "bolt", ["belt"])
    with pytest.raises(UnknownDriveError, match=r"more than one driver.*acme_module:open_it, bolt_module:open_it"):
        open_drive("belt", "/dev/null", DriveLimits(), 0)


def test_no_package_takes_the_built_in_name(site: Path) -> None:
    install(site, "acme", ["reference"])
    with pytest.raises(UnknownDriveError, match="more than one driver is named 'reference'"):
        open_drive("reference", "/dev/null", DriveLimits(), 0)


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(ValueError, match="an absolute path"):
        open_drive("reference", "ttyUSB0", DriveLimits(), 0)
