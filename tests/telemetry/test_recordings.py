"""The saver of flight recordings: when it saves, what it keeps, what it says when it cannot."""

from __future__ import annotations

import asyncio
import errno
import gzip
import logging
import os
import signal
import threading
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from controller.core.readings import Levels
from controller.core.state import CoreState, ScanInputs
from controller.flight_format import FILE_PREFIX, FORMAT_VERSION, MAGIC, SEGMENT_BYTES, SEGMENTS, ScanRecord
from messages.wire import EventRecord
from telemetry.patients import Erasure
from telemetry.recordings import AFTER_NS, FORGOTTEN_NS, LONGEST_WAIT_NS, LOOKED_BACK_NS, RING_HOLDS_NS, RecordingSaver
from tests.telemetry import samples
from tests.telemetry.bench import Peer, Telemetry, until

S = 1_000_000_000
RING = bytes(range(256)) * 4096


def ring_of(boot_id: str, began_ns: int) -> bytes:
    """A ring with the header that the controller writes, as far as it is read here."""
    header = msgspec.msgpack.encode({"version": "0.1.0", "boot_id": boot_id, "began_ns": began_ns})
    return FILE_PREFIX.pack(MAGIC, FORMAT_VERSION, SEGMENTS, SEGMENT_BYTES, len(header), zlib.crc32(header)) + header + RING


def a_scan(now_ns: int) -> bytes:
    """A scan's record, as the controller writes it."""
    return msgspec.msgpack.encode(ScanRecord(now_ns, ScanInputs(Levels(now_ns, 0, 0)), None))


