"""The load cells at the rails: HX711s on a clock that they share with nobody else, read in a thread of their own.

They tell people how much a patient leans on their hands, and nothing that moves or stops the belt hears of them
(docs/decisions/0013-rail-cells.md). The harness cell has its own clock, data line and thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from controller.hardware.gpio import LoadCellPins, load_gpio
from controller.hardware.hx711 import Conversions, Discard, SamplingThread, SharedClock
from controller.hardware.settings import RailCells
from controller.hardware.shared_clock import Turns

_POLL_S = 0.001
_SLOW_POLL_S = 0.005
"""When no chip has been ready lately: they are powered down or gone."""


class SharedClockBackend(Protocol):
    """Several chips on one clock."""

    def ready(self) -> int:
        """Mask of the lines on which a conversion waits."""
        ...

    def shift(self) -> tuple[int | Discard, ...]:
        """Clock out one conversion of each line."""
        ...

    def close(self) -> None:
        """Give the pins back."""
        ...


class RailCellSampler(SamplingThread):
    """Reads every fitted rail cell; `cells` has the conversions of each by its name (`rail-left`, `rail-right`)."""

    def __init__(
        self,
        backend: SharedClockBackend,
        names: Sequence[str],
        say: Callable[[str], None] = lambda _text: None,
        clock: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """names: of the cells, in the order of the backend's lines. say: is told what ended the thread. wait: takes seconds."""

        def say_lost(failure: str) -> None:
            say(f"The rail cells are lost: {failure}. The treadmill runs without them. Remedy: check their wiring, then restart.")

        super().__init__("rail-cells", backend, say_lost)
        self.cells = {name: Conversions() for name in names}
        self._backend = backend
        self._clock = clock
        self._wait = wait
        self._turns = Turns(len(names), clock())

    def turn(self) -> None:
        """Look, and clock all lines when it is their time."""
        ready = self._backend.ready()
        now_ns = self._clock()
        if self._turns.is_due(ready, now_ns):
            self._take(ready)
            self._wait(self._turns.rest_ns(self._clock()) / 1e9)
        else:
            self._wait(_POLL_S if self._turns.any_lives(now_ns) else _SLOW_POLL_S)

    def _take(self, ready: int) -> None:
        began_ns = self._clock()
        outcomes = self._backend.shift()
        judged = self._turns.judge(ready, outcomes, began_ns, self._clock())
        for cell, outcome in zip(self.cells.values(), judged, strict=True):
            if outcome is None:
                cell.doubt()
            else:
                cell.take(began_ns, outcome)


def open_rail_cells(rail_cells: RailCells, say: Callable[[str], None] = lambda _text: None) -> RailCellSampler:
    """Set up the pins of the fitted cells, of which there is at least one, and start sampling. Raises HardwareError."""
    fitted = rail_cells.fitted
    wires = {"rail_cells.pd_sck": rail_cells.pd_sck}
    wires |= {f"{name.replace('-', '_')}_cell.dout": cell.dout for name, cell in fitted.items()}
    sampler = RailCellSampler(SharedClock(LoadCellPins(wires, load_gpio()), len(fitted)), tuple(fitted), say)
    sampler.start()
    return sampler
