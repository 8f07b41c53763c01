"""Events outlive the process, in order, until they are acknowledged; a torn slot is no event."""

import errno
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.event_ring import SLOT_BYTES, SLOTS, EventRing
from messages.wire import EventRecord, decode_from_controller


def record(event_id: int, detail: dict | None = None) -> EventRecord:
    return EventRecord(
        id=event_id,
        at_ns=event_id,
        time="2026-01-01T00:00:00.000Z",
        code="clip-open",
        severity="critical",
        effect="protective_stop",
        priority="high",
        state="protective_stop",
        text="Harness clip open",
        remedy="Clip the harness, then RESET.",
        detail=detail or {},
        session="s-1",
    )


def ids(ring: EventRing, after: int = 0) -> list[int]:
    return [event_id for event_id, _ in ring.after(after)]


@pytest.mark.hazard("H-32", "C-EVENTS-KEPT")
def test_what_was_not_acknowledged_is_found_again(tmp_path: Path) -> None:
    ring = EventRing(tmp_path / "ring")
    for number in range(1, 11):
        ring.append(record(number))
    ring.acknowledge(4)
    ring.close()
    again = EventRing(tmp_path / "ring")
    assert ids(again) == [5, 6, 7, 8, 9, 10]
    assert again.highest_id == 10
    assert decode_from_controller(again.after(9)[0][1]) == record(10)


def test_more_than_it_holds_drops_the_oldest_and_says_so(tmp_path: Path) -> None:
    ring = EventRing(tmp_path / "ring")
    for number in range(1, SLOTS + 4):
        ring.append(record(number))
    assert ring.dropped == 3
    assert ids(ring) == list(range(4, SLOTS + 4))


def test_a_torn_slot_is_no_event(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    ring = EventRing(path)
    for number in (1, 2, 3):
        ring.append(record(number))
    ring.close()
    data = bytearray(path.read_bytes())
    data[2 * SLOT_BYTES + 40] ^= 0xFF
    path.write_bytes(data)
    assert ids(EventRing(path)) == [1, 3]


@pytest.mark.parametrize("size", [0, 17, 5_000_000])
def test_a_file_of_another_size_is_made_anew(tmp_path: Path, size: int) -> None:
    path = tmp_path / "ring"
    path.write_bytes(b"\xa5" * size)
    ring = EventRing(path)
    assert ids(ring) == []
    ring.append(record(1))
    assert ids(ring) == [1]


def test_a_detail_too_long_for_its_slot_is_shortened_not_lost(tmp_path: Path) -> None:
    ring = EventRing(tmp_path / "ring")
    ring.append(record(1, {"text": "x" * 5000}))
    stored = decode_from_controller(ring.after(0)[0][1])
    assert isinstance(stored, EventRecord)
    assert "shortened" in stored.detail
    assert msgspec.structs.replace(stored, detail={}) == record(1)


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=40))
def test_pending_is_what_came_after_the_highest_acknowledgement(tmp_path_factory, steps: list[int | None]) -> None:
    path = tmp_path_factory.mktemp("ring") / "ring"
    ring = EventRing(path)
    last, acknowledged = 0, 0
    for step in steps:
        if step is None:
            last += 1
            ring.append(record(last))
        else:
            ring.acknowledge(min(step, last))
            acknowledged = max(acknowledged, min(step, last))
    expected = list(range(acknowledged + 1, last + 1))
    assert ids(ring) == expected
    ring.close()
    assert ids(EventRing(path)) == expected


def test_the_last_number_outlives_the_process_and_its_acknowledgement(tmp_path: Path) -> None:
    ring = EventRing(tmp_path / "ring")
    assert ring.first_id(40) == 41
    ring.append(record(41))
    ring.acknowledge(1 << 40)
    ring.close()
    again = EventRing(tmp_path / "ring")
    assert (again.highest_id, again.first_id(300)) == (0, 42)
    again.close()


@pytest.mark.parametrize("promised", [0, 300])
def test_a_life_without_an_event_leaves_the_next_one_the_same_number(tmp_path: Path, promised: int) -> None:
    ring = EventRing(tmp_path / "ring")
    assert ring.first_id(promised) == promised + 1
    ring.close()
    again = EventRing(tmp_path / "ring")
    assert again.first_id(promised + 257) == promised + 1
    again.close()


def test_a_torn_last_number_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    ring = EventRing(path)
    ring.first_id(41)
    ring.close()
    content = bytearray(path.read_bytes())
    content[-12] ^= 1  # the number without the checksum that belongs to it
    path.write_bytes(content)
    again = EventRing(path)
    assert again.first_id(300) == 301
    again.close()


def test_a_ring_that_cannot_be_made_names_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _offset: int, _length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="ring"):
        EventRing(tmp_path / "ring")