class Clock:
    """A monotonic clock that the test moves, and a wall clock that goes with it."""

    def __init__(self) -> None:
        self.now_ns = 1000 * S
        self.began = datetime(2026, 3, 1, tzinfo=UTC)

    def utc(self) -> datetime:
        return self.began + timedelta(seconds=self.now_ns // S)

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

    def start(self, event_id: int, *, unclean: bool) -> None:
        """A new life says that it has begun."""
        detail = {"boot_id": "b2", "unclean": 1} if unclean else {"boot_id": "b2"}
        record = samples.event(event_id, "started")
        self.saver.take_event(msgspec.structs.replace(record, at_ns=self.clock.now_ns, detail=detail))

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
    assert name == "000001-20260301T001650Z-41-harness-loaded.flight.gz"
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
    """Whether the self-test that follows passes or not: `self-test-failed` latches as `unclean-start` does."""
    (saving.runtime / "flight-1a2b.ring").write_bytes(b"how it ended")
    saving.stop(41, "self-test-failed", "fault")
    saving.start(42, unclean=True)
    (name,) = saving.after(0)
    assert name == "000001-20260301T001640Z-life-1a2b.flight.gz"
    assert gzip.decompress((saving.recordings / name).read_bytes()) == b"how it ended"
    assert len(saving.after(AFTER_NS)) == 2, "and then the present life's"
    saving.start(43, unclean=True)
    assert len(saving.after(0)) == 2, "the same life is not saved again"


def test_what_a_controller_left_that_ended_well_is_not_saved(saving: Saving) -> None:
    (saving.runtime / "flight-1a2b.ring").write_bytes(b"how it ended")
    saving.start(41, unclean=False)
    assert saving.after(AFTER_NS) == []


@pytest.mark.parametrize("told", [True, False], ids=["the next life has started", "its self-test still looks"])
def test_a_stop_whose_controller_died_within_its_ten_seconds_is_saved_from_its_own_life(tmp_path: Path, told: bool) -> None:
    saving = Saving(tmp_path)
    old = ring_of("1a2b", saving.clock.now_ns - 60 * S)
    (saving.runtime / "flight.ring").write_bytes(old)
    saving.stop(41)
    saving.clock.now_ns += 3 * S
    (saving.runtime / "flight.ring").rename(saving.runtime / "flight-1a2b.ring")
    (saving.runtime / "flight.ring").write_bytes(ring_of("b2", saving.clock.now_ns))
    if told:
        saving.start(42, unclean=False)
    (name,) = saving.after(AFTER_NS)
    assert name.endswith("-life-1a2b.flight.gz"), "under no stop's name: it is that life's end as well"
    assert gzip.decompress((saving.recordings / name).read_bytes()) == old
    saving.start(43, unclean=True)
    assert saving.after(0) == [name], "once"


def test_stops_of_two_lives_within_ten_seconds_are_two_recordings(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    lives = {"1a2b": ring_of("1a2b", saving.clock.now_ns - 60 * S)}
    (saving.runtime / "flight-1a2b.ring").write_bytes(lives["1a2b"])
    saving.stop(41)
    saving.clock.now_ns += 3 * S
    lives["unclean-start"] = ring_of("b2", saving.clock.now_ns)
    (saving.runtime / "flight.ring").write_bytes(lives["unclean-start"])
    saving.clock.now_ns += 2 * S
    saving.stop(42, "unclean-start", "fault")
    saved = saving.after(AFTER_NS)
    assert [name.split("-", 2)[2] for name in saved] == ["life-1a2b.flight.gz", "42-unclean-start.flight.gz"]
    assert [gzip.decompress((saving.recordings / name).read_bytes()) for name in saved] == list(lives.values())


def test_only_the_newest_stay_and_the_others_are_named_as_they_go(saving: Saving, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for number in range(41, 46):
        saving.stop(number)
        saved = saving.after(AFTER_NS)
    assert [name.split("-")[2] for name in saved] == ["43", "44", "45"]
    assert caplog.text.count("the oldest flight recording was removed") == 2


def test_the_newest_stay_although_the_clock_went_back_to_1970(saving: Saving) -> None:
    """Without a clock chip it is 1970 after every power cut, until the network has set the clock."""
    for number in range(41, 44):
        saving.stop(number)
        saving.after(AFTER_NS)
    saving.clock.began = datetime(1970, 1, 1, tzinfo=UTC)
    for number in range(44, 46):
        saving.stop(number)
        saved = saving.after(AFTER_NS)
    assert [name.split("-")[2] for name in saved] == ["43", "44", "45"]


def test_what_an_earlier_version_saved_is_older_than_what_this_one_saves(saving: Saving) -> None:
    saving.recordings.mkdir()
    for name in ("20260101T000000Z-7-harness-loaded.flight.gz", "20270101T000000Z-life-1a2b.flight.gz"):
        (saving.recordings / name).write_bytes(b"old")
    for number in (41, 42):
        saving.stop(number)
        saved = saving.after(AFTER_NS)
    assert [name[:6] for name in saved] == ["000001", "000002", "202701"]


def recorded_of(patient: str) -> bytes:
    """Part of a ring: a core's state as the controller encodes it, with this patient's plan in it."""
    plan = msgspec.structs.replace(samples.PLAN, patient=patient)
    return RING + msgspec.msgpack.encode({"exercise": {"plan": plan}}) + RING


@pytest.mark.parametrize("name", ["p-17", "x", "p" * 31, "p" * 32])
def test_an_erasure_empties_the_recordings_of_the_patient_and_leaves_the_others(tmp_path: Path, name: str) -> None:
    saving = Saving(tmp_path, kept=9)
    contents = (recorded_of(name), recorded_of(f"{name[1:]}a"), RING, RING + f"reason: patient {name}: no plan".encode())
    for number, content in enumerate(contents, 41):
        (saving.runtime / "flight.ring").write_bytes(content)
        saving.stop(number)
        saving.after(AFTER_NS)
    saving.saver.forget((Erasure(7, name),))
    assert saving.saver.forgotten == frozenset()
    saved = saving.after(0)
    assert saving.saver.forgotten == {7}
    emptied = [file.split("-")[2] for file in saved if not (saving.recordings / file).stat().st_size]
    assert emptied == ["41", "44"], "an empty file stays: what the runtime directory still has of it is not saved once more"


def test_what_is_saved_right_after_an_erasure_is_emptied_as_well(saving: Saving) -> None:
    (saving.runtime / "flight.ring").write_bytes(recorded_of("p-17"))
    saving.stop(41)
    saving.saver.forget((Erasure(7, "p-17"),))
    saving.after(0)
    saving.saver.forget(())
    (name,) = saving.after(AFTER_NS)
    assert (saving.recordings / name).stat().st_size == 0


def test_a_pseudonym_that_is_given_again_later_is_recorded(saving: Saving) -> None:
    saving.saver.forget((Erasure(7, "p-17"),))
    saving.after(0)
    saving.saver.forget(())
    saving.clock.now_ns += FORGOTTEN_NS
    (saving.runtime / "flight.ring").write_bytes(recorded_of("p-17"))
    saving.stop(41)
    (name,) = saving.after(AFTER_NS)
    assert (saving.recordings / name).stat().st_size > 0


@pytest.mark.parametrize("restarted", [False, True])
def test_what_earlier_lives_left_of_an_erased_patient_is_never_saved(tmp_path: Path, restarted: bool) -> None:
    """A clean start saves nothing of them: they lie there until an unclean one, long after the erasure or in another process."""
    saving = Saving(tmp_path, kept=9)
    contents = {"aa": recorded_of("p-17"), "bb": recorded_of("p-18"), "cc": RING + b"reason: patient p-17: no plan"}
    for life, content in contents.items():
        (saving.runtime / f"flight-{life}.ring").write_bytes(content)
    (saving.runtime / "flight.ring").write_bytes(RING)
    saving.saver.forget((Erasure(7, "p-17"),))
    saving.after(0)
    assert saving.saver.forgotten == {7}
    saving.saver.forget(())
    saving.clock.now_ns += FORGOTTEN_NS
    if restarted:
        saving.saver = RecordingSaver(saving.runtime, saving.recordings, 9, saving.clock.utc, saving.clock.monotonic)
    saving.start(41, unclean=True)
    saved = {name.rpartition("-")[2]: (saving.recordings / name).read_bytes() for name in saving.after(0)}
    assert saved.keys() == {f"{life}.flight.gz" for life in contents}
    assert saved["aa.flight.gz"] == saved["cc.flight.gz"] == b""
    assert gzip.decompress(saved["bb.flight.gz"]) == contents["bb"], "the others are saved"


def test_the_name_of_what_was_erased_stays_as_long_as_the_runtime_directory_holds_it(tmp_path: Path) -> None:
    saving = Saving(tmp_path, kept=1)
    ring = saving.runtime / "flight-aa.ring"
    ring.write_bytes(recorded_of("p-17"))
    (saving.runtime / "flight.ring").write_bytes(RING)
    saving.saver.forget((Erasure(7, "p-17"),))
    saving.after(0)
    saving.saver.forget(())
    saving.clock.now_ns += FORGOTTEN_NS
    saving.stop(41)
    saving.after(AFTER_NS)
    saving.stop(42, "unclean-start", "fault")
    saving.start(43, unclean=True)
    saved = saving.after(AFTER_NS)
    assert [name.split("-", 2)[2] for name in saved] == ["life-aa.flight.gz", "42-unclean-start.flight.gz"]
    assert (saving.recordings / saved[0]).stat().st_size == 0
    ring.unlink()
    saving.stop(44)
    assert [name.split("-")[2] for name in saving.after(AFTER_NS)] == ["44"], "then it goes as the others do"


def test_what_a_power_cut_left_half_written_goes_with_the_first_erasure(saving: Saving) -> None:
    saving.recordings.mkdir()
    (saving.recordings / "unfinished").write_bytes(gzip.compress(recorded_of("p-17")))
    saving.saver.forget((Erasure(7, "p-17"),))
    assert saving.after(0) == []
    assert saving.saver.forgotten == {7}


def test_a_recording_that_cannot_be_read_is_emptied_with_the_first_erasure(saving: Saving) -> None:
    """Nobody knows whose it is."""
    saving.recordings.mkdir()
    (saving.recordings / "20260101T000000Z-7-harness-loaded.flight.gz").write_bytes(b"\x1f\x8b torn")
    saving.saver.forget((Erasure(7, "p-17"),))
    (name,) = saving.after(0)
    assert (saving.recordings / name).stat().st_size == 0
    assert saving.saver.forgotten == {7}


def test_an_erasure_that_the_disk_refuses_is_not_said_to_be_done(saving: Saving, monkeypatch: pytest.MonkeyPatch) -> None:
    (saving.runtime / "flight.ring").write_bytes(recorded_of("p-17"))
    saving.stop(41)
    (name,) = saving.after(AFTER_NS)

    def read_only(_path: Path, _mode: str = "r") -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", read_only)
        saving.saver.forget((Erasure(7, "p-17"),))
        saving.after(0)
    assert saving.saver.forgotten == frozenset()
    assert "Read-only file system" in saving.saver.alarms[0].text
    saving.after(5 * S)
    assert saving.saver.forgotten == {7}
    assert saving.saver.alarms == ()
    assert (saving.recordings / name).stat().st_size == 0


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


class Restarted(Saving):
    """Telemetry that can end and begin again; the journal is a list of what it has committed.

    The ring holds each stop's scan.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, kept=9)
        self.journal: list[EventRecord] = []
        self.ring = ring_of("b00t", 900 * S)
        self.record(self.ring)

    def record(self, content: bytes) -> None:
        self.ring = content
        (self.runtime / "flight.ring").write_bytes(content)

    def stop(self, event_id: int, code: str = "harness-loaded", effect: str = "protective_stop") -> EventRecord:
        self.record(self.ring + a_scan(self.clock.now_ns))
        made = super().stop(event_id, code, effect)
        time = self.clock.utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.journal.append(msgspec.structs.replace(made, time=time))
        return made

    def kill(self) -> None:
        """This process is gone, with all that it only had in mind."""
        self.saver = RecordingSaver(self.runtime, self.recordings, 9, self.clock.utc, self.clock.monotonic)

    def begin(self) -> None:
        asyncio.run(self.saver.take_up(self.journal))

    def end_in_order(self) -> None:
        asyncio.run(self.saver.finish())
        self.kill()

    def reboot(self) -> None:
        """The monotonic clock begins again, and the runtime directory is empty. A minute has passed since."""
        self.clock.began += timedelta(seconds=self.clock.now_ns // S)
        self.clock.now_ns = 60 * S
        self.kill()
        self.record(ring_of("b2", 20 * S))


@pytest.fixture
def restarted(tmp_path: Path) -> Restarted:
    return Restarted(tmp_path)


def names(saved: list[str]) -> list[str]:
    return [name.split("-", 2)[2] for name in saved]


def test_a_stop_is_saved_although_telemetry_was_killed_five_seconds_later(restarted: Restarted) -> None:
    restarted.stop(41)
    restarted.clock.now_ns += 5 * S
    restarted.kill()
    restarted.begin()
    assert restarted.after(AFTER_NS - 5 * S - 1) == [], "not before its time"
    assert names(restarted.after(1)) == ["41-harness-loaded.flight.gz"]
    assert len(restarted.after(100 * S)) == 1, "once"
    assert restarted.saver.alarms == ()


def test_further_stops_are_taken_up_with_the_first(restarted: Restarted) -> None:
    restarted.stop(41)
    restarted.clock.now_ns += 4 * S
    restarted.stop(42, "braking-failed", "power_off")
    restarted.kill()
    restarted.begin()
    assert restarted.after(AFTER_NS - 1) == []
    assert names(restarted.after(1)) == ["41-harness-loaded.flight.gz"]
    restarted.kill()
    restarted.begin()
    assert len(restarted.after(AFTER_NS)) == 1, "the second is in it"


def test_two_stops_of_one_scan_have_one_time_and_one_recording(restarted: Restarted) -> None:
    """Contacts of one hand's press: what is told of both is the nanosecond of their scan."""
    restarted.stop(41, "drive-stop-input-open", "emergency_stop")
    restarted.stop(42, "emergency-pressed", "emergency_stop")
    restarted.kill()
    restarted.begin()
    assert names(restarted.after(AFTER_NS)) == ["41-drive-stop-input-open.flight.gz"]
    assert restarted.saver.alarms == (), "neither is missing"
    restarted.kill()
    restarted.begin()
    assert len(restarted.after(AFTER_NS)) == 1
    assert restarted.saver.alarms == ()


@pytest.mark.parametrize("header", [b"", RING[:20], b"\xff" * 40])
def test_a_header_that_cannot_be_read_hides_no_stop(restarted: Restarted, header: bytes) -> None:
    """It may say any length, and the beginning of any life."""
    restarted.record(header)
    restarted.stop(41)
    restarted.stop(42, "braking-failed", "power_off")
    for _ in range(2):
        restarted.kill()
        restarted.begin()
        assert names(restarted.after(AFTER_NS)) == ["41-harness-loaded.flight.gz"]
        assert restarted.saver.alarms == (), "neither is missing"


def test_what_is_pending_is_saved_at_once_when_telemetry_ends_in_order(restarted: Restarted) -> None:
    restarted.stop(41)
    restarted.clock.now_ns += 3 * S
    restarted.end_in_order()
    assert names(restarted.after(0)) == ["41-harness-loaded.flight.gz"]
    restarted.begin()
    assert len(restarted.after(AFTER_NS)) == 1, "and not again"
    assert restarted.saver.alarms == ()


def test_an_orderly_end_in_the_middle_of_a_copy_makes_no_second_one(restarted: Restarted, monkeypatch: pytest.MonkeyPatch) -> None:
    restarted.stop(41)
    restarted.clock.now_ns += AFTER_NS
    begun, go_on = threading.Event(), threading.Event()
    copy = restarted.saver._copy

    def slow(ring: Path, name: str) -> None:
        begun.set()
        assert go_on.wait(10)
        copy(ring, name)

    monkeypatch.setattr(restarted.saver, "_copy", slow)

    async def ended() -> None:
        looking = asyncio.create_task(restarted.saver.look())
        await asyncio.to_thread(begun.wait, 10)
        looking.cancel()
        finishing = asyncio.create_task(restarted.saver.finish())
        await asyncio.sleep(0.05)
        go_on.set()
        await finishing

    asyncio.run(ended())
    assert names(restarted.after(0)) == ["41-harness-loaded.flight.gz"]


def test_what_a_dead_controller_left_is_saved_at_once_at_an_orderly_end_or_by_the_next_life(restarted: Restarted) -> None:
    (restarted.runtime / "flight-1a2b.ring").write_bytes(b"how it ended")
    restarted.start(41, unclean=True)
    restarted.journal.append(
        msgspec.structs.replace(samples.event(41, "started"), at_ns=restarted.clock.now_ns, detail={"unclean": 1})
    )
    restarted.kill()
    restarted.begin()
    assert names(restarted.after(0)) == ["life-1a2b.flight.gz"]
    (restarted.runtime / "flight-1a2b.ring").rename(restarted.runtime / "flight-3c4d.ring")
    restarted.start(42, unclean=True)
    restarted.end_in_order()
    assert names(restarted.after(0)) == ["life-1a2b.flight.gz", "life-3c4d.flight.gz"]


def test_a_stop_that_was_saved_is_not_saved_again_however_soon_telemetry_is_there_again(restarted: Restarted) -> None:
    record = restarted.stop(41)
    restarted.after(AFTER_NS)
    restarted.kill()
    restarted.begin()
    assert len(restarted.after(AFTER_NS)) == 1
    restarted.kill()
    restarted.saver.take_event(record)  # of a journal that could not be written: it was never acknowledged
    assert len(restarted.after(AFTER_NS)) == 1


def test_a_stop_that_has_the_number_and_name_of_an_older_one_is_saved(restarted: Restarted) -> None:
    """A controller without its memory counts anew."""
    restarted.stop(41)
    restarted.after(AFTER_NS)
    restarted.kill()
    restarted.clock.now_ns += 120 * S
    restarted.begin()
    restarted.stop(41)
    assert len(restarted.after(AFTER_NS)) == 2


def test_a_stop_whose_controller_died_while_telemetry_was_away_is_saved_from_its_own_life(restarted: Restarted) -> None:
    restarted.stop(41)
    restarted.kill()
    restarted.clock.now_ns += 5 * S
    (restarted.runtime / "flight.ring").rename(restarted.runtime / "flight-1a2b.ring")
    restarted.record(ring_of("b2", restarted.clock.now_ns))
    restarted.begin()
    assert names(restarted.after(AFTER_NS)) == ["life-1a2b.flight.gz"]
    restarted.kill()
    restarted.begin()
    assert len(restarted.after(AFTER_NS)) == 1


def state_latched_since(since_ns: int) -> bytes:
    """What begins each second of the ring: here of a time when the stop itself has long gone out of it."""
    state = CoreState(boot_id="b00t", booted_ns=900 * S, unclean=False, since_ns=since_ns, caused_ns=since_ns)
    looks_like_a_scan = since_ns - since_ns % 256 - 256 + 0x93
    changed_at_ns = (looks_like_a_scan, since_ns, *state.digital.changed_at_ns[2:])
    return msgspec.msgpack.encode(
        msgspec.structs.replace(state, digital=msgspec.structs.replace(state.digital, changed_at_ns=changed_at_ns))
    )


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_stop_that_nothing_holds_any_more_is_said(restarted: Restarted, caplog: pytest.LogCaptureFixture, rebooted: bool) -> None:
    """Telemetry was away for longer than the ring goes back; or the power was cut within the ten seconds."""
    restarted.stop(41)
    restarted.kill()
    if rebooted:
        restarted.reboot()
    else:
        restarted.clock.now_ns += 90 * S
        restarted.record(ring_of("b00t", 900 * S) + state_latched_since(restarted.journal[0].at_ns))
    restarted.begin()
    assert restarted.after(AFTER_NS) == []
    assert "event 41, harness-loaded, has no flight recording" in caplog.text
    (alarm,) = restarted.saver.alarms
    assert alarm.code == "recording-not-saved"
    assert "41" in alarm.text
    restarted.clock.now_ns += LOOKED_BACK_NS
    assert restarted.saver.alarms == ()
    restarted.kill()
    restarted.begin()
    assert restarted.saver.alarms == (), "what is old is not said for ever"


def test_a_stop_before_a_reboot_that_was_saved_is_not_said_to_be_missing(restarted: Restarted) -> None:
    restarted.stop(41)
    restarted.after(AFTER_NS)
    restarted.reboot()
    restarted.begin()
    assert len(restarted.after(AFTER_NS)) == 1
    assert restarted.saver.alarms == ()


def test_a_stop_before_a_reboot_is_not_looked_for_in_the_ring_after_it(restarted: Restarted) -> None:
    """Its time may well lie within what the ring goes back to: each boot counts from zero."""
    restarted.clock.now_ns = 50 * S
    restarted.stop(41)
    restarted.reboot()
    restarted.begin()
    assert restarted.after(AFTER_NS) == []
    assert len(restarted.saver.alarms) == 1


@pytest.mark.parametrize("saved_before", [False, True], ids=["pending", "saved"])
def test_what_was_erased_is_not_saved_by_the_next_life(restarted: Restarted, saved_before: bool) -> None:
    """Though the ring still names the patient, and nobody knows the pseudonym any more."""
    restarted.record(restarted.ring + recorded_of("p-17"))
    restarted.stop(41)
    restarted.clock.now_ns += 2 * S
    restarted.stop(42, "braking-failed", "power_off")
    restarted.clock.now_ns += 1 * S
    restarted.stop(43, "braking-failed", "power_off")
    if saved_before:
        restarted.after(AFTER_NS)
    restarted.saver.forget((Erasure(7, "p-17"),))
    restarted.after(0)
    assert restarted.saver.forgotten == {7}
    restarted.kill()
    restarted.begin()
    for name in restarted.after(100 * S):
        assert (restarted.recordings / name).stat().st_size == 0, name
    assert restarted.saver.alarms == ()


def beside_ring(tmp_path: Path, name: str, ring: bytes) -> Telemetry:
    """A telemetry, not started, whose controller has left this ring in the runtime directory."""
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / name).write_bytes(ring)
    tables = f'[paths]\nruntime_directory = "{tmp_path}/runtime"\n'
    return Telemetry(tmp_path, 1, telemetry=f'recordings_directory = "{tmp_path}/recordings"', tables=tables)


async def test_the_process_saves_a_stop_that_its_predecessor_was_killed_after(tmp_path: Path) -> None:
    """The whole way: a stop committed to the journal, telemetry killed and started again, the recording in its place."""
    stop = msgspec.structs.replace(samples.event(1, "harness-loaded"), at_ns=time.monotonic_ns() - 3 * S, effect="protective_stop")
    ring = ring_of("boot-1", stop.at_ns - S) + a_scan(stop.at_ns)
    telemetry, peer = beside_ring(tmp_path, "flight.ring", ring), Peer(tmp_path)
    await telemetry.start()
    try:
        peer.emit_record(stop)
        await until(lambda: not peer.ring.after(0), "the acknowledgement")
        await telemetry.end(signal.SIGKILL)
        assert not (tmp_path / "recordings").exists()
        await telemetry.start()
        await until(lambda: any((tmp_path / "recordings").glob("*-1-harness-loaded.flight.gz")), "the recording")
    finally:
        await telemetry.end(signal.SIGTERM)
        await peer.close()
    (saved,) = (tmp_path / "recordings").glob("*.gz")
    assert gzip.decompress(saved.read_bytes()) == ring


async def test_the_process_saves_at_once_what_is_pending_when_it_is_told_to_end(tmp_path: Path) -> None:
    stop = msgspec.structs.replace(samples.event(1, "harness-loaded"), at_ns=time.monotonic_ns(), effect="protective_stop")
    telemetry, peer = beside_ring(tmp_path, "flight.ring", ring_of("boot-1", stop.at_ns - S)), Peer(tmp_path)
    await telemetry.start()
    try:
        peer.emit_record(stop)
        await until(lambda: not peer.ring.after(0), "the acknowledgement")
    finally:
        assert await telemetry.end(signal.SIGTERM) == 0
        await peer.close()
    assert len(list((tmp_path / "recordings").glob("*-1-harness-loaded.flight.gz"))) == 1


async def test_the_process_saves_what_a_dead_controller_left(tmp_path: Path) -> None:
    """The whole way: an event through the socket, a ring in the runtime directory, a recording in its place."""
    telemetry, peer = beside_ring(tmp_path, "flight-1a2b.ring", RING), Peer(tmp_path)
    await telemetry.start()
    try:
        peer.emit_record(msgspec.structs.replace(samples.event(1, "started"), detail={"boot_id": "b2", "unclean": 1}))
        await until(lambda: any((tmp_path / "recordings").glob("*-life-1a2b.flight.gz")), "the recording")
    finally:
        await telemetry.end(signal.SIGTERM)
        await peer.close()
    (saved,) = (tmp_path / "recordings").glob("*.gz")
    assert gzip.decompress(saved.read_bytes()) == RING
