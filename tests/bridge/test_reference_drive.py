"""The reference driver against a peer that speaks the document's bytes over a real pseudo-terminal. Time is a number here."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from firmware_bridge.codec import Hello, encode
from firmware_bridge.drive import (
    BeltDirection,
    Clear,
    DriveLimits,
    DriveState,
    DriveTarget,
    IdentFrame,
    Law,
    LossCause,
    Run,
    SendResult,
    StatusFrame,
    Stop,
)
from firmware_bridge.reference_drive import ReferenceDrive, open_reference_drive
from tests.bridge.peer import FarEnd, body_of, wrapped

MS = 1_000_000
NONCE = 0xCAFE0001
IDENT = IdentFrame(DriveTarget.HOST, (1, 0, 0), NONCE, DriveLimits())


def status(tick: int, nonce: int = NONCE) -> StatusFrame:
    return StatusFrame(nonce, tick, DriveState.RUNNING, 100, BeltDirection.BACKWARD_GAIT, 100, 100, 5000, 300, 0, 0x3C, 0, 0, 1)


def run(tick: int, nonce: int = NONCE) -> Run:
    return Run(target_mm_s=100, acceleration_mm_s2=100, nonce=nonce, tick=tick)


@pytest.fixture
def drive(far_end: FarEnd) -> Iterator[ReferenceDrive]:
    opened = open_reference_drive(far_end.device, DriveLimits(), 0)
    yield opened
    opened.close()


@pytest.fixture
def identified(drive: ReferenceDrive, far_end: FarEnd) -> ReferenceDrive:
    far_end.send(IDENT)
    assert drive.receive(0) == ()
    assert drive.identity == IDENT
    assert far_end.frames() == [Hello()]
    return drive


def test_opening_sends_hello_and_nothing_else(drive: ReferenceDrive, far_end: FarEnd) -> None:
    assert far_end.frames() == [Hello()]
    assert drive.identity is None
    assert drive.problem is None
    assert drive.is_pseudo_terminal is True


def test_hello_is_repeated_every_half_second_until_the_drive_answers(drive: ReferenceDrive, far_end: FarEnd) -> None:
    """Ten seconds of scans, 10 ms apart."""
    asked_at_ms = []
    for now_ms in range(10, 10_001, 10):
        drive.receive(now_ms * MS)
        if far_end.frames():
            asked_at_ms.append(now_ms)
    assert asked_at_ms == [10, *range(500, 10_001, 500)]  # the first is that of the opening
    far_end.send(IDENT)
    for now_ms in range(10_010, 12_001, 10):
        drive.receive(now_ms * MS)
    assert far_end.frames() == []
    assert drive.identity == IDENT


@pytest.mark.parametrize("target", DriveTarget)
def test_it_tells_what_the_drive_is(drive: ReferenceDrive, far_end: FarEnd, target: DriveTarget) -> None:
    far_end.send(msgspec.structs.replace(IDENT, target=target))
    drive.receive(0)
    assert drive.identity is not None
    assert drive.identity.target is target


@pytest.mark.parametrize("name", DriveLimits.__struct_fields__)
def test_firmware_with_any_other_limit_is_refused_by_name(drive: ReferenceDrive, far_end: FarEnd, name: str) -> None:
    built = getattr(DriveLimits(), name)
    far_end.send(msgspec.structs.replace(IDENT, limits=msgspec.structs.replace(DriveLimits(), **{name: built + 1})), status(5))
    assert len(drive.receive(0)) == 1
    assert drive.identity is None
    assert drive.problem is not None
    assert f"{name} is {built + 1}, expected {built}" in drive.problem
    assert drive.send(run(5)) is SendResult.UNIDENTIFIED
    far_end.send(IDENT)
    drive.receive(1)
    assert drive.problem is None
    assert drive.send(run(5)) is SendResult.SENT


def test_a_drive_that_changes_its_word_is_refused(identified: ReferenceDrive, far_end: FarEnd) -> None:
    far_end.send(msgspec.structs.replace(IDENT, limits=DriveLimits(lease_ms=250)))
    identified.receive(0)
    assert identified.identity is None
    assert identified.send(run(5)) is SendResult.UNIDENTIFIED


def test_expectations_come_from_the_caller(far_end: FarEnd) -> None:
    expected = DriveLimits(lease_ms=200, max_speed_mm_s=1200)
    drive = open_reference_drive(far_end.device, expected, 0)
    far_end.send(msgspec.structs.replace(IDENT, limits=expected))
    drive.receive(0)
    assert drive.identity is not None
    assert drive.capabilities.limits == expected
    drive.close()


def test_another_protocol_version_is_said_so(drive: ReferenceDrive, far_end: FarEnd) -> None:
    far_end.write(wrapped(b"\x02" + body_of(IDENT)[1:]))
    drive.receive(0)
    assert drive.identity is None
    assert drive.problem is not None
    assert "version 2 of its protocol, this program version 1" in drive.problem
    assert drive.statistics.rejected["version"] == 1
    far_end.send(IDENT)
    drive.receive(1)
    assert drive.problem is None


def test_a_target_that_nobody_knows_is_said_so(drive: ReferenceDrive, far_end: FarEnd) -> None:
    body = body_of(IDENT)
    far_end.write(wrapped(body[:3] + b"\x09" + body[4:]))
    drive.receive(0)
    assert drive.identity is None
    assert drive.problem == "The drive's firmware is built for target 9, which this program does not know: update this program."
    assert drive.send(run(5)) is SendResult.UNIDENTIFIED
    far_end.send(IDENT)
    drive.receive(1)
    assert drive.problem is None


def test_orders_reach_the_drive_as_given(identified: ReferenceDrive, far_end: FarEnd) -> None:
    orders = [run(20), Stop(300), Stop(0, category_0=True), Clear()]
    packets = []
    for order in orders:
        assert identified.send(order) is SendResult.SENT
        packets += far_end.packets()
    assert [packet.frame for packet in packets] == orders
    assert [packet.sequence for packet in packets] == [2, 3, 4, 5]
    counts = identified.statistics
    assert (counts.frames_sent, counts.runs_sent, counts.stops_sent) == (5, 1, 2)


def test_the_sequence_wraps(identified: ReferenceDrive, far_end: FarEnd) -> None:
    for tick in range(300):
        assert identified.send(run(tick)) is SendResult.SENT
    assert [packet.sequence for packet in far_end.packets()] == [(2 + number) % 256 for number in range(300)]


def test_status_frames_come_up_oldest_first(identified: ReferenceDrive, far_end: FarEnd) -> None:
    far_end.send(*(status(tick) for tick in range(0, 200, 20)))
    assert identified.receive(0) == tuple(status(tick) for tick in range(0, 200, 20))


def test_before_the_drive_said_who_it_is_only_a_stop_passes(drive: ReferenceDrive, far_end: FarEnd) -> None:
    far_end.send(status(20))
    assert drive.receive(0) == (status(20),)
    assert drive.send(run(20)) is SendResult.UNIDENTIFIED
    assert drive.send(Clear()) is SendResult.UNIDENTIFIED
    assert drive.send(Stop(300)) is SendResult.SENT
    assert far_end.frames() == [Hello(), Stop(300)]


def test_a_silent_drive_leaves_at_most_one_frame_in_the_line(identified: ReferenceDrive, far_end: FarEnd) -> None:
    """Ten seconds at 100 Hz. The pseudo-terminal hides its queue from the kernel's count, so the echo must bound it."""
    far_end.send(status(20))
    (latest,) = identified.receive(0)
    results = []
    for now_ms in range(10, 10_001, 10):
        identified.receive(now_ms * MS)
        results.append(identified.send(run(latest.tick)))
        assert far_end.waiting() <= len(encode(run(20), 0))
    assert results.count(SendResult.SENT) == 1
    assert results.count(SendResult.HELD) == identified.statistics.runs_held == 999
    assert identified.send(Stop(300)) is SendResult.SENT
    assert far_end.frames()[-1] == Stop(300)


