"""What keeps the controller's process from starting: its exit code, what it says, and systemd's status line."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.hardware.device_lock import DeviceLock
from controller.hardware.settings import LoadCellSettings, PinSettings
from controller.scan_loop import ScanLoop
from controller.service import main
from simulator.demo_configuration import write_configuration
from simulator.pins import PINS_VARIABLE, STANDINS_DIRECTORY, PinBoard
from simulator.serial_pty import SerialPty

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


def _forget_standins() -> None:
    gpio = sys.modules.get("RPi.GPIO")
    if gpio is not None:
        gpio.cleanup()
    for name in ("RPi.GPIO", "RPi", "spidev"):
        sys.modules.pop(name, None)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    _forget_standins()
    monkeypatch.syspath_prepend(str(STANDINS_DIRECTORY))
    monkeypatch.setenv(PINS_VARIABLE, str(tmp_path / "pins"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    monkeypatch.setattr("controller.pairing.IDENTITY_WAIT_S", 0.1)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    made = Machine(tmp_path)
    yield made
    made.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    _forget_standins()


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
