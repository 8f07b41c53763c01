"""The saver of flight recordings: when it saves, what it keeps, what it says when it cannot."""

from __future__ import annotations

import asyncio
import errno
import gzip
import logging
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from messages.wire import EventRecord
from telemetry.recordings import AFTER_NS, LONGEST_WAIT_NS, RING_HOLDS_NS, RecordingSaver
from tests.telemetry import samples
from tests.telemetry.bench import Peer, Telemetry, until

S = 1_000_000_000
RING = bytes(range(256)) * 4096


class Clock:
    """A monotonic clock that the test moves, and a wall clock that goes with it."""

    def __init__(self) -> None:
        self.now_ns = 1000 * S

    def utc(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.now_ns // S)

    def monotonic(self) -> int:
        return self.now_ns


class Saving:
    """A saver whose loop is stepped by the test."""

    def __init__(self, directory: Path, kept: int = 3) -> None:
        self.clock = Clock()
        self.runtime = directory / "runtime"
        self.runtime.mkdir()
        self.recordings = directory / "recordings"
        self.saver = RecordingSaver(self.runtime, self.recordings, kept, self.clock.utc, self.clock.monotonic)

    def stop(self, event_id: int, code: str = "harness-loaded", effect: str = "protective_stop") -> EventRecord:
        record = msgspec.structs.replace(samples.event(event_id, code), at_ns=self.clock.now_ns, effect=effect)
        self.saver.take_event(record)
        return record

    def after(self, elapsed_ns: int) -> list[str]:
        """Lets time pass, the saver look once, and returns what is saved."""
        self.clock.now_ns += elapsed_ns
        asyncio.run(self.saver.look())
        return sorted(path.name for path in self.recordings.glob("*")) if self.recordings.exists() else []


@pytest.fixture
def saving(tmp_path: Path) -> Saving:
    made = Saving(tmp_path)
    (made.runtime / "flight.ring").write_bytes(RING)
    return made


def test_a_latched_stop_is_saved_ten_seconds_later(saving: Saving) -> None:
    saving.stop(41)
    assert saving.after(AFTER_NS - 1) == []
    (name,) = saving.after(1)
    assert name == "20260301T001650Z-41-harness-loaded.flight.gz"
    assert gzip.decompress((saving.recordings / name).read_bytes()) == RING
    assert saving.after(100 * S) == [name], "once"


@pytest.mark.parametrize("effect", ["record", "refuse", "slow", "pause", "end"])
def test_what_does_not_latch_is_not_saved(saving: Saving, effect: str) -> None:
    saving.stop(41, effect=effect)
    assert saving.after(AFTER_NS) == []


@pytest.mark.parametrize("effect", ["protective_stop", "emergency_stop", "fault", "power_off"])
def test_whatever_latches_is_saved(saving: Saving, effect: str) -> None:
    saving.stop(41, effect=effect)
    assert len(saving.after(AFTER_NS)) == 1


def test_stops_that_follow_each_other_are_one_recording_with_both_in_it(saving: Saving) -> None:
    saving.stop(41)
    saving.clock.now_ns += 9 * S
    saving.stop(42, "braking-failed", "power_off")
    assert saving.after(9 * S) == [], "ten seconds after the second"
    assert len(saving.after(1 * S)) == 1


def test_an_endless_row_of_stops_does_not_put_the_saving_off_for_ever(saving: Saving) -> None:
    began_ns = saving.clock.now_ns
    saved: list[str] = []
    number = 41
    while not saved:
        saving.stop(number)
        number += 1
        saved = saving.after(5 * S)
        assert saving.clock.now_ns - began_ns <= LONGEST_WAIT_NS
    assert "-41-" in saved[0]


def test_an_event_that_is_sent_again_is_saved_once(saving: Saving) -> None:
    record = saving.stop(41)
    assert len(saving.after(AFTER_NS)) == 1
    saving.saver.take_event(record)
    assert len(saving.after(AFTER_NS)) == 1


def test_a_controller_that_counts_anew_is_still_recorded(saving: Saving) -> None:
    saving.stop(41)
    saving.after(AFTER_NS)
    saving.stop(1)
    assert len(saving.after(AFTER_NS)) == 2


def test_what_the_ring_no_longer_holds_is_said_and_not_saved(saving: Saving, caplog: pytest.LogCaptureFixture) -> None:
    record = samples.event(41, "harness-loaded")
    old = msgspec.structs.replace(record, at_ns=saving.clock.now_ns - RING_HOLDS_NS - 1, effect="fault")
    saving.saver.take_event(old)
    assert "told too late" in caplog.text
    assert saving.after(AFTER_NS) == []


def test_what_a_dead_controller_left_behind_is_saved_at_once_and_once(saving: Saving) -> None:
    (saving.runtime / "flight-1a2b.ring").write_bytes(b"how it ended")
    saving.stop(41, "unclean-start", "fault")
    (name,) = saving.after(0)
    assert name == "20260301T001640Z-life-1a2b.flight.gz"
    assert gzip.decompress((saving.recordings / name).read_bytes()) == b"how it ended"
    assert len(saving.after(AFTER_NS)) == 2, "and then the present life's"
    saving.stop(42, "unclean-start", "fault")
    assert len(saving.after(0)) == 2, "the same life is not saved again"


def test_only_the_newest_stay_and_the_others_are_named_as_they_go(saving: Saving, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for number in range(41, 46):
        saving.stop(number)
        saved = saving.after(AFTER_NS)
    assert [name.split("-")[1] for name in saved] == ["43", "44", "45"]
    assert caplog.text.count("the oldest flight recording was removed") == 2


def test_a_disk_that_is_full_is_an_alarm_and_leaves_nothing_half_written(saving: Saving, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    saving.stop(41)
    assert saving.after(AFTER_NS) == []
    (alarm,) = saving.saver.alarms
    assert "No space left" in alarm.text
    assert str(saving.recordings) in alarm.remedy
    monkeypatch.undo()
    saving.stop(42)
    assert len(saving.after(AFTER_NS)) == 1
    assert saving.saver.alarms == ()


def test_without_a_recorder_it_is_said(saving: Saving) -> None:
    (saving.runtime / "flight.ring").unlink()
    saving.stop(41)
    assert saving.after(AFTER_NS) == []
    assert "not saved" in saving.saver.alarms[0].text


async def test_the_process_saves_what_a_dead_controller_left(tmp_path: Path) -> None:
    """The whole way: an event through the socket, a ring in the runtime directory, a recording in its place."""
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "flight-1a2b.ring").write_bytes(RING)
    tables = f'[paths]\nruntime_directory = "{tmp_path}/runtime"\n'
    telemetry = Telemetry(tmp_path, 1, telemetry=f'recordings_directory = "{tmp_path}/recordings"', tables=tables)
    peer = Peer(tmp_path)
    await telemetry.start()
    try:
        record = samples.event(1, "unclean-start")
        peer.emit_record(msgspec.structs.replace(record, at_ns=time.monotonic_ns(), effect="fault"))
        await until(lambda: any((tmp_path / "recordings").glob("*-life-1a2b.flight.gz")), "the recording")
    finally:
        await telemetry.end(signal.SIGTERM)
        await peer.close()
    (saved,) = (tmp_path / "recordings").glob("*.gz")
    assert gzip.decompress(saved.read_bytes()) == RING
