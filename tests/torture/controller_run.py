"""Runs the controller's main once for each fault that standard input names, and says what came of each: a line of JSON.

A process of its own, because the modules under test are compiled with their call sites. `null` for a fault: a run without one.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec

from tests.torture.call_sites import CONTROLLER_FILES, instrument
from tests.torture.errors import ERRORS

MACHINES: list[Any] = []


def _at_site(name: str, call: Any) -> Any:
    return MACHINES[-1].at_site(name, call, ERRORS) if MACHINES else call


def main() -> None:
    """Reads lines `[fault or null, by_bit, seed]`."""
    instrument(CONTROLLER_FILES, _at_site, "tests.torture.virtual_time")
    from controller import service
    from simulator import demo_configuration
    from tests.torture import machine

    machine.standins()
    document = demo_configuration.demo_document
    for line in sys.stdin:
        fault, by_bit, seed = json.loads(line)
        wanted = msgspec.convert(fault, machine.Fault) if fault is not None else None

        def configuration(directory: Path, devices: Path, by_bit: bool = by_bit) -> Path:
            demo_configuration.demo_document = lambda device: {
                **document(device), **({"load_cell": {"backend": "gpio"}} if by_bit else {}),
            }  # fmt: skip
            path = demo_configuration.write_configuration(directory, devices, 1)
            for name in ("flight.ring", *(f"flight-{life}.ring" for life in ("aa", "bb", "cc", "dd"))):
                (directory / "runtime" / name).write_bytes(bytes(100))  # what former lives have left
            (directory / "state" / "controller.json").write_text('{"clean": true, "causes": [], "reserved_event_id": 0}')
            return path

        treadmill = machine.Machine(seed, configuration, by_bit)
        MACHINES.append(treadmill)
        machine.reload_standins()
        try:
            first = treadmill.live(service.main, wanted)
            treadmill._prepared = True
            second = treadmill.live(service.main, None, 4_000_000_000)
            answer = {"fault": fault, "fired": treadmill.fault is None and bool(first.failed_at_ns), "lives": [first, second]}
        except BaseException:
            answer = {"fault": fault, "broken": traceback.format_exc()}
        MACHINES.clear()
        treadmill.close()
        print(msgspec.json.encode(answer).decode(), flush=True)


if __name__ == "__main__":
    main()
