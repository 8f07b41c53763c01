"""Machines to test on. Each test gets one of its own: what it writes goes with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.vm.container import Container
from hil_tests.vm.debian_root import BUILD, debian_root
from hil_tests.vm.packages import build_packages
from hil_tests.vm.treadmill import Treadmill, equip, install

TOOLS = ("mmdebstrap", "systemd-nspawn", "nsenter", "dpkg-deb")


@pytest.fixture(scope="session")
def workplace() -> Iterator[Path]:
    """A directory of this run's own on the disk of the checkout: layers and disks are too large for /tmp."""
    place = BUILD / f"run-{os.getpid()}"
    place.mkdir(parents=True)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def packages(workplace: Path) -> Path:
    """Where the packages lie; what is missing on this machine is an error that names it."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.fail(f"run `make vm` as root; missing: {', '.join(missing) or 'root'}")
    place = workplace / "packages"
    build_packages(place)
    return place


@pytest.fixture(scope="session")
def installed_layer(packages: Path, workplace: Path) -> Path:
    """A layer with the package installed and equipped on the booted Debian, and everything shut down again."""
    layer = workplace / "installed"
    treadmill = Treadmill()
    try:
        with Container([debian_root()], {**treadmill.binds, "/srv/packages": str(packages)}, upper=layer) as container:
            install(container, Path("/srv/packages/current.deb"))
            equip(container)
            container.power_off()
    finally:
        treadmill.close()
    return layer


@pytest.fixture
def treadmill() -> Iterator[Treadmill]:
    """The simulated machine; nothing controls it yet."""
    made = Treadmill()
    yield made
    made.close()


@pytest.fixture
def bare(treadmill: Treadmill, packages: Path) -> Iterator[Container]:
    """A Debian that has never heard of Sternway."""
    with Container([debian_root()], {**treadmill.binds, "/srv/packages": str(packages)}) as container:
        yield container


@pytest.fixture
def machine(treadmill: Treadmill, packages: Path, installed_layer: Path) -> Iterator[Container]:
    """An installed treadmill that has just booted by itself."""
    with Container([installed_layer, debian_root()], {**treadmill.binds, "/srv/packages": str(packages)}) as container:
        treadmill.start(container)
        yield container
