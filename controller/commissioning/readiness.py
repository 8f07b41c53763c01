"""What keeps the machine from taking a patient, other than what the scan itself sees. Pure.

The words fit a line of the display; `sternway status` says the remedy beside them.
"""

from __future__ import annotations

import enum
import hashlib
from datetime import datetime, timedelta

import msgspec

from controller.commissioning.certificate import CalibrationCertificate, SelfTestCertificate
from controller.commissioning.settings import CommissioningSettings
from controller.core.settings import CalibrationSettings
from controller.hardware.settings import LoadCellSettings, PinSettings
from messages.wire import Health

LEAST_DISK_FREE_MB = 100.0
"""Below this the journal soon stops; telemetry's own reserve (journal_reserve_mb) stands before it."""
_CLOCK_SLACK = timedelta(days=1)
"""A certificate that is newer than now by more than this says that the clock is wrong."""


class Unready(enum.Enum):
    """The reasons, in the words of the display."""

    NOT_CALIBRATED = "not calibrated"
    CALIBRATION_DAMAGED = "calibration damaged"
    CALIBRATION_DIFFERS = "calibration differs"
    CALIBRATION_OVERDUE = "calibration overdue"
    CELL_EMULATED = "cell was emulated"
    NO_SELF_TEST = "no self-test"
    SELF_TEST_DAMAGED = "self-test damaged"
    SELF_TEST_FAILED = "self-test failed"
    SELF_TEST_OVERDUE = "self-test overdue"
    WIRING_CHANGED = "wiring changed"
    SELF_TEST_EMULATED = "test was emulated"
    CLOCK_UNKNOWN = "clock unknown"
    UNDER_VOLTAGE = "under-voltage"
    DISK_FULL = "disk full"
    DISK_UNKNOWN = "disk unknown"
    UNKNOWN = "readiness unknown"
    DRIVE_REFUSED = "drive refused"


REMEDIES: dict[Unready, str] = {
    Unready.NOT_CALIBRATED: "calibrate the harness cell: sternway calibrate",
    Unready.CALIBRATION_DAMAGED: "the certificate was changed or damaged; calibrate again: sternway calibrate",
    Unready.CALIBRATION_DIFFERS: "[calibration] is not what the certificate says; put its values back, or: sternway calibrate",
    Unready.CALIBRATION_OVERDUE: "calibrate the harness cell again: sternway calibrate",
    Unready.CELL_EMULATED: "the certificate is of an emulated cell; calibrate the real one: sternway calibrate",
    Unready.NO_SELF_TEST: "walk through the machine: sternway selftest",
    Unready.SELF_TEST_DAMAGED: "the record was changed or damaged; test again: sternway selftest",
    Unready.SELF_TEST_FAILED: "mend what the last self-test found, then: sternway selftest",
    Unready.SELF_TEST_OVERDUE: "walk through the machine again: sternway selftest",
    Unready.WIRING_CHANGED: "pins or drive are configured otherwise than when they were tested: sternway selftest",
    Unready.SELF_TEST_EMULATED: "the record is of emulated pins; test the real ones: sternway selftest",
    Unready.CLOCK_UNKNOWN: "let the clock synchronise, fit an RTC, or vouch for it with commissioning.clock; "
    "a certificate of a later day is made anew",
    Unready.UNDER_VOLTAGE: "the Pi's supply is too weak; have the power supply and its cable replaced",
    Unready.DISK_FULL: "make room on the Pi's disk",
    Unready.DISK_UNKNOWN: "the disk of paths.state_directory cannot be looked at; see that it is there and mounted",
    Unready.UNKNOWN: "the controller cannot look at the computer's state or at the date; see `sternway logs`, then restart it",
    Unready.DRIVE_REFUSED: "its limits are not those configured, or its protocol is another; `sternway logs` says what to do",
}


class Damaged(msgspec.Struct, frozen=True):
    """Stands for a certificate that is there and cannot be believed."""

    reason: str


class Certificates(msgspec.Struct, frozen=True):
    """What was found beside the configuration."""

    calibration: CalibrationCertificate | Damaged | None
    self_test: SelfTestCertificate | Damaged | None


class Fitted(msgspec.Struct, frozen=True):
    """What the certificates must fit. emulated: the pins are the simulator's."""

    calibration: CalibrationSettings
    wiring: str
    emulated: bool


