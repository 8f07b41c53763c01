"""Golden decisions of events: each that acts on the belt, brought about as `tests/core/test_every_event.py` does it.

The scenarios play what patients do, and few of the ways in which a treadmill fails. Here the core and the real firmware walk until
the belt moves; what is kept as text begins there and ends a while after the event.
"""

from __future__ import annotations

import msgspec

from controller.core.balance import BalanceSettings
from controller.core.events import RULES, Effect, Event
from replay.comparison import ReplayedScan
from tests.core.machine import PLAN, WEIGHT_N, Machine
from tests.core.test_every_event import BRINGS
from tests.golden.decision_lines import decision_lines


def _loads_fast(machine: Machine) -> None:
    """The detector's own. With the limit as it comes, what rises so fast is a loaded harness already, and that is said first."""
    machine.settings = msgspec.structs.replace(machine.settings, balance=BalanceSettings(fast_share_per_s=1.0))
    machine.to_walking()
    machine.run(3)
    while machine.load_n < 0.2 * WEIGHT_N:
        machine.load_n += 10.0
        machine.scan()


_BROUGHT = {**BRINGS, Event.LOADING_FAST: _loads_fast}
ACTING = tuple(event for event in _BROUGHT if RULES[event].effect >= Effect.SLOW)
_AFTER_S = 3.0
"""So long that a stop has come to rest, and what is then still to be decided has been."""


def event_decisions(event: Event) -> str:
    """Brings the event about and returns its decisions as text; times count from the walk, or from the start."""
    machine = _Watched()
    _BROUGHT[event](machine)
    machine.run(_AFTER_S)
    lines = [f"event {event.value}", *decision_lines(machine.scans, machine.scans[0].now_ns)]
    return "\n".join(lines) + "\n"


class _Watched(Machine):
    """The machine of the core's tests, which keeps every scan since the patient walks."""

    def __init__(self) -> None:
        super().__init__()
        self.scans: list[ReplayedScan] = []

    def scan(self) -> None:
        before = self.state
        super().scan()
        self.scans.append(ReplayedScan(self.now_ns, self.inputs, before, self.state, self.outputs, self.outputs))

    def to_walking(self, plan=PLAN, **limits: object) -> None:
        super().to_walking(plan, **limits)
        self.scans.clear()
