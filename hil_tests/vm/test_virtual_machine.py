"""The installed package on the kernel's own GPIO and SPI devices, commissioned by hand, with device rules that are enforced."""

from __future__ import annotations

import json
import re

import pytest

from controller.core.inputs import Input
from hil_tests.vm.image import GUEST_DISPLAY, GUEST_DRIVE
from hil_tests.vm.probes import assert_limits, hungry, probe
from hil_tests.vm.site import WALKING_M_S, Site, report

_UNIT, _TELEMETRY = "sternway-controller", "sternway-telemetry"
_RAILS_S, _PEDAL_S, _AT_ONCE_S = 25.0, 25.0, 6.0
_CHANNELS = (Input.EMERGENCY_A, Input.EMERGENCY_B)


@pytest.mark.core
def test_the_devices_belong_to_the_groups_of_the_rules(idle: Site) -> None:
    assert idle.machine.shell("stat -c '%G %a' /dev/gpiochip0 /dev/spidev0.0").splitlines() == ["gpio 660", "spi 660"]
    assert idle.machine.shell("systemctl is-enabled sternway.target").strip() == "enabled"


@pytest.mark.core
def test_it_is_calibrated_and_tested_through_the_prompts(commissioned: dict[str, str], site: Site) -> None:
    """`sternway calibrate` and `sternway selftest` as an integrator runs them; nothing in the certificates says emulated."""
    rate_hz = float(re.findall(r"([0-9.]+) samples a second", commissioned["calibrate"])[0])
    assert rate_hz > 60.0
    assert "CALIBRATED" in commissioned["calibrate"]
    relay_s, contactors_s = map(
        float, re.findall(r"relay open after ([0-9.]+) s, both contactors after ([0-9.]+) s", commissioned["selftest"])[0]
    )
    assert 0.1 <= relay_s < 0.4
    assert 2.0 <= contactors_s < 3.0
    assert "PASSED" in commissioned["selftest"]
    for name in ("calibration-harness", "self-test"):
        certificate = json.loads(site.machine.shell(f"cat /etc/sternway/{name}.json"))
        assert '"emulated":false' in json.dumps(certificate, separators=(",", ":")), certificate
    status = site.machine.shell("sternway status")
    assert "State: standby" in status, status
    assert "No patient yet" not in status, status
    report(f"{rate_hz} samples a second; relay {relay_s} s, contactors {contactors_s} s")


def test_each_service_can_do_only_what_its_unit_says(idle: Site) -> None:
    """/dev/anybody is the disk under a name that everybody may open: only the unit's device rules stand before it."""
    shell = idle.machine.shell
    shell("mknod -m 666 /dev/anybody b $(stat -c '0x%t 0x%T' /dev/vda)")
    shell("runuser -u sternway-controller -- sh -c ': < /dev/anybody' && echo open > /opt/without-rules")
    assert shell("cat /opt/without-rules").strip() == "open", "without the unit's rules the same user may"
    treadmills, others = ("/dev/gpiochip0", "/dev/spidev0.0", GUEST_DRIVE, GUEST_DISPLAY), ("/dev/anybody", "/dev/mem", "/dev/kmsg")
    found = probe(lambda script: shell(script, timeout_s=900.0), (*treadmills, *others))
    assert_limits(found, treadmills)
    assert found["root"]["/dev/anybody"] == "done"
    for device in others:
        assert found["controller"][device] != "done", device
        assert found["telemetry"][device] != "done", device


@pytest.mark.lengthy
def test_neither_service_eats_the_machine(idle: Site) -> None:
    """MemoryMax and TasksMax as they ship, 256 and 128 MB, 32 tasks: a leak ends its own service and nothing else."""

    def shell(script: str) -> str:
        return idle.machine.shell(script, timeout_s=900.0)

    greedy, modest = hungry(shell, 300, 1), hungry(shell, 60, 64)
    assert greedy["controller"][0] == greedy["telemetry"][0] == "oom-kill", greedy
    assert "children 1" in greedy["root"][1], "there is as much memory"
    for unit in ("controller", "telemetry"):
        assert modest[unit][0] == "success", modest
        assert "BlockingIOError 11" in modest[unit][1], modest
        assert "children 31" in modest[unit][1], modest
    assert "children 64" in modest["root"][1], "there may be as many tasks"