def wiring_fingerprint(pins: PinSettings, load_cell: LoadCellSettings, driver: str) -> str:
    """Returns a short name for one wiring. The calibration's own numbers are no wiring, nor is a chip select that no chip needs.

    Rail cells are not part of it: they protect nobody, and where they are wired is no reason to refuse a patient.
    """
    wires = msgspec.to_builtins(load_cell)
    for name in ("counts_zero", "newtons_per_count", "spi_chip_select"):
        del wires[name]
    return hashlib.sha256(msgspec.json.encode([pins, wires, driver], order="deterministic")).hexdigest()[:16]


def calibration_due(certificate: CalibrationCertificate, settings: CommissioningSettings) -> datetime:
    """Returns when the next calibration is due."""
    return certificate.made_at + timedelta(days=settings.calibration_interval_days)


def self_test_due(certificate: SelfTestCertificate, settings: CommissioningSettings) -> datetime:
    """Returns when the next self-test is due."""
    return certificate.made_at + timedelta(days=settings.self_test_interval_days)


def judge_readiness(
    found: Certificates, fitted: Fitted, settings: CommissioningSettings, health: Health, now: datetime
) -> tuple[Unready, ...]:
    """Returns every reason, the most fundamental first; empty when a session may be prepared. now: wall clock, with time zone.

    A supply that was not measured (None) is no reason: another computer than a Pi has no under-voltage to report. A disk that was
    not is one, for every computer has it.
    """
    uncalibrated = judge_calibration(found.calibration, fitted.calibration, fitted.emulated, settings, now)
    reasons = [*_judge_health(health), *uncalibrated]
    reasons += _judge_self_test(found.self_test, fitted, settings, now)
    made = [one.made_at for one in (found.calibration, found.self_test) if one is not None and not isinstance(one, Damaged)]
    clock_is_wrong = any(is_in_the_future(at, now) for at in made)
    clock_is_unknown = health.clock_known is False and settings.clock == "synchronised"
    if clock_is_wrong or clock_is_unknown:
        reasons.append(Unready.CLOCK_UNKNOWN)
    return tuple(reasons)


def is_in_the_future(made_at: datetime, now: datetime) -> bool:
    """Whether a certificate of this date says that the clock is wrong."""
    return made_at > now + _CLOCK_SLACK


def _judge_health(health: Health) -> list[Unready]:
    reasons = [Unready.UNDER_VOLTAGE] if health.under_voltage else []
    if health.disk_free_mb is None:
        reasons.append(Unready.DISK_UNKNOWN)
    elif not health.disk_free_mb >= LEAST_DISK_FREE_MB:
        reasons.append(Unready.DISK_FULL)
    return reasons


def judge_calibration(
    found: CalibrationCertificate | Damaged | None,
    configured: CalibrationSettings,
    emulated: bool,
    settings: CommissioningSettings,
    now: datetime,
) -> list[Unready]:
    """Returns why one cell counts as uncalibrated: at most one reason. emulated: its pins are the simulator's."""
    if found is None:
        return [Unready.NOT_CALIBRATED]
    if isinstance(found, Damaged):
        return [Unready.CALIBRATION_DAMAGED]
    if found.emulated is not emulated:
        return [Unready.CELL_EMULATED]
    certified = (found.cell_serial, found.zero_counts, found.newtons_per_count)
    if certified != (configured.cell_serial, configured.zero_counts, configured.newtons_per_count):
        return [Unready.CALIBRATION_DIFFERS]
    return [] if now < calibration_due(found, settings) else [Unready.CALIBRATION_OVERDUE]


# Control C-SELF-TEST.
def _judge_self_test(
    found: SelfTestCertificate | Damaged | None, fitted: Fitted, settings: CommissioningSettings, now: datetime
) -> list[Unready]:
    if found is None:
        return [Unready.NO_SELF_TEST]
    if isinstance(found, Damaged):
        return [Unready.SELF_TEST_DAMAGED]
    if found.emulated is not fitted.emulated:
        return [Unready.SELF_TEST_EMULATED]
    if found.wiring != fitted.wiring:
        return [Unready.WIRING_CHANGED]
    if not found.passed:
        return [Unready.SELF_TEST_FAILED]
    return [] if now < self_test_due(found, settings) else [Unready.SELF_TEST_OVERDUE]
