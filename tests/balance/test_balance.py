"""The balance rules: each speaks at its onset, once, with its numbers; and what must hold whatever the numbers are."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.core.balance import BALANCE_START, BalanceFacts, BalanceSettings, BalanceState, judge_balance
from controller.core.balance_settings import limits_for
from controller.core.events import RULES, Effect, Event, Happening
from controller.core.load_chain import LoadEstimate
from controller.core.readings import Quality, Reading
from tests.core.told import check_told

SETTINGS = BalanceSettings()
MS = 1_000_000
BODY_N = 700.0
NAN = math.nan


def estimate(
    load_n: float = 0.0, rate_n_s: float = 0.0, mean_n: float = 0.0, quality: Quality = Quality.GOOD, at_ns: int = 0
) -> LoadEstimate:
    return LoadEstimate(Reading(load_n, at_ns, quality), rate_n_s, mean_n, 1, 0, load_n)


CALM = BalanceFacts(
    estimate=estimate(),
    body_weight_n=BODY_N,
    moving=True,
    rail_left=True,
    rail_right=True,
    rails_required=2,
    required_left=False,
    required_right=False,
    hands_free=False,
    deck_front_clear=True,
    deck_rear_clear=True,
    overload_ok=True,
    retractor=False,
)


def facts(**changes: object) -> BalanceFacts:
    return msgspec.structs.replace(CALM, **changes)


class Bench:
    """Scans every 10 ms."""

    def __init__(self, settings: BalanceSettings = SETTINGS) -> None:
        self._settings = settings
        self.state: BalanceState = BALANCE_START
        self.now_ms = 0
        self.sample_ms = 0
        self.said: list[Happening] = []

    def sampled_at_ms(self, fresh: bool) -> int:
        """Each scan brings a sample of its own unless it is not fresh."""
        if fresh:
            self.sample_ms = self.now_ms
        return self.sample_ms

    def scan(self, seen: BalanceFacts, for_ms: int = 10, fresh: bool = True) -> list[Event]:
        said: list[Happening] = []
        for _ in range(for_ms // 10):
            self.now_ms += 10
            reading = msgspec.structs.replace(seen.estimate.load, measured_at_ns=self.sampled_at_ms(fresh) * MS)
            seen = msgspec.structs.replace(seen, estimate=msgspec.structs.replace(seen.estimate, load=reading))
            self.state, found = judge_balance(self.state, seen, self._settings, self.now_ms * MS)
            check_told(found, self.now_ms * MS)
            said.extend(found)
        self.said.extend(said)
        return [one.event for one in said]

    def time_of_ms(self, event: Event) -> int:
        return next(one.at_ns // MS for one in self.said if one.event is event)


def strongest(events: list[Event] | tuple[Happening, ...]) -> Effect:
    codes = [one.event if isinstance(one, Happening) else one for one in events]
    return max((RULES[code].effect for code in codes), default=Effect.RECORD)


def test_calm_walking_says_nothing_and_changes_nothing() -> None:
    bench = Bench()
    assert bench.scan(CALM, 60_000) == []
    assert bench.state is BALANCE_START


def test_at_rest_nothing_speaks_and_everything_is_forgotten() -> None:
    bench = Bench()
    bench.scan(facts(estimate=estimate(500.0)))
    at_rest = facts(moving=False, estimate=estimate(500.0), rail_left=False, deck_front_clear=False, overload_ok=False)
    assert bench.scan(at_rest, 5000) == []
    assert bench.state is BALANCE_START


@pytest.mark.parametrize(
    ("body_n", "limit_n"),
    [(500.0, 150.0), (700.0, 210.0), (2000.0 * 0.9, 250.0), (0.0, 58.86), (-5.0, 58.86), (NAN, 58.86), (1e9, 58.86)],
)
def test_the_harness_is_loaded_from_its_limit_on(body_n: float, limit_n: float) -> None:
    assert limits_for(SETTINGS, body_n).loaded_n == pytest.approx(limit_n)
    below = Bench().scan(facts(body_weight_n=body_n, estimate=estimate(limit_n - 0.01)))
    assert Event.HARNESS_LOADED not in below
    assert Event.HARNESS_LOADED in Bench().scan(facts(body_weight_n=body_n, estimate=estimate(limit_n + 0.01)))


def test_a_loaded_harness_is_said_once_and_again_after_it_was_let_down() -> None:
    bench = Bench()
    assert bench.scan(facts(estimate=estimate(300.0)), 1000) == [Event.HARNESS_LOADED]
    assert bench.said[0].detail == (("load_n", 300.0), ("limit_n", 210.0))
    assert bench.scan(facts(estimate=estimate(150.0)), 100) == []
    assert bench.scan(facts(estimate=estimate(300.0)), 100) == []
    bench.scan(facts(estimate=estimate(100.0)))
    assert bench.scan(facts(estimate=estimate(300.0)), 100) == [Event.HARNESS_LOADED]


@pytest.mark.parametrize(
    ("load_n", "rate_n_s", "speaks"),
    [(42.0, 8400.0, True), (41.9, 9000.0, False), (200.0, 8399.0, False), (200.0, 8400.0, True), (42.0, NAN, True)],
)
def test_loading_fast_needs_load_and_rate(load_n: float, rate_n_s: float, speaks: bool) -> None:
    said = Bench().scan(facts(estimate=estimate(load_n, rate_n_s)))
    assert said == ([Event.LOADING_FAST] if speaks else [])


def test_a_harness_already_loaded_is_not_said_to_load_fast_too() -> None:
    assert Bench().scan(facts(estimate=estimate(300.0, 9000.0))) == [Event.HARNESS_LOADED]


def test_leaning_speaks_after_its_time() -> None:
    bench = Bench()
    leaning = facts(estimate=estimate(40.0, 0.0, 35.0))
    assert bench.scan(leaning, 1000) == []
    assert bench.scan(leaning, 10) == [Event.SUSTAINED_SUPPORT]
    assert bench.scan(leaning, 5000) == []


def test_a_mean_that_drops_starts_leaning_anew() -> None:
    bench = Bench()
    bench.scan(facts(estimate=estimate(40.0, 0.0, 35.0)), 900)
    bench.scan(facts(estimate=estimate(40.0, 0.0, 31.0)))
    assert bench.scan(facts(estimate=estimate(40.0, 0.0, 35.0)), 1000) == []


@pytest.mark.hazard("H-28", "C-LOADED-HARNESS")
def test_a_recovered_stumble_is_counted_once_with_its_peak() -> None:
    bench = Bench()
    bench.scan(facts(estimate=estimate(100.0)), 100)
    bench.scan(facts(estimate=estimate(150.0)), 100)
    assert bench.scan(facts(estimate=estimate(0.0)), 500) == []
    assert bench.scan(facts(estimate=estimate(0.0)), 10) == [Event.BALANCE_RECOVERED]
    assert dict(bench.said[0].detail)["peak_n"] == 150.0
    assert bench.scan(CALM, 5000) == []


def test_one_sample_alone_is_no_loss_of_balance_however_many_scans_see_it() -> None:
    """A wrong sample small enough to be believed once counted as a recovered loss of balance in walking without any load."""
    bench = Bench()
    tight = facts(estimate=estimate(46.0))
    bench.scan(tight)
    bench.scan(tight, 50, fresh=False)
    assert bench.scan(CALM, 5000) == []
    bench.scan(tight)
    bench.scan(CALM)
    bench.scan(tight)
    assert bench.scan(CALM, 5000) == []
    bench.scan(tight, 20)
    assert bench.scan(CALM, 5000) == [Event.BALANCE_RECOVERED]


def test_a_strap_that_bounces_counts_one_loss_of_balance() -> None:
    bench = Bench()
    for _ in range(5):
        bench.scan(facts(estimate=estimate(100.0)), 100)
        bench.scan(facts(estimate=estimate(0.0)), 200)
    assert bench.scan(CALM, 1000) == [Event.BALANCE_RECOVERED]


def test_a_fall_that_stopped_the_belt_is_not_counted_as_recovered_but_the_next_stumble_is() -> None:
    bench = Bench()
    bench.scan(facts(estimate=estimate(400.0)), 100)
    assert bench.scan(CALM, 2000) == []
    bench.scan(facts(estimate=estimate(100.0)), 100)
    assert bench.scan(CALM, 2000) == [Event.BALANCE_RECOVERED]


@pytest.mark.parametrize(
    ("change", "event"),
    [
        ({"deck_front_clear": False}, Event.DECK_FRONT),
        ({"deck_rear_clear": False}, Event.DECK_REAR),
        ({"overload_ok": False}, Event.OVERLOAD_SWITCH),
    ],
)
def test_deck_ends_and_overload_speak_at_the_first_scan_and_once(change: dict[str, bool], event: Event) -> None:
    bench = Bench()
    assert bench.scan(facts(**change)) == [event]
    assert bench.scan(facts(**change), 1000) == []
    assert bench.scan(CALM) == []
    assert bench.scan(facts(**change)) == [event]


@pytest.mark.parametrize("quality", [quality for quality in Quality if quality is not Quality.GOOD])
def test_a_load_that_cannot_be_believed_feeds_no_rule_and_silences_no_other(quality: Quality) -> None:
    unknown = estimate(900.0, 9e9, 900.0, quality)
    assert Bench().scan(facts(estimate=unknown), 3000) == []
    assert Bench().scan(facts(estimate=unknown, deck_rear_clear=False)) == [Event.DECK_REAR]


def test_a_load_that_is_no_number_trips() -> None:
    assert Event.HARNESS_LOADED in Bench().scan(facts(estimate=estimate(NAN)))
    late = Bench()
    late.scan(facts(estimate=estimate(0.0, 0.0, NAN)), 1010)
    assert [one.event for one in late.said] == [Event.SUSTAINED_SUPPORT]


ONE_HAND = {"rails_required": 1}
LEFT_HAND = {"rails_required": 1, "required_left": True}


@pytest.mark.parametrize(
    ("stage", "left", "right", "slow_ms"),
    [
        ({}, False, True, 1000),
        ({}, True, False, 1000),
        ({}, False, False, 400),
        (ONE_HAND, False, False, 400),
        (LEFT_HAND, False, True, 1000),
        (LEFT_HAND, False, False, 400),
    ],
)
def test_a_rail_let_go_prompts_slows_and_pauses(stage: dict[str, object], left: bool, right: bool, slow_ms: int) -> None:
    bench = Bench()
    said = bench.scan(facts(rail_left=left, rail_right=right, **stage), 5000)
    assert said == [Event.RAIL_RELEASED, Event.RAIL_SLOW, Event.RAIL_PAUSE]
    begun_ms = bench.time_of_ms(Event.RAIL_RELEASED)
    assert bench.time_of_ms(Event.RAIL_SLOW) - begun_ms == slow_ms
    assert bench.time_of_ms(Event.RAIL_PAUSE) - begun_ms == slow_ms + 2000


@pytest.mark.parametrize(
    ("stage", "left", "right"),
    [(ONE_HAND, True, False), (ONE_HAND, False, True), (LEFT_HAND, True, False), ({"rails_required": 0}, False, False)],
)
def test_a_hold_that_is_enough_says_nothing(stage: dict[str, object], left: bool, right: bool) -> None:
    assert Bench().scan(facts(rail_left=left, rail_right=right, **stage), 5000) == []


@pytest.mark.hazard("H-14", "H-28", "C-RAILS")
def test_a_rail_given_back_within_the_grace_is_only_a_prompt() -> None:
    bench = Bench()
    bench.scan(facts(rail_left=False), 900)
    bench.scan(CALM, 100)
    bench.scan(facts(rail_left=False), 900)
    bench.scan(CALM, 5000)
    assert [one.event for one in bench.said] == [Event.RAIL_RELEASED, Event.RAIL_RELEASED]


def test_the_second_hand_shortens_the_grace_of_the_first_and_never_lengthens_it() -> None:
    bench = Bench()
    bench.scan(facts(rail_left=False), 300)
    bench.scan(facts(rail_left=False, rail_right=False), 1000)
    assert bench.time_of_ms(Event.RAIL_SLOW) == 310 + 400
    late = Bench()
    late.scan(facts(rail_left=False), 900)
    late.scan(facts(rail_left=False, rail_right=False), 1000)
    assert late.time_of_ms(Event.RAIL_SLOW) == 10 + 1000


@pytest.mark.hazard("H-10", "H-14", "C-RAILS")
def test_with_load_in_the_harness_a_rail_has_no_grace() -> None:
    bench = Bench()
    said = bench.scan(facts(rail_left=False, estimate=estimate(71.0)), 1000)
    assert said == [Event.RAIL_RELEASED, Event.RAIL_PAUSE]
    assert bench.time_of_ms(Event.RAIL_PAUSE) == 10
    assert dict(bench.said[1].detail)["harness_loaded"] == 1


def test_load_that_comes_later_ends_the_grace() -> None:
    bench = Bench()
    bench.scan(facts(rail_left=False), 200)
    assert bench.scan(facts(rail_left=False, estimate=estimate(71.0))) == [Event.RAIL_PAUSE]


FREE = {"rails_required": 0, "hands_free": True}


def test_both_rails_after_hands_free_walking_is_the_taught_escape() -> None:
    bench = Bench()
    bench.scan(facts(rail_left=False, rail_right=False, **FREE), 1010)
    assert bench.scan(facts(rail_right=False, **FREE), 200) == []
    assert bench.scan(facts(**FREE), 1000) == [Event.RAILS_GRABBED]


def test_one_hand_alone_or_too_short_a_hands_free_walk_is_no_escape() -> None:
    bench = Bench()
    bench.scan(facts(rail_left=False, rail_right=False, **FREE), 900)
    assert bench.scan(facts(**FREE), 1000) == []
    bench.scan(facts(rail_left=False, rail_right=False, **FREE), 2000)
    assert bench.scan(facts(rail_right=False, **FREE), 5000) == []


def test_a_retractor_that_pulls_no_more_is_said_after_its_time() -> None:
    bench = Bench(msgspec.structs.replace(SETTINGS, retractor=True))
    assert bench.scan(facts(retractor=True, estimate=estimate(40.0, 0.0, 40.0)), 5000) == [], "within its greatest pull"
    assert bench.scan(facts(retractor=True, estimate=estimate(7.0)), 300) == []
    assert bench.scan(facts(retractor=True, estimate=estimate(7.0)), 10) == [Event.TENSION_LOST]
    assert bench.scan(facts(retractor=True, estimate=estimate(7.0)), 2000) == [], "said once, at its onset"
    assert bench.scan(facts(retractor=False, estimate=estimate(7.0)), 5000) == [], "through an open clip it pulls on nothing"


loads = st.floats(0.0, 12_000.0)


@given(loads, st.floats(0.0, 5000.0), st.floats(-20_000.0, 60_000.0), st.floats(200.0, 1900.0), st.booleans())
@pytest.mark.hazard("H-09", "C-LOADED-HARNESS")
def test_more_load_never_gives_a_weaker_response(load_n: float, more_n: float, rate: float, body_n: float, held: bool) -> None:
    def response(newtons: float) -> Effect:
        seen = facts(estimate=estimate(newtons, rate, newtons), body_weight_n=body_n, rail_left=held)
        return strongest(judge_balance(BALANCE_START, seen, SETTINGS, 10 * MS)[1])

    assert response(load_n + more_n) >= response(load_n)


def test_a_retractors_pull_lies_on_top_of_the_limits_near_it_and_of_no_other() -> None:
    pulls = msgspec.structs.replace(SETTINGS, retractor=True, pretension_n=60.0)
    without, with_pull = limits_for(SETTINGS, BODY_N), limits_for(pulls, BODY_N)
    near = ("fast_n", "support_n", "no_grace_n", "touched_n")
    raised = {name: getattr(without, name) + (60.0 if name in near else 0.0) for name in without.__struct_fields__}
    assert msgspec.structs.asdict(with_pull) == pytest.approx(raised)


def test_a_strap_that_bears_just_the_limit_is_touched() -> None:
    touched_n = limits_for(SETTINGS, BODY_N).touched_n
    for load_n, is_touched in ((touched_n, True), (math.nextafter(touched_n, 0.0), False)):
        state, _ = judge_balance(BALANCE_START, facts(estimate=estimate(load_n, at_ns=10 * MS)), SETTINGS, 10 * MS)
        assert (state.harness.touch_at_ns == 10 * MS) is is_touched


@given(loads, st.floats(-20_000.0, 60_000.0), st.floats(0.0, 600.0), st.floats(200.0, 790.0), st.floats(0.3, 3.0))
def test_scaling_weight_and_load_together_changes_no_rule(
    load: float, rate: float, mean: float, body_n: float, scale: float
) -> None:
    """Below the ceilings in newtons, which are there for a wrong weight."""
    assume(200.0 <= body_n * scale <= 790.0)
    small, large = limits_for(SETTINGS, body_n), limits_for(SETTINGS, body_n * scale)
    values = {"loaded_n": load, "fast_n": load, "no_grace_n": load, "touched_n": load, "fast_n_s": rate, "support_n": mean}
    assume(all(abs(value - getattr(small, name)) > 1e-6 * getattr(small, name) for name, value in values.items()))
    assert large.loaded_n == pytest.approx(small.loaded_n * scale)
    first, second = Bench(), Bench()
    first.scan(facts(estimate=estimate(load, rate, mean), body_weight_n=body_n, rail_left=False), 1500)
    scaled = estimate(load * scale, rate * scale, mean * scale)
    second.scan(facts(estimate=scaled, body_weight_n=body_n * scale, rail_left=False), 1500)
    assert [(one.event, one.at_ns) for one in first.said] == [(one.event, one.at_ns) for one in second.said]


@given(st.floats(), st.floats(), st.floats(), st.floats())
def test_whatever_is_no_number_never_weakens_what_a_calm_belt_would_do(
    load: float, rate: float, mean: float, body_n: float
) -> None:
    """NaN and infinities anywhere: no exception, and a load that is no number stops."""
    seen = facts(estimate=estimate(load, rate, mean), body_weight_n=body_n)
    _, said = judge_balance(BALANCE_START, seen, SETTINGS, 10 * MS)
    if math.isnan(load) or load == math.inf:
        assert strongest(said) >= Effect.PROTECTIVE_STOP


@given(st.lists(st.tuples(st.floats(0.0, 600.0), st.booleans(), st.booleans(), st.booleans()), max_size=60))
def test_a_second_look_at_the_same_facts_says_nothing_new_at_once(scans: list[tuple[float, bool, bool, bool]]) -> None:
    state = BALANCE_START
    for number, (load_n, left, right, clear) in enumerate(scans):
        seen = facts(estimate=estimate(load_n, 0.0, load_n), rail_left=left, rail_right=right, deck_rear_clear=clear)
        now_ns = number * 10 * MS
        state, _ = judge_balance(state, seen, SETTINGS, now_ns)
        again, said = judge_balance(state, seen, SETTINGS, now_ns)
        assert said == ()
        assert again is state


def test_the_state_survives_being_written_down() -> None:
    bench = Bench()
    bench.scan(facts(estimate=estimate(100.0), rail_left=False), 100)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(bench.state), type=BalanceState) == bench.state
