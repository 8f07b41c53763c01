"""Events that telemetry has not acknowledged yet, in a memory-mapped file of the runtime directory.

The file outlives the process, so a killed controller finds its own events again,
and the number of its last one. A slot is written payload first and its header
last, so that a torn slot is not valid. The scan only copies bytes into the map; nothing here waits for a disk.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path

import msgspec

from messages.wire import EventRecord, encode

SLOTS = 1024
SLOT_BYTES = 2048
_HEADER = struct.Struct("<QIH")
_LARGEST = SLOT_BYTES - _HEADER.size
_LAST = struct.Struct("<QI")
_LAST_AT = SLOTS * SLOT_BYTES
"""Behind the slots: the highest id ever given, with its checksum."""


# Control C-EVENTS-KEPT.
class EventRing:
    """The unacknowledged events, oldest first. `dropped` counts events that were overwritten before they were acknowledged."""

    def __init__(self, path: Path) -> None:
        """Maps the ring, creating it when it is missing; raises OSError when it cannot."""
        size = _LAST_AT + _LAST.size
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            # A new file is filled at once: a page that a full memory cannot give would end the process at its first use.
            if os.fstat(descriptor).st_size != size:
                os.ftruncate(descriptor, 0)
                os.posix_fallocate(descriptor, 0, size)
            self._map = mmap.mmap(descriptor, size)
        except OSError as error:
            error.filename = error.filename or str(path)
            raise
        finally:
            os.close(descriptor)
        self.dropped = 0
        self.acknowledged = 0
        self._pending: dict[int, bytes] = dict(sorted(self._recover()))
        known = (self._recover_last_id(), self.highest_id or None)
        self._last_id = max((last_id for last_id in known if last_id is not None), default=None)

    def _recover(self) -> list[tuple[int, bytes]]:
        found = []
        for slot in range(SLOTS):
            offset = slot * SLOT_BYTES
            event_id, checksum, length = _HEADER.unpack_from(self._map, offset)
            if not event_id or length > _LARGEST:
                continue
            payload = self._map[offset + _HEADER.size : offset + _HEADER.size + length]
            if zlib.crc32(payload) == checksum:
                found.append((event_id, payload))
        return found

    def _recover_last_id(self) -> int | None:
        last_id, checksum = _LAST.unpack_from(self._map, _LAST_AT)
        return int(last_id) if zlib.crc32(last_id.to_bytes(8, "little")) == checksum else None

    def _note_last_id(self, last_id: int) -> None:
        _LAST.pack_into(self._map, _LAST_AT, last_id, zlib.crc32(last_id.to_bytes(8, "little")))
        self._last_id = last_id

    def first_id(self, promised_id: int) -> int:
        """The id of this life's first event. A new file goes on after promised_id, the highest that may have been given before it
        was lost, and notes it at once: a life that is killed before its first event must not cost the next one its promise, too."""
        if self._last_id is None:
            self._note_last_id(promised_id)
            return promised_id + 1
        return self._last_id + 1

    @property
    def highest_id(self) -> int:
        """The highest id in the ring; 0 when it is empty."""
        return max(self._pending, default=0)

    def append(self, record: EventRecord) -> None:
        """Keeps the event until it is acknowledged; the oldest goes when there are more than SLOTS."""
        payload = encode(record)
        if len(payload) > _LARGEST:
            payload = encode(msgspec.structs.replace(record, detail={"shortened": len(payload)}))
        offset = record.id % SLOTS * SLOT_BYTES
        self._map[offset : offset + _HEADER.size] = bytes(_HEADER.size)
        self._map[offset + _HEADER.size : offset + _HEADER.size + len(payload)] = payload
        _HEADER.pack_into(self._map, offset, record.id, zlib.crc32(payload), len(payload))
        self._note_last_id(record.id)
        self._pending[record.id] = payload
        if len(self._pending) > SLOTS:
            del self._pending[next(iter(self._pending))]
            self.dropped += 1

    def acknowledge(self, up_to_id: int) -> None:
        """Forgets every event up to and including the id."""
        for event_id in [known for known in self._pending if known <= up_to_id]:
            del self._pending[event_id]
            offset = event_id % SLOTS * SLOT_BYTES
            if _HEADER.unpack_from(self._map, offset)[0] == event_id:
                self._map[offset : offset + _HEADER.size] = bytes(_HEADER.size)
        self.acknowledged = max(self.acknowledged, up_to_id)

    def after(self, event_id: int) -> list[tuple[int, bytes]]:
        """Returns the pending events above the id, oldest first, as datagrams."""
        return [entry for entry in self._pending.items() if entry[0] > event_id]

    def close(self) -> None:
        """Unmaps the file; what is in it stays."""
        self._map.close()
