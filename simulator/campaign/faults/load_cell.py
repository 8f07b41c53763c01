"""The harness load cell and its converter: silent, glitching, drifting, stuck, saturated."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from controller.core.readings import LoadSample
from simulator.campaign.fault import Fault, Undo, fault
from simulator.campaign.stage import Stage

GROUP = "load cell"
_HIGHEST, _LOWEST = (1 << 23) - 1, -(1 << 23)


def _spoil(stage: Stage, how: Callable[[LoadSample], LoadSample | None]) -> Undo:
    spoils = stage.system.load_cell.spoils
    spoils.append(how)
    return lambda: spoils.remove(how)


@fault("load-gap", GROUP, 50, 1500)
def gap(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """No sample comes."""
    return _spoil(stage, lambda _sample: None)


@fault("load-glitch", GROUP, 20, 1000)
def glitch(stage: Stage, one: Fault) -> Undo:
    """Single samples of 2^n - 1, or read one bit early."""
    chance = Random(one.pick)

    def how(sample: LoadSample) -> LoadSample:
        if chance.random() >= 0.02 + 0.3 * one.amount**2:
            return sample
        counts = (1 << chance.randint(10, 23)) - 1 if chance.random() < 0.5 else sample.counts >> 1
        return LoadSample(sample.measured_at_ns, counts)

    return _spoil(stage, how)


@fault("load-drift", GROUP, 2000, 20000)
def drift(stage: Stage, one: Fault) -> Undo:
    """The cell's zero wanders, up to 60 N in 20 s."""
    system = stage.system
    began_ns = system.now_ns
    counts_per_s = (2 * one.amount - 1) * 3.0 / 3.58722e-3

    def how(sample: LoadSample) -> LoadSample:
        moved = int(counts_per_s * (sample.measured_at_ns - began_ns) / 1e9)
        return LoadSample(sample.measured_at_ns, sample.counts + moved)

    return _spoil(stage, how)


@fault("load-stuck", GROUP, 50, 3000)
def stuck(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The same counts again and again, on time."""
    first: list[int] = []

    def how(sample: LoadSample) -> LoadSample:
        first.append(sample.counts)
        return LoadSample(sample.measured_at_ns, first[0])

    return _spoil(stage, how)


@fault("load-saturated", GROUP, 20, 1500)
def saturated(stage: Stage, one: Fault) -> Undo:
    """The converter's end of range, either one."""
    counts = _HIGHEST if one.pick % 2 else _LOWEST
    return _spoil(stage, lambda sample: LoadSample(sample.measured_at_ns, counts))
