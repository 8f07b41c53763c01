"""The signal chain: what is believed, what is dropped, and which fault is said when."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.events import Event, Happening
from controller.core.load_chain import LOAD_CHAIN_START, LoadChainSettings, LoadChainState, LoadEstimate, advance_load
from controller.core.readings import LoadSample, Quality

ZERO, SCALE = 1_000_000, 0.004
SETTINGS = LoadChainSettings(zero_counts=float(ZERO), newtons_per_count=SCALE, maximum_n=10_000.0)
MS = 1_000_000
STEP_MS = 12.5


def sample(at_ms: float, load_n: float, noise: int = 0) -> LoadSample:
    return LoadSample(int(at_ms * MS), round(ZERO + load_n / SCALE) + noise)


class Bench:
    """Feeds samples one by one, each with a scan of its own 1 ms later, under a seeded noise of 80 counts rms."""

    def __init__(self) -> None:
        self.state: LoadChainState = LOAD_CHAIN_START
        self.estimate: LoadEstimate | None = None
        self.said: list[Happening] = []
        self.now_ms = 0.0
        self._random = random.Random(7)

    def feed(self, *loads_n: float, step_ms: float = STEP_MS) -> list[float]:
        values = []
        for load_n in loads_n:
            self.now_ms += step_ms
            self.give(sample(self.now_ms, load_n, round(self._random.gauss(0, 80))))
            values.append(self.value)
        return values

    def give(self, *samples: LoadSample, at_ms: float | None = None, tare_n: float = 0.0) -> tuple[Happening, ...]:
        now_ns = int((at_ms if at_ms is not None else self.now_ms + 1.0) * MS)
        self.state, self.estimate, said = advance_load(self.state, samples, tare_n, SETTINGS, now_ns)
        self.said.extend(said)
        return said

    @property
    def value(self) -> float:
        assert self.estimate is not None
        return self.estimate.load.value

    @property
    def quality(self) -> Quality:
        assert self.estimate is not None
        return self.estimate.load.quality

    @property
    def events(self) -> list[Event]:
        return [one.event for one in self.said]


def settled() -> Bench:
    bench = Bench()
    bench.feed(*[0.0] * 20)
    assert bench.quality is Quality.GOOD
    return bench


def test_before_any_sample_the_load_is_missing_and_silence_is_said_once_after_the_limit() -> None:
    bench = Bench()
    assert bench.give(at_ms=0.0) == ()
    assert bench.quality is Quality.MISSING
    assert bench.give(at_ms=100.0) == ()
    assert [one.event for one in bench.give(at_ms=100.1)] == [Event.LOAD_GAP]
    assert bench.give(at_ms=300.0) == ()
    assert bench.quality is Quality.MISSING


def test_counts_become_newtons_with_zero_and_tare_removed() -> None:
    bench = settled()
    bench.now_ms += STEP_MS
    bench.give(sample(bench.now_ms, 50.0), tare_n=20.0)
    assert bench.value == pytest.approx(30.0, abs=0.01)
    assert bench.estimate is not None
    assert bench.estimate.raw_latest_n == pytest.approx(50.0, abs=0.01)
    assert bench.estimate.load.measured_at_ns == int(bench.now_ms * MS)


@pytest.mark.parametrize("wrong", [(1 << 21) - 1, ZERO >> 1, ZERO << 1, 0, -1, (1 << 23) - 1, -(1 << 23)])
def test_one_wrong_sample_changes_nothing_and_is_counted(wrong: int) -> None:
    bench = settled()
    before = bench.value
    bench.now_ms += STEP_MS
    bench.give(LoadSample(int(bench.now_ms * MS), wrong))
    assert bench.value == before
    assert bench.quality is Quality.GOOD
    bench.feed(0.0)
    assert bench.value == pytest.approx(0.0, abs=2.0)
    assert bench.estimate is not None
    assert bench.estimate.discarded == 1
    assert bench.said == []


def test_a_jump_without_warning_is_believed_with_the_second_sample() -> None:
    bench = settled()
    first, second = bench.feed(600.0, 620.0)
    assert first == pytest.approx(0.0, abs=2.0)
    assert second == pytest.approx(620.0, abs=2.0)


def test_a_rise_that_begins_as_settling_makes_it_begin_is_believed_at_once() -> None:
    bench = settled()
    assert bench.feed(9.0, 122.0, 337.0) == pytest.approx([9.0, 122.0, 337.0], abs=2.0)


def test_a_wrong_sample_in_a_rise_costs_one_sample() -> None:
    bench = settled()
    wrong_n = ((1 << 21) - 1 - ZERO) * SCALE
    values = bench.feed(9.0, wrong_n, 337.0)
    assert values == pytest.approx([9.0, 9.0, 337.0], abs=2.0)


def test_two_wrong_samples_that_disagree_are_both_dropped() -> None:
    bench = settled()
    values = bench.feed(4000.0, -100.0 + -40.0, 1.0)
    assert values == pytest.approx([0.0, 0.0, 1.0], abs=2.0)
    assert bench.state.sieve.discarded == 2


def test_of_two_doubtful_samples_on_one_side_the_median_counts() -> None:
    bench = settled()
    values = bench.feed(4000.0, 500.0, 510.0)
    assert values[1:] == pytest.approx([500.0, 510.0], abs=2.0)


def test_the_rate_needs_two_rising_steps() -> None:
    bench = settled()
    bench.feed(100.0)
    assert bench.estimate is not None
    assert abs(bench.estimate.rate_n_s) < 2.0 / 0.0125
    bench.feed(200.0, 300.0)
    assert bench.estimate.rate_n_s == pytest.approx(8000.0, rel=0.05)
    bench.feed(200.0)
    assert bench.estimate.rate_n_s == 0.0
    bench.feed(100.0)
    assert bench.estimate.rate_n_s == pytest.approx(-8000.0, rel=0.05)


def test_the_newest_slope_counts_only_as_far_as_the_one_before_foretold_it() -> None:
    bench = settled()
    bench.feed(4.0)
    assert bench.estimate is not None
    bench.feed(120.0)
    assert 0.0 < bench.estimate.rate_n_s <= 50.0 * (4.0 + 1.5 - 2.0) / 0.0125


def test_a_gap_is_a_fault_after_its_limit_and_over_with_the_next_sample() -> None:
    bench = settled()
    last_ms = bench.now_ms
    assert bench.give(at_ms=last_ms + 100.0) == ()
    assert bench.quality is Quality.GOOD
    said = bench.give(at_ms=last_ms + 101.0)
    assert [one.event for one in said] == [Event.LOAD_GAP]
    assert dict(said[0].detail)["silent_s"] == pytest.approx(0.101)
    assert bench.quality is Quality.STALE
    bench.now_ms = last_ms + 160.0
    bench.feed(0.0)
    assert bench.quality is Quality.GOOD
    assert bench.events == [Event.LOAD_GAP]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 0x7FFFFF, -0x800000])
@pytest.mark.hazard("H-09", "C-LOAD-CHAIN")
def test_a_run_of_impossible_samples_stops_within_the_gap_limit(wrong: float) -> None:
    bench = settled()
    last_ms = bench.now_ms
    while Event.LOAD_OUT_OF_RANGE not in bench.events:
        bench.now_ms += STEP_MS
        bench.give(msgspec.structs.replace(sample(bench.now_ms, 0.0), counts=wrong))  # type: ignore[arg-type]
        assert bench.now_ms - last_ms < 100.0
    assert bench.quality is Quality.OUT_OF_RANGE
    bench.give(at_ms=last_ms + 101.0)
    assert bench.events == [Event.LOAD_OUT_OF_RANGE, Event.LOAD_GAP]


@pytest.mark.parametrize("zero", [0x7FFFFE, -0x7FFFFF])
def test_only_the_converters_two_last_counts_are_saturation(zero: int) -> None:
    settings = msgspec.structs.replace(SETTINGS, zero_counts=float(zero))
    state = LOAD_CHAIN_START
    for number in range(1, 21):
        count = zero - (number % 2 if zero > 0 else -(number % 2))
        state, estimate, _ = advance_load(state, (LoadSample(number * 12 * MS, count),), 0.0, settings, number * 12 * MS)
    assert estimate.load.quality is Quality.GOOD


@pytest.mark.parametrize("last", [0x7FFFFF, -0x800000])
def test_the_converters_last_count_is_saturation_whatever_load_it_would_be(last: int) -> None:
    """With a zero beside it, it would be no load at all."""
    settings = msgspec.structs.replace(SETTINGS, zero_counts=float(last))
    state = LOAD_CHAIN_START
    for number in range(1, 21):
        state, estimate, _ = advance_load(state, (LoadSample(number * 12 * MS, last),), 0.0, settings, number * 12 * MS)
    assert estimate.load.quality is Quality.MISSING, "none of these samples is one"
    assert estimate.discarded == 20


def test_two_samples_of_one_scan_are_taken_in_the_order_of_their_time() -> None:
    ordered, reversed_ = settled(), settled()
    earlier, later = sample(ordered.now_ms + 12.0, 2.0), sample(ordered.now_ms + 24.0, 4.0)
    ordered.give(earlier, later, at_ms=ordered.now_ms + 25.0)
    reversed_.give(later, earlier, at_ms=reversed_.now_ms + 25.0)
    assert reversed_.state == ordered.state


def test_samples_that_never_agree_stop_within_the_gap_limit() -> None:
    bench = settled()
    bench.feed(*[4000.0, -140.0] * 5)
    assert bench.events == [Event.LOAD_GAP]


@pytest.mark.hazard("H-09", "C-LOAD-CHAIN")
def test_a_cell_without_noise_is_stuck_until_its_noise_comes_back() -> None:
    bench = settled()
    for _ in range(22):
        bench.now_ms += STEP_MS
        bench.give(sample(bench.now_ms, 3.0))
    assert bench.events == [Event.LOAD_STUCK]
    assert dict(bench.said[0].detail)["span_counts"] == 0
    assert bench.quality is Quality.STUCK
    bench.feed(3.0, 3.0)
    assert bench.quality is Quality.GOOD


def test_what_is_wrong_in_the_very_first_scan_is_said_in_it() -> None:
    """A sampler that has run for a while hands over what it has: none of these faults counts as reported before."""
    stuck, outside, old = Bench(), Bench(), Bench()
    stuck.give(*[sample(at * STEP_MS, 3.0) for at in range(1, 31)], at_ms=30 * STEP_MS)
    assert stuck.events == [Event.LOAD_STUCK]
    outside.give(*[sample(at * STEP_MS, 20_000.0) for at in range(1, 4)], at_ms=3 * STEP_MS)
    assert outside.events == [Event.LOAD_OUT_OF_RANGE]
    old.give(*[sample(at * STEP_MS, 3.0, 40 * at) for at in range(1, 4)], at_ms=3 * STEP_MS + 101.0)
    assert old.events == [Event.LOAD_GAP]


def test_real_noise_is_never_stuck() -> None:
    bench = settled()
    bench.feed(*[0.0] * 4000)
    assert bench.said == []


@pytest.mark.parametrize(("tare_n", "quality"), [(float("nan"), Quality.NOT_FINITE), (float("inf"), Quality.NOT_FINITE)])
def test_a_tare_that_is_no_number_makes_the_load_unknown(tare_n: float, quality: Quality) -> None:
    bench = settled()
    bench.give(tare_n=tare_n)
    assert bench.quality is quality


def test_a_calibration_that_is_no_number_never_gives_a_load() -> None:
    broken = msgspec.structs.replace(SETTINGS, newtons_per_count=float("nan"))
    state = LOAD_CHAIN_START
    for number in range(20):
        state, estimate, _ = advance_load(state, (sample(12.5 * number, 5.0),), 0.0, broken, int(12.5 * number * MS))
        assert estimate.load.quality is not Quality.GOOD
    assert state.outside


def test_the_mean_forgets_after_about_a_second() -> None:
    bench = settled()
    bench.feed(*[100.0] * 200)
    assert bench.estimate is not None
    assert bench.estimate.mean_1s_n == pytest.approx(100.0, abs=1.0)
    bench.feed(*[0.0] * 40)
    assert bench.estimate.mean_1s_n == pytest.approx(55.0, abs=8.0)
    bench.feed(*[0.0] * 60)
    assert bench.estimate.mean_1s_n == pytest.approx(0.0, abs=1.5)


def test_a_scan_that_brings_nothing_returns_the_same_state() -> None:
    bench = settled()
    before = bench.state
    bench.give()
    assert bench.state is before


def test_samples_out_of_order_are_dropped() -> None:
    bench = settled()
    before = bench.value
    bench.give(sample(bench.now_ms - 5.0, 60.0))
    assert bench.value == before
    assert bench.state.sieve.discarded == 1


loads = st.floats(-140.0, 9000.0)


@given(st.lists(st.tuples(st.integers(0, 6), loads), min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_samples_of_one_scan_commute(parts: list[tuple[int, float]], shuffler: random.Random) -> None:
    """Equal times included."""
    samples = [sample(1000.0 + 12.5 * place, load_n) for place, load_n in parts]
    shuffled = list(samples)
    shuffler.shuffle(shuffled)
    start = settled().state
    one = advance_load(start, tuple(samples), 0.0, SETTINGS, 2000 * MS)
    other = advance_load(start, tuple(shuffled), 0.0, SETTINGS, 2000 * MS)
    assert one == other


@given(st.floats(0.0, 60.0), st.integers(-(1 << 23), (1 << 23) - 1), st.integers(0, 9))
def test_any_single_wrong_sample_on_a_resting_load_moves_it_by_no_more_than_the_reach(
    rest_n: float, wrong: int, place: int
) -> None:
    bench = Bench()
    bench.feed(*[rest_n] * 20)
    for number in range(10):
        if number == place:
            bench.now_ms += STEP_MS
            bench.give(LoadSample(int(bench.now_ms * MS), wrong))
        else:
            bench.feed(rest_n)
        assert abs(bench.value - rest_n) <= SETTINGS.reach_n + 2.0
        assert bench.quality is Quality.GOOD
    bench.feed(rest_n, rest_n)
    assert bench.value == pytest.approx(rest_n, abs=2.0)


@given(st.lists(st.integers(-(1 << 23), (1 << 23) - 1), max_size=60))
def test_no_samples_whatever_make_a_good_load_out_of_range(counts: list[int]) -> None:
    bench = Bench()
    for one in counts:
        bench.now_ms += STEP_MS
        bench.give(LoadSample(int(bench.now_ms * MS), one))
        if bench.quality is Quality.GOOD:
            assert SETTINGS.minimum_n <= bench.value <= SETTINGS.maximum_n


def test_the_state_survives_being_written_down() -> None:
    bench = settled()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(bench.state), type=LoadChainState) == bench.state


def test_a_sample_from_the_future_is_no_load_that_is_known() -> None:
    """It would be the newest for as long as its time has not come, and nothing after it would count."""
    bench = Bench()
    bench.feed(*[0.0] * 20)
    assert bench.quality is Quality.GOOD
    bench.give(sample(bench.now_ms + 5_000, 1.0))
    assert bench.quality is not Quality.GOOD
    assert [happening.event for happening in bench.said] == [Event.LOAD_GAP]


def test_every_limit_says_what_it_is() -> None:
    """The configuration's page is made of these words."""
    schema = msgspec.json.schema(LoadChainSettings)["$defs"]["LoadChainSettings"]["properties"]
    assert [name for name, field in schema.items() if "minimum" in field and not field.get("description")] == []
