"""Measures how long this machine stands still, apart from everything else: one sleeping thread on each processor.

A process of its own, of a rank above all it measures for, so that neither the simulator's load, nor its interpreter lock, nor a
controller that is starting is taken for the machine's. The worst excess over the sleep asked for lies in a shared file of one
64-bit word, in nanoseconds; whoever reads it may set it back to 0.

    python -m simulator.stall_probe FILE
"""

from __future__ import annotations

import contextlib
import mmap
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from simulator.scheduling import PROBE_PRIORITY, real_time_command

SLEEP_S = 0.005


class StallProbe:
    """Starts the probe's process, and reads it."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(8))
        self._words = _map(path)
        command = [*real_time_command(PROBE_PRIORITY), sys.executable, "-m", "simulator.stall_probe", str(path)]
        self._process = subprocess.Popen(command)

    def reset(self) -> None:
        """Forgets what was measured so far."""
        self._words[0] = 0

    @property
    def worst_ms(self) -> float:
        """The longest stall since the reset."""
        return self._words[0] / 1e6

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()


def _map(path: Path) -> memoryview:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        return memoryview(mmap.mmap(descriptor, 8)).cast("q")
    finally:
        os.close(descriptor)


def _measure(words: memoryview, processor: int) -> None:
    with contextlib.suppress(OSError):  # where pinning is forbidden the scheduler decides
        os.sched_setaffinity(0, {processor})
    while True:
        before = time.monotonic_ns()
        time.sleep(SLEEP_S)
        excess = time.monotonic_ns() - before - int(SLEEP_S * 1e9)
        words[0] = max(words[0], excess)


def main() -> None:
    """Measures until killed."""
    words = _map(Path(sys.argv[1]))
    threads = [threading.Thread(target=_measure, args=(words, processor), daemon=True) for processor in os.sched_getaffinity(0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
