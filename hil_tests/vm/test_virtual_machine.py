"""The installed package on the kernel's own GPIO and SPI devices, with device rules that are enforced, and a plug to pull."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.vm.debian_root import debian_root
from hil_tests.vm.image import GUEST_DISPLAY, GUEST_DRIVE, build_disk, build_initramfs
from hil_tests.vm.kernel import kernel
from hil_tests.vm.kernel_board import KernelBoard, drive_that_says_board
from hil_tests.vm.probes import probe
from hil_tests.vm.treadmill import Treadmill
from hil_tests.vm.virtual_machine import VirtualMachine

POWER_CUTS = int(os.environ.get("STERNWAY_POWER_CUTS", "2"))
WATCHDOG_PULSE = 21
_UNIT = "sternway-controller"


class Site:
    """A virtual machine with a treadmill around it."""

    def __init__(self, disk: Path) -> None:
        self.board = KernelBoard(lambda message: self.machine.tell(message))  # noqa: PLW0108  the machine is made below
        self.treadmill = Treadmill(lambda _: self.board, drive_that_says_board())
        self.treadmill.weld_watchdog_relay()
        self.treadmill.therapist.helps = False
        built = kernel()
        terminals = (self.treadmill.display_terminal, self.treadmill.drive_terminal)
        self.machine = VirtualMachine(built, build_initramfs(built), disk, *terminals)

    def power_on(self) -> None:
        self.machine.power_on()
        self.board.tell_all()

    def close(self) -> None:
        self.machine.remove()
        self.treadmill.close()


@pytest.fixture(scope="module")
def disk(installed_layer: Path, workplace: Path) -> Path:
    return build_disk([installed_layer, debian_root()], kernel(), workplace)


@pytest.fixture(scope="module")
def fresh_disk(disk: Path) -> Path:
    """One more, for a machine that is to be treated badly; asked for before the first one is written to."""
    return shutil.copy(disk, disk.with_name("fresh-disk.qcow2"))


@pytest.fixture(scope="module")
def booted(disk: Path, fresh_disk: Path) -> Iterator[Site]:
    """Booted once, its services stopped, and kept as `ready`."""
    site = Site(disk)
    try:
        site.treadmill.real.start()
        site.power_on()
        deadline = time.monotonic() + 240.0
        while site.machine.shell("systemctl is-system-running").strip() == "starting":
            assert time.monotonic() < deadline, site.machine.console[-2000:]
            time.sleep(1.0)
        site.machine.shell("systemctl stop sternway.target sternway-controller sternway-telemetry; systemctl reset-failed")
        site.machine.save("ready")
        yield site
    finally:
        site.close()


@pytest.fixture
def site(booted: Site) -> Site:
    booted.machine.load("ready")
    booted.machine.wait_agent()
    booted.board.tell_all()
    return booted


def test_the_devices_belong_to_the_groups_of_the_rules(site: Site) -> None:
    assert site.machine.shell("stat -c '%G %a' /dev/gpiochip0 /dev/spidev0.0").splitlines() == ["gpio 660", "spi 660"]
    assert site.machine.shell("systemctl is-enabled sternway.target").strip() == "enabled"


def test_each_service_opens_only_the_devices_of_its_unit(site: Site) -> None:
    """/dev/anybody is the disk under a name that everybody may open: only the unit's device rules stand before it."""
    site.machine.shell("mknod -m 666 /dev/anybody b $(stat -c '0x%t 0x%T' /dev/vda)")
    site.machine.shell("runuser -u sternway-controller -- sh -c ': < /dev/anybody' && echo open > /opt/without-rules")
    assert site.machine.shell("cat /opt/without-rules").strip() == "open", "without the unit's rules the same user may"
    treadmills = ("/dev/gpiochip0", "/dev/spidev0.0", GUEST_DRIVE, GUEST_DISPLAY)
    found = probe(
        lambda script: site.machine.shell(script, timeout_s=300.0), (*treadmills, "/dev/anybody", "/dev/mem", "/dev/kmsg")
    )
    for device in (*treadmills, "/dev/anybody"):
        assert found["root"][device] == "done", f"{device}: {found['root'][device]}"
    for device in treadmills:
        assert found["controller"][device] == "done", f"{device}: {found['controller'][device]}"
        assert found["telemetry"][device] != "done", device
    for device in ("/dev/anybody", "/dev/mem", "/dev/kmsg"):
        assert found["controller"][device] != "done", device
        assert found["telemetry"][device] != "done", device
    for attempt in ("inet", "inet6", "netlink", "packet"):
        assert found["root"][attempt] == "done"
        assert found["controller"][attempt] != "done", attempt


def test_the_controller_takes_the_kernels_pins_in_its_sandbox(site: Site) -> None:
    """rpi-lgpio and spidev themselves, with MemoryDenyWriteExecute, the system call filter and the device list."""
    site.machine.shell("systemctl start sternway-controller", timeout_s=300.0)
    assert site.machine.shell(f"systemctl is-active {_UNIT}").strip() == "active", site.machine.shell(
        f"journalctl -u {_UNIT} -n 20"
    )
    pid = site.machine.shell(f"systemctl show -P MainPID {_UNIT}").strip()
    opened = site.machine.shell(f"ls -l /proc/{pid}/fd")
    for device in ("/dev/gpiochip0", "/dev/spidev0.0", GUEST_DRIVE, GUEST_DISPLAY):
        assert device in opened
    assert int(site.machine.shell(f"grep VmLck /proc/{pid}/status").split()[1]) > 1000


def test_what_the_controller_says_reaches_the_display_over_the_serial_port(site: Site) -> None:
    """How far the self-test comes on a processor so slow is not judged: the words and the pulses are the controller's own."""
    site.machine.shell("systemctl start sternway.target", timeout_s=300.0)
    site.treadmill.wait_display("SELF", "STANDBY", "FAULT", "PROTECTIVE", timeout_s=120.0)
    seen = {site.machine.levels(WATCHDOG_PULSE)[WATCHDOG_PULSE] for _ in range(40)}
    assert seen == {0, 1}, "the watchdog pulse goes up and down on the kernel's line"


@pytest.mark.parametrize("count", [POWER_CUTS])
def test_after_power_cuts_everything_is_as_it_was(fresh_disk: Path, count: int) -> None:
    """QEMU is killed while the services write: the file system, both journals and the configuration are sound each time."""
    site = Site(fresh_disk)
    try:
        site.treadmill.real.start()
        site.power_on()
        configuration = site.machine.shell("sha256sum /etc/sternway/treadmill.toml")
        for _ in range(count):
            deadline = time.monotonic() + 300.0
            while site.machine.shell("systemctl is-active sternway-controller sternway-telemetry").split() != ["active", "active"]:
                assert time.monotonic() < deadline, site.machine.shell("journalctl -u 'sternway*' -n 40 --no-pager")
                time.sleep(2.0)
            site.machine.cut_power()
            site.power_on()
            assert site.machine.shell("sha256sum /etc/sternway/treadmill.toml") == configuration
            sound = "import sqlite3; print(sqlite3.connect('file:/var/lib/sternway/telemetry/journal.sqlite?mode=ro', uri=True)"
            sound += ".execute('pragma integrity_check').fetchone()[0])"
            assert site.machine.run("/opt/sternway/python/bin/python", "-c", sound).out.strip() == "ok"
            assert '"clean":true' not in site.machine.shell("cat /var/lib/sternway/controller/controller.json")
    finally:
        site.close()
