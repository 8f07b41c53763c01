"""The grid of the loop, with the clock and `select` in the test's hands."""

import itertools
import select
import time

import pytest

from controller.scan_loop import LEAST_GAP_NS, PERIOD_NS, ScanLoop

EDGE = 99


class Clock:
    """Time passes only in `select` and in cycles; edges come at given times and stay until a cycle reads them."""

    def __init__(self, edges: list[int], costs: dict[int, int] | None = None) -> None:
        self.now = 0
        self.edges = sorted(edges)
        self.costs = costs or {}
        self.cycles: list[tuple[int, int]] = []
        self.loop: ScanLoop | None = None
        self.scans = 20

    def cycle(self, now_ns: int, lateness_ns: int) -> None:
        self.cycles.append((now_ns, lateness_ns))
        self.edges = [edge for edge in self.edges if edge > now_ns]
        self.now += self.costs.get(len(self.cycles), 100_000)
        if len(self.cycles) == self.scans:
            self.loop.stop()

    def select(self, watched, _w, _x, timeout: float):
        until = self.now + round(timeout * 1e9)
        if EDGE in watched and self.edges and self.edges[0] <= until:
            self.now = max(self.now, self.edges[0])
            return [EDGE], [], []
        self.now = until
        return [], [], []


def run(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[tuple[int, int]]:
    monkeypatch.setattr(time, "monotonic_ns", lambda: clock.now)
    monkeypatch.setattr(select, "select", clock.select)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("gc.disable", lambda: None)
    clock.loop = ScanLoop(clock, EDGE, lambda: None)
    clock.loop.run(lambda: None)
    return clock.cycles


def test_without_edges_it_keeps_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    cycles = run(monkeypatch, Clock([]))
    assert cycles == [(PERIOD_NS * number, 0) for number in range(1, 21)]


def test_an_edge_brings_one_scan_forward_and_the_grid_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    cycles = run(monkeypatch, Clock([35_000_000]))
    times = [now for now, _ in cycles]
    assert times[:6] == [10_000_000, 20_000_000, 30_000_000, 35_000_000, 40_000_000, 50_000_000]


def test_never_closer_than_two_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    cycles = run(monkeypatch, Clock([30_500_000]))
    times = [now for now, _ in cycles]
    assert 30_000_000 + LEAST_GAP_NS in times
    assert min(after - before for before, after in itertools.pairwise(times)) >= LEAST_GAP_NS


def test_chatter_brings_forward_one_scan_a_period_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(list(range(30_000_000, 100_000_000, 300_000)))
    clock.scans = 24
    cycles = run(monkeypatch, clock)
    in_span = [now for now, _ in cycles if 30_000_000 < now <= 90_000_000]
    assert len(in_span) <= 12
    assert {now for now, _ in cycles} >= {40_000_000, 50_000_000, 60_000_000, 70_000_000}


def test_an_overrun_is_reported_and_missed_points_are_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cycles = run(monkeypatch, Clock([], costs={3: 47_000_000}))
    assert cycles[2] == (30_000_000, 0)
    assert cycles[3] == (77_000_000, 37_000_000)
    assert cycles[4][0] == 80_000_000
