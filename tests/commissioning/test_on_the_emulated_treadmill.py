"""`sternway calibrate` and `selftest` as they ship, over the emulated treadmill: real drivers, real firmware, a played person.

Everything here is emulated, and the certificates say so.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.command_line import DONE, NOT_REACHED, REFUSED, main
from controller.commissioning.certificate import (
    CALIBRATION_FILE,
    SELF_TEST_FILE,
    CalibrationCertificate,
    SelfTestCertificate,
    read_certificate,
)
from controller.commissioning.programs import run_self_test
from controller.commissioning.self_test_plan import TRIALS
from controller.configuration import load_configuration
from controller.core.inputs import Input
from controller.core.state import GRAVITY_M_S2
from controller.hardware.device_lock import DeviceLock
from controller.hardware.settings import LoadCellSettings, PinSettings
from controller.readiness_watch import fitted_to, read_certificates
from firmware_bridge.codec import Decoder, Sender
from firmware_bridge.drive import Run, Stop
from simulator.demo_configuration import write_configuration
from simulator.load_cell import CellParameters
from simulator.pins import PINS_VARIABLE, STANDINS_DIRECTORY, PinBoard
from simulator.treadmill import RealTimeTreadmill
from tests.commissioning.people import Technician

pytestmark = pytest.mark.real_time
NO_BROKER = 1


class Site:
    """The emulated treadmill in real time, with its configuration and nobody's certificates."""

    def __init__(self, directory: Path) -> None:
        self.configuration = write_configuration(directory, directory, NO_BROKER)
        self.directory = directory
        for name in (CALIBRATION_FILE, SELF_TEST_FILE):
            (directory / name).unlink()
        cell = CellParameters()
        settings = LoadCellSettings(counts_zero=cell.zero_counts, newtons_per_count=cell.newtons_per_count)
        self.board = PinBoard.create(directory / "pins", PinSettings(), settings)
        self.treadmill = RealTimeTreadmill(directory, self.board, 7, directory / "controller.sock")
        self.world = self.treadmill.world
        self.bytes_to_drive = bytearray()
        self.treadmill.heard_host.append(lambda data, _now: self.bytes_to_drive.extend(data))
        self.hang(0.0)
        self.treadmill.start()

    def hang(self, kg: float) -> str:
        """A weight on the emulated hook."""
        cell = self.world.cell
        hook_n = kg * GRAVITY_M_S2
        self.treadmill.ask(lambda: setattr(cell, "parameters", CellParameters(hook_n=hook_n)))
        time.sleep(0.3)
        return f"{kg}"

    def close(self) -> None:
        self.treadmill.close()
        self.board.close()


def _forget_standins() -> None:
    gpio = sys.modules.get("RPi.GPIO")
    if gpio is not None:
        gpio.cleanup()
    for name in ("RPi.GPIO", "RPi", "spidev"):
        sys.modules.pop(name, None)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    _forget_standins()
    monkeypatch.syspath_prepend(str(STANDINS_DIRECTORY))
    monkeypatch.setenv(PINS_VARIABLE, str(tmp_path / "pins"))
    made = Site(tmp_path)
    yield made
    made.close()
    _forget_standins()


def runs_on_the_wire(data: bytes) -> list[Run | Stop]:
    return [packet.frame for packet in Decoder(Sender.HOST).feed(data) if isinstance(packet.frame, Run | Stop)]


