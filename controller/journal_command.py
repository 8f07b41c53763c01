"""`sternway logs`: the journal of both services, as journalctl shows it."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Sequence

UNITS = ("sternway-controller.service", "sternway-telemetry.service")


def journalctl_arguments(follow: bool, since: str, priority: str) -> list[str]:
    """Returns the command: both units together, oldest first, with the computer's own time to the millisecond."""
    units = [word for unit in UNITS for word in ("--unit", unit)]
    end = ["--follow", "--lines=200"] if follow else ["--no-pager"]
    return ["journalctl", *units, "--output=short-iso-precise", f"--since={since}", f"--priority={priority}", *end]


def run_journalctl(arguments: Sequence[str]) -> int:
    """Replaces this process by journalctl. Raises FileNotFoundError where there is none."""
    program = shutil.which(arguments[0])
    if program is None:
        raise FileNotFoundError(
            errno.ENOENT, "There is no such program; the logs are where the services' output goes", arguments[0]
        )
    sys.stdout.flush()
    os.execv(program, list(arguments))
