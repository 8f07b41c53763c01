"""What one `step` costs: in a tight loop, and cold, with a hundred a second and everything else in the caches in between."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import msgspec

from controller import scan
from controller.configuration import Configuration, load_configuration
from controller.core.chart import MOVING_STATES
from controller.core.state import CoreState, Outputs, ScanInputs, Settings
from controller.core.step import step
from simulator.bench_figures import Figure, Section, spread
from simulator.play import Player
from simulator.scenarios import BY_NAME
from simulator.therapist import Therapist
from simulator.virtual import VirtualMachinery, VirtualTreadmill

TIGHT_P50_US = 60.0
COLD_P50_US = 200.0
_RECORDED_SCANS = 1000
_TIGHT_ROUNDS = 20
_COLD_SCANS = 600
_LOOK_NS = 100_000_000
_LONGEST_NS = 60_000_000_000
PERIOD_S = 0.010


class Call(msgspec.Struct, frozen=True):
    """What one `step` was given while a patient walked."""

    state: CoreState
    inputs: ScanInputs
    settings: Settings
    now_ns: int


def walking_calls(configuration_file: Path) -> list[Call]:
    """Returns what `step` was given in a walking session of the virtual treadmill."""
    return _record(load_configuration(configuration_file))


def measure_step(calls: list[Call]) -> Section:
    """Gives `step` the same inputs again."""
    with as_in_the_scan():
        tight = [_cost_us(call) for call in itertools.chain.from_iterable([calls] * _TIGHT_ROUNDS)]
        cold = []
        for call in itertools.islice(itertools.cycle(calls), _COLD_SCANS):
            time.sleep(PERIOD_S)
            cold.append(_cost_us(call))
    return Section(
        "One step of the core",
        f"{len(calls)} scans of a walking session, recorded in virtual time; given to `step` again {_TIGHT_ROUNDS} times in a "
        f"tight loop, and {_COLD_SCANS} times with 10 ms of sleep before each. Targets are of the median.",
        (
            *spread("step, tight loop", tight, "us", (TIGHT_P50_US, None)),
            *spread("step, cold at 100 Hz", cold, "us", (COLD_P50_US, None)),
            Figure("samples, tight and cold", float(len(tight) + len(cold)), ""),
        ),
    )


def _record(configuration: Configuration) -> list[Call]:
    """The calls of `step` while the belt is driven, in the order in which they came."""
    calls: list[Call] = []

    def recorder(state: CoreState, inputs: ScanInputs, settings: Settings, now_ns: int) -> tuple[CoreState, Outputs]:
        if state.chart in MOVING_STATES and len(calls) < _RECORDED_SCANS:
            calls.append(Call(state, inputs, settings, now_ns))
        return step(state, inputs, settings, now_ns)

    play = BY_NAME["session"]
    with (
        patch.object(scan, "step", recorder),
        VirtualTreadmill(configuration.core_settings, configuration.drive_limits, seed=1) as treadmill,
    ):
        therapist = Therapist(treadmill.world, treadmill.random, play.rises)
        player = Player(play, treadmill.world, therapist, VirtualMachinery(treadmill))
        began_ns, prepared = treadmill.now_ns, False
        while len(calls) < _RECORDED_SCANS:
            if treadmill.now_ns - began_ns > _LONGEST_NS:
                raise RuntimeError(f"the simulated patient walked {len(calls)} scans only: {treadmill.snapshot}")
            treadmill.advance(treadmill.now_ns + _LOOK_NS)
            player.look(treadmill.snapshot, treadmill.display.lines)
            if not prepared and treadmill.snapshot is not None and treadmill.snapshot.state == "standby":
                treadmill.prepare(play.plan)
                prepared = True
                therapist.helps = False
    return calls


@contextmanager
def as_in_the_scan() -> Iterator[None]:
    """Without garbage collection, as the scan loop runs."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _cost_us(call: Call) -> float:
    began = time.perf_counter_ns()
    step(call.state, call.inputs, call.settings, call.now_ns)
    return (time.perf_counter_ns() - began) / 1000
