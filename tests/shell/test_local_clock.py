"""The local day from an injected clock and injected paths: midnight, daylight saving, and who keeps the clock right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from controller.local_clock import LocalClock, clock_is_kept


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def clock_at(text: str, directory: Path) -> LocalClock:
    seconds = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    return LocalClock(lambda: seconds, lambda: clock_is_kept(directory))


def put(directory: Path, name: str, content: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


SYNCHRONISED = "run/systemd/timesync/synchronized"
CLOCK_CHIP = "sys/class/rtc/rtc0/hctosys"


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
    ("name", "content", "trusted"),
    [
        ("nothing", "", False),
        (SYNCHRONISED, "", True),
        (CLOCK_CHIP, "1\n", True),
        (CLOCK_CHIP, "0\n", False),  # a clock chip that nobody read: a Pi 5 without its battery
        (CLOCK_CHIP, "", False),
    ],
)
def test_a_clock_is_trusted_when_somebody_keeps_it(name: str, content: str, trusted: bool, tmp_path: Path) -> None:
    put(tmp_path, name, content)
    assert clock_at("2026-03-01T12:00:00", tmp_path)().trusted is trusted


def test_trust_is_asked_anew_each_time(tmp_path: Path) -> None:
    clock = clock_at("2026-03-01T12:00:00", tmp_path)
    assert not clock().trusted
    put(tmp_path, SYNCHRONISED, "")
    assert clock().trusted


def test_a_clock_that_shows_no_day_has_none() -> None:
    clock = LocalClock(lambda: 1e30, lambda: True)
    assert (clock().date, clock().trusted) == (None, False)


def test_a_file_that_may_not_be_looked_at_is_none_and_ends_no_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    put(tmp_path, CLOCK_CHIP, "1\n")
    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert not clock_at("2026-01-01T12:00:00", tmp_path)().trusted
