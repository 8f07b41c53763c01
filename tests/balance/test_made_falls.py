"""The made falls rest on stated mechanics: strap, onset, hands, deck ends, and delays like those of recorded falls."""

from __future__ import annotations

import math

import numpy as np
import pytest

from controller.core.events import RULES, Event
from controller.core.settings import RampSettings
from evaluation.campaign import TUNING_SEED, judge_fall, quantile_ms
from evaluation.converter import STEP_S, convert
from evaluation.falls import BEFORE_S, GAIT_DROP_M, make_fall
from evaluation.hands import surroundings_of
from evaluation.judge import Decision
from evaluation.kinds import FALLS, PLANNED_STAGES, Kind, Stage
from evaluation.strap import pull_along
from evaluation.travel import REACTION_S, belt_travel_m
from messages.plan import RailStage
from simulator.strap import Strap, StrapParameters

NS = 1_000_000_000


def test_the_strap_of_whole_arrays_is_the_simulators_strap() -> None:
    time_s = np.arange(0.0, 1.0, STEP_S)
    drop, away = 0.12 * np.sin(5.0 * time_s), 0.3 * np.sin(3.0 * time_s)
    parameters = StrapParameters(15e3, 600.0, 1.3)
    strap = Strap(parameters)
    strap.attach(0.08)
    down, along = np.gradient(drop, STEP_S), np.gradient(away, STEP_S)
    one_by_one = [strap.pull(*values).tension_n for values in zip(away, drop, along, down, strict=True)]
    at_once = pull_along(drop, away, 0.08, 15e3, 600.0, 1.3)
    assert at_once.max() > 500.0
    assert np.abs(at_once - one_by_one).max() < 2.0


@pytest.mark.parametrize(("slack_m", "recorded_ms"), [(0.05, 170.0), (0.10, 235.0), (0.15, 295.0)])
def test_the_plain_threshold_is_as_late_as_in_the_replay_of_recorded_falls(slack_m: float, recorded_ms: float) -> None:
    random = np.random.default_rng(TUNING_SEED)
    judged = [judge_fall(fall, convert(fall.force_n, random)) for kind in FALLS * 15 for fall in [make_fall(kind, slack_m, random)]]
    assert quantile_ms([one.plain_ms for one in judged], 0.5) == pytest.approx(recorded_ms, abs=25.0)


@pytest.mark.parametrize("kind", FALLS)
def test_nothing_pulls_before_the_onset_and_the_strap_is_taut_after_it(kind: Kind) -> None:
    random = np.random.default_rng(11)
    for _ in range(10):
        fall = make_fall(kind, 0.10, random)
        assert not fall.force_n[: round(BEFORE_S / STEP_S)].any()
        assert 0.0 < fall.taut_s < 2.0


def test_a_slack_within_gaits_own_bounce_is_not_what_is_judged() -> None:
    """The onset is where gait's range ends: a strap that is taut before that would have no onset of its own."""
    assert GAIT_DROP_M < 0.03


def positions(at_m: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.full(2000, at_m)


def test_a_barrier_sees_the_bodys_surface() -> None:
    still = np.zeros(2000)
    for at_m, fields in ((0.44, set()), (0.46, {"deck_front_clear"}), (-0.46, {"deck_rear_clear"})):
        states = surroundings_of(Kind.STANDING_STILL, Stage.BOTH, still, positions(at_m), 1.5, np.random.default_rng(1))
        broken = {name for name in ("deck_front_clear", "deck_rear_clear") if not getattr(states[-1], name)}
        assert broken == fields


def test_whoever_catches_himself_seldom_lets_go_and_gives_the_rail_back() -> None:
    random = np.random.default_rng(2)
    still = np.zeros(2000)
    drawn = [surroundings_of(Kind.STUMBLE, Stage.BOTH, still, still, 1.5, random) for _ in range(800)]
    let_go = [states for states in drawn if len(states) > 1]
    assert 0.02 < len(let_go) / len(drawn) < 0.09
    for states in let_go:
        assert [(one.rail_left, one.rail_right) for one in states] == [(True, True), (False, True), (True, True)]


def test_no_hand_is_on_a_rail_before_a_postural_correction_could_start() -> None:
    random = np.random.default_rng(3)
    still = np.zeros(2000)
    for _ in range(100):
        first, *later = surroundings_of(Kind.FORWARD_TRIP, Stage.FREE, still, still, 1.5, random)
        assert not first.rail_left
        assert not first.rail_right
        assert all(one.at_ns >= 1.8 * NS for one in later)


def test_stages_that_are_judged_are_those_a_plan_can_ask_for() -> None:
    """If a hands-free stage is ever added to plans, it belongs among the judged ones."""
    assert {stage.value for stage in RailStage} == {"both", "one", "left", "right"}
    assert set(PLANNED_STAGES) == {Stage.BOTH, Stage.ONE}


def decision(event: Event, at_s: float) -> Decision:
    return Decision(int(at_s * NS), event, RULES[event].effect, {})


def test_belt_travel_is_way_until_the_brakes_bite_and_then_what_they_need() -> None:
    ramp = RampSettings()
    loaded = belt_travel_m([decision(Event.HARNESS_LOADED, 1.3)], NS, 0.8, ramp)
    assert loaded == pytest.approx(0.8 * (0.3 + REACTION_S) + 0.8**2 / (2 * ramp.loaded_deceleration_m_s2))
    slowly = belt_travel_m([decision(Event.RAIL_PAUSE, 1.3)], NS, 0.8, ramp)
    harder = belt_travel_m([decision(Event.RAIL_PAUSE, 1.3), decision(Event.HARNESS_LOADED, 1.5)], NS, 0.8, ramp)
    assert loaded < harder < slowly
    assert belt_travel_m([decision(Event.RAIL_SLOW, 1.3)], NS, 0.8, ramp) == math.inf
