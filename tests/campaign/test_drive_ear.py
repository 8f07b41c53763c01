"""Whose word renews a lease, decoded at the cable's far end: fresh frames of this boot alone, whoever sends them."""

from __future__ import annotations

from random import Random

from firmware_bridge.codec import encode
from firmware_bridge.drive import BeltDirection, DriveState, Run, StatusFrame, Stop
from simulator.campaign.line import Cable, DriveEar

MS = 1_000_000
BOOT_NS = 1_000_000 * MS
NONCE = 77


def status(nonce: int, tick: int) -> bytes:
    return encode(StatusFrame(nonce, tick, DriveState.RUNNING, 0, BeltDirection(0), 0, 0, 0, 0, 0, 0, 0, 0, 0), 1)


def ear_at(now_ms: int) -> DriveEar:
    """An ear that knows the nonce of a boot so long ago."""
    ear = DriveEar(BOOT_NS)
    ear.hear_drive(status(NONCE, now_ms), BOOT_NS + now_ms * MS)
    return ear


def run(tick: int, nonce: int = NONCE, sequence: int = 1) -> bytes:
    return encode(Run(100, 150, nonce, tick), sequence)


def test_a_fresh_tick_is_heard_when_its_last_byte_is_there() -> None:
    ear = ear_at(5000)
    frame = run(4900)
    ear.hear_host(frame, BOOT_NS + 5000 * MS)
    assert ear.heard_ns == BOOT_NS + 5000 * MS + len(frame) * 86_806
    assert ear.run_mm_s2 == 150


def test_old_future_foreign_and_damaged_frames_are_not() -> None:
    ear = ear_at(5000)
    damaged = bytearray(run(5000))
    damaged[8] ^= 1  # a tick of 5001, as fresh: the checksum alone tells
    for data in (run(4800), run(6000), run(5000, NONCE + 1), bytes(damaged), run(5000)[:-2]):
        ear.hear_host(data + b"\x00", BOOT_NS + 5000 * MS)
    ear.hear_host(run(5000)[:9], BOOT_NS + 5020 * MS)
    assert ear.heard_ns == BOOT_NS
    assert ear.stopped_ns < BOOT_NS


def test_a_frame_that_waits_behind_others_is_as_old_as_it_arrives() -> None:
    ear = ear_at(5000)
    ear.hear_host(b"\x00" * 2000 + run(5000), BOOT_NS + 5000 * MS)
    assert ear.heard_ns == BOOT_NS


def test_what_was_echoed_before_a_boot_is_old() -> None:
    ear = ear_at(5000)
    ear.boot(BOOT_NS + 5000 * MS)
    ear.hear_host(run(5000), BOOT_NS + 5000 * MS)
    ear.hear_drive(status(NONCE, 5000), BOOT_NS + 5001 * MS)
    assert ear.learns_nonce
    ear.hear_drive(status(NONCE + 1, 20), BOOT_NS + 5025 * MS)
    assert not ear.learns_nonce
    ear.hear_host(run(20, NONCE), BOOT_NS + 5030 * MS)
    assert ear.heard_ns == BOOT_NS
    ear.hear_host(run(20, NONCE + 1), BOOT_NS + 5040 * MS)
    assert ear.heard_ns > BOOT_NS + 5040 * MS


def test_a_stop_is_heard_with_what_it_asks_for() -> None:
    ear = ear_at(5000)
    ear.hear_host(encode(Stop(500, False), 3), BOOT_NS + 5000 * MS)
    assert (ear.heard_ns, ear.stop_mm_s2) == (BOOT_NS, 500)
    assert ear.stopped_ns > BOOT_NS + 5000 * MS


def test_a_strangers_frames_count_as_the_hosts_do() -> None:
    received: list[bytes] = []
    cable = Cable(Random(1), received.append, received.append)
    cable.ear = ear = ear_at(5000)
    cable.carry(b"", BOOT_NS + 5000 * MS)
    cable.inject(run(4800))
    assert ear.heard_ns == BOOT_NS
    cable.inject(run(5000))
    stranger_ns = ear.heard_ns
    assert stranger_ns > BOOT_NS
    cable.from_host(run(5010))
    cable.carry(b"", BOOT_NS + 5010 * MS)
    assert ear.heard_ns > stranger_ns
    assert received == [run(4800), run(5000), run(5010)]
