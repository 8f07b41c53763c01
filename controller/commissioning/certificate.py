"""The certificates of calibration and self-test: JSON beside the configuration, sealed so that a changed number shows.

The seal is no signature: it finds the slip of an editor and the damaged disk, not a forger who can already write the file.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from controller.durable_file import write_durably

CALIBRATION_FILE = "calibration-harness.json"
RAIL_LEFT_CALIBRATION_FILE = "calibration-rail-left.json"
RAIL_RIGHT_CALIBRATION_FILE = "calibration-rail-right.json"
SELF_TEST_FILE = "self-test.json"
MAXIMUM_BYTES = 64 * 1024
_READABLE_BY_ALL = 0o644
_YEARS = range(2020, 2200)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Serial = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class WeightPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One known weight. force_n: mass times standard gravity. residual_n: what the calibration reads less that force."""

    mass_kg: float
    force_n: float
    mean_counts: float
    noise_counts: float
    residual_n: float


class CalibrationCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who calibrated which cell, when, with what, and how well it fits. emulated: there was no cell, only a model of one."""

    kind: Literal["sternway-calibration-1"]
    cell: Literal["harness", "rail-left", "rail-right"]
    cell_serial: Serial
    made_at: datetime
    made_by: Name
    emulated: bool
    zero_counts: int
    newtons_per_count: float
    weights: tuple[WeightPoint, ...]
    worst_residual_n: float
    zero_return_n: float
    noise_n: float
    rate_hz: float


class SelfTestItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that was tried. found: what was seen, in words. protects: False for what only shows something to people."""

    name: Name
    passed: bool
    found: str
    protects: bool = True


class SelfTestCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who walked through the machine, when, and what was found. wiring: fingerprint of the pins and drive that were tried."""

    kind: Literal["sternway-self-test-1"]
    made_at: datetime
    made_by: Name
    emulated: bool
    wiring: str
    belt_at_rest: Literal["holds", "rolls", "not tried"]
    items: tuple[SelfTestItem, ...]

    @property
    def passed(self) -> bool:
        """Whether everything that protects somebody was tried and found right."""
        protecting = [item for item in self.items if item.protects]
        return bool(protecting) and all(item.passed for item in protecting)


Certificate = TypeVar("Certificate", CalibrationCertificate, SelfTestCertificate)


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: msgspec.Raw
    checksum: str


class CertificateError(ValueError):
    """The file is there, but it is no certificate, or it was changed after it had been made."""


def why_no_date(now: datetime) -> str:
    """Returns why nothing may be certified now, or an empty string: the date of a clock that nobody has set cannot be believed."""
    if now.year in _YEARS:
        return ""
    return (
        f"This computer's clock says {now:%Y-%m-%d}; allowed is {_YEARS.start} or later. Connect it to its time server, or set it "
        "with `timedatectl set-time`, then begin again: the certificate carries the date."
    )


def write_certificate(path: Path, certificate: CalibrationCertificate | SelfTestCertificate) -> None:
    """Writes it with its seal; raises OSError when it cannot."""
    sealed = {"certificate": certificate, "checksum": _checksum(certificate)}
    write_durably(path, msgspec.json.format(msgspec.json.encode(sealed), indent=2) + b"\n", _READABLE_BY_ALL)


def withdraw_certificate(path: Path) -> Path | None:
    """Takes a certificate back: what it says has been found to be untrue. Returns where it lies now, None where there was none.

    It stays for people to read. One that was withdrawn before is replaced. Raises OSError when it cannot.
    """
    withdrawn = path.with_name(f"{path.name}.withdrawn")
    try:
        os.replace(path, withdrawn)
    except FileNotFoundError:
        return None
    # Without this a power cut brings the certificate back.
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return withdrawn


def read_certificate(path: Path, kind: type[Certificate]) -> Certificate | None:
    """Returns the certificate, or None where there is no file; raises CertificateError for anything else in its place."""
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from error
    try:
        if len(content) > MAXIMUM_BYTES:
            raise ValueError("too large")
        sealed = msgspec.json.decode(content, type=_Sealed)
        certificate = msgspec.json.decode(sealed.certificate, type=kind)
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"{path} is no certificate: {error}") from error
    if sealed.checksum != _checksum(certificate):
        raise CertificateError(f"{path} was changed after it had been made")
    if certificate.made_at.tzinfo is None or certificate.made_at.year not in _YEARS:
        raise CertificateError(f"{path} has a date that cannot be: {certificate.made_at}")
    return certificate


def _checksum(certificate: CalibrationCertificate | SelfTestCertificate) -> str:
    return "sha256:" + hashlib.sha256(msgspec.json.encode(certificate)).hexdigest()
