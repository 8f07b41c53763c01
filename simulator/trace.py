"""What a run looked like, for its plot: the world's truth beside what the controller believed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from messages.wire import Snapshot
from simulator.world import World

INTERVAL_NS = 20_000_000
_UNHEARD_NS = 600_000_000
MAXIMUM_POINTS = 60 * 50 * 2


@dataclass(frozen=True)
class Point:
    """One instant. at_s counts from the trace's beginning; None: the controller was not heard or did not know."""

    at_s: float
    belt_m_s: float
    load_n: float
    asked_m_s: float | None
    accepted_m_s: float | None
    believed_m_s: float | None
    believed_load_n: float | None
    state: str


class Trace:
    """The last two minutes at 50 points a second."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.began_ns = world.now_ns
        self._due_ns = world.now_ns
        self.points: deque[Point] = deque(maxlen=MAXIMUM_POINTS)
        self.snapshot: Snapshot | None = None
        world.watchers.append(self._watch)

    def _watch(self) -> None:
        world = self._world
        if world.now_ns < self._due_ns:
            return
        self._due_ns = world.now_ns + INTERVAL_NS
        seen = self.snapshot
        if seen is not None and world.now_ns - seen.at_ns > _UNHEARD_NS:
            seen = None
        self.points.append(
            Point(
                at_s=(world.now_ns - self.began_ns) / 1e9,
                belt_m_s=world.belt_m_s,
                load_n=world.load_n,
                asked_m_s=None if seen is None else seen.asked_speed_m_s,
                accepted_m_s=None if seen is None else seen.accepted_speed_m_s,
                believed_m_s=None if seen is None else seen.measured_speed_m_s,
                believed_load_n=None if seen is None else seen.load_n,
                state="" if seen is None else f"{seen.state} {seen.phase}".strip(),
            )
        )
