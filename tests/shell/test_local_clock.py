"""The local day from an injected clock and injected paths: midnight, daylight saving, and who keeps the clock right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from controller.local_clock import LocalClock, kernel_is_synchronised


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def clock_at(text: str, directory: Path, *, kernel: bool = True) -> LocalClock:
    seconds = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    files = {"synchronised": directory / "synchronized", "real_time_clock": directory / "rtc0"}
    return LocalClock(lambda: seconds, kernel_synchronised=lambda: kernel, **files)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2026-01-10T22:59:59", date(2026, 1, 10)),
        ("2026-01-10T23:00:00", date(2026, 1, 11)),
        ("2026-07-10T21:59:59", date(2026, 7, 10)),
        ("2026-07-10T22:00:00", date(2026, 7, 11)),
        ("2026-03-28T22:59:59", date(2026, 3, 28)),
        ("2026-03-29T21:59:59", date(2026, 3, 29)),  # a day of 23 hours
        ("2026-03-29T22:00:00", date(2026, 3, 30)),
        ("2026-10-24T22:00:00", date(2026, 10, 25)),  # a day of 25 hours
        ("2026-10-25T22:59:59", date(2026, 10, 25)),
        ("2026-10-25T23:00:00", date(2026, 10, 26)),
    ],
)
def test_the_day_is_the_clinics(utc: str, day: date, tmp_path: Path) -> None:
    assert clock_at(utc, tmp_path)().date == day


@pytest.mark.parametrize(
    ("files", "kernel", "trusted"),
    [((), False, False), (("synchronized",), False, True), (("rtc0",), False, True), ((), True, True)],
)
def test_a_clock_is_trusted_when_somebody_keeps_it(files: tuple[str, ...], kernel: bool, trusted: bool, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert clock_at("2026-03-01T12:00:00", tmp_path, kernel=kernel)().trusted is trusted


def test_trust_is_asked_anew_each_time(tmp_path: Path) -> None:
    clock = clock_at("2026-03-01T12:00:00", tmp_path, kernel=False)
    assert not clock().trusted
    (tmp_path / "synchronized").touch()
    assert clock().trusted


def test_a_clock_that_shows_no_day_has_none(tmp_path: Path) -> None:
    clock = LocalClock(lambda: 1e30, synchronised=tmp_path, real_time_clock=tmp_path, kernel_synchronised=lambda: True)
    assert (clock().date, clock().trusted) == (None, False)


def test_the_kernel_can_be_asked() -> None:
    assert kernel_is_synchronised() in (True, False)


def test_a_file_that_may_not_be_looked_at_is_none_and_ends_no_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    assert not clock_at("2026-01-01T12:00:00", tmp_path, kernel=False)().trusted
