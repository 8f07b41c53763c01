"""The installed services at work under systemd: a whole session, and what befalls them in the middle of one."""

from __future__ import annotations

import time

import pytest

from controller.core.inputs import Input
from hil_tests.vm.container import Container
from hil_tests.vm.treadmill import Dashboard, Treadmill, begin_walking, prepare_demo

LATCHED = ("protective_stop", "emergency_stop", "fault")
LEASE_STOP_S = 1.0
"""From the blow to the belt at rest: a lease of 150 ms and braking from 0.1 m/s; the rest is for a busy machine."""


def test_it_boots_to_standby_by_itself(machine: Container, treadmill: Treadmill) -> None:
    assert treadmill.wait_state("standby").cause == ""
    for unit in ("sternway.target", "sternway-controller", "sternway-telemetry", "mosquitto"):
        assert machine.run("systemctl", "is-active", unit).stdout == "active\n"
    assert machine.run("systemctl", "is-system-running").stdout == "running\n"
    status = machine.run("systemctl", "show", "-P", "StatusText", "sternway-controller").stdout
    assert "standby" in status


@pytest.mark.parametrize("blow", ["KILL", "STOP"])
@pytest.mark.parametrize(("relay_welded", "fault"), [(False, "stop_input"), (True, "lease")])
def test_without_the_controller_the_belt_stops_and_it_comes_back_latched(
    machine: Container, treadmill: Treadmill, blow: str, relay_welded: bool, fault: str
) -> None:
    """Without pulses the watchdog relay opens the drive's STOP input after 120 ms; were it welded, the lease ends after 150 ms."""
    begin_walking(treadmill, machine)
    if relay_welded:
        treadmill.weld_watchdog_relay()
    machine.run("systemctl", "kill", "--kill-whom=main", f"--signal={blow}", "sternway-controller")
    took_s = treadmill.wait_belt("rest", lambda speed: speed < 0.02, LEASE_STOP_S)
    assert treadmill.drive_faults() == [fault], "the drive's own word"
    seen = treadmill.wait_state(*LATCHED)
    assert seen.cause, f"it says why (the belt was at rest after {took_s:.2f} s)"
    stays_at_rest(treadmill, 5.0)
    assert int(machine.run("systemctl", "show", "-P", "NRestarts", "sternway-controller").stdout) == 1
    treadmill.therapist.helps = True
    treadmill.wait_state("standby", "paused", "complete")
    stays_at_rest(treadmill, 2.0)


def test_a_latch_outlives_the_controller_and_is_named(machine: Container, treadmill: Treadmill) -> None:
    """With the mushroom still pressed the next life's self-test fails, which is a latch of its own; what was before it is said."""
    with Dashboard(machine) as dashboard:
        begin_walking(treadmill, machine)
        treadmill.actuate((Input.EMERGENCY_A, Input.EMERGENCY_B))
        treadmill.wait_state("emergency_stop")
        treadmill.wait_belt("rest", lambda speed: speed < 0.02, 3.0)
        before = treadmill.snapshot
        assert before is not None
        machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "sternway-controller")
        treadmill.wait("its latch", lambda now: now.sequence < before.sequence and now.state in LATCHED, 30.0)
        stays_at_rest(treadmill, 2.0)
        (failed,) = [event for event in dashboard.events() if event["code"] == "self-test-failed"]
    assert "emergency-pressed" in failed["detail"]["latched_before"].split(", ")
    assert "emergency_a open" in failed["detail"]["wrong"]


@pytest.mark.parametrize("blow", ["KILL", "STOP"])
def test_without_telemetry_the_session_goes_on_and_nothing_is_lost(machine: Container, treadmill: Treadmill, blow: str) -> None:
    with Dashboard(machine) as dashboard:
        begin_walking(treadmill, machine)
        machine.run("systemctl", "kill", "--kill-whom=main", f"--signal={blow}", "sternway-telemetry")
        deadline = time.monotonic() + 12.0
        while time.monotonic() < deadline:
            seen = treadmill.heard()
            assert seen is not None
            assert seen.state == "exercising", f"{seen.state}: {seen.cause_text}"
            time.sleep(0.05)
        assert int(machine.run("systemctl", "show", "-P", "NRestarts", "sternway-telemetry").stdout) == 1
        treadmill.real.ask(lambda: treadmill.real.world.hands.press(Input.STOP))
        treadmill.wait_state("paused", "complete", timeout_s=10.0)
        time.sleep(3.0)
        identifiers = [event["id"] for event in dashboard.events()]
    assert sorted(set(identifiers)) == list(range(min(identifiers), max(identifiers) + 1)), "none is missing"


