"""Writes a small file so that a power cut leaves either the old content or the new, never a part."""

from __future__ import annotations

import os
from pathlib import Path


def write_durably(path: Path, content: bytes, new_mode: int) -> None:
    """Writes beside the file, flushes it to the disk and renames it into place; raises OSError.

    A file that is there keeps its owner and its mode; new_mode is what another gets, whatever the umask.
    """
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _take_over_rights(descriptor, path, new_mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)
    # Without this a power cut brings the old content back, such as a clean stop that has been taken back since.
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _take_over_rights(descriptor: int, path: Path, new_mode: int) -> None:
    try:
        before = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, new_mode)
        return
    ours = os.fstat(descriptor)
    if (ours.st_uid, ours.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)  # the service may not even ask: its system call filter has no chown
    os.fchmod(descriptor, before.st_mode & 0o7777)