def test_the_controller_runs_on_the_kernels_pins_in_its_sandbox(site: Site) -> None:
    """rpi-lgpio and spidev themselves, with MemoryDenyWriteExecute, the system call filter and the device list."""
    pid = site.machine.shell(f"systemctl show -P MainPID {_UNIT}").strip()
    opened = site.machine.shell(f"ls -l /proc/{pid}/fd")
    for device in ("/dev/gpiochip0", "/dev/spidev0.0", GUEST_DRIVE, GUEST_DISPLAY):
        assert device in opened
    assert int(site.machine.shell(f"grep VmLck /proc/{pid}/status").split()[1]) > 1000
    assert "SCHED_FIFO" in site.machine.shell(f"chrt -p {pid}")
    shown = site.machine.shell(f"systemctl show -p WatchdogUSec,DevicePolicy,MemoryMax,NRestarts {_UNIT}")
    assert {"WatchdogUSec=1s", "DevicePolicy=closed", "MemoryMax=268435456", "NRestarts=0"} <= set(shown.split())


@pytest.mark.lengthy
def test_a_whole_session_reaches_its_end_and_the_dashboard(site: Site) -> None:
    """Every contact a line of the kernel's, every frame over the serial port, every event over TLS, under the shipped units."""
    site.prepare()
    site.treadmill.therapist.works = True
    took_s = site.wait_display("COMPLETE", within_s=200.0)
    site.wait_display("STANDBY", within_s=40.0)
    site.let_pass(2.0)
    events = site.events()
    codes = [event["code"] for event in events]
    assert "session-complete" in codes, " ".join(codes)
    assert not {"scan-overrun", "drive-silent", "load-unknown"} & set(codes), " ".join(codes)
    identifiers = [event["id"] for event in events]
    assert identifiers == list(range(identifiers[0], identifiers[0] + len(identifiers))), "each once, in order, none missing"
    assert site.treadmill.belt_m_s == 0.0
    report(f"{took_s:.0f} s from START to its end, {site.treadmill.real.drive.travel_m:.1f} m, {len(events)} events")


@pytest.mark.lengthy
@pytest.mark.parametrize(
    ("inputs", "code", "word", "within_s"),
    [
        ((Input.STOP,), "stop-pressed", "", _AT_ONCE_S),
        ((Input.SYMPTOM,), "symptom-button", "", _AT_ONCE_S),
        (_CHANNELS, "emergency-pressed", "FAULT", _AT_ONCE_S),
        ((Input.EMERGENCY_A,), "emergency-discrepancy", "FAULT", _AT_ONCE_S),
        ((Input.EMERGENCY_B,), "emergency-discrepancy", "FAULT", _AT_ONCE_S),
        pytest.param((Input.LANYARD,), "lanyard-pulled", "FAULT", _AT_ONCE_S, marks=pytest.mark.core),
        ((Input.OVERLOAD,), "overload-switch", "FAULT", _AT_ONCE_S),
        ((Input.CLIP,), "clip-open", "PROTECTIVE", _AT_ONCE_S),
        ((Input.DECK_FRONT,), "deck-front", "PROTECTIVE", _AT_ONCE_S),
        ((Input.DECK_REAR,), "deck-rear", "PROTECTIVE", _AT_ONCE_S),
        ((Input.RAIL_LEFT,), "rail-pause", "", _RAILS_S),
        ((Input.RAIL_RIGHT,), "rail-pause", "", _RAILS_S),
        ((Input.ATTENDANT,), "attendant-pause", "", _PEDAL_S),
    ],
    ids=lambda value: "+".join(one.name.lower() for one in value) if isinstance(value, tuple) else "",
)
def test_every_input_stops_as_the_event_table_says(
    ready: Site, inputs: tuple[Input, ...], code: str, word: str, within_s: float
) -> None:
    """The wire is cut under a walking patient, or a button of the panel pressed; the display and the broker say why.

    A wire of the stop chain's that is cut is a fault besides: the drive sees no chain open.
    """
    ready.walk()
    mask = sum(one.bit for one in inputs)
    if inputs[0] in (Input.STOP, Input.SYMPTOM):
        hands = ready.world.hands
        ready.treadmill.real.ask(lambda: hands.press(inputs[0]))
    else:
        ready.treadmill.real.ask(lambda: ready.board.set_wires(broken=mask))
    took_s = ready.wait("rest", lambda: ready.treadmill.belt_m_s < 0.005, within_s)
    if word:
        ready.wait_display(word, within_s=5.0)
    ready.stays_at_rest(2.0)
    codes = [event["code"] for event in ready.events()]
    assert code in codes, " ".join(codes)
    report(f"{code}: at rest after {took_s:.2f} s of the machine's time; {' '.join(codes)}")