def test_asked_to_stop_it_first_brings_the_belt_to_rest(machine: Container, treadmill: Treadmill) -> None:
    begin_walking(treadmill, machine)
    machine.run("systemctl", "stop", "sternway.target", "sternway-controller")
    assert treadmill.belt_m_s < 0.02, "systemd waits for it"
    assert '"clean":true' in (machine.files / "var/lib/sternway/controller/controller.json").read_text()


def test_a_wrong_configuration_is_said_once_and_not_tried_again(machine: Container, treadmill: Treadmill) -> None:
    treadmill.wait_state("standby")
    machine.shell("echo '[identitty]' >> /etc/sternway/treadmill.toml; systemctl restart sternway-controller", check=False)
    time.sleep(3.0)
    shown = machine.run("systemctl", "show", "-p", "NRestarts,Result,ExecMainStatus,StatusText", "sternway-controller").stdout
    assert "NRestarts=0" in shown
    assert "ExecMainStatus=2" in shown
    assert "identitty" in machine.shell("journalctl -u sternway-controller -n 20 -o cat --no-pager")


def test_a_device_that_never_comes_ends_the_tries(machine: Container, treadmill: Treadmill) -> None:
    treadmill.wait_state("standby")
    machine.shell(
        "sed -i 's#^Environment=.*#Environment=PYTHONPATH=#' /etc/systemd/system/sternway-controller.service.d/test-machine.conf;"
        "systemctl daemon-reload; systemctl restart sternway-controller",
        check=False,
    )
    deadline = time.monotonic() + 60.0
    while "ActiveState=failed" not in (
        shown := machine.run("systemctl", "show", "-p", "ActiveState,Result,NRestarts", "sternway-controller").stdout
    ):
        assert time.monotonic() < deadline, shown
        time.sleep(0.5)
    assert "NRestarts=5" in shown or "NRestarts=4" in shown
    assert "Start request repeated too quickly" in machine.shell("journalctl -u sternway-controller -n 30 -o cat --no-pager")
    assert "GPIO library refuses this machine" in machine.shell("journalctl -u sternway-controller -n 30 -o cat --no-pager")


def stays_at_rest(treadmill: Treadmill, seconds: float) -> None:
    """The world is looked at as often as this process may; a belt that had moved meanwhile has also travelled."""
    travel_m = treadmill.real.drive.travel_m
    time.sleep(seconds)
    assert abs(treadmill.real.drive.travel_m - travel_m) < 0.005


def test_the_controller_runs_ahead_of_everything(machine: Container, treadmill: Treadmill) -> None:
    """Locked memory is looked at in the virtual machine: whoever runs this container may lack the right to grant it."""
    treadmill.wait_state("standby")
    pid = machine.run("systemctl", "show", "-P", "MainPID", "sternway-controller").stdout.strip()
    assert "SCHED_FIFO" in machine.shell(f"chrt -p {pid}")


def test_journal_lines_cannot_be_forged_by_a_plan(machine: Container, treadmill: Treadmill) -> None:
    """What a person typed is data: it makes no line of its own in the journal."""
    treadmill.wait_state("standby")
    plan = (machine.files / "usr/share/sternway/plans/demo.toml").read_text().replace('"demo-1"', '"x\\nFORGED LINE"')
    (machine.files / "root/plan.toml").write_text(plan)
    prepare_demo(machine, "/root/plan.toml", check=False)
    lines = machine.shell("journalctl -u sternway-controller -o cat --no-pager").splitlines()
    assert not [line for line in lines if line.startswith("FORGED")]
