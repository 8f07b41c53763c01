"""Looks at certificates, dates and the computer's health in a thread of its own; the scan only takes the newest answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from controller.commissioning.certificate import (
    CALIBRATION_FILE,
    SELF_TEST_FILE,
    CalibrationCertificate,
    Certificate,
    CertificateError,
    SelfTestCertificate,
    read_certificate,
)
from controller.commissioning.readiness import (
    Certificates,
    Damaged,
    Fitted,
    calibration_due,
    judge_readiness,
    self_test_due,
    wiring_fingerprint,
)
from controller.commissioning.settings import CommissioningSettings
from controller.configuration import Configuration
from messages.wire import CertificateDates, Health

LOOK_EVERY_S = 5.0
_CLOSE_TIMEOUT_S = 2.0


class _Found(msgspec.Struct, frozen=True):
    unready: tuple[str, ...]
    health: Health


def read_certificates(directory: Path) -> Certificates:
    """Returns what lies beside the configuration; never raises."""
    return Certificates(
        _read(directory / CALIBRATION_FILE, CalibrationCertificate), _read(directory / SELF_TEST_FILE, SelfTestCertificate)
    )


def fitted_to(configuration: Configuration, emulated: bool) -> Fitted:
    """Returns what the certificates must fit. emulated: the pins are the simulator's."""
    wiring = wiring_fingerprint(configuration.pins, configuration.load_cell, configuration.serial.driver)
    return Fitted(configuration.core.calibration, wiring, emulated)


class ReadinessWatch:
    """`unready` and `health` are true of the last look, at most 5 s ago. The first look is the constructor's.

    Certificates are read once: whoever makes a new one needs the devices, and so has stopped the controller.
    """

    def __init__(
        self,
        certificates: Certificates,
        fitted: Fitted,
        settings: CommissioningSettings,
        read_health: Callable[[], Health],
        wall_clock: Callable[[], float],
    ) -> None:
        """read_health: may take its time. wall_clock: seconds since 1970."""
        self._certificates = certificates
        self._fitted = fitted
        self._settings = settings
        self._read_health = read_health
        self._wall_clock = wall_clock
        self._found = self._look()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)
        self._thread.start()

    @property
    def unready(self) -> tuple[str, ...]:
        """Why no session may be prepared, in the words of the display."""
        return self._found.unready

    @property
    def health(self) -> Health:
        """The computer's state."""
        return self._found.health

    def dates(self) -> dict[str, CertificateDates]:
        """The certificates' dates, for people."""
        calibration, self_test = self._certificates.calibration, self._certificates.self_test
        dates = {}
        if isinstance(calibration, CalibrationCertificate):
            dates["calibration"] = _dates(calibration, calibration_due(calibration, self._settings))
        if isinstance(self_test, SelfTestCertificate):
            dates["self_test"] = _dates(self_test, self_test_due(self_test, self._settings))
        return dates

    def close(self) -> None:
        """Ends the thread."""
        self._closing.set()
        self._thread.join(_CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while not self._closing.wait(LOOK_EVERY_S):
            self._found = self._look()

    def _look(self) -> _Found:
        health = self._read_health()
        now = datetime.fromtimestamp(self._wall_clock(), UTC)
        reasons = judge_readiness(self._certificates, self._fitted, self._settings, health, now)
        return _Found(tuple(reason.value for reason in reasons), health)


def _dates(certificate: CalibrationCertificate | SelfTestCertificate, due: datetime) -> CertificateDates:
    return CertificateDates(
        certificate.made_at.isoformat(timespec="seconds"),
        certificate.made_by,
        due.isoformat(timespec="seconds"),
        certificate.emulated,
    )


def _read(path: Path, kind: type[Certificate]) -> Certificate | Damaged | None:
    try:
        return read_certificate(path, kind)
    except CertificateError as error:
        return Damaged(str(error))
