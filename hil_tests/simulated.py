"""A bench whose machine is simulated: it can be broken, and its hands are exact."""

from __future__ import annotations

from typing import NamedTuple

from hil_tests.bench import Bench
from hil_tests.hands import SimulatedHands
from simulator.drive import SimulatedDrive


class Simulated(NamedTuple):
    """The same drive three times: as a host sees it, as its maker does, and as hands feel it."""

    bench: Bench
    machine: SimulatedDrive
    hands: SimulatedHands