def test_one_run_for_each_status_and_the_newest_decision_in_it(identified: ReferenceDrive, far_end: FarEnd) -> None:
    sent = []
    for scan in range(100):
        if scan % 2 == 0:
            far_end.send(status(scan * 10))
        for latest in identified.receive(scan * 10 * MS):
            tick = latest.tick
        order = Run(target_mm_s=scan, acceleration_mm_s2=100, nonce=NONCE, tick=tick)
        if identified.send(order) is SendResult.SENT:
            sent.append(order)
    assert far_end.frames() == sent
    assert [order.target_mm_s for order in sent] == list(range(0, 100, 2))


@pytest.mark.parametrize("bad", [math.nan, 1.5, True, -1, 70_000])
def test_a_run_that_is_no_number_is_refused_and_a_stop_that_is_none_still_stops(
    identified: ReferenceDrive, far_end: FarEnd, bad: Any
) -> None:
    with pytest.raises((TypeError, ValueError), match="target_mm_s"):
        identified.send(msgspec.structs.replace(run(20), target_mm_s=bad))
    assert far_end.frames() == []
    assert identified.send(Stop(bad)) is SendResult.SENT
    assert far_end.frames() == [Stop(300)]
    assert identified.send(Stop(bad, category_0=True)) is SendResult.SENT
    assert far_end.frames() == [Stop(300, category_0=True)]
    assert identified.statistics.stops_corrected == 2


def test_a_reboot_is_noticed_and_the_drive_asked_again(identified: ReferenceDrive, far_end: FarEnd) -> None:
    far_end.send(status(5000))
    identified.receive(1 * MS)
    far_end.skip_sequence(100)
    far_end.send(status(3, nonce=77))
    assert identified.receive(2 * MS) == (status(3, nonce=77),)
    assert identified.identity is None
    assert identified.statistics.reboots == 1
    assert identified.statistics.sequence_gaps == 0, "a new boot counts anew: that is no loss of frames"
    assert far_end.frames() == [Hello()]
    assert identified.send(run(3, nonce=77)) is SendResult.UNIDENTIFIED
    far_end.send(msgspec.structs.replace(IDENT, nonce=77))
    identified.receive(3 * MS)
    assert identified.send(run(3, nonce=77)) is SendResult.SENT


