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


def test_a_whole_session_reaches_its_end_and_the_dashboard(machine: Container, treadmill: Treadmill) -> None:
    """The demo plan as it ships, prepared by the command line; heard by a dashboard over TLS, with its own password."""
    treadmill.wait_state("standby")
    with Dashboard(machine) as dashboard:
        prepare_demo(machine)
        treadmill.wait("complete", lambda seen: seen.state == "complete", 240.0)
        treadmill.wait_state("standby", timeout_s=30.0)
        time.sleep(1.0)
        events = dashboard.events()
    codes = [event["code"] for event in events]
    if "scan-overrun" in codes:
        pytest.fail("void: this machine stood still for more than 50 ms, and the controller rightly stopped; run it alone")
    assert "session-complete" in codes, " ".join(codes)
    identifiers = [event["id"] for event in events]
    assert identifiers == list(range(identifiers[0], identifiers[0] + len(identifiers))), "each once, in order, none missing"
    assert treadmill.belt_m_s == pytest.approx(0.0, abs=0.005)


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


def test_a_latch_outlives_the_controller(machine: Container, treadmill: Treadmill) -> None:
    begin_walking(treadmill, machine)
    treadmill.real.ask(lambda: [treadmill.real.world.hands.actuate(name, True) for name in (Input.EMERGENCY_A, Input.EMERGENCY_B)])
    treadmill.wait_state("emergency_stop")
    treadmill.wait_belt("rest", lambda speed: speed < 0.02, 3.0)
    before = treadmill.snapshot
    assert before is not None
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "sternway-controller")
    seen = treadmill.wait("its latch", lambda now: now.sequence < before.sequence and now.state in LATCHED, 20.0)
    alarms = [code for code, _ in seen.alarms]
    assert before.cause in alarms, f"{before.cause} is remembered: {seen.state}, {alarms}"
    stays_at_rest(treadmill, 2.0)


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
    machine.run("systemctl", "stop", "sternway.target")
    assert treadmill.belt_m_s < 0.02
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
    deadline = time.monotonic() + 40.0
    while "start-limit-hit" not in (
        shown := machine.run("systemctl", "show", "-p", "Result,NRestarts", "sternway-controller").stdout
    ):
        assert time.monotonic() < deadline, shown
        time.sleep(0.5)
    assert "NRestarts=5" in shown or "NRestarts=4" in shown
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
