"""Machines to test on. Each test gets one of its own: what it writes goes with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hil_tests.vm.container import Container
from hil_tests.vm.debian_root import BUILD, debian_root
from hil_tests.vm.image import build_disk, equipment
from hil_tests.vm.kernel import kernel
from hil_tests.vm.packages import build_package, build_variants
from hil_tests.vm.site import Site
from hil_tests.vm.treadmill import Treadmill, equip, install
from simulator.scheduling import BESIDE_PRIORITY, schedule_this_thread

_SAID = "journalctl -o short-monotonic --no-pager -n 60 -u sternway-controller -u sternway-telemetry -u mosquitto"
TOOLS = ("mmdebstrap", "systemd-nspawn", "nsenter", "dpkg-deb")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the services said: the machine is gone afterwards."""
    outcome = yield
    if outcome.failed and outcome.when == "call":
        for machine in item.funcargs.values():
            if isinstance(machine, Container):
                outcome.sections.append(("the services", machine.shell(_SAID, check=False)))
            elif isinstance(machine, Site):
                outcome.sections.append(("the services", machine.last_words(_SAID)))
            elif isinstance(machine, Treadmill):
                gap = (
                    f"the simulated drive stood still for {machine.real.worst_gap_ms:.0f} ms at worst: above 100, judge again alone"
                )
                outcome.sections.append(("this machine", gap))
    return outcome


@pytest.fixture(scope="session", autouse=True)
def beside_the_world() -> None:
    """The tests' own thread holds the simulated belt up no longer than it must."""
    schedule_this_thread(BESIDE_PRIORITY)


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
    with ThreadPoolExecutor() as hands:  # the Debian is needed next, and takes another minute
        made = hands.submit(debian_root)
        build_package(place)
        made.result()
    return place


@pytest.fixture(scope="session")
def variants(packages: Path) -> None:
    """The same package under other versions, and one for another Python, beside it."""
    build_variants(packages)


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


@pytest.fixture(scope="session")
def disk(installed_layer: Path, workplace: Path) -> Path:
    """The virtual machine's disk."""
    return build_disk([installed_layer, debian_root()], kernel(), workplace / "disk.qcow2", equipment())


@pytest.fixture(scope="session")
def booted(disk: Path) -> Iterator[Site]:
    """Booted, its services stopped, and kept as `idle`."""
    site = Site(disk)
    try:
        site.treadmill.real.start()
        site.power_on()
        site.wait_display("FAULT", "SELF", within_s=60.0)
        site.machine.shell("systemctl stop sternway.target sternway-controller sternway-telemetry; systemctl reset-failed")
        site.keep("idle")
        yield site
    finally:
        site.close()


@pytest.fixture(scope="session")
def commissioned(booted: Site) -> dict[str, str]:
    """Calibrated, tested, started, in standby (kept so) and then prepared up to START (kept as `ready`); what the programs said."""
    booted.back_to("idle")
    technician = booted.technician()
    said = {"calibrate": technician.calibrate(), "selftest": technician.walk_through()}
    booted.machine.shell("systemctl start sternway.target sternway-controller sternway-telemetry")
    booted.to_standby()
    booted.listen()
    booted.keep("standby")
    booted.prepare()
    booted.keep("ready")
    return said


@pytest.fixture
def idle(booted: Site) -> Site:
    """A machine whose services do not run."""
    booted.back_to("idle")
    return booted


@pytest.fixture
def site(booted: Site, commissioned: dict[str, str]) -> Site:
    """A commissioned machine in standby."""
    booted.back_to("standby")
    return booted


@pytest.fixture
def ready(booted: Site, commissioned: dict[str, str]) -> Site:
    """A patient on the belt, and nothing missing but START."""
    booted.back_to("ready")
    return booted