@pytest.mark.parametrize("lost", [0, 1, 7, 200])
def test_missing_status_frames_are_counted(identified: ReferenceDrive, far_end: FarEnd, lost: int) -> None:
    far_end.skip_sequence(150)
    far_end.send(status(20))
    identified.receive(0)
    before = identified.statistics.sequence_gaps
    far_end.skip_sequence(lost)
    far_end.send(status(40), status(60))
    identified.receive(0)
    assert identified.statistics.sequence_gaps - before == lost


def wait_for(far_end: FarEnd, before: bytes) -> bytes:
    """What the host has written, once there is more than before: up to the end of a frame."""
    read = before
    for _ in range(1000):
        read += far_end.read()
        if len(read) > len(before) and read.endswith(b"\x00"):
            break
        time.sleep(0.001)
    return read


def test_our_own_frames_coming_back_are_no_drive(drive: ReferenceDrive, far_end: FarEnd) -> None:
    """A loop-back plug. A STOP throws away what still waits on the line: the HELLO of the opening has to be through before it."""
    asked = wait_for(far_end, b"")
    drive.send(Stop(300))
    far_end.write(wait_for(far_end, asked))
    for _ in range(1000):  # a pseudo-terminal may hand over a part before the rest
        assert drive.receive(0) == ()
        if drive.statistics.rejected["wrong_sender"] == 2:
            break
        time.sleep(0.001)
    assert drive.statistics.rejected["wrong_sender"] == 2
    assert drive.identity is None


def test_unplugging_and_plugging_in_sends_only_hello(identified: ReferenceDrive, far_end: FarEnd) -> None:
    far_end.send(status(20))
    identified.receive(0)
    assert identified.send(run(20)) is SendResult.SENT
    far_end.write(encode(status(40), 2)[:10])
    identified.receive(0)
    far_end.unplug()
    assert identified.receive(10 * MS) == ()
    assert identified.loss is not None
    assert identified.loss.cause is LossCause.UNPLUGGED
    assert identified.problem == identified.loss.text
    assert identified.identity is None
    assert identified.fileno() == -1
    assert [identified.send(order) for order in (run(40), Stop(300), Clear())] == [SendResult.LOST] * 3
    assert not identified.reopen(20 * MS)
    far_end.plug_in_another()
    assert identified.reopen(30 * MS)
    for now_ms in range(40, 500, 10):
        identified.receive(now_ms * MS)
    assert far_end.frames() == [Hello()]
    assert identified.send(run(20)) is SendResult.UNIDENTIFIED
    far_end.send(IDENT)
    identified.receive(500 * MS)
    assert identified.identity == IDENT, "half a frame of before was joined to the first one after"
    counts = identified.statistics
    assert (counts.times_opened, counts.times_lost) == (2, 1)


def test_a_drive_that_is_not_there_at_start_is_no_error(far_end: FarEnd) -> None:
    far_end.unplug()
    drive = open_reference_drive(far_end.device, DriveLimits(), 0)
    assert drive.loss is not None
    assert drive.loss.cause is LossCause.ABSENT
    assert drive.receive(0) == ()
    far_end.plug_in_another()
    assert drive.reopen(1 * MS)
    assert far_end.frames() == [Hello()]
    drive.close()


def test_after_close_nothing_passes(identified: ReferenceDrive, far_end: FarEnd) -> None:
    identified.close()
    assert identified.identity is None
    assert identified.loss is not None
    assert identified.loss.cause is LossCause.CLOSED
    assert identified.send(Stop(300)) is SendResult.LOST
    assert identified.receive(0) == ()
    assert far_end.read() == b""


def test_garbage_on_the_line_makes_the_driver_send_nothing_but_hello(drive: ReferenceDrive, far_end: FarEnd) -> None:
    """A million bytes, a third of them in frames whose CRC is right."""
    source = random.Random(7)
    sent = now_ns = 0
    frames = []
    while sent < 1_000_000:
        garbage = source.randbytes(1400)
        garbage += b"\x00" + b"".join(wrapped(source.randbytes(source.randint(0, 50))) for _ in range(20))
        far_end.write(garbage)
        sent += len(garbage)
        now_ns += 10 * MS
        assert drive.receive(now_ns) == ()
        frames += far_end.frames()
    assert set(frames) == {Hello()}
    assert drive.identity is None
    assert drive.loss is None
    far_end.send(IDENT, status(20))
    assert len(drive.receive(now_ns)) in (0, 1)
    far_end.send(IDENT, status(40))
    assert status(40) in drive.receive(now_ns)
    assert drive.identity == IDENT


def test_the_capability_record_names_what_hardware_need_not_hold(drive: ReferenceDrive) -> None:
    capabilities = drive.capabilities
    assert capabilities.held_by_hardware == frozenset()
    without_lease = msgspec.structs.replace(capabilities, held_by_firmware=frozenset(Law) - {Law.LEASE})
    assert without_lease.held_by_hardware == {Law.LEASE}
    assert not capabilities.has_reverse
    assert capabilities.command_interval_ms * 3 < capabilities.limits.lease_ms
