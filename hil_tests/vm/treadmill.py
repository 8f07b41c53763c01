"""The simulated treadmill around an installed Sternway: its drive and display are pseudo-terminals, its pins and load cell the
stand-ins, and everything else is the package, its units, and the broker that `sternway-broker-setup` made.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import termios
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller.configuration import load_configuration
from controller.core.inputs import Input
from controller.hardware.settings import LoadCellSettings, PinSettings
from firmware_bridge.codec import Decoder, Sender
from firmware_bridge.drive import DriveFault, StatusFrame
from hil_tests.vm.container import Container
from messages.wire import Snapshot
from simulator.commissioning import CELL_SERIAL, write_emulated_certificates
from simulator.drive import SimulatedDrive
from simulator.load_cell import CellParameters
from simulator.pins import PINS_VARIABLE, PinBoard
from simulator.stop_chain import ChainParameters
from simulator.therapist import Lines, Therapist
from simulator.treadmill import Board, Cable, RealTimeTreadmill

SIMULATOR = Path(__file__).resolve().parents[2] / "simulator"
STAND_INS = "/srv/stand-ins"
DEVICES = "/srv/devices"
DRIVE, DISPLAY = "/dev/ttyTEST0", "/dev/ttyTEST1"
DROP_IN = f"""\
# Only for this test machine: stand-ins for the pins and the load cell, pseudo-terminals, two processors.
[Service]
Environment=PYTHONPATH={STAND_INS}/simulator/standins:{STAND_INS} {PINS_VARIABLE}={DEVICES}/pins
ReadWritePaths={DEVICES}
DeviceAllow=char-pts rw
CPUAffinity=
"""
CONFIGURATION = f"""\
[identity]
clinic = "demo"
treadmill = "simulated"
mounting = "belt_reversed"

[serial]
device = "{DRIVE}"

[display]
device = "{DISPLAY}"

[speed]
increment_interval_s = 10.0
offer_s = 3.0
ceiling_m_s = 0.5

[calibration]
zero_counts = {CellParameters().zero_counts}
newtons_per_count = {CellParameters().newtons_per_count}
cell_serial = "{CELL_SERIAL}"
"""
DEMO_PLAN = "/usr/share/sternway/plans/demo.toml"
PREPARE = f"""
sed "s/@TODAY@/$(date +%F)/; s/@BEFORE@/$(date +%F -d '10 days ago')/" \\
    /usr/share/sternway/plans/demo-screening.json >/root/screening.json
exec sternway prepare demo-1 --plan {DEMO_PLAN} --screening /root/screening.json
"""
BROKER = """
[telemetry.broker]
host = "localhost"
port = 8883

