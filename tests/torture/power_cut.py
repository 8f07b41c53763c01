"""What a disk may hold after a power cut: everything that was synced, and of the rest any part, torn at any sector.

The log of `storage_shim.c` says what was written and synced, in which order. A disk is free to have kept any subset of the sectors
that were written after the last sync of their file, in any order; lengths of files likewise.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

SECTOR_BYTES = 512
_HEAD = struct.Struct("=IIQQ")
_WRITE, _TRUNCATE, _SYNC, _REMOVE = 1, 2, 3, 4


class Change(msgspec.Struct, frozen=True):
    """One record of the log. end: the log's length after it."""

    operation: int
    path: str
    offset: int
    data: bytes
    end: int


def read_log(path: Path) -> list[Change]:
    """Returns every record."""
    log, at, changes = path.read_bytes(), 0, []
    while at < len(log):
        operation, name_length, offset, length = _HEAD.unpack_from(log, at)
        at += _HEAD.size
        name = log[at : at + name_length].decode()
        at += name_length
        data = log[at : at + length] if operation == _WRITE else b""
        at += len(data)
        changes.append(Change(operation, name, offset, data, at))
    return changes


class Disk:
    """Files as they surely are, and what may or may not have reached them since."""

    def __init__(self) -> None:
        self.sure: dict[str, bytearray] = {}
        self.waiting: dict[str, list[Change]] = {}

    def take(self, change: Change) -> None:
        """Applies one record."""
        if change.operation == _REMOVE:
            self.sure.pop(change.path, None)
            self.waiting.pop(change.path, None)
        elif change.operation == _SYNC:
            content = self.sure.setdefault(change.path, bytearray())
            for waiting in self.waiting.pop(change.path, []):
                _apply(content, waiting)
        else:
            self.sure.setdefault(change.path, bytearray())
            self.waiting.setdefault(change.path, []).append(change)

    def after_power_cut(self, chance: random.Random) -> dict[str, bytes]:
        """Returns one of the states that the disk may be in."""
        found = {}
        for path, content in self.sure.items():
            kept = bytearray(content)
            for piece in _pieces(self.waiting.get(path, [])):
                if chance.random() < 0.5:
                    _apply(kept, piece)
            found[path] = bytes(kept)
        return found


def _pieces(changes: list[Change]) -> Iterator[Change]:
    """Each write by its sectors: a disk writes those whole, and nothing larger."""
    for change in changes:
        if change.operation == _TRUNCATE:
            yield change
        for at in range(0, len(change.data), SECTOR_BYTES):
            yield Change(_WRITE, change.path, change.offset + at, change.data[at : at + SECTOR_BYTES], change.end)


def _apply(content: bytearray, change: Change) -> None:
    if change.operation == _TRUNCATE:
        if change.offset < len(content):
            del content[change.offset :]
        else:
            content.extend(bytes(change.offset - len(content)))
        return
    if len(content) < change.offset:
        content.extend(bytes(change.offset - len(content)))
    content[change.offset : change.offset + len(change.data)] = change.data