def test_a_calibration_of_the_emulated_cell(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = iter([10.0, 20.0, 30.0])

    def hang() -> str:
        mass = next(weights, None)
        return "" if mass is None else site.hang(mass)

    technician = Technician(
        {
            "Your name": "a test",
            "Serial number": "EMULATED-2",
            "when the hook is empty": "",
            "Its mass in kg": hang,
            "Take the weights off": lambda: site.hang(0.0),
            "Accept": "yes",
            "again": "yes",
        }
    )
    monkeypatch.setattr("controller.command_line.Terminal", lambda: technician)
    assert main(["calibrate", "--config", str(site.configuration)]) == DONE, technician.text
    certificate = read_certificate(site.directory / CALIBRATION_FILE, CalibrationCertificate)
    assert certificate is not None
    cell = CellParameters()
    assert certificate.emulated
    assert certificate.zero_counts == pytest.approx(cell.zero_counts, abs=100)
    assert certificate.newtons_per_count == pytest.approx(cell.newtons_per_count, rel=5e-3)
    assert certificate.rate_hz > 50
    configuration = load_configuration(site.configuration)
    assert configuration.core.calibration.cell_serial == "EMULATED-2"
    assert fitted_to(configuration, emulated=True).calibration.zero_counts == certificate.zero_counts
    assert read_certificates(site.directory).self_test is None


class Walker(Technician):
    """Does with the emulated panel what each line says."""

    def __init__(self, site: Site, deaf: Input | None = None) -> None:
        super().__init__(
            {
                "Your name": "a test",
                "ON now?": self._sees_it_on,
                "OFF now?": "yes",
                "RED lamp on?": "yes",
                "four digits": lambda: str(site.treadmill.display.lines[1]).strip(),
                "push the belt": "",
                "give way and roll": "no",
                "Try it again": "no",
            }
        )
        self._site = site
        self._deaf = deaf
        self._steps: dict[str, tuple[Input, bool]] = {}
        for trial in TRIALS:
            for line in trial.inputs:
                self._steps.setdefault(trial.do, (line, True))
                self._steps.setdefault(trial.undo, (line, False))
        self.on_say = self._act

    def _sees_it_on(self) -> str:
        lamps = ("lamp_red", "lamp_yellow", "buzzer", "nurse_call")
        return "yes" if sum(self._site.board.output(name).level for name in lamps) == 1 else "no"

    def _act(self, text: str) -> None:
        words = text.strip()
        if words.startswith("Pull on the hook"):
            self._site.hang(12.0)
        elif words == "Let go.":
            self._site.hang(0.0)
        elif words in self._steps:
            line, actuated = self._steps[words]
            lines = (Input.EMERGENCY_A, Input.EMERGENCY_B) if line is Input.EMERGENCY_A else (line,)
            for one in lines:
                if one is not self._deaf:
                    self._site.treadmill.ask(lambda one=one: self._move(one, actuated))

    def _move(self, one: Input, actuated: bool) -> None:
        """The rails belong to the emulated patient, who is away: there a wire does what a hand would."""
        board = self._site.board
        if one in (Input.RAIL_LEFT, Input.RAIL_RIGHT):
            (board.short_to_ground if actuated else board.repair)(one)
        else:
            self._site.world.hands.actuate(one, actuated)


def walk(site: Site, walker: Walker, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("controller.command_line.Terminal", lambda: walker)
    monkeypatch.setattr("controller.commissioning.self_test.PUSH_S", 1.0)
    site.treadmill.ask(lambda: site.world.hands.set_closed(Input.CLIP, True))
    return main(["selftest", "--config", str(site.configuration)])


def test_a_walk_through_the_whole_emulated_machine(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    walker = Walker(site)
    assert walk(site, walker, monkeypatch) == DONE, walker.text
    certificate = read_certificate(site.directory / SELF_TEST_FILE, SelfTestCertificate)
    assert certificate is not None
    assert certificate.passed
    assert certificate.emulated
    assert certificate.belt_at_rest == "holds"
    names = [item.name for item in certificate.items]
    assert names[:2] == ["drive", "inputs at rest"]
    tried = {name for item in names for name in item.split(" and ")}
    assert tried >= {line.name.lower() for line in Input}, "every input"
    assert tried >= {"lamp_red", "lamp_yellow", "buzzer", "nurse_call", "display", "watchdog relay", "load cell"}
    (relay,) = [item for item in certificate.items if item.name == "watchdog relay"]
    assert "both contactors after 2." in relay.found, "the emulated off-delay is 2 s"
    assert site.bytes_to_drive, "it asks the drive who it is"
    assert runs_on_the_wire(bytes(site.bytes_to_drive)) == [], "and orders nothing"
    assert site.world.belt_m_s == 0.0


def test_what_is_dead_is_found_recorded_and_keeps_patients_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.commissioning.self_test.WAIT_S", 0.5)
    walker = Walker(site, deaf=Input.LANYARD)
    site.treadmill.ask(lambda: setattr(site.world.chain, "parameters", type(site.world.chain.parameters)(watchdog_ns=10**12)))
    assert walk(site, walker, monkeypatch) == REFUSED
    certificate = read_certificate(site.directory / SELF_TEST_FILE, SelfTestCertificate)
    assert certificate is not None
    assert [item.name for item in certificate.items if not item.passed] == ["lanyard", "watchdog relay"]
    assert "FAILED: lanyard, watchdog relay" in walker.text


def test_the_devices_belong_to_one_program_at_a_time(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = load_configuration(site.configuration)
    with DeviceLock(configuration.paths.runtime_directory):
        for command in ("calibrate", "selftest"):
            assert main([command, "--config", str(site.configuration)]) == NOT_REACHED
            assert "systemctl stop sternway-controller" in capsys.readouterr().err


def test_who_leaves_in_the_middle_writes_nothing(site: Site) -> None:
    walker = Walker(site)
    del walker.answers["ON now?"]
    site.treadmill.ask(lambda: site.world.hands.set_closed(Input.CLIP, True))
    assert not run_self_test(load_configuration(site.configuration), site.configuration, walker)
    assert "ABANDONED" in walker.text
    assert not (site.directory / SELF_TEST_FILE).exists()
