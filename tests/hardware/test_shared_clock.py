"""Two HX711s on one clock, in virtual time: both modelled chips, the real clocking, and the rule of when to clock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.hardware.hx711 import Discard, SharedClock
from controller.hardware.rail_cells import RailCellSampler
from controller.hardware.settings import LoadCellSettings, PinSettings, RailCells, RailLeftCellSettings, RailRightCellSettings
from controller.hardware.shared_clock import LIVE_NS, LONGEST_REST_NS, QUICKEST_NS, SHIFT_NS, SLOWEST_NS, Turns
from simulator.pins import DoutHeld, PinBoard, Word, map_words
from simulator.standins.hx711_model import Hx711Model

MS = 1_000_000
LEFT, RIGHT = "rail-left", "rail-right"
BOTH_FITTED = RailCells(1, RailLeftCellSettings(fitted=True), RailRightCellSettings(fitted=True))
ONE, OTHER = 0x555555, 0x2AAAAA
"""Bits of one before bits of the other make neither: a sample that mixes two conversions shows."""


class Bench:
    """Both chips on the test's wires, with time that passes only in calls and waits."""

    CALL_NS = 4_000

    def __init__(self, path: Path, right_later_ns: int = 0) -> None:
        self.board = PinBoard.create(path, PinSettings(), LoadCellSettings(), BOTH_FITTED)
        words = map_words(path)
        self.now_ns = 0
        self.left = Hx711Model(words, 0, Word.RAIL_CELL_LEFT)
        self.right = Hx711Model(words, right_later_ns, Word.RAIL_CELL_RIGHT)
        self.late: Callable[[], int] = lambda: 0
        """How much longer each wait takes than was asked, ns."""
        self.sampler = RailCellSampler(SharedClock(self, 2, self.clock), (LEFT, RIGHT), clock=self.clock, wait=self.wait)

    def clock(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9) + self.late()

    def set_clock(self, level: int) -> None:
        self.now_ns += self.CALL_NS
        for chip in (self.left, self.right):
            chip.set_clock(level, self.now_ns)

    def data(self) -> int:
        self.now_ns += self.CALL_NS
        return self.left.data(self.now_ns) | self.right.data(self.now_ns) << 1

    def close(self) -> None: ...

    def run(self, seconds: float) -> dict[str, list[int]]:
        """Lets the thread's turns go on; returns the counts of each cell."""
        until_ns = self.now_ns + round(seconds * 1e9)
        counts: dict[str, list[int]] = {LEFT: [], RIGHT: []}
        while self.now_ns < until_ns:
            self.sampler.turn()
            for name, cell in self.sampler.cells.items():
                counts[name] += [sample.counts for sample in cell.drain()]
        return counts


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "pins")


def test_each_cell_reads_its_own(bench: Bench) -> None:
    for chip, counts in zip(bench.board.rail_cells, (-123456, 8388607), strict=True):
        chip.set_counts(counts)
    counts = bench.run(1.0)
    assert set(counts[LEFT]) == {-123456}
    assert set(counts[RIGHT]) == {8388607}
    assert min(len(counts[LEFT]), len(counts[RIGHT])) >= 70, "of 80 conversions that ended together"


