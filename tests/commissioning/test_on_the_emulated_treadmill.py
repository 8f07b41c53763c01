"""`sternway calibrate` and `selftest` as they ship, over the emulated treadmill: real drivers, real firmware, a played person.

Everything here is emulated, and the certificates say so.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.command_line import DONE, NOT_REACHED, REFUSED, WRONG_INPUT, main
from controller.commissioning.calibrate import Cell, Work
from controller.commissioning.cells import CELLS
from controller.commissioning.certificate import (
    CALIBRATION_FILE,
    SELF_TEST_FILE,
    CalibrationCertificate,
    SelfTestCertificate,
    read_certificate,
)
from controller.commissioning.console import AbandonedError
from controller.commissioning.self_test_plan import TRIALS
from controller.commissioning_programs import run_self_test
from controller.configuration import load_configuration
from controller.core.inputs import Input
from controller.core.state import GRAVITY_M_S2
from controller.hardware.device_lock import DeviceLock
from controller.hardware.errors import HardwareError
from controller.hardware.settings import LoadCellSettings, PinSettings
from controller.readiness_watch import fitted_to, read_certificates
from firmware_bridge.codec import Decoder, Sender
from firmware_bridge.drive import Run, Stop
from simulator.commissioning import write_emulated_certificates
from simulator.demo_configuration import write_configuration
from simulator.load_cell import CellParameters
from simulator.pins import DoutHeld, PinBoard, PinMode
from simulator.rail_cells import RAIL_CELL
from simulator.treadmill import RealTimeTreadmill
from tests.commissioning.people import Technician
from tests.standins import standins

pytestmark = pytest.mark.real_time
NO_BROKER = 1


class Site:
    """The emulated treadmill in real time, with its configuration and nobody's certificates."""

    def __init__(self, directory: Path, *, rail_cells: bool = False) -> None:
        self.configuration = write_configuration(directory, directory, NO_BROKER, rail_cells=rail_cells)
        self.directory = directory
        for name in (CALIBRATION_FILE, SELF_TEST_FILE):
            (directory / name).unlink()
        cell = CellParameters()
        settings = LoadCellSettings(counts_zero=cell.zero_counts, newtons_per_count=cell.newtons_per_count)
        rails = load_configuration(self.configuration).rails
        self.board = PinBoard.create(directory / "pins", PinSettings(), settings, rails)
        chips = self.board.rail_cells if rail_cells else None
        self.treadmill = RealTimeTreadmill(directory, self.board, 7, directory / "controller.sock", rail_chips=chips)
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

    def lean(self, rail: int, kg: float) -> str:
        """A weight, or somebody, on the left (0) or right (1) emulated rail."""
        cells = self.treadmill.rail_cells
        assert cells is not None
        cells.hung_n[rail] = kg * GRAVITY_M_S2
        time.sleep(0.3)
        return f"{kg}"

    def close(self) -> None:
        self.treadmill.close()
        self.board.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with standins(monkeypatch, tmp_path / "pins"):
        made = Site(tmp_path)
        yield made
        made.close()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Waits for what a sampling thread does; fails, saying for what, where it does not come."""

    def wait(condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
            time.sleep(0.01)

    return wait


@pytest.fixture
def site_with_rail_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with standins(monkeypatch, tmp_path / "pins"):
        made = Site(tmp_path, rail_cells=True)
        yield made
        made.close()


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


def test_a_rail_cells_calibration_opens_that_cell_alone(
    site_with_rail_cells: Site, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    """What it does with the cell is shown in virtual time (test_rail_cell_calibration.py): here pulses wait for other threads."""
    site = site_with_rail_cells
    worked: list[Work] = []

    def calibrate(cell: Cell, _console: Technician, work: Work) -> None:
        worked.append(work)
        counts: list[int] = []

        def came() -> bool:
            counts.extend(sample.counts for sample in cell.drain())
            return len(counts) >= 5

        wait_until(came, "samples of the right rail")
        assert all(abs(count - RAIL_CELL.zero_counts) < 1000 for count in counts)
        assert site.board.mode_of(8) is PinMode.INPUT_PULLED_UP
        assert site.board.mode_of(0) is PinMode.UNUSED

    monkeypatch.setattr("controller.commissioning_programs.calibrate", calibrate)
    assert main(["calibrate", "--cell", "rail-right", "--config", str(site.configuration)]) == REFUSED
    (work,) = worked
    assert (work.cell, work.emulated) == (CELLS["rail-right"], True)
    assert work.before == load_configuration(site.configuration).rail_right_cell.calibration
    assert site.board.mode_of(8) is PinMode.UNUSED, "given back"


def test_a_rail_cell_that_is_not_fitted_is_not_calibrated(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--cell", "rail-left", "--config", str(site.configuration)]) == WRONG_INPUT
    assert "rail_left_cell.fitted = false: allowed is true" in capsys.readouterr().err


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
        elif words.startswith(("Lean on the left rail", "Lean on the right rail")):
            self._site.lean(int("right" in words), 15.0)
        elif words.startswith(("Let go of the left rail", "Let go of the right rail")) and self._site.treadmill.rail_cells:
            self._site.lean(int("right" in words), 0.0)
        if words in self._steps:
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
    assert names[-1] == "drive at the end"
    tried = {name for item in names for name in item.split(" and ")}
    assert tried >= {line.name.lower() for line in Input}, "every input"
    assert tried >= {"lamp_red", "lamp_yellow", "buzzer", "nurse_call", "display", "watchdog relay", "load cell"}
    (relay,) = [item for item in certificate.items if item.name == "watchdog relay"]
    assert "both contactors after 2." in relay.found, "the emulated off-delay is 2 s"
    assert site.bytes_to_drive, "it asks the drive who it is"
    assert runs_on_the_wire(bytes(site.bytes_to_drive)) == [], "and orders nothing"
    assert site.world.belt_m_s == 0.0


def test_a_rail_cell_that_feels_nothing_is_recorded_and_keeps_nobody_away(
    site_with_rail_cells: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_with_rail_cells
    site.board.rail_cells[1].hold_dout(DoutHeld.HIGH)
    walker = Walker(site)
    monkeypatch.setattr("controller.commissioning.self_test.WAIT_S", 8.0)
    assert walk(site, walker, monkeypatch) == DONE, walker.text
    certificate = read_certificate(site.directory / SELF_TEST_FILE, SelfTestCertificate)
    assert certificate is not None
    assert certificate.passed
    rails = {item.name: (item.passed, item.found) for item in certificate.items if not item.protects}
    assert rails == {
        "load cell at the left rail": (True, "felt, and back"),
        "load cell at the right rail": (False, "no sample comes"),
    }
    assert "no reason to refuse a patient: load cell at the right rail" in walker.text


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


def test_a_walk_by_a_clock_that_nobody_has_set_is_not_begun(site: Site) -> None:
    walker = Walker(site)
    configuration = load_configuration(site.configuration)
    assert not run_self_test(configuration, site.configuration, walker, lambda: datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
    assert "NOT TESTED. This computer's clock says 1970-01-01" in walker.text
    assert walker.asked == []
    assert not (site.directory / SELF_TEST_FILE).exists()


def test_who_leaves_in_the_middle_writes_nothing(site: Site) -> None:
    walker = Walker(site)
    del walker.answers["ON now?"]
    site.treadmill.ask(lambda: site.world.hands.set_closed(Input.CLIP, True))
    assert not run_self_test(load_configuration(site.configuration), site.configuration, walker)
    assert "ABANDONED" in walker.text
    assert not (site.directory / SELF_TEST_FILE).exists()


def _leave() -> str:
    raise AbandonedError


def _interrupt() -> str:
    raise KeyboardInterrupt


def _hang_up() -> str:
    os.kill(os.getpid(), signal.SIGHUP)
    return "no"


def _lose_a_device() -> str:
    raise HardwareError("An input cannot be read.", "check it.")


def record_of_before(site: Site) -> SelfTestCertificate:
    """The record of a walk that passed lies there."""
    write_emulated_certificates(site.directory, load_configuration(site.configuration))
    record = read_certificate(site.directory / SELF_TEST_FILE, SelfTestCertificate)
    assert record is not None
    assert record.passed
    return record


@pytest.mark.parametrize("leave", [_leave, _interrupt, _hang_up, _lose_a_device])
def test_a_failure_counts_also_for_who_leaves_after_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, leave: Callable[[], str]
) -> None:
    record_of_before(site)
    walker = Walker(site)
    walker.answers["Try it again"] = leave
    if leave is not _lose_a_device:
        assert not run_self_test(load_configuration(site.configuration), site.configuration, walker)
        assert "ABANDONED, and FAILED: inputs at rest. The record is" in walker.text
    else:
        with pytest.raises(HardwareError):
            run_self_test(load_configuration(site.configuration), site.configuration, walker)
    record = read_certificate(site.directory / SELF_TEST_FILE, SelfTestCertificate)
    assert record is not None
    assert not record.passed, "the clip was open at rest"
    assert [(item.name, item.passed) for item in record.items] == [("drive", True), ("inputs at rest", False)]
    assert record.made_by == "a test"


def test_who_leaves_after_all_was_right_leaves_the_record_of_before(site: Site) -> None:
    before = record_of_before(site)
    walker = Walker(site)

    def mend() -> str:
        site.treadmill.ask(lambda: site.world.hands.set_closed(Input.CLIP, True))
        del walker.answers["ON now?"]
        return "yes"

    walker.answers["Try it again"] = mend
    assert not run_self_test(load_configuration(site.configuration), site.configuration, walker)
    assert walker.said[-1] == "ABANDONED. Nothing has been written."
    assert read_certificate(site.directory / SELF_TEST_FILE, SelfTestCertificate) == before


def test_a_relay_that_a_high_level_holds_is_found_wherever_the_pulses_stop(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.treadmill.ask(
        lambda: setattr(site.world.chain, "high_level_holds", lambda: bool(site.board.output("watchdog_pulse").level))
    )
    assert walk(site, Walker(site), monkeypatch) == REFUSED
    record = read_certificate(site.directory / SELF_TEST_FILE, SelfTestCertificate)
    assert record is not None
    assert [(item.name, item.found[:9]) for item in record.items if not item.passed] == [("watchdog relay", "pin high:")]


def test_start_held_too_long_faults_the_drive_and_fails_the_test(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some read the line, and let go 2.5 s later."""
    walker = Walker(site)
    act = walker.on_say

    def hesitate(text: str) -> None:
        if text.strip() == "Let go of START.":
            site.treadmill.ask(lambda: site.world.hands.actuate(Input.START, False, 2_500_000_000))
        else:
            act(text)

    def let_go_first() -> str:
        time.sleep(1.0)
        return "no"

    walker.on_say = hesitate
    walker.answers["Try it again"] = let_go_first
    assert walk(site, walker, monkeypatch) == REFUSED
    record = read_certificate(site.directory / SELF_TEST_FILE, SelfTestCertificate)
    assert record is not None
    assert {item.name: item.found for item in record.items if not item.passed} == {
        "start": "held longer than 2 s: the drive has faulted, RESET clears it once the controller runs",
        "drive at the end": "the drive has faulted (start stuck); RESET clears it once the controller runs",
    }
