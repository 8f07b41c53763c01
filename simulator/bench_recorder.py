"""What the flight recorder costs a scan: in a tight loop, and cold, with a hundred a second."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from controller.code_identity import code_identity, python_version
from controller.core.state import Outputs
from controller.core.step import step
from controller.flight_format import FlightHeader
from controller.flight_recorder import FlightRecorder
from simulator.bench_figures import Section, spread
from simulator.bench_reaction import BenchError
from simulator.bench_step import PERIOD_S, Call, as_in_the_scan

P50_US = 15.0
_TIGHT_ROUNDS = 20
_COLD_SCANS = 600
_ROUND_NS = 60_000_000_000


def measure_recorder(directory: Path, calls: list[Call]) -> Section:
    """Records the given scans of a walking session over and over, in a ring below `directory`."""
    recorder = FlightRecorder(directory, _header(calls[0]), _refuse)
    decided = [step(call.state, call.inputs, call.settings, call.now_ns)[1] for call in calls]
    scans = list(zip(calls, decided, strict=True))
    with as_in_the_scan():
        rounds = range(_TIGHT_ROUNDS)
        tight = [_cost_us(recorder, *scan, number * _ROUND_NS) for number in rounds for scan in scans]
        cold = []
        for call in itertools.islice(itertools.cycle(calls), _COLD_SCANS):
            time.sleep(PERIOD_S)
            _, outputs = step(call.state, call.inputs, call.settings, call.now_ns)
            cold.append(_cost_us(recorder, call, outputs, _TIGHT_ROUNDS * _ROUND_NS))
    recorder.close()
    return Section(
        "The flight recorder",
        f"The same scans, recorded {_TIGHT_ROUNDS} times in a tight loop, and {_COLD_SCANS} each after 10 ms of sleep and its "
        "`step`, as in the scan; once a second the whole state is among it. Targets are of the median.",
        (
            *spread("recording a scan, tight loop", tight, "us", (P50_US, None)),
            *spread("recording a scan, after its step at 100 Hz", cold, "us", (P50_US, None)),
        ),
    )


def _cost_us(recorder: FlightRecorder, call: Call, outputs: Outputs, later_ns: int) -> float:
    began = time.perf_counter_ns()
    recorder.record(call.state, call.inputs, outputs, call.now_ns + later_ns)
    return (time.perf_counter_ns() - began) / 1000


def _header(call: Call) -> FlightHeader:
    return FlightHeader(
        version="bench",
        code=code_identity(),
        python=python_version(),
        treadmill="bench/bench",
        boot_id="bench",
        began_ns=call.now_ns,
        began_time="2026-01-01T00:00:00.000Z",
        settings=call.settings,
    )


def _refuse(text: str) -> None:
    raise BenchError(text)
