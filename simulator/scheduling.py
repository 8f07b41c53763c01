"""Real-time scheduling, as the controller's systemd unit asks for it, where this user may have it.

Without it the demo shares the processors with everything else on the machine, and a busy machine makes scans late.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess

CONTROLLER_PRIORITY = 50
"""CPUSchedulingPriority of systemd/sternway-controller.service."""
WORLD_PRIORITY = 60
"""Physics is not late: the belt, the drive and the patient come before the controller."""
PROBE_PRIORITY = 70
"""What measures whether the machine stands still comes before all it measures for: a controller that starts computes for half a
second on a slow machine, and a probe of its own rank would wait for it, and call that a stall."""

BESIDE_PRIORITY = 1
"""Of threads that share the interpreter with the world: one that waits for a processor, its lock in hand, holds the belt up."""


@functools.cache
def real_time_command(priority: int = CONTROLLER_PRIORITY) -> tuple[str, ...]:
    """What to put before a command to schedule it first-in-first-out, as the unit is; empty where that is not allowed."""
    program = shutil.which("chrt")
    if program is None:
        return ()
    command = (program, "--fifo", str(priority))
    allowed = subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    return command if allowed else ()


def schedule_this_thread(priority: int) -> None:
    """Gives the calling thread first-in-first-out scheduling, where that is allowed; what it starts begins without."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
