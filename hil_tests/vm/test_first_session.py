"""From a Debian that has never heard of Sternway to a first session on the kernel's own pins, by the steps of docs/install.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.inputs import Input
from hil_tests.vm.debian_root import debian_root
from hil_tests.vm.image import DROP_IN, DROP_IN_FILE, GUEST_DISPLAY, GUEST_DRIVE, build_disk
from hil_tests.vm.kernel import kernel
from hil_tests.vm.pages import DOCS, HELPERS, PACKAGE, broker_commands, commands, configured, editor
from hil_tests.vm.site import Site, journal, report

_CONFIGURATION = "/etc/sternway/treadmill.toml"
_INSTALLING_S = 1800.0
"""Of this machine's time: an emulated processor makes a Python environment in some minutes."""


@pytest.fixture
def untouched(packages: Path, workplace: Path) -> Iterator[Site]:
    """A booted Debian on the board, and a package that lies on its disk."""
    files: dict[str, str | Path] = {
        PACKAGE.lstrip("/"): packages / "current.deb",
        "root/edit": editor(GUEST_DRIVE, GUEST_DISPLAY, {}),
        DROP_IN_FILE: DROP_IN,
    }
    site = Site(build_disk([debian_root()], kernel(), workplace / "untouched.qcow2", files))
    try:
        site.treadmill.real.start()
        site.power_on()
        yield site
    finally:
        site.close()


@pytest.mark.lengthy
def test_the_pages_lead_to_a_first_session(untouched: Site) -> None:
    """Not the pages' own: sudo and the editor are helpers, the package was built outside, and a drop-in says which Pi this is."""
    site = untouched
    build, configure, start, prepare, *_ = commands("install.md")

    def follow(script: str) -> str:
        return site.machine.shell(f"set -e; cd /root; {script}", timeout_s=_INSTALLING_S)

    follow(HELPERS)
    assert "no /etc/sternway/treadmill.toml yet" in follow(build.replace("make deb\n", ""))
    owners = site.machine.shell("stat -c '%G %a' /dev/gpiochip0 /dev/spidev0.0").splitlines()
    assert owners == ["gpio 660", "spi 660"], "the package's rules reach devices that were there before it"
    assert "correct, for treadmill-1 at my-clinic" in follow(configure)
    said = follow(broker_commands())
    text = configured(site.machine.shell(f"cat {_CONFIGURATION}"), said[said.index("[telemetry.broker]") :])
    follow(f"cat >{_CONFIGURATION} <<'TEXT'\n{text}\nTEXT\n")

    page = (DOCS / "install.md").read_text(encoding="utf-8")
    assert "`sudo sternway calibrate`, `sudo sternway selftest`" in page, "step 6, in this order, before anything is started"
    technician = site.technician()
    technician.calibrate()
    technician.walk_through()

    site.treadmill.therapist.works = site.treadmill.therapist.helps = False  # nobody presses RESET before it was read why
    follow(start)
    site.wait_display("FAULT", within_s=30.0)
    assert "not shut down properly" in site.machine.shell("sternway status"), "the first start of all"
    site.to_standby()
    assert "is prepared for demo-1" in follow(prepare)
    site.wait("the first speed", lambda: site.treadmill.belt_m_s > 0.08, 90.0)
    site.treadmill.therapist.works = False
    site.let_pass(3.0)
    hands = site.world.hands
    site.treadmill.real.ask(lambda: hands.press(Input.STOP))
    site.wait("rest", lambda: site.treadmill.belt_m_s < 0.005, 6.0)
    site.wait_display("ARROW", within_s=10.0)  # the step that leads out of the pause
    assert "State: paused" in site.machine.shell("sternway status")
    site.treadmill.actuate((Input.EMERGENCY_A, Input.EMERGENCY_B))
    site.wait_display("EMERGENCY", within_s=5.0)
    site.to_standby()
    site.stays_at_rest(2.0)
    site.wait("the record", lambda: "running" not in journal(site), 20.0)
    told = journal(site)
    assert told.startswith("ok []"), told
    report(f"by the pages alone: {' '.join(told.split())}")
