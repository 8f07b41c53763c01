"""The shipped chain and detector on recordings that nobody here made."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.core.events import Event
from evaluation.arrests import EVENTS, Arrest, judge_arrests, judge_steady_stretches
from evaluation.campaign import judge_recorded
from evaluation.gait import read_standing, read_walks

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

needs_recordings = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recordings in {DATA}")


@pytest.fixture(scope="module")
def arrests() -> list[Arrest]:
    return judge_arrests(DATA)


@needs_recordings
@pytest.mark.hazard("H-09", "H-10", "C-LOADED-HARNESS")
def test_every_arrest_is_detected_in_time(arrests: list[Arrest]) -> None:
    assert len(arrests) == len(EVENTS)
    for arrest in arrests:
        assert arrest.delay_ms <= arrest.step_ms + 60.0, arrest.name
        assert arrest.rule in (Event.HARNESS_LOADED, Event.LOADING_FAST)


@needs_recordings
@pytest.mark.hazard("H-28", "H-10", "C-LOAD-CHAIN")
def test_a_glitch_at_any_sample_of_a_rise_trips_nothing_early_and_delays_by_one_sample_at_most(arrests: list[Arrest]) -> None:
    for arrest in arrests:
        assert arrest.glitches > 100
        assert (arrest.name, arrest.early, arrest.late) == (arrest.name, 0, 0)
        assert arrest.plain_early > 0, "the injection must hurt the plain threshold, or it proves nothing"


@needs_recordings
@pytest.mark.hazard("H-28", "C-LOADED-HARNESS")
def test_idle_and_dead_weight_raise_no_alarm() -> None:
    stretches = judge_steady_stretches(DATA)
    assert sum(one.seconds for one in stretches) > 1000.0
    assert max(one.load_n for one in stretches) > 3000.0
    assert [one for one in stretches if one.alarms or one.sensor_faults] == []


@needs_recordings
@pytest.mark.parametrize("slack_m", [0.05, 0.10, 0.15])
@pytest.mark.hazard("H-28", "C-LOADED-HARNESS")
def test_recorded_walking_and_standing_raise_no_alarm(slack_m: float) -> None:
    for name, motions in (("walking", read_walks(DATA)), ("standing", read_standing(DATA))):
        gait = judge_recorded(name, motions, slack_m, seed=5)
        assert gait.hours > 0.01
        assert (gait.stops, gait.sensor_faults) == (0, 0)