_PERIODS_NS = st.one_of(st.just(12_500_000), st.integers(QUICKEST_NS, SLOWEST_NS))
"""Often the same, so that a bad phase between them would last."""


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    periods_ns=st.tuples(_PERIODS_NS, _PERIODS_NS),
    right_later_us=st.integers(0, 17_000),
    doubled=st.tuples(st.sampled_from([0, 3, 4, 5]), st.sampled_from([0, 3, 4, 5])),
    late_us=st.lists(st.integers(0, 3_000), min_size=1, max_size=7),
)
def test_whatever_their_pace_no_sample_mixes_two_conversions_and_neither_starves(
    tmp_path: Path,
    periods_ns: tuple[int, int],
    right_later_us: int,
    doubled: tuple[int, int],
    late_us: list[int],
) -> None:
    bench = Bench(tmp_path / "pins", right_later_us * 1_000)
    turn = 0

    def late() -> int:
        nonlocal turn
        turn += 1
        for chip in bench.board.rail_cells:
            chip.set_counts(ONE if bench.now_ns // (7 * MS) % 2 else OTHER)
        return late_us[turn % len(late_us)] * 1_000 if turn % 3 == 0 else 0

    bench.late = late
    for chip, period_ns, every in zip(bench.board.rail_cells, periods_ns, doubled, strict=True):
        chip.set_counts(ONE)
        chip.set_conversions(period_ns, every)
    counts = bench.run(1.5)
    for name in (LEFT, RIGHT):
        assert set(counts[name]) <= {ONE, OTHER}, [hex(count) for count in set(counts[name]) - {ONE, OTHER}]
        assert len(counts[name]) >= 15, f"{name}: ten a second are shown"


@pytest.mark.parametrize("right_later_us", [1_000, 6_000, 8_000, 9_500, 10_500, 12_000])
def test_two_that_keep_step_lose_next_to_nothing_however_far_apart_they_are(tmp_path: Path, right_later_us: int) -> None:
    """Clocked as soon as both are ready, half of the left one's conversions would be in doubt at 9.5 ms."""
    counts = Bench(tmp_path / "pins", right_later_us * 1_000).run(1.5)
    assert min(len(counts[LEFT]), len(counts[RIGHT])) >= 105, "of 116"


def test_a_dead_cell_leaves_the_other_alone(bench: Bench) -> None:
    bench.board.rail_cells[1].hold_dout(DoutHeld.HIGH)
    bench.board.rail_cells[0].set_counts(42)
    counts = bench.run(1.2)
    assert counts[RIGHT] == []
    assert set(counts[LEFT]) == {42}
    assert len(counts[LEFT]) >= 75


def test_a_cell_that_dies_costs_the_other_no_more_than_the_time_it_is_waited_for(bench: Bench) -> None:
    times: list[int] = []
    bench.run(0.3)
    bench.board.rail_cells[1].hold_dout(DoutHeld.HIGH)
    until_ns = bench.now_ns + 500 * MS
    while bench.now_ns < until_ns:
        bench.sampler.turn()
        times += [sample.measured_at_ns for sample in bench.sampler.cells[LEFT].drain()]
    assert max(later - earlier for earlier, later in pairwise(times)) <= LIVE_NS + 3 * QUICKEST_NS


def test_a_cell_that_comes_back_delivers_nothing_of_what_was_clocked_out_of_its_turn(bench: Bench) -> None:
    bench.board.rail_cells[1].set_counts(ONE)
    bench.board.rail_cells[1].hold_dout(DoutHeld.HIGH)
    bench.run(0.5)
    bench.board.rail_cells[1].hold_dout(DoutHeld.FREE)
    counts = bench.run(0.5)
    assert set(counts[RIGHT]) == {ONE}
    assert bench.sampler.cells[RIGHT].discarded[Discard.SETTLING] >= 2


def test_a_line_tied_low_is_dropped_for_its_framing_and_the_other_is_clocked_at_its_own_pace(bench: Bench) -> None:
    bench.board.rail_cells[0].hold_dout(DoutHeld.LOW)
    bench.board.rail_cells[1].set_counts(-7)
    counts = bench.run(1.2)
    assert counts[LEFT] == []
    assert bench.sampler.cells[LEFT].discarded[Discard.NOT_FRAMED] >= 70
    assert set(counts[RIGHT]) == {-7}
    assert len(counts[RIGHT]) >= 75


def test_both_dead_or_tied_are_tried_on_and_come_back(bench: Bench) -> None:
    for chip in bench.board.rail_cells:
        chip.hold_dout(DoutHeld.LOW)
    assert bench.run(0.5) == {LEFT: [], RIGHT: []}
    for chip in bench.board.rail_cells:
        chip.hold_dout(DoutHeld.HIGH)
    assert bench.run(0.5) == {LEFT: [], RIGHT: []}
    for chip in bench.board.rail_cells:
        chip.hold_dout(DoutHeld.FREE)
    counts = bench.run(0.5)
    assert set(counts[LEFT]) == set(counts[RIGHT]) == {0}


def test_a_pulse_that_powers_both_down_costs_both_a_sample_and_no_more(bench: Bench) -> None:
    """60 us high are the limit; a stall in the middle of a shift makes them 61."""
    bench.run(0.3)
    quick = bench.CALL_NS
    stalled: list[bool] = []

    def stall_once(level: int) -> None:
        Bench.set_clock(bench, level)
        if level and not stalled:
            stalled.append(True)
            bench.now_ns += 61_000 - quick

    # Of this one bench: a class of its own for one late pulse would say less. The real edge is still made.
    bench.set_clock = stall_once  # type: ignore[method-assign]
    counts = bench.run(0.5)
    assert stalled
    for name in (LEFT, RIGHT):
        assert bench.sampler.cells[name].discarded[Discard.LONG_PULSE] == 1
        assert set(counts[name]) == {0}
        assert len(counts[name]) >= 30, "50 ms to settle, one conversion in doubt, and then all"


# --- the rule by itself --------------------------------------------------------------------------------------------------


def _seen_busy_then_ready(turns: Turns, line: int, others: int, at_ns: int) -> None:
    turns.is_due(others & ~(1 << line), at_ns - 1)
    turns.is_due(others | 1 << line, at_ns)


def test_nobody_is_clocked_while_a_live_neighbour_converts() -> None:
    turns = Turns(2, 0)
    assert not turns.is_due(0b00, MS)
    assert not turns.is_due(0b01, 2 * MS)
    assert turns.is_due(0b11, 3 * MS)


def test_a_silent_neighbour_is_waited_for_so_long_and_no_longer() -> None:
    turns = Turns(2, 0)
    turns.is_due(0b00, LIVE_NS - 2)
    assert not turns.is_due(0b01, LIVE_NS)
    assert turns.is_due(0b01, LIVE_NS + 1)


@pytest.mark.parametrize(
    ("waited_ns", "due"),
    [
        (0, True),
        (QUICKEST_NS - SHIFT_NS - 1, True),
        (QUICKEST_NS - SHIFT_NS, False),
        (SLOWEST_NS - 1, False),
        (SLOWEST_NS, True),
        (2 * QUICKEST_NS - SHIFT_NS - 1, True),
        (2 * QUICKEST_NS - SHIFT_NS, True),
    ],
)
def test_when_the_neighbour_is_ready_the_first_may_be_about_to_change(waited_ns: int, due: bool) -> None:
    """The last row is due because it cannot be saved any more: it is clocked to be in step again, and dropped."""
    turns = Turns(2, 0)
    first_ns = 20 * MS
    turns.is_due(0b00, first_ns - 1)
    turns.is_due(0b01, first_ns)
    if waited_ns:
        turns.is_due(0b01, first_ns + waited_ns - 1)
    assert turns.is_due(0b11, first_ns + waited_ns) is due


@pytest.mark.parametrize(
    ("began_ns", "ended_ns", "good"),
    [
        (0, QUICKEST_NS - 1, True),
        (0, QUICKEST_NS, False),
        (SLOWEST_NS - 1, SLOWEST_NS + MS, False),
        (SLOWEST_NS, 2 * QUICKEST_NS - 1, True),
        (SLOWEST_NS, 2 * QUICKEST_NS, False),
    ],
)
def test_a_shift_that_may_have_met_the_end_of_a_conversion_is_late(began_ns: int, ended_ns: int, good: bool) -> None:
    turns = Turns(1, 0)
    first_ns = 20 * MS
    turns.is_due(0, first_ns - 1)
    turns.is_due(1, first_ns)
    (outcome,) = turns.judge(1, (77,), first_ns + began_ns, first_ns + ended_ns)
    assert outcome == (77 if good else Discard.LATE)


def test_what_was_dropped_for_another_reason_keeps_its_reason() -> None:
    turns = Turns(2, 0)
    turns.is_due(0b11, MS)
    assert turns.judge(0b01, (Discard.LONG_PULSE, 5), MS, 2 * MS) == (Discard.LONG_PULSE, None)


def test_the_rest_ends_before_the_next_conversion_can() -> None:
    turns = Turns(2, 0)
    for line in (0, 1):
        _seen_busy_then_ready(turns, line, 0, 20 * MS)
    turns.judge(0b11, (1, 1), 20 * MS, 21 * MS)
    assert 0 < turns.rest_ns(21 * MS) < QUICKEST_NS - MS
    assert turns.rest_ns(40 * MS) == 0
    assert turns.rest_ns(20 * MS + LIVE_NS + 1) == LONGEST_REST_NS, "nobody lives: there is no hurry"