@pytest.mark.parametrize("blow", [pytest.param("KILL", marks=pytest.mark.core), "STOP"])
def test_without_the_controller_the_belt_stops_and_stays(ready: Site, blow: str) -> None:
    """The drive's own log has the reason; systemd brings the controller back, latched; RESET moves nothing."""
    ready.walk()
    ready.machine.shell(f"systemctl kill --kill-whom=main --signal={blow} {_UNIT}")
    took_s = ready.wait("rest", lambda: ready.treadmill.belt_m_s < 0.005, 3.0)
    faults = ready.treadmill.drive_faults()
    assert set(faults) & {"stop_input", "lease"}, faults
    ready.wait_display("FAULT", within_s=20.0)
    assert ready.machine.shell(f"systemctl show -P NRestarts {_UNIT}").strip() == "1"
    ready.stays_at_rest(3.0)
    ready.to_standby()
    ready.stays_at_rest(3.0)
    assert "unclean-start" in [event["code"] for event in ready.events()]
    report(f"SIG{blow}: at rest after {took_s:.2f} s of the machine's time, the drive says {faults}")


@pytest.mark.lengthy
@pytest.mark.parametrize("blow", ["KILL", "STOP"])
def test_without_telemetry_the_session_goes_on_and_nothing_is_lost(ready: Site, blow: str) -> None:
    """The belt walks on while telemetry is away and while it comes back; then STOP stops it, and the broker has every event."""
    ready.walk()
    seen_m_s: list[float] = []
    watchers = ready.world.watchers
    ready.machine.shell(f"systemctl kill --kill-whom=main --signal={blow} {_TELEMETRY}")
    watchers.append(lambda: seen_m_s.append(ready.treadmill.belt_m_s))
    shown = f"systemctl show -p NRestarts,ActiveState {_TELEMETRY}"
    back = {"NRestarts=1", "ActiveState=active"}
    took_s = ready.wait("telemetry", lambda: set(ready.machine.shell(shown).split()) == back, 40.0)
    ready.let_pass(2.0)
    watchers.pop()
    assert min(seen_m_s) > WALKING_M_S - 0.01, "the session went on"
    hands = ready.world.hands
    ready.treadmill.real.ask(lambda: hands.press(Input.STOP))
    ready.wait("rest", lambda: ready.treadmill.belt_m_s < 0.005, _AT_ONCE_S)
    ready.let_pass(3.0)
    events = ready.events()
    identifiers = sorted({event["id"] for event in events})
    assert "stop-pressed" in [event["code"] for event in events]
    assert identifiers == list(range(identifiers[0], identifiers[-1] + 1)), "none is missing"
    report(f"telemetry, SIG{blow}: back after {took_s:.1f} s of the machine's time, {len(identifiers)} events, none missing")


@pytest.mark.lengthy
def test_the_third_unclean_start_latches_and_serves_only_status_and_reset(site: Site) -> None:
    for _ in range(3):
        site.machine.shell(f"systemctl kill --kill-whom=main --signal=KILL {_UNIT}")
        site.wait_display("SELF", within_s=20.0)
        site.wait_display("FAULT", within_s=20.0)
    assert site.treadmill.lines[1].strip() == "Controller restarts", site.treadmill.lines
    assert "Controller restarts again and again" in site.machine.shell("sternway status")
    said = site.machine.shell(f"systemctl show -P StatusText {_UNIT}")
    assert "Controller restarts again and again" in said
    refused = site.machine.shell(
        "sternway prepare demo-1 --plan /usr/share/sternway/plans/demo.toml --screening /root/screening.json"
    )
    assert "is prepared" not in refused
    site.stays_at_rest(2.0)
    site.to_standby()
    site.stays_at_rest(1.0)
