"""Looks at certificates, dates and the computer's health in a thread of its own; the scan only takes the newest answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from controller.commissioning.cells import HARNESS, CalibratedCell
from controller.commissioning.certificate import (
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
    Unready,
    calibration_due,
    judge_readiness,
    self_test_due,
    wiring_fingerprint,
)
from controller.commissioning.settings import CommissioningSettings
from controller.configuration import Configuration
from messages.wire import CertificateDates, Health

LOOK_EVERY_S = 5.0
OLDEST_LOOK_S = 30.0
"""An answer older than this is none: the thread hangs in a file that does not answer, or has died."""
_CLOSE_TIMEOUT_S = 2.0


class _Found(msgspec.Struct, frozen=True):
    """at_s: monotonic, when the look began."""

    at_s: float
    unready: tuple[str, ...]
    health: Health


_UNKNOWN = (Unready.UNKNOWN.value,)
_REFUSED = (Unready.DRIVE_REFUSED.value,)


def read_certificates(directory: Path) -> Certificates:
    """Returns what lies beside the configuration; never raises."""
    return Certificates(read_calibration(directory, HARNESS), _read(directory / SELF_TEST_FILE, SelfTestCertificate))


def read_calibration(directory: Path, cell: CalibratedCell) -> CalibrationCertificate | Damaged | None:
    """Returns the certificate of one cell's calibration that lies beside the configuration; never raises.

    One that was made of another cell and lies in this one's place is damaged.
    """
    path = directory / cell.file
    found = _read(path, CalibrationCertificate)
    if isinstance(found, CalibrationCertificate) and found.cell != cell.name:
        return Damaged(f"{path} is of the cell {found.cell}, not of {cell.name}")
    return found


def fitted_to(configuration: Configuration, emulated: bool) -> Fitted:
    """Returns what the certificates must fit. emulated: the pins are the simulator's."""
    wiring = wiring_fingerprint(configuration.pins, configuration.load_cell, configuration.serial.driver)
    return Fitted(configuration.core.calibration, wiring, emulated)


class ReadinessWatch:
    """`unready` and `health` are true of the last look, and `unready` of the drive now. The first look is the constructor's, the
    next come every 5 s.

    A look that fails, and one that is too old, are no answer: nobody is then taken onto the belt. Certificates are
    read once: whoever makes a new one needs the devices, and so has stopped the controller.
    """

    def __init__(
        self,
        certificates: Certificates,
        fitted: Fitted,
        settings: CommissioningSettings,
        read_health: Callable[[], Health],
        wall_clock: Callable[[], float],
        monotonic: Callable[[], float],
        say: Callable[[str], None],
        drive_is_refused: Callable[[], bool] = lambda: False,
    ) -> None:
        """read_health: may take its time. wall_clock: seconds since 1970. monotonic: seconds. say: is told when looking begins to
        fail, from the watch's own thread. drive_is_refused: asked whenever `unready` is, by the same thread.
        """
        self._certificates = certificates
        self._fitted = fitted
        self._settings = settings
        self._read_health = read_health
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._say = say
        self._drive_is_refused = drive_is_refused
        self._failing = False
        self._found = self._look()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)
        self._thread.start()

    @property
    def unready(self) -> tuple[str, ...]:
        """Why no session may be prepared, in the words of the display."""
        found = self._found
        unready = found.unready if self._monotonic() - found.at_s <= OLDEST_LOOK_S else _UNKNOWN
        return (*_REFUSED, *unready) if self._drive_is_refused() else unready

    @property
    def health(self) -> Health:
        """The computer's state at the last look."""
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
        at_s = self._monotonic()
        health = Health()
        try:
            health = self._read_health()
            now = datetime.fromtimestamp(self._wall_clock(), UTC)
            reasons = judge_readiness(self._certificates, self._fitted, self._settings, health, now)
        except (OSError, ValueError, OverflowError) as error:  # what a clock or a file can do; the thread lives on and looks again
            if not self._failing:
                self._failing = True
                self._say(f"readiness cannot be judged: {error}")
            return _Found(at_s, _UNKNOWN, health)
        self._failing = False
        return _Found(at_s, tuple(reason.value for reason in reasons), health)


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
