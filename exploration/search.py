"""Breadth first over abstract states: from each, every letter happens once, and every scan of it is judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from controller.core.chart import State
from exploration.abstraction import Key, key
from exploration.alphabet import Letter
from exploration.laws import broken
from exploration.situation import Scanned, Situation, unusual

Progress = Callable[[str], None]


class Violation(msgspec.Struct, frozen=True):
    """A law that a scan broke, and the letters that led there from a station."""

    law: str
    path: tuple[str, ...]
    scanned: Scanned


class Found(msgspec.Struct):
    """What an exploration came to. arrows: (from, to) of the chart with how many transitions took it and the first letter that did.

    closed: no state was left to expand; otherwise the depth, or the time, was the limit.
    """

    states: int = 0
    expanded: int = 0
    transitions: int = 0
    scans: int = 0
    depth: int = 0
    closed: bool = False
    arrows: dict[tuple[State, State], tuple[int, str]] = {}
    states_of_chart: dict[State, int] = {}
    violation: Violation | None = None


class _Visited(msgspec.Struct):
    """Where an abstract state was first reached from."""

    situation: Situation | None
    parent: Key | None
    letter: str


class Explorer:
    """One exploration under way."""

    def __init__(self, letters: Sequence[Letter], pairs: Sequence[Letter], say: Progress, most_unusual: int = 1) -> None:
        """pairs: happen only where nothing is unusual: elsewhere one more change makes two already. most_unusual: a transition into
        a state with more than so many unusual things is judged, and not followed."""
        self._most_unusual = most_unusual
        self._letters = letters
        self._pairs = pairs
        self._say = say
        self._visited: dict[Key, _Visited] = {}
        self.found = Found()

    def explore(self, stations: Iterable[tuple[str, Situation]], depth: int, pairs_depth: int, limit_s: float) -> Found:
        """Expands level by level until nothing is new, the depth is reached, the time is over, or a law is broken. Pairs happen in
        the first pairs_depth levels."""
        ends_s = time.monotonic() + limit_s
        frontier = [found for name, situation in stations if (found := self._visit(situation, None, name)) is not None]
        while frontier and self.found.depth < depth and self.found.violation is None:
            following: list[Key] = []
            for state in frontier:
                if time.monotonic() > ends_s or self.found.violation is not None:
                    return self._finish(False)
                self._expand(state, following, with_pairs=self.found.depth < pairs_depth)
            self.found.depth += 1
            frontier = following
            self._say(
                f"depth {self.found.depth}: {self.found.states} states, {self.found.transitions} transitions, "
                f"{self.found.scans} scans, {len(frontier)} states to expand"
            )
        return self._finish(not frontier)

    def _finish(self, closed: bool) -> Found:
        self.found.closed = closed and self.found.violation is None
        return self.found

    def _visit(self, situation: Situation, parent: Key | None, letter: str) -> Key | None:
        """Returns the abstract state if it is new."""
        state = key(situation)
        if state in self._visited:
            return None
        self._visited[state] = _Visited(situation, parent, letter)
        self.found.states += 1
        chart = situation.core.chart
        self.found.states_of_chart[chart] = self.found.states_of_chart.get(chart, 0) + 1
        return state

    def _expand(self, state: Key, following: list[Key], *, with_pairs: bool) -> None:
        visited = self._visited[state]
        situation, visited.situation = visited.situation, None  # expanded once: what was needed of it may go
        if situation is None:
            return
        self.found.expanded += 1
        pairs = self._pairs if with_pairs and not unusual(situation) else ()
        for letter in (*self._letters, *pairs):
            last: Situation | None = None
            for scanned in letter.happen(situation):
                self.found.scans += 1
                self._note(scanned, letter)
                law = broken(scanned)
                if law:
                    self.found.violation = Violation(law, (*self._path(state), letter.name), scanned)
                    return
                last = scanned.after
            if last is None:
                continue
            self.found.transitions += 1
            if unusual(last) > self._most_unusual:
                continue
            new = self._visit(last, state, letter.name)
            if new is not None:
                following.append(new)

    def _note(self, scanned: Scanned, letter: Letter) -> None:
        arrow = (scanned.before.core.chart, scanned.after.core.chart)
        if arrow[0] is not arrow[1]:
            count, first = self.found.arrows.get(arrow, (0, letter.name))
            self.found.arrows[arrow] = (count + 1, first)

    def _path(self, state: Key | None) -> tuple[str, ...]:
        names: list[str] = []
        while state is not None:
            visited = self._visited[state]
            names.append(visited.letter)
            state = visited.parent
        return tuple(reversed(names))
