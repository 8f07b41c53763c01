"""A small file that is replaced whole, with the rights it had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from controller.durable_file import write_durably


def test_a_new_file_gets_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_durably(tmp_path / "a.json", b"one", 0o644)
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").read_bytes() == b"one"
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_file_keeps_its_owner_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.chown(path, 4711, 4712)
    write_durably(path, b"new", 0o644)
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (4711, 4712, 0o640)
    assert path.read_bytes() == b"new"


def test_no_system_call_for_an_owner_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller's unit filters chown away: its own file must be written all the same."""
    path = tmp_path / "a.json"
    write_durably(path, b"one", 0o640)

    def denied(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", denied)
    write_durably(path, b"two", 0o640)
    assert path.read_bytes() == b"two"


def test_a_disk_that_refuses_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_durably(path, b"one", 0o640)

    def refuse(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_durably(path, b"two", 0o640)
    assert path.read_bytes() == b"one"