[telemetry.broker.tls]
enabled = true
ca_file = "broker-authority"
certificate_file = "broker-certificate"
key_file = "broker-key"
"""


class Treadmill:
    """Belt, patient, strap, panel and hands; make it before its machine boots, `start` it after."""

    def __init__(
        self,
        board: Callable[[Path], Board] | None = None,
        drive: SimulatedDrive | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        seed: int = 1,
        cable: Cable | None = None,
    ) -> None:
        """board: makes what the contacts are wired to, given a directory; without one, the pins of the stand-ins. clock: the
        controller's, ns. cable: the drive's; without one, a pseudo-terminal.
        """
        self._directory = Path(tempfile.mkdtemp(prefix="sternway-", dir="/dev/shm"))
        self._directory.chmod(0o777)
        self._socket = self._directory / "controller.sock"
        pins = (board or stand_in_board)(self._directory)
        self.real = RealTimeTreadmill(self._directory, pins, seed, self._socket, drive=drive, clock=clock, cable=cable)
        self.therapist = Therapist(self.real.world, self.real.random)
        self.lines: Lines = ("", "", "", "")
        """What the display shows."""
        self._drive_decoder = Decoder(Sender.DRIVE)
        self._drive_status: StatusFrame | None = None
        self._hear_drive()
        self.real.looks.append(self._look)
        terminals = [path for path in (self.drive_terminal, self.display_terminal) if path.exists()]
        for terminal in terminals:
            terminal.chmod(0o666)
        self._lines_held = [os.open(path, os.O_RDWR | os.O_NOCTTY) for path in terminals]

    @property
    def drive_terminal(self) -> Path:
        """The host's end of the drive's line; nothing is there when it has a cable of another kind."""
        return (self._directory / "drive").resolve()

    @property
    def display_terminal(self) -> Path:
        """The host's end of the display's line."""
        return (self._directory / "display").resolve()

    def _look(self, _snapshot: Snapshot | None, lines: Lines) -> None:
        self.lines = lines
        self.therapist.look(lines)
        for line in self._lines_held:
            # Who opened it exclusively may have died: a real port then forgets it, but the simulator holds this one open.
            fcntl.ioctl(line, termios.TIOCNXCL)

    @property
    def binds(self) -> dict[str, str]:
        """What a container must be given."""
        devices = {DRIVE: str(self.drive_terminal), DISPLAY: str(self.display_terminal)}
        return {**devices, DEVICES: str(self._directory), f"{STAND_INS}/simulator": str(SIMULATOR)}

    def start(self, container: Container) -> None:
        """Lets its time run; the container is booted."""
        self._socket.symlink_to(container.files / "run/sternway/controller.sock")
        self.real.start()

    def flush_lines(self) -> None:
        """Forgets what drive and display have said and nobody has read yet."""
        for line in self._lines_held:
            termios.tcflush(line, termios.TCIFLUSH)

    def _hear_drive(self) -> None:
        """Listens to what the drive sends, whether or not anybody else does."""
        write = self.real.cable.write

        def heard(data: bytes) -> None:
            for packet in self._drive_decoder.feed(data):
                if isinstance(packet.frame, StatusFrame):
                    self._drive_status = packet.frame
            write(data)

        # The cable has one writer and no place for a listener: it is heard by standing in between.
        self.real.cable.write = heard  # type: ignore[method-assign]

    def drive_faults(self) -> list[str]:
        """The faults that the drive's own STATUS names."""
        status = self._drive_status
        return [] if status is None else [fault.name.lower() for fault in DriveFault if status.faults & fault]

    def actuate(self, inputs: Iterable[Input], actuated: bool = True) -> None:
        """Hands actuate these inputs together, or let go of them."""

        def do() -> None:
            for one in inputs:
                self.real.world.hands.actuate(one, actuated)

        self.real.ask(do)

    def weld_watchdog_relay(self) -> None:
        """The relay that should open without the Pi's pulses stays closed: what is left is the drive's lease."""
        self.real.world.chain.parameters = ChainParameters(watchdog_ns=10**18)

    @property
    def snapshot(self) -> Snapshot | None:
        """What the controller said last; old while it is away."""
        return self.real.snapshot

    @property
    def belt_m_s(self) -> float:
        """The belt's true speed."""
        return self.real.world.belt_m_s

    def heard(self) -> Snapshot | None:
        """What the controller says now; None while it says nothing."""
        snapshot = self.real.snapshot
        return snapshot if snapshot is not None and time.monotonic_ns() - snapshot.at_ns < 600_000_000 else None

    def wait(self, what: str, condition: Callable[[Snapshot], bool], timeout_s: float = 30.0) -> Snapshot:
        """Waits until the controller says something; raises AssertionError with what it said instead."""
        deadline = time.monotonic() + timeout_s
        while True:
            snapshot = self.heard()
            if snapshot is not None and condition(snapshot):
                return snapshot
            if self.real.failure is not None:
                raise RuntimeError("the simulated treadmill failed") from self.real.failure
            if time.monotonic() > deadline:
                last = self.real.snapshot
                said = "nothing" if snapshot is None else f"{snapshot.state}, {snapshot.cause}, {snapshot.display}"
                raise AssertionError(f"waited for {what}; the controller says {said} (last: {last and last.state})")
            time.sleep(0.02)

    def wait_state(self, *states: str, timeout_s: float = 30.0) -> Snapshot:
        """Waits for one of these states."""
        return self.wait(" or ".join(states), lambda seen: seen.state in states, timeout_s)

    def wait_display(self, *beginnings: str, timeout_s: float = 60.0) -> Lines:
        """Waits until the display's first line begins with one of these."""
        deadline = time.monotonic() + timeout_s
        while not self.lines[0].startswith(beginnings):
            if self.real.failure is not None:
                raise RuntimeError("the simulated treadmill failed") from self.real.failure
            assert time.monotonic() < deadline, f"waited {timeout_s} s for {beginnings}; the display shows {self.lines}"
            time.sleep(0.02)
        return self.lines

    def wait_belt(self, what: str, condition: Callable[[float], bool], timeout_s: float) -> float:
        """Waits for the belt's true speed; returns how long that took, in seconds."""
        began = time.monotonic()
        while not condition(self.belt_m_s):
            assert time.monotonic() - began < timeout_s, f"waited {timeout_s} s for {what}; the belt does {self.belt_m_s:.3f} m/s"
            time.sleep(0.002)
        return time.monotonic() - began

    def close(self) -> None:
        """Ends its time; the container must be gone."""
        self.real.close()
        for line in self._lines_held:
            os.close(line)
        shutil.rmtree(self._directory, ignore_errors=True)


