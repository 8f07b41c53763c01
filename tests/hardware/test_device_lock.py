"""One program at a time, whatever became of the last; and memory that is locked, or said not to be."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.hardware.device_lock import LOCK_FILE, DeviceLock
from controller.hardware.errors import HardwareError
from controller.hardware.memory_lock import lock_memory

HOLDER = """
import sys, time
from pathlib import Path
from controller.hardware.device_lock import DeviceLock
lock = DeviceLock(Path(sys.argv[1]))
sys.stdout.write("held\\n"); sys.stdout.flush()
time.sleep(60)
"""


def test_the_second_program_is_told_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(HardwareError, match="systemctl stop sternway-controller"):
        DeviceLock(tmp_path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with DeviceLock(tmp_path):
        pass


def test_any_user_may_take_turns(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with DeviceLock(tmp_path / "run"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "run" / LOCK_FILE).stat().st_mode & 0o777 == 0o644


def test_a_directory_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HardwareError, match="runtime_directory"):
        DeviceLock(tmp_path / "file" / "below")


def test_a_place_that_knows_no_locks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("controller.hardware.device_lock.fcntl.flock", refuse)
    with pytest.raises(HardwareError, match=r"devices\.lock, cannot be taken .*a local disk"):
        DeviceLock(tmp_path)


LOCKER = """
import sys
from controller.hardware.memory_lock import lock_memory
reason = lock_memory()
status = open("/proc/self/status").read()
locked = next(line for line in status.splitlines() if line.startswith("VmLck"))
sys.stdout.write(f"{reason}|{locked.split()[1]}\\n")
"""


def test_memory_is_locked_where_that_is_permitted_and_the_kernel_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", LOCKER], capture_output=True, text=True, check=True, timeout=30)
    reason, kilobytes = done.stdout.strip().split("|")
    if reason:
        pytest.skip(f"not permitted here: {reason}")
    assert int(kilobytes) > 4096


def test_a_refusal_is_said_and_ends_nothing() -> None:
    asked: list[int] = []

    def refuse(flags: int) -> int:
        asked.append(flags)
        return -1

    assert "memory is not locked" in lock_memory(refuse)
    assert asked == [1]
    assert lock_memory(lambda _flags: 0) == ""
