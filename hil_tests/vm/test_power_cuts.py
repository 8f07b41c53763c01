"""The plug is pulled under a walking patient, again and again: QEMU is killed, and what its disk does not have is lost."""

from __future__ import annotations

import os
from random import Random

import pytest

from hil_tests.vm.site import Site, journal, report

CUTS = int(os.environ.get("STERNWAY_POWER_CUTS", "2"))
_CONFIGURATION = "cd /etc/sternway && sha256sum *.toml *.json"


@pytest.mark.lengthy
def test_after_power_cuts_everything_is_as_it_was(ready: Site) -> None:
    """One machine and one disk through all of them. File system, journal and configuration are sound each time, each session is
    marked as interrupted, no event that was kept is gone, and the belt rests until hands have gone through everything again.
    """
    random = Random(int(os.environ.get("STERNWAY_SEED", "1")))
    configuration = ready.machine.shell(_CONFIGURATION)
    kept = 0
    for number in range(1, CUTS + 1):
        if number > 1:
            ready.to_standby()
            ready.send_home()
            ready.prepare()
        ready.walk()
        ready.let_pass(random.uniform(0.0, 4.0))
        ready.machine.cut_power()
        stopped_s = ready.wait("rest", lambda: ready.treadmill.belt_m_s < 0.005, 3.0)
        travel_m = ready.treadmill.real.drive.travel_m
        faults = ready.treadmill.drive_faults()
        assert set(faults) & {"stop_input", "lease"}, faults
        ready.power_on()
        kept = assert_sound(ready, number, kept)
        assert ready.machine.shell(_CONFIGURATION) == configuration
        assert abs(ready.treadmill.real.drive.travel_m - travel_m) < 0.005, "the belt did not move meanwhile"
        report(f"power cut {number} of {CUTS}: at rest after {stopped_s:.2f} s ({', '.join(faults)}); {kept} events")


def assert_sound(site: Site, cuts: int, kept: int) -> int:
    """The machine has booted after so many cuts; returns how many events its journal keeps: as many as before it at least."""
    site.wait_display("FAULT", within_s=120.0)
    said = ""

    def is_marked() -> bool:
        nonlocal said
        said = journal(site)
        return f"interrupted {cuts}" in said.splitlines()

    site.wait("telemetry", is_marked, 60.0)
    assert said.startswith("ok []"), said
    count, distinct = map(int, said.splitlines()[1].split())
    assert count == distinct, said
    assert count > kept, said
    assert "running" not in said, said
    assert '"clean":false' in site.machine.shell("cat /var/lib/sternway/controller/controller.json")
    return count
