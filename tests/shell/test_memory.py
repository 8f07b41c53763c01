"""The clean-stop marker: only a value that was written whole and on purpose counts as clean."""

import errno
import os
from pathlib import Path

import pytest

from controller.memory import Memory, Remembered


def test_nothing_there_is_an_unclean_stop(tmp_path: Path) -> None:
    assert Memory(tmp_path / "m.json").found == Remembered(clean=False)


def test_the_last_value_is_found_again(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m.json")
    memory.keep(Remembered(clean=False, reserved_event_id=300))
    memory.close(Remembered(clean=True, reserved_event_id=17))
    assert Memory(tmp_path / "m.json").found == Remembered(clean=True, reserved_event_id=17)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"clean": "yes"}',
        b'{"clean": true, "more": 1}',
        b"\xff\xfe",
        b"[]",
        b'{"clean": true, "causes": ["\xff"]}',
        b"[" * 5000,
    ],
)
def test_a_damaged_file_is_an_unclean_stop(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(content)
    found = Memory(path).found
    assert not found.clean
    assert found.causes == ("damaged",)


def test_a_disk_that_refuses_is_said_and_the_old_value_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.json"
    first = Memory(path)
    first.close(Remembered(clean=False, causes=("clip-open",)))
    memory = Memory(path)

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    memory.close(Remembered(clean=True))
    assert "Input/output error" in memory.failure
    monkeypatch.undo()
    assert Memory(path).found.causes == ("clip-open",)
