"""The load cells at the rails of the emulated treadmill: a hand that holds bears a share of the patient's weight."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from simulator.load_cell import CellParameters, LoadCell
from simulator.pins import ChipBoard
from simulator.world import World

RAIL_CELL = CellParameters(zero_counts=52_300, newtons_per_count=1.2e-3, hook_n=0.0)
"""A 1 kN cell: counts and span differ from the harness cell's, so that one taken for the other shows."""
HAND_BEARS = 0.05
"""Share of body weight on each hand that holds."""


class EmulatedRailCells:
    """Both cells; call `advance` after the world's own step."""

    def __init__(self, chips: Sequence[ChipBoard], world: World, seed: int) -> None:
        """chips: left and right, on their wires. seed: of the cells' own noise, so that nothing else of the world changes by it."""
        random = Random(seed)
        self._world = world
        self._cells = [(chip, LoadCell(random, world.now_ns, RAIL_CELL)) for chip in chips]
        self.hung_n = [0.0] * len(self._cells)
        """What hangs on each rail beside a hand: a technician's weight, somebody who leans on it."""

    def advance(self) -> None:
        """Lets each chip convert what its rail bears now."""
        patient = self._world.patient
        hand_n = HAND_BEARS * patient.parameters.weight_n
        for holds, hung_n, (chip, cell) in zip((patient.holds_left, patient.holds_right), self.hung_n, self._cells, strict=True):
            cell.advance(self._world.now_ns, hung_n + (hand_n if holds else 0.0))
            chip.set_counts(cell.counts_now())
