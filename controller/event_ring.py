"""Events that telemetry has not acknowledged yet, in a memory-mapped file of the runtime directory.

The file outlives the process, so a killed controller finds its own events again. A slot is written payload first and its header
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


# Control C-EVENTS-KEPT.
class EventRing:
    """The unacknowledged events, oldest first. `dropped` counts events that were overwritten before they were acknowledged."""

    def __init__(self, path: Path) -> None:
        """Maps the ring, creating it when it is missing; raises OSError when it cannot."""
        size = SLOTS * SLOT_BYTES
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            if os.fstat(descriptor).st_size != size:
                os.ftruncate(descriptor, 0)
                os.posix_fallocate(descriptor, 0, size)
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        self.dropped = 0
        self.acknowledged = 0
        self._pending: dict[int, bytes] = dict(sorted(self._recover()))

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
