"""A service that was taken over can do no more than its unit lets it. The same attempts by root, outside, succeed."""

from __future__ import annotations

import pytest

from hil_tests.vm.container import Container
from hil_tests.vm.probes import probe
from hil_tests.vm.treadmill import DISPLAY, DRIVE, Treadmill

_NETWORK = ("inet", "inet6", "netlink", "packet")
_FOREIGN = ("configuration", "program", "home", "keys", "become_root", "executable_memory", "namespace", "module")


@pytest.fixture
def found(machine: Container, treadmill: Treadmill) -> dict[str, dict[str, str]]:
    treadmill.wait_state("standby")
    return probe(machine.shell, (DRIVE, DISPLAY))


def test_what_each_service_can_and_cannot(found: dict[str, dict[str, str]]) -> None:
    controller, telemetry, root = found["controller"], found["telemetry"], found["root"]
    for attempt in (*_NETWORK, "broker", "configuration", "home", "keys", "executable_memory", DRIVE, DISPLAY):
        assert root[attempt] == "done", f"{attempt} must be possible at all, else its refusal shows nothing"

    for attempt in (*_NETWORK, "broker", *_FOREIGN, "telemetry_state"):
        assert controller[attempt] != "done", f"controller: {attempt}"
    for attempt in ("unix", DRIVE, DISPLAY, "controller_state"):
        assert controller[attempt] == "done", f"controller: {attempt}: {controller[attempt]}"

    for attempt in ("netlink", "packet", DRIVE, DISPLAY, *_FOREIGN, "controller_state"):
        assert telemetry[attempt] != "done", f"telemetry: {attempt}"
    for attempt in ("unix", "inet", "broker", "telemetry_state"):
        assert telemetry[attempt] == "done", f"telemetry: {attempt}: {telemetry[attempt]}"
    assert controller["user"] == telemetry["user"] == "True"
