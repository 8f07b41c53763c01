"""The clean-stop marker: only a value that was written whole and on purpose counts as clean."""

import errno
import os
import shlex
import subprocess
import time
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


@pytest.mark.hazard("H-03", "C-UNCLEAN-START")
def test_a_clean_stop_is_taken_back_before_the_first_scan(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    Memory(path).close(Remembered(clean=True, reserved_event_id=17))
    found = Memory(path).found
    assert found == Remembered(clean=True, reserved_event_id=17)
    assert not Memory(path).found.clean, "nothing was written by hand: a power cut now finds no clean stop"


@pytest.mark.hazard("H-03", "C-UNCLEAN-START")
def test_a_clean_stop_that_cannot_be_taken_back_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.json"
    Memory(path).close(Remembered(clean=True))

    def refuse(_old: object, _new: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    said: list[str] = []
    monkeypatch.setattr(os, "replace", refuse)
    assert not Memory(path, said.append).found.clean
    assert "Read-only file system" in said[0]


def test_a_value_that_could_not_be_written_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.json"
    fsync, failures = os.fsync, iter([errno.ENOSPC])

    def full_once(descriptor: int) -> None:
        number = next(failures, 0)
        if number:
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr("controller.memory._AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr(os, "fsync", full_once)
    said: list[str] = []
    memory = Memory(path, said.append)
    memory.keep(Remembered(clean=False, reserved_event_id=9))
    deadline = time.monotonic() + 10
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert Memory(path).found.reserved_event_id == 9
    assert "No space left" in said[0]


def test_what_the_installing_page_does_after_a_restore_makes_the_first_start_unclean(tmp_path: Path) -> None:
    """A backup is made after a clean stop; the card that it replaces may have failed under a latch."""
    path = tmp_path / "m.json"
    Memory(path).close(Remembered(clean=True, reserved_event_id=1000, orderly=True))
    page = (Path(__file__).parents[2] / "docs/install.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith("sudo sed -i") and line.endswith("controller.json")]
    words = shlex.split(line.replace("/var/lib/sternway/controller/controller.json", str(path)))
    subprocess.run(words[1:], check=True)
    found = Memory(path).found
    assert (found.clean, found.reserved_event_id) == (False, 1000)
