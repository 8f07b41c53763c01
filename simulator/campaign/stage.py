"""The stage of one run: the whole system, a therapist who keeps the session going, and what befalls them at its time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from controller.core.inputs import Input
from messages.patient import Screening
from messages.plan import Plan
from messages.wire import Stop
from simulator.campaign.system import WholeSystem
from simulator.therapist import Therapist

TICK_NS = 10_000_000
_MS = 1_000_000
_LOOK_NS = 100_000_000
_BYSTANDER_NS = 1_000_000_000
"""How long anybody needs to reach the mushroom when the belt runs though its drive has let go."""
_PREPARE_EVERY_NS = 3_000_000_000
_LINGERS_NS = 3_000_000_000
FOR_EVER_NS = 1 << 62
_RISES = 1000


class Stage:
    """What faults act on. `each_tick` is called every 10 ms; `later` puts something on the agenda."""

    def __init__(self, system: WholeSystem, plan: Plan, screening: Screening, chance: Random) -> None:
        self.system = system
        self.plan = plan
        self.screening = screening
        answers = tuple(chance.random() < 0.85 for _ in range(_RISES))
        self.therapist = Therapist(system.world, system.random, answers, slack_mark=chance.randint(2, 6))
        self.began_ns = system.now_ns
        self.ticks = 0
        self.each_tick: list[Callable[[], None]] = []
        self.hostile_sequence = 0
        self.active: dict[str, int] = {}
        """Faults that last now, by name, and how many of each."""
        self.last_seen_ns: dict[str, int] = {}
        """When a fault of that name last was active."""
        self.notes = 0
        """Beginnings and ends of faults so far: as long as it stays, so does every answer of `suffered_until_ns`."""
        self.network_stop_ns = 0
        """When a stop last was sent to a controller that was there to hear it."""
        self._agenda: list[tuple[int, int, Callable[[], object]]] = []
        self._order = 0
        self._next_look_ns = self._next_tick_ns = self.began_ns
        self._next_prepare_ns = self.began_ns
        self._uncommanded_ns = 0
        system.world.watchers.append(self._tick)

    @property
    def now_ns(self) -> int:
        """Virtual time."""
        return self.system.now_ns

    def later(self, after_ms: int, deed: Callable[[], object]) -> None:
        """Does it after so long."""
        self._order += 1
        heapq.heappush(self._agenda, (self.now_ns + after_ms * _MS, self._order, deed))

    def begin(self, name: str) -> None:
        """A fault of this name has begun."""
        self.active[name] = self.active.get(name, 0) + 1
        self._note(name)

    def end(self, name: str) -> None:
        """One has ended."""
        self.active[name] -= 1
        if not self.active[name]:
            del self.active[name]
        self._note(name)

    def _note(self, name: str) -> None:
        self.last_seen_ns[name] = self.now_ns
        self.notes += 1

    def suffered_until_ns(self, names: frozenset[str]) -> int:
        """Until when one of these lasts, or did so lately; before all time when none ever was."""
        if not names.isdisjoint(self.active):
            return FOR_EVER_NS
        return max((self.last_seen_ns[name] + _LINGERS_NS for name in names.intersection(self.last_seen_ns)), default=-1)

    def stop_from_network(self, stop: Stop) -> None:
        """A stop through the socket."""
        if self.system.controller is not None:
            self.network_stop_ns = self.now_ns
        self.system.ask(stop)

    def advance(self, to_ns: int) -> None:
        """Lets time go on; everything happens at its own time."""
        system = self.system
        while system.now_ns < to_ns:
            until_ns = min(to_ns, self._next_look_ns)
            if self._agenda:
                until_ns = min(until_ns, max(self._agenda[0][0], system.now_ns))
            if until_ns > system.now_ns:
                system.advance(until_ns)
            while self._agenda and self._agenda[0][0] <= system.now_ns:
                heapq.heappop(self._agenda)[2]()
            if system.now_ns >= self._next_look_ns:
                self._next_look_ns = system.now_ns + _LOOK_NS
                self._look()

    def _look(self) -> None:
        """The therapist reads the display; when nobody is prepared, somebody proposes the next session."""
        system = self.system
        if system.controller is None or system.frozen:
            return
        self.therapist.look(system.display.lines)
        if system.display.lines[0].startswith("STANDBY") and system.now_ns >= self._next_prepare_ns:
            self._next_prepare_ns = system.now_ns + _PREPARE_EVERY_NS
            system.prepare(self.plan, self.screening)

    def _tick(self) -> None:
        now_ns = self.system.world.now_ns
        if now_ns >= self._next_tick_ns:
            self._next_tick_ns = now_ns + TICK_NS
            self.ticks += 1
            for deed in tuple(self.each_tick):
                deed()
        self._watch_belt(now_ns)

    def _watch_belt(self, now_ns: int) -> None:
        """A bystander's hand on the mushroom: the only thing left when a welded relay and a runaway come together."""
        drive = self.system.drive
        runs_by_itself = abs(drive.speed_m_s) > 0.05 and drive.relay_closed and not drive.relay_commanded
        if not runs_by_itself:
            self._uncommanded_ns = 0
            return
        self._uncommanded_ns = self._uncommanded_ns or now_ns
        if now_ns - self._uncommanded_ns >= _BYSTANDER_NS:
            self._uncommanded_ns = now_ns
            for name in (Input.EMERGENCY_A, Input.EMERGENCY_B):
                self.system.world.hands.actuate(name, True)
                self.system.world.hands.actuate(name, False, after_ns=5_000_000_000)
