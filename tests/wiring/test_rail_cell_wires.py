"""The rows of docs/wiring/wires.toml that are rail cells' wires: each is broken, and shorted, at the modelled chips' pins.

Under them the real clocking and judging: that rail is unknown for the row's reason, and the other goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.commissioning.settings import CommissioningSettings
from controller.hardware.settings import RAIL_LEFT, RAIL_RIGHT
from controller.rail_loads import FittedCell, RailLoad, RailLoads
from simulator.pins import DoutHeld
from tests.hardware.test_shared_clock import Bench
from tests.shell.test_rail_loads import CERTIFICATE, CONFIGURED, NOW
from tests.wiring.breakages import Wire, read_wires

WIRES = tuple(wire for wire in read_wires() if wire.unknown is not None)
LOAD_N = 40.0
READ_EVERY_S = 0.1


class Rails:
    """Both modelled chips in virtual time, each trembling about 40 N, read ten times a second."""

    def __init__(self, directory: Path) -> None:
        self.bench = Bench(directory / "pins")
        self.bench.late = self._tremble
        self.counts = [self._counts(), self._counts()]
        self.trembles = [True, True]
        fitted = {RAIL_LEFT: FittedCell(CONFIGURED, CERTIFICATE), RAIL_RIGHT: FittedCell(CONFIGURED, CERTIFICATE)}
        sampler = Sampled(self.bench)
        self.loads = RailLoads(sampler, fitted, False, CommissioningSettings(), NOW.timestamp, lambda _text: None)

    @staticmethod
    def _counts() -> int:
        return CONFIGURED.zero_counts + round(LOAD_N / CONFIGURED.newtons_per_count)

    def _tremble(self) -> int:
        sign = 1 if self.bench.now_ns // 13_000_000 % 2 else -1
        for chip, counts, trembles in zip(self.bench.board.rail_cells, self.counts, self.trembles, strict=True):
            chip.set_counts(counts + (20 * sign if trembles else 0))
        return 0

    def run(self, seconds: float) -> dict[str, RailLoad]:
        reading = self.loads.read(self.bench.now_ns)
        for _ in range(round(seconds / READ_EVERY_S)):
            until_ns = self.bench.now_ns + round(READ_EVERY_S * 1e9)
            while self.bench.now_ns < until_ns:
                self.bench.sampler.turn()
            reading = self.loads.read(self.bench.now_ns)
        return {"left": reading.left, "right": reading.right}


class Sampled:
    """The bench's sampler, which has no thread here."""

    alive = True

    def __init__(self, bench: Bench) -> None:
        self.cells = bench.sampler.cells


def _clock(rails: Rails, _how: DoutHeld) -> None:
    """The chips get no pulse any more, whatever level the wire has."""
    # The wire is broken between the emulated board and its chips: of these two chips, of no others.
    rails.bench.left.set_clock = rails.bench.right.set_clock = lambda _level, _now_ns: None  # type: ignore[method-assign]


def _data(side: int) -> Callable[[Rails, DoutHeld], None]:
    def act(rails: Rails, how: DoutHeld) -> None:
        rails.bench.board.rail_cells[side].hold_dout(how)

    return act


def _frozen(rails: Rails, _how: DoutHeld) -> None:
    rails.trembles[0] = False


def _saturated(rails: Rails, _how: DoutHeld) -> None:
    rails.counts[1], rails.trembles[1] = 8_388_607, False


_ACTS = {
    "rail clock": _clock,
    "rail data left": _data(0),
    "rail data right": _data(1),
    "rail frozen": _frozen,
    "rail saturated": _saturated,
}


def test_every_row_of_a_rail_cell_says_that_nothing_trips() -> None:
    assert {wire.place for wire in WIRES} == set(_ACTS)
    assert all(wire.broken == wire.shorted == ("nothing",) for wire in WIRES)


@pytest.mark.parametrize("how", [DoutHeld.HIGH, DoutHeld.LOW], ids=["broken", "shorted"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.id)
def test_that_rail_is_unknown_for_the_reason_of_the_row_and_the_other_goes_on(tmp_path: Path, wire: Wire, how: DoutHeld) -> None:
    rails = Rails(tmp_path)
    before = rails.run(1.0)
    assert all(load.load_n == pytest.approx(LOAD_N, abs=1.0) for load in before.values())
    _ACTS[wire.place](rails, how)
    after = rails.run(1.0)
    assert wire.unknown is not None
    for side, load in after.items():
        if side in wire.unknown.rails:
            assert load.load_n is None
            assert load.unknown.startswith(wire.unknown.reason)
        else:
            assert load.load_n == pytest.approx(LOAD_N, abs=1.0)
