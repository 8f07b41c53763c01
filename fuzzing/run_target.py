"""Fuzzes one target in this process until libFuzzer's limits end it: `python -m fuzzing.run_target NAME [libFuzzer options]`."""

from __future__ import annotations

import importlib
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
    atheris.Setup([sys.argv[0], *sys.argv[2:]], lambda data: target(bytes(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
