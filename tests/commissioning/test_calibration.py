"""What a calibration finds out, what it refuses, and that until the last yes nothing is written."""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from controller.commissioning.calibrate import Work, calibrate
from controller.commissioning.cells import CELLS, HARNESS, CalibratedCell
from controller.commissioning.certificate import CALIBRATION_FILE, CalibrationCertificate, read_certificate
from controller.commissioning.console import AbandonedError
from controller.configuration import load_configuration
from controller.core.settings import CalibrationSettings
from controller.readiness_watch import read_certificates
from tests.commissioning.people import Technician, VirtualCell

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
CONFIGURATION = """# Our treadmill.
[identity]
clinic = "c"  # the clinic
treadmill = "t"
mounting = "belt_reversed"
[serial]
device = "/dev/serial/by-id/drive"

[calibration]
# from the shop
zero_counts = 0
newtons_per_count = 0.0036 # guessed
maximum_n = 9000.0
[rails]
one_hand_grace_s = 1.0
"""


class Bench:
    """A configuration file, a cell, and somebody who hangs weights on it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "treadmill.toml"
        self.path.write_text(CONFIGURATION)
        self.path.chmod(0o640)
        self.cell = VirtualCell()
        self.weights: list[float] = [10.0, 20.0, 40.0]
        self.true_weights: dict[float, float] = {}
        self.technician = Technician(
            {
                "Your name": "Ada",
                "Serial number": "C-1234",
                "Press Enter when the hook is empty": "",
                "Its mass in kg": self._hang,
                "Take the weights off": self._unload,
                "Measure again": "no",
                "Accept": "yes",
            }
        )
        self._hung = 0

    def _hang(self) -> str:
        if self._hung == len(self.weights):
            return ""
        mass = self.weights[self._hung]
        self._hung += 1
        self.cell.load_kg = self.true_weights.get(mass, mass)
        return f"{mass} kg"

    def _unload(self) -> str:
        self.cell.load_kg = 0.0
        return ""

    def calibrate(self, cell: CalibratedCell = HARNESS) -> CalibrationCertificate | None:
        work = Work(self.path, CalibrationSettings(maximum_n=9000.0), False, lambda: NOW, self.cell.wait, cell)
        return calibrate(self.cell, self.technician, work)

    def calibrate_at(self, now: datetime) -> CalibrationCertificate | None:
        work = Work(self.path, CalibrationSettings(maximum_n=9000.0), False, lambda: now, self.cell.wait)
        return calibrate(self.cell, self.technician, work)

    def again(self) -> None:
        """Nothing hangs, the weights lie ready, nothing has been said."""
        self.cell.load_kg = 0.0
        self._hung = 0
        self.technician.said.clear()

    def written(self) -> bool:
        return self.path.read_text() != CONFIGURATION or (self.path.parent / CALIBRATION_FILE).exists()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_cells_true_zero_and_span_are_found_and_certified(bench: Bench) -> None:
    certificate = bench.calibrate()
    assert certificate is not None
    assert certificate.zero_counts == pytest.approx(bench.cell.zero_counts, abs=40)
    assert certificate.newtons_per_count == pytest.approx(bench.cell.newtons_per_count, rel=1e-3)
    assert (certificate.cell_serial, certificate.made_by, certificate.made_at) == ("C-1234", "Ada", NOW)
    assert [point.mass_kg for point in certificate.weights] == [10.0, 20.0, 40.0]
    assert certificate.worst_residual_n < 0.5
    assert certificate.noise_n == pytest.approx(0.36, rel=0.3)
    assert not certificate.emulated
    assert read_certificate(bench.path.parent / CALIBRATION_FILE, CalibrationCertificate) == certificate


def test_the_configuration_gets_the_same_values_and_keeps_the_rest(bench: Bench) -> None:
    certificate = bench.calibrate()
    assert certificate is not None
    calibration = load_configuration(bench.path).core.calibration
    assert (calibration.zero_counts, calibration.newtons_per_count) == (certificate.zero_counts, certificate.newtons_per_count)
    assert (calibration.cell_serial, calibration.maximum_n) == ("C-1234", 9000.0)
    text = bench.path.read_text()
    for kept in ("# Our treadmill.", "# the clinic", "# from the shop", "# guessed", "one_hand_grace_s = 1.0"):
        assert kept in text
    assert bench.path.stat().st_mode & 0o777 == 0o640
    assert (bench.path.parent / CALIBRATION_FILE).stat().st_mode & 0o777 == 0o644


def _set(**changes: object) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        for name, value in changes.items():
            assert hasattr(bench.cell, name)
            setattr(bench.cell, name, value)

    return change


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (_set(silent=True), "No conversion comes"),
        (_set(period_ns=100_000_000), "its RATE pin must be high"),
        (_set(period_ns=25_000_000), "Only 40 conversions a second"),
        (_set(held_counts=123_456), "never moves"),
        (_set(noise_counts=900.0), "Noise of"),
        (_set(zero_counts=8_000_000.0), "end of its range"),
        (_set(held_counts=0x7FFFFF), "end of its range"),
        (_set(glitch_every=20), "5% of the samples are wrong"),
        (_set(discard_every=10), "10% of the samples are wrong"),
    ],
    ids=["silent", "rate pin", "slow", "stuck", "noise", "near range", "saturated", "glitches", "clocking"],
)
def test_a_sick_cell_is_not_calibrated(bench: Bench, fault: Callable[[Bench], None], words: str) -> None:
    fault(bench)
    assert bench.calibrate() is None
    assert words in bench.technician.text
    assert "NOT CALIBRATED" in bench.technician.text
    assert not any("mass in kg" in question for question in bench.technician.asked), "a sick cell is not weighed"
    assert not bench.written()


def test_a_rare_glitch_changes_nothing(bench: Bench) -> None:
    bench.cell.glitch_every = 97
    certificate = bench.calibrate()
    assert certificate is not None
    assert certificate.newtons_per_count == pytest.approx(bench.cell.newtons_per_count, rel=1e-3)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([], "At least 2 weights"),
        ([40.0], "At least 2 weights"),
        ([40.0, 41.0], "differ by 2 kg"),
        ([5.0, 15.0], "20 kg or more"),
    ],
)
def test_weights_that_prove_nothing_are_refused(bench: Bench, weights: list[float], words: str) -> None:
    bench.weights = weights
    assert bench.calibrate() is None
    assert words in bench.technician.text
    assert not bench.written()


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda bench: bench.true_weights.update({20.0: 21.0}), "At 20 kg the reading is +"),
        (lambda bench: setattr(bench.cell, "newtons_per_count", -3.6e-3), "swap the cell's two signal wires"),
        (lambda bench: bench.technician.answers.update({"Take the weights off": "still hanging"}), "did not come back to zero"),
        (lambda bench: setattr(bench.cell, "newtons_per_count", 1.0e-3), "calibration.maximum_n is 9000 N"),
        (lambda bench: bench.true_weights.update(dict.fromkeys([10.0, 20.0, 40.0], 0.0)), "cannot be"),
    ],
    ids=["wrong weight", "swapped wires", "binding", "range", "no weight at all"],
)
def test_a_calibration_that_does_not_fit_is_refused(bench: Bench, prepare: Callable[[Bench], None], words: str) -> None:
    prepare(bench)
    assert bench.calibrate() is None
    assert words in bench.technician.text
    assert not bench.written()


def test_a_load_that_creeps_is_measured_again_or_given_up(bench: Bench) -> None:
    bench.cell.creep_counts_per_s = 400.0
    with pytest.raises(AbandonedError):
        bench.calibrate()
    assert "not still" in bench.technician.text
    assert not bench.written()


@pytest.mark.parametrize("swing_n", [1.5, 3.0, 8.0])
def test_a_weight_that_swings_is_not_still_and_the_cable_is_not_blamed(bench: Bench, swing_n: float) -> None:
    bench.cell.swing_n = swing_n
    questions = 0

    def wait_until_it_rests() -> str:
        nonlocal questions
        questions += 1
        if questions == 3:
            bench.cell.swing_n = 0.0
        return "yes"

    bench.technician.answers["Measure again"] = wait_until_it_rests
    certificate = bench.calibrate()
    assert certificate is not None
    assert bench.technician.text.count("The load is not still: let it hang until it rests") == 3
    assert "FAULT" not in bench.technician.text
    assert certificate.worst_residual_n < 0.5


def test_a_cell_that_hardly_trembles_may_tremble_a_little_more_under_a_load(bench: Bench) -> None:
    bench.cell.noise_counts = 10.0
    bench.cell.swing_n = 0.15
    assert bench.calibrate() is not None, bench.technician.text
    assert "not still" not in bench.technician.text


def test_a_rail_cell_has_its_own_table_and_certificate_and_may_be_weighed_with_less(bench: Bench) -> None:
    bench.weights = [5.0, 10.0]
    bench.technician.answers["Press Enter when the left rail is empty"] = ""
    certificate = bench.calibrate(CELLS["rail-left"])
    assert certificate is not None, bench.technician.text
    assert certificate.cell == "rail-left"
    assert "hang known weights on the left rail" in bench.technician.text
    assert read_certificate(bench.path.parent / "calibration-rail-left.json", CalibrationCertificate) == certificate
    assert not (bench.path.parent / CALIBRATION_FILE).exists()
    configuration = load_configuration(bench.path)
    rail = configuration.rail_left_cell
    assert rail.calibration == CalibrationSettings(certificate.zero_counts, certificate.newtons_per_count, 2000.0, "C-1234")
    assert configuration.core.calibration.newtons_per_count == 0.0036, "the harness cell's is as it was"


def test_a_rail_cells_weights_must_reach_what_a_hand_bears(bench: Bench) -> None:
    bench.weights = [5.0, 9.9]
    bench.technician.answers["Press Enter when the right rail is empty"] = ""
    assert bench.calibrate(CELLS["rail-right"]) is None
    assert "The heaviest weight must be 10 kg or more" in bench.technician.text
    assert not bench.written()


def test_nothing_is_written_without_a_yes(bench: Bench) -> None:
    bench.technician.answers["Accept"] = "no"
    assert bench.calibrate() is None
    assert not bench.written()


def test_nothing_is_written_when_the_connection_breaks(bench: Bench) -> None:
    del bench.technician.answers["Accept"]
    with pytest.raises(AbandonedError):
        bench.calibrate()
    assert not bench.written()


def _break_the_line(bench: Bench) -> None:
    del bench.technician.answers["Accept"]


def _load_to_the_end_of_the_range(bench: Bench) -> None:
    def hang() -> str:
        bench.cell.held_counts = 0x7FFFFF
        return "20"

    bench.technician.answers["Its mass in kg"] = hang


WITHDRAWN = "calibration-harness.json.withdrawn"


def calibrated_before(bench: Bench) -> bytes:
    """The certificate of a calibration that went well; everything is as before it."""
    assert bench.calibrate() is not None
    bench.again()
    return (bench.path.parent / CALIBRATION_FILE).read_bytes()


@pytest.mark.parametrize(
    "fault",
    [
        _set(silent=True),
        _set(held_counts=123_456),
        _set(period_ns=25_000_000),
        _set(noise_counts=900.0),
        _load_to_the_end_of_the_range,
        lambda bench: bench.true_weights.update({20.0: 21.0}),
        lambda bench: bench.technician.answers.update({"Take the weights off": "still hanging"}),
        lambda bench: bench.technician.answers.update({"Accept": "no"}),
    ],
    ids=["silent", "stuck", "slow", "noise", "range under a load", "weight reads wrong", "zero does not return", "no"],
)
def test_a_fault_that_is_found_withdraws_the_certificate_of_before(bench: Bench, fault: Callable[[Bench], None]) -> None:
    before = calibrated_before(bench)
    fault(bench)
    with contextlib.suppress(AbandonedError):
        assert bench.calibrate() is None
    directory = bench.path.parent
    assert read_certificates(directory).calibration is None, "the controller takes no patient with it"
    assert (directory / WITHDRAWN).read_bytes() == before
    assert f"WITHDRAWN (now {directory / WITHDRAWN}): no patient is taken until this cell is calibrated" in bench.technician.text


@pytest.mark.parametrize(
    "end",
    [
        lambda bench: bench.weights.clear(),
        lambda bench: bench.technician.answers.pop("Its mass in kg"),
        _break_the_line,
        _set(creep_counts_per_s=400.0),
    ],
    ids=["refused weights", "gone while weighing", "gone before the yes", "not still"],
)
def test_who_leaves_before_a_fault_leaves_the_certificate_of_before(bench: Bench, end: Callable[[Bench], None]) -> None:
    before = calibrated_before(bench)
    end(bench)
    with contextlib.suppress(AbandonedError):
        assert bench.calibrate() is None
    assert (bench.path.parent / CALIBRATION_FILE).read_bytes() == before
    assert not (bench.path.parent / WITHDRAWN).exists()
    assert "WITHDRAWN" not in bench.technician.text


def test_the_newest_of_two_withdrawn_certificates_is_kept_and_the_next_calibration_counts(bench: Bench) -> None:
    for serial in ("C-1", "C-2"):
        bench.technician.answers["Serial number"] = serial
        before = calibrated_before(bench)
        bench.cell.silent = True
        assert bench.calibrate() is None
        bench.cell.silent = False
        bench.again()
    assert (bench.path.parent / WITHDRAWN).read_bytes() == before
    assert b'"C-2"' in before
    assert bench.calibrate() is not None
    assert isinstance(read_certificates(bench.path.parent).calibration, CalibrationCertificate)


def test_a_withdrawal_outlives_a_power_cut(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    calibrated_before(bench)
    bench.cell.silent = True
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    assert bench.calibrate() is None
    assert synced == [str(bench.path.parent)]


def test_a_rail_cells_fault_withdraws_its_own_certificate_alone(bench: Bench) -> None:
    calibrated_before(bench)
    bench.technician.answers["Press Enter when the left rail is empty"] = ""
    assert bench.calibrate(CELLS["rail-left"]) is not None
    bench.cell.silent = True
    assert bench.calibrate(CELLS["rail-left"]) is None
    assert (bench.path.parent / CALIBRATION_FILE).exists()
    assert not (bench.path.parent / "calibration-rail-left.json").exists()
    assert "its load is shown as unknown until this cell is calibrated" in bench.technician.text


def test_another_span_than_before_is_pointed_out(bench: Bench) -> None:
    bench.cell.newtons_per_count = 4.2e-3
    assert bench.calibrate() is not None
    assert "differs by +17%" in bench.technician.text


def test_a_file_that_cannot_be_changed_safely_is_left_and_the_lines_are_said(bench: Bench) -> None:
    inline = CONFIGURATION.replace("[calibration]", "[calibration_was]").partition("[calibration_was]")[0]
    inline = "calibration = {zero_counts = 0, maximum_n = 9000.0}\n" + inline
    bench.path.write_text(inline)
    certificate = bench.calibrate()
    assert certificate is not None
    assert bench.path.read_text() == inline
    lines = bench.technician.said
    start = lines.index("  [calibration]")
    by_hand = tomllib.loads("\n".join(lines[start : start + 4]))["calibration"]
    assert by_hand["newtons_per_count"] == certificate.newtons_per_count


@pytest.mark.parametrize("name", ["", "x" * 81, "a\x1b[2J"])
def test_a_name_that_cannot_be_one_is_asked_again(bench: Bench, name: str) -> None:
    answers = iter([name, "Ada"])
    bench.technician.answers["Your name"] = lambda: next(answers)
    certificate = bench.calibrate()
    assert certificate is not None
    assert certificate.made_by == "Ada"


def test_the_certificate_is_a_file_that_people_can_read(bench: Bench) -> None:
    bench.calibrate()
    text = (bench.path.parent / CALIBRATION_FILE).read_text()
    assert '"made_by": "Ada"' in text
    assert msgspec.json.decode(text)["checksum"].startswith("sha256:")


def test_a_clock_that_nobody_has_set_certifies_nothing(bench: Bench) -> None:
    """The controller would call such a certificate damaged."""
    assert bench.calibrate_at(datetime(1970, 1, 1, 0, 5, tzinfo=UTC)) is None
    assert not bench.written()
    assert bench.technician.asked == [], "it is said before anybody hangs a weight"
    assert "This computer's clock says 1970-01-01; allowed is 2020 or later" in bench.technician.text
