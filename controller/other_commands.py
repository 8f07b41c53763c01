"""Subcommands that other parts of Sternway bring: `sternway NAME` runs the program `sternway-NAME` that was installed beside it.

The controller's package must not import telemetry, the clinic's desk or a development tool; a program of their own need not be
imported.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

_PREFIX = "sternway-"
_NAME = re.compile(r"[a-z][a-z-]{0,31}")
_SERVICES = frozenset({"controller", "telemetry"})


def find_other_commands(directory: Path | None = None) -> dict[str, Path]:
    """Returns the programs installed beside this one, by the name of their subcommand; services are none.

    Only that directory is looked at, never PATH: whoever can write to a directory on it must not become a command of ours.
    """
    place = directory if directory is not None else Path(sys.argv[0]).resolve().parent
    found = {}
    for program in sorted(place.glob(f"{_PREFIX}*")):
        name = program.name.removeprefix(_PREFIX)
        if _NAME.fullmatch(name) and name not in _SERVICES and os.access(program, os.X_OK):
            found[name] = program
    return found


def run_other_command(program: Path, arguments: Sequence[str]) -> int:
    """Replaces this process by the program, so that its exit code and its signals are ours. Raises OSError when it cannot run."""
    sys.stdout.flush()
    os.execv(program, [str(program), *arguments])
