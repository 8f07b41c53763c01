"""Which certificates are believed, until when, and what of the computer's health keeps patients away."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from controller.commissioning.cells import CELLS
from controller.commissioning.certificate import (
    CalibrationCertificate,
    CertificateError,
    SelfTestCertificate,
    SelfTestItem,
    read_certificate,
    write_certificate,
)
from controller.commissioning.readiness import (
    REMEDIES,
    Certificates,
    Damaged,
    Fitted,
    Unready,
    judge_readiness,
    wiring_fingerprint,
)
from controller.commissioning.settings import CommissioningSettings
from controller.core.display_text import COLUMNS
from controller.core.settings import CalibrationSettings
from controller.hardware.settings import LoadCellSettings, PinSettings
from controller.readiness_watch import OLDEST_LOOK_S, ReadinessWatch, read_calibration, read_certificates
from messages.wire import Health

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CONFIGURED = CalibrationSettings(zero_counts=-500, newtons_per_count=0.0036, cell_serial="C-1")
WIRING = wiring_fingerprint(PinSettings(), LoadCellSettings(), "reference")
FITTED = Fitted(CONFIGURED, WIRING, emulated=False)
SETTINGS = CommissioningSettings()
CALIBRATION = CalibrationCertificate(
    kind="sternway-calibration-1",
    cell="harness",
    cell_serial="C-1",
    made_at=NOW - timedelta(days=10),
    made_by="Ada",
    emulated=False,
    zero_counts=-500,
    newtons_per_count=0.0036,
    weights=(),
    worst_residual_n=0.1,
    zero_return_n=0.0,
    noise_n=0.3,
    rate_hz=66.0,
)
SELF_TEST = SelfTestCertificate(
    kind="sternway-self-test-1",
    made_at=NOW - timedelta(days=10),
    made_by="Ada",
    emulated=False,
    wiring=WIRING,
    belt_at_rest="holds",
    items=(SelfTestItem("clip", True, "both ways"),),
)
HEALTHY = Health(disk_free_mb=2048.0)
REPLACE = msgspec.structs.replace


def judge(
    calibration: CalibrationCertificate | Damaged | None = CALIBRATION,
    self_test: SelfTestCertificate | Damaged | None = SELF_TEST,
    *,
    fitted: Fitted = FITTED,
    settings: CommissioningSettings = SETTINGS,
    health: Health = HEALTHY,
    now: datetime = NOW,
) -> tuple[Unready, ...]:
    return judge_readiness(Certificates(calibration, self_test), fitted, settings, health, now)


def test_a_machine_that_is_calibrated_and_tested_is_ready() -> None:
    assert judge() == ()


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (None, Unready.NOT_CALIBRATED),
        (Damaged("x"), Unready.CALIBRATION_DAMAGED),
        (REPLACE(CALIBRATION, zero_counts=-499), Unready.CALIBRATION_DIFFERS),
        (REPLACE(CALIBRATION, newtons_per_count=0.00360000001), Unready.CALIBRATION_DIFFERS),
        (REPLACE(CALIBRATION, newtons_per_count=float("nan")), Unready.CALIBRATION_DIFFERS),
        (REPLACE(CALIBRATION, cell_serial="C-2"), Unready.CALIBRATION_DIFFERS),
        (REPLACE(CALIBRATION, emulated=True), Unready.CELL_EMULATED),
        (REPLACE(CALIBRATION, made_at=NOW - timedelta(days=180)), Unready.CALIBRATION_OVERDUE),
    ],
)
def test_a_calibration_that_is_not_of_this_cell_now_is_none(certificate: object, reason: Unready) -> None:
    assert judge(calibration=certificate) == (reason,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (None, Unready.NO_SELF_TEST),
        (Damaged("x"), Unready.SELF_TEST_DAMAGED),
        (REPLACE(SELF_TEST, emulated=True), Unready.SELF_TEST_EMULATED),
        (REPLACE(SELF_TEST, wiring="other"), Unready.WIRING_CHANGED),
        (REPLACE(SELF_TEST, items=()), Unready.SELF_TEST_FAILED),
        (REPLACE(SELF_TEST, items=(*SELF_TEST.items, SelfTestItem("lanyard", False, "dead"))), Unready.SELF_TEST_FAILED),
        (REPLACE(SELF_TEST, made_at=NOW - timedelta(days=30)), Unready.SELF_TEST_OVERDUE),
    ],
)
@pytest.mark.hazard("H-16", "C-SELF-TEST")
def test_a_self_test_that_is_not_of_this_machine_now_is_none(certificate: object, reason: Unready) -> None:
    assert judge(self_test=certificate) == (reason,)  # type: ignore[arg-type]


def test_the_last_second_still_counts_and_the_intervals_are_configured() -> None:
    last = REPLACE(CALIBRATION, made_at=NOW - timedelta(days=180) + timedelta(seconds=1))
    assert judge(calibration=last) == ()
    assert judge(settings=CommissioningSettings(calibration_interval_days=10)) == (Unready.CALIBRATION_OVERDUE,)
    assert judge(settings=CommissioningSettings(self_test_interval_days=10)) == (Unready.SELF_TEST_OVERDUE,)


def test_what_was_emulated_fits_only_emulated_pins() -> None:
    emulated = Fitted(CONFIGURED, WIRING, emulated=True)
    assert judge(fitted=emulated) == (Unready.CELL_EMULATED, Unready.SELF_TEST_EMULATED)
    assert judge(REPLACE(CALIBRATION, emulated=True), REPLACE(SELF_TEST, emulated=True), fitted=emulated) == ()


@pytest.mark.parametrize(
    ("health", "reasons"),
    [
        (REPLACE(HEALTHY, under_voltage=True), (Unready.UNDER_VOLTAGE,)),
        (REPLACE(HEALTHY, under_voltage=False, under_voltage_seen=True, throttled=True, temperature_c=85.0), ()),
        (REPLACE(HEALTHY, under_voltage=None), ()),
        (Health(), (Unready.DISK_UNKNOWN,)),
        (Health(disk_free_mb=99.9), (Unready.DISK_FULL,)),
        (Health(disk_free_mb=float("nan")), (Unready.DISK_FULL,)),
        (Health(disk_free_mb=100.0), ()),
        (REPLACE(HEALTHY, clock_known=False), (Unready.CLOCK_UNKNOWN,)),
        (REPLACE(HEALTHY, clock_known=True), ()),
    ],
)
def test_health_refuses_where_it_matters(health: Health, reasons: tuple[Unready, ...]) -> None:
    assert judge(health=health) == reasons


def test_a_person_may_vouch_for_the_clock_but_not_for_one_before_its_certificates() -> None:
    vouched = CommissioningSettings(clock="as_set")
    assert judge(settings=vouched, health=REPLACE(HEALTHY, clock_known=False)) == ()
    early = NOW - timedelta(days=12)
    assert judge(settings=vouched, health=REPLACE(HEALTHY, clock_known=False), now=early) == (Unready.CLOCK_UNKNOWN,)
    assert judge(now=early) == (Unready.CLOCK_UNKNOWN,)


def test_time_zones_are_no_matter() -> None:
    elsewhere = timezone(timedelta(hours=9))
    assert judge(REPLACE(CALIBRATION, made_at=CALIBRATION.made_at.astimezone(elsewhere))) == ()


def test_every_reason_fits_the_display_and_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Unready)
    assert all(len(reason.value) <= COLUMNS and reason.value.isascii() for reason in Unready)


def test_the_wiring_has_a_name_that_changes_with_it() -> None:
    assert wiring_fingerprint(PinSettings(), LoadCellSettings(counts_zero=5, newtons_per_count=0.1), "reference") == WIRING
    assert wiring_fingerprint(PinSettings(clip=8), LoadCellSettings(), "reference") != WIRING
    assert wiring_fingerprint(PinSettings(), LoadCellSettings(backend="gpio"), "reference") != WIRING
    assert wiring_fingerprint(PinSettings(), LoadCellSettings(), "other") != WIRING


# --- the files ---------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_certificate(tmp_path / "c.json", CALIBRATION)
    write_certificate(tmp_path / "s.json", SELF_TEST)
    assert read_certificate(tmp_path / "c.json", CalibrationCertificate) == CALIBRATION
    assert read_certificate(tmp_path / "s.json", SelfTestCertificate) == SELF_TEST
    assert read_certificate(tmp_path / "away.json", SelfTestCertificate) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.0036", "0.0035"), ("2026-04-21", "2026-04-22"), ('"emulated": false', '"emulated": true'), ("C-1", "C-2"), ("Ada", "Bob")],
)
def test_a_number_that_was_changed_by_hand_is_found(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "c.json"
    write_certificate(path, CALIBRATION)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CertificateError, match="was changed"):
        read_certificate(path, CalibrationCertificate)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{" * 70_000, b"[" * 5000, b'{"certificate": 1, "checksum": "x"}'])
def test_anything_else_is_no_certificate(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(CertificateError):
        read_certificate(tmp_path / "c.json", CalibrationCertificate)


def test_one_kind_is_not_the_other_and_a_date_must_be_one(tmp_path: Path) -> None:
    write_certificate(tmp_path / "s.json", SELF_TEST)
    with pytest.raises(CertificateError):
        read_certificate(tmp_path / "s.json", CalibrationCertificate)
    for made_at in (NOW.replace(tzinfo=None), NOW.replace(year=9999)):
        write_certificate(tmp_path / "c.json", REPLACE(CALIBRATION, made_at=made_at))
        with pytest.raises(CertificateError, match="date that cannot be"):
            read_certificate(tmp_path / "c.json", CalibrationCertificate)


@pytest.mark.parametrize("name", ["rail-left", "rail-right"])
def test_a_certificate_of_another_cell_in_this_ones_place_is_damaged(tmp_path: Path, name: str) -> None:
    write_certificate(tmp_path / "calibration-harness.json", REPLACE(CALIBRATION, cell=name))
    found = read_certificates(tmp_path).calibration
    assert isinstance(found, Damaged)
    assert f"is of the cell {name}, not of harness" in found.reason
    write_certificate(tmp_path / CELLS[name].file, CALIBRATION)
    assert isinstance(read_calibration(tmp_path, CELLS[name]), Damaged)
    write_certificate(tmp_path / CELLS[name].file, REPLACE(CALIBRATION, cell=name))
    assert read_calibration(tmp_path, CELLS[name]) == REPLACE(CALIBRATION, cell=name)


def test_rail_cells_neither_void_a_self_test_nor_make_one() -> None:
    """A record made before there were rail cells has the same seal and fits the same wiring."""
    assert WIRING == "20e3109e53d846c3"
    assert wiring_fingerprint(PinSettings(), LoadCellSettings(spi_chip_select=False), "reference") == WIRING
    assert msgspec.json.encode(SelfTestItem("clip", True, "both ways")) == b'{"name":"clip","passed":true,"found":"both ways"}'
    rail = SelfTestItem("load cell at the left rail", False, "the cell did not feel it", protects=False)
    assert judge(self_test=REPLACE(SELF_TEST, items=(*SELF_TEST.items, rail))) == ()
    assert judge(self_test=REPLACE(SELF_TEST, items=(REPLACE(rail, passed=True),))) == (Unready.SELF_TEST_FAILED,)


def test_the_watch_says_at_once_what_lies_there_and_closes(tmp_path: Path) -> None:
    write_certificate(tmp_path / "calibration-harness.json", CALIBRATION)
    (tmp_path / "self-test.json").write_text("{}")
    found = read_certificates(tmp_path)
    assert found.calibration == CALIBRATION
    assert isinstance(found.self_test, Damaged)
    watch = ReadinessWatch(found, FITTED, SETTINGS, lambda: REPLACE(HEALTHY, temperature_c=50.0), NOW.timestamp, lambda: 0.0, print)
    try:
        assert watch.unready == ("self-test damaged",)
        assert watch.health == REPLACE(HEALTHY, temperature_c=50.0)
        assert watch.dates()["calibration"].due_at == "2026-10-18T12:00:00+00:00"
        assert set(watch.dates()) == {"calibration"}
    finally:
        watch.close()


READY = Certificates(CALIBRATION, SELF_TEST)


def test_a_drive_that_is_refused_keeps_patients_away_from_the_scan_in_which_it_is_on() -> None:
    refused = [True, False, True]
    watch = ReadinessWatch(READY, FITTED, SETTINGS, lambda: HEALTHY, NOW.timestamp, lambda: 0.0, print, refused.pop)
    try:
        assert [watch.unready for _ in range(3)] == [("drive refused",), (), ("drive refused",)]
    finally:
        watch.close()


def _no_health() -> Health:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("read_health", "wall_clock"), [(_no_health, NOW.timestamp), (Health, lambda: 1e30), (Health, lambda: math.nan)]
)
def test_a_look_that_fails_is_no_readiness_and_ends_nothing(
    read_health: Callable[[], Health], wall_clock: Callable[[], float]
) -> None:
    said: list[str] = []
    watch = ReadinessWatch(READY, FITTED, SETTINGS, read_health, wall_clock, lambda: 0.0, said.append)
    try:
        assert watch.unready == ("readiness unknown",)
        assert watch.health == Health()
        (words,) = said
        assert words.startswith("readiness cannot be judged: ")
    finally:
        watch.close()


def test_an_answer_that_grows_old_is_none() -> None:
    now_s = 100.0
    watch = ReadinessWatch(READY, FITTED, SETTINGS, lambda: HEALTHY, NOW.timestamp, lambda: now_s, print)
    try:
        assert watch.unready == ()
        now_s += OLDEST_LOOK_S
        assert watch.unready == ()
        now_s += 0.001
        assert watch.unready == ("readiness unknown",)
        now_s = math.nan
        assert watch.unready == ("readiness unknown",)
    finally:
        watch.close()
