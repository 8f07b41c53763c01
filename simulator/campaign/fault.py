"""A fault as data, and the register of the functions that make one happen. Each function does one thing and says how to end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simulator.campaign.stage import Stage


class Unfelt(Enum):
    """Why a fault does not count: nothing was there that it could have harmed, or nothing asked for what it took away."""

    UNFELT = "unfelt"


UNFELT: Final = Unfelt.UNFELT
Undo = Callable[[], object]
"""Ends a fault, and no other one. Returns UNFELT when, as it turned out, nobody can have felt it."""
Deed = Callable[["Stage", "Fault"], Undo | Unfelt | None]
"""Returns how to end it; None for what ends by itself; UNFELT when it met nothing."""


@dataclass(frozen=True)
class Fault:
    """at_ms: since the run began; of an armed fault, since the belt was seen to move. amount: 0 to 1, how much of it. pick: any
    number, for which of several.
    """

    at_ms: int
    name: str
    lasts_ms: int
    amount: float
    pick: int

    def __str__(self) -> str:
        return f"{self.at_ms / 1000:9.3f} s  {self.name} for {self.lasts_ms} ms (amount {self.amount:g}, pick {self.pick})"


@dataclass(frozen=True)
class FaultKind:
    """weight: how often it is drawn beside the others. shortest_ms, longest_ms: how long it lasts."""

    name: str
    group: str
    weight: float
    shortest_ms: int
    longest_ms: int
    deed: Deed

    def draw(self, at_ms: int, chance: Random) -> Fault:
        """Returns one such fault at that time."""
        lasts_ms = chance.randint(self.shortest_ms, self.longest_ms)
        return Fault(at_ms, self.name, lasts_ms, round(chance.random(), 3), chance.randrange(1 << 16))


KINDS: dict[str, FaultKind] = {}
"""Every kind by name. Filled by the modules of `simulator.campaign.faults`."""


def fault(name: str, group: str, shortest_ms: int, longest_ms: int, weight: float = 1.0) -> Callable[[Deed], Deed]:
    """Registers the function as a fault of this name."""

    def register(deed: Deed) -> Deed:
        if name in KINDS:
            raise ValueError(f"there are two faults named {name}")
        KINDS[name] = FaultKind(name, group, weight, shortest_ms, longest_ms, deed)
        return deed

    return register
