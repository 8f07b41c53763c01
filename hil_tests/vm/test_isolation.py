"""A service that was taken over can do no more than its unit lets it. The same attempts by root, outside, succeed."""

from __future__ import annotations

from hil_tests.vm.container import Container
from hil_tests.vm.probes import assert_limits, probe
from hil_tests.vm.treadmill import DISPLAY, DRIVE, Treadmill


def test_what_each_service_can_and_cannot(machine: Container, treadmill: Treadmill) -> None:
    treadmill.wait_state("standby")
    assert_limits(probe(machine.shell, (DRIVE, DISPLAY)), (DRIVE, DISPLAY))
