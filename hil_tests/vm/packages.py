"""The packages that the tests install, built from this checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from hil_tests.vm.debian_root import ROOT

OLDER, NEWER = "0.0.9", "0.1.1"
"""The same program under two versions, to go up and down between."""


def build_package(place: Path) -> None:
    """Builds the package as it is, as current.deb."""
    place.mkdir(parents=True)
    subprocess.run(
        [sys.executable, str(ROOT / "packaging/build_deb.py"), "--output", str(place)], check=True, stdout=subprocess.DEVNULL
    )
    (built,) = place.glob("sternway_*.deb")
    built.rename(place / "current.deb")


def build_variants(place: Path) -> None:
    """Repacks current.deb as OLDER and NEWER, and as one for a Python that is not there."""
    for version in (OLDER, NEWER):
        repack(place / "current.deb", place / f"{version}.deb", "Version: ", f"Version: {version}")
    repack(place / "current.deb", place / "other-python.deb", "Depends: ", "Depends: python3 (>= 3.99)")


def repack(package: Path, target: Path, beginning: str, line: str) -> None:
    """Copies a package with the one line of its control file that begins so replaced."""
    tree = target.with_suffix(".tree")
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    lines = control.read_text(encoding="utf-8").splitlines()
    control.write_text("\n".join(line if old.startswith(beginning) else old for old in lines) + "\n", encoding="utf-8")
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
