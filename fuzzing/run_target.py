"""Fuzzes one target in this process until libFuzzer's limits end it: `python -m fuzzing.run_target NAME [libFuzzer options]`."""

from __future__ import annotations

import importlib
import shlex
import sys

import atheris

INSTRUMENTED = [
    "controller",
    "desk",
    "tests.fuzz.planted",
    "firmware_bridge.codec",
    "messages",
    "replay.recording",
    "settings_files",
    "telemetry.commands",
    "telemetry.patient_records",
    "telemetry.patients",
    "fuzzing",
    "tomllib",
]


def main() -> None:
    """Never returns: libFuzzer ends the process, with 77 after a finding."""
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        module, _, name = sys.argv[1].rpartition(":")
        targets = importlib.import_module(module or "fuzzing.targets").TARGETS
    target = targets[name]
    # A merge starts this again, by a shell and by the first word: it must be a command that runs, not the name of a module's file.
    again = f"{shlex.quote(sys.executable)} -m fuzzing.run_target {shlex.quote(sys.argv[1])}"
    atheris.Setup([again, *sys.argv[2:]], lambda data: target(bytes(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
