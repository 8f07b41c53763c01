"""What keeps the controller's process from starting: its exit code, what it says, and systemd's status line."""

from __future__ import annotations

import grp
import os
import re
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.hardware.device_lock import DeviceLock
from controller.hardware.settings import LoadCellSettings, PinSettings
from controller.memory import Memory
from controller.rail_loads import NOT_SAMPLED, RailLoad, RailReading
from controller.scan_loop import ScanLoop
from controller.service import main
from firmware_bridge.codec import Decoder, Hello, Sender, encode
from firmware_bridge.drive import DriveLimits, DriveTarget, IdentFrame
from simulator.demo_configuration import write_configuration
from simulator.pins import PinBoard
from simulator.serial_pty import SerialPty
from tests.standins import standins

NO_BROKER = 1


class Machine:
    """A configuration, simulated pins, a line without a drive, and somebody who listens as systemd does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.configuration = write_configuration(directory, directory, NO_BROKER)
        self.board = PinBoard.create(directory / "pins", PinSettings(), LoadCellSettings())
        self.cable = SerialPty(directory / "drive")
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(directory / "notify"))
        self._manager.setblocking(False)

    def start(self) -> int:
        return main(["--config", str(self.configuration)])

    def told(self) -> str:
        told = ""
        try:
            while True:
                told += self._manager.recv(4096).decode() + "\n"
        except BlockingIOError:
            return told

    def change(self, old: str, new: str) -> None:
        text = self.configuration.read_text()
        assert old in text
        self.configuration.write_text(text.replace(old, new))

    def close(self) -> None:
        self._manager.close()
        self.cable.unplug()
        self.board.close()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    monkeypatch.setattr("controller.pairing.IDENTITY_WAIT_S", 0.1)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with standins(monkeypatch, tmp_path / "pins"):
        made = Machine(tmp_path)
        yield made
        made.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _pin_of_another_driver(machine: Machine) -> None:
    machine.board.take_pin(PinSettings().lanyard)


def _no_pins(machine: Machine) -> None:
    (machine.directory / "pins").unlink()


def _wrong_key(machine: Machine) -> None:
    machine.change("[speed]", "[speed]\nfirst_km_h = 1")


def _unknown_driver(machine: Machine) -> None:
    machine.change('driver = "reference"', 'driver = "nobodys"')


def _other_mounting(machine: Machine) -> None:
    machine.change('"belt_reversed"', '"patient_turned"')


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (_pin_of_another_driver, 3, "BCM 7 (lanyard) is in use by SPI"),
        (_no_pins, 3, "GPIO"),
        (_wrong_key, 2, "1 problem"),
        (_unknown_driver, 2, "no driver is named 'nobodys'"),
        (_other_mounting, 3, "identity.mounting is patient_turned"),
    ],
)
def test_why_it_does_not_start_is_said_with_its_own_exit_code(
    machine: Machine, capsys: pytest.CaptureFixture[str], fault: Callable[[Machine], None], code: int, words: str
) -> None:
    fault(machine)
    assert machine.start() == code
    said = capsys.readouterr().err
    assert words in said
    assert all(line.startswith("<3>") for line in said.splitlines())
    assert "STATUS=" in machine.told()


def test_rail_cells_whose_pins_are_taken_keep_nobody_from_starting(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_configuration(machine.directory, machine.directory, NO_BROKER, rail_cells=True)
    machine.board.take_pin(8)
    looked: list[object] = []

    def scan_once(loop: ScanLoop, on_first_scan: Callable[[], object]) -> None:
        on_first_scan()
        looked.append(loop._controller._devices.rail_loads.read(time.monotonic_ns()))

    monkeypatch.setattr(ScanLoop, "run", scan_once)
    assert machine.start() == 0
    said = capsys.readouterr().err
    assert "The rail cells are not read, the treadmill runs without them: BCM 8 (rail_right_cell.dout) is in use by SPI" in said
    assert looked == [RailReading(RailLoad(None, NOT_SAMPLED), RailLoad(None, NOT_SAMPLED))]
    assert "READY=1" in machine.told()


def test_a_group_that_cannot_reach_the_socket_is_said_at_the_start(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = os.getgid()
    other = next(group.gr_name for group in grp.getgrall() if group.gr_gid != own and re.fullmatch("[a-z]+", group.gr_name))
    with machine.configuration.open("a") as file:
        file.write(f'\n[access]\ngroup = "{other}"\n')
    monkeypatch.setattr(ScanLoop, "run", lambda _loop, on_first_scan: on_first_scan())
    assert machine.start() == 0
    assert f"<4>access.group: members of {other} cannot reach " in capsys.readouterr().err


def test_two_controllers_never_share_the_devices(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    with DeviceLock(machine.directory / "runtime"):
        assert machine.start() == 3
    assert "Another program has the treadmill's devices" in capsys.readouterr().err
    assert "STATUS=Another program has the treadmill's devices" in machine.told()


def test_a_scan_that_fails_is_exit_code_4_with_its_traceback_in_the_journal(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_loop: ScanLoop, on_first_scan: Callable[[], object]) -> None:
        on_first_scan()
        raise ValueError("a fault in the program\nwith a line break")

    monkeypatch.setattr(ScanLoop, "run", fail)
    assert machine.start() == 4
    lines = capsys.readouterr().err.splitlines()
    assert any("the next start is latched" in line for line in lines)
    assert any("ValueError: a fault in the program" in line for line in lines)
    assert all(line.startswith(("<3>", "<4>")) for line in lines)
    told = machine.told()
    assert "READY=1" in told
    assert "STATUS=the controller failed" in told


def _answer_the_second_hello(cable: SerialPty, target: DriveTarget) -> None:
    """Says nothing until the controller, which has given up waiting and scans, asks again."""
    decoder = Decoder(Sender.HOST)
    asked = 0
    while asked < 2:
        select.select([cable], [], [], 10)
        asked += sum(isinstance(packet.frame, Hello) for packet in decoder.feed(cable.read()))
    cable.write(encode(IdentFrame(target, (1, 0, 0), 7, DriveLimits()), 0))


@pytest.mark.hazard("H-30", "C-PAIRING")
def test_a_real_drive_that_speaks_only_after_the_start_ends_the_process(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("gc.disable", lambda: None)
    drive = threading.Thread(target=_answer_the_second_hello, args=(machine.cable, DriveTarget.BOARD))
    drive.start()
    try:
        assert machine.start() == 3
    finally:
        drive.join()
    assert "The pins are simulated, but the drive is real." in capsys.readouterr().err
    told = machine.told()  # ten messages at most: nobody reads them meanwhile
    assert "READY=1" in told or "STATUS=the scan has failed" in told, "it was let in, and found out while scanning"
    memory = Memory(machine.directory / "state" / "controller.json")
    assert not memory.found.clean, "the next start is latched"
    memory.close(memory.found)