def stand_in_board(directory: Path) -> PinBoard:
    """The shared file of the stand-ins for RPi.GPIO and spidev."""
    cell = CellParameters()
    load_cell = LoadCellSettings(counts_zero=cell.zero_counts, newtons_per_count=cell.newtons_per_count)
    board = PinBoard.create(directory / "pins", PinSettings(), load_cell)
    board.path.chmod(0o666)
    return board


def install(container: Container, package: Path) -> str:
    """Installs a package that lies in the container; returns what was said."""
    return container.shell(f"dpkg -i {package}")


def equip(container: Container) -> None:
    """Configuration, drop-in and broker, as an integrator would make them; the package is installed."""
    files = container.files
    drop_in = files / "etc/systemd/system/sternway-controller.service.d/test-machine.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(DROP_IN)
    telemetry = files / "etc/systemd/system/sternway-telemetry.service.d/test-machine.conf"
    telemetry.parent.mkdir(parents=True, exist_ok=True)
    telemetry.write_text("[Service]\nCPUAffinity=\n")
    container.shell("set -e; sternway-broker-setup init demo; sternway-broker-setup treadmill simulated")
    container.shell("sternway-broker-setup join /etc/sternway/broker/simulated.tar")
    for command in ("dashboard wall", "therapist anna simulated"):
        said = container.shell(f"sternway-broker-setup {command}")
        (files / "root" / said.split()[1].rstrip(",")).write_text(said.split()[-1])
    (files / "etc/sternway/treadmill.toml").write_text(CONFIGURATION + BROKER)
    certify(container)
    container.shell("chgrp sternway /etc/sternway/*.*; chmod 640 /etc/sternway/*.*; systemctl daemon-reload")


def certify(container: Container) -> None:
    """The certificates of calibration and self-test, as for the emulated treadmill of the demo: named emulated."""
    directory = container.files / "etc/sternway"
    write_emulated_certificates(directory, load_configuration(directory / "treadmill.toml"))
    container.shell("chgrp sternway /etc/sternway/*.*; chmod 640 /etc/sternway/*.*")


def prepare_demo(container: Container, plan: str = DEMO_PLAN, check: bool = True) -> None:
    """Prepares a plan for the demo's patient with the installed command line, as docs/install.md says."""
    container.run("sh", "-c", PREPARE.replace(DEMO_PLAN, plan), check=check)


def begin_walking(treadmill: Treadmill, container: Container) -> None:
    """Prepares the demo plan with the installed command line; the therapist brings the patient to walk."""
    treadmill.wait_state("standby")
    prepare_demo(container)
    treadmill.wait("walking", lambda seen: seen.state == "exercising" and (seen.measured_speed_m_s or 0.0) > 0.05, 60.0)
    treadmill.therapist.helps = False


def hear_events(heard: Path) -> str:
    """The command of a dashboard that writes every event down: over TLS, with the password of the user `wall`."""
    return (
        "mosquitto_sub -V 5 -q 1 -c -i wall-1 -x 600 -h localhost -p 8884 -u wall "
        "-P $(cat /root/wall) --cafile /etc/sternway/broker/authority.crt "
        f"-t 'sternway/v1/demo/simulated/event' -F %p >{heard}"
    )


class Dashboard:
    """A dashboard in the container: mosquitto_sub over TLS, with the password of the user `wall`, for as long as it is entered."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._heard = Path("/root/heard")

    def __enter__(self) -> Self:
        self._container.shell(f"({hear_events(self._heard)}) >/dev/null 2>&1 &")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._container.shell("pkill -x mosquitto_sub", check=False)

    def events(self) -> list[dict[str, Any]]:
        """The events so far, as they came."""
        lines = self._container.run("cat", str(self._heard)).stdout.splitlines()
        return [json.loads(line) for line in lines]
