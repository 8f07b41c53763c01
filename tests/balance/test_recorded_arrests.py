"""The shipped chain and detector on recordings that nobody here made."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.events import Event
from controller.core.readings import LoadSample
from evaluation.arrests import Arrest, judge_arrests, judge_steady_stretches
from evaluation.campaign import judge_recorded
from evaluation.gait import read_standing, read_walks
from evaluation.harness_recordings import find_arrests, load_n, read_harness_recordings
from evaluation.judge import Subject, first_stop, judge
from evaluation.place import recordings_directory, why_absent

DATA = recordings_directory()
PUBLISHED = {
    "bigDrop1": (12.16, 1429.0),
    "drop1": (120.85, 831.0),
    "sundayDropWFlail": (43.42, 1791.0),
    "sundayDropWFlail3": (37.22, 1596.0),
}
"""First passing of 120 N in seconds, and settled load in newtons, as published with the data."""

needs_recordings = pytest.mark.skipif(not DATA.is_dir(), reason=why_absent())


@pytest.fixture(scope="module")
def arrests() -> list[Arrest]:
    return judge_arrests(DATA)


@needs_recordings
def test_the_rule_finds_the_published_arrests_and_no_other() -> None:
    found = {Path(one.name).stem: find_arrests(one) for one in read_harness_recordings(DATA)}
    assert {name for name, events in found.items() if events} >= set(PUBLISHED)
    assert found["finalRecording"] == [], "dead weights"
    for name, (onset_s, settled_n) in PUBLISHED.items():
        (event,) = found[name]
        assert event.onset_ns / 1e9 == pytest.approx(onset_s, abs=0.03)
        assert event.settled_n == pytest.approx(settled_n, rel=0.03)


@needs_recordings
@pytest.mark.hazard("H-09", "H-10", "C-LOADED-HARNESS")
def test_every_arrest_is_detected_in_time(arrests: list[Arrest]) -> None:
    assert len(arrests) >= len(PUBLISHED)
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


def _decides_in_time(samples: list[LoadSample], subject: Subject, until_ns: int) -> bool:
    """At most 60 ms and one sample after the load first passes 0.30 of its settled value, and never while the hook is empty."""
    stop = first_stop(judge(samples, subject, until_ns=until_ns))
    passes = next(index for index, one in enumerate(samples) if load_n(one, subject) >= 0.30 * subject.body_weight_n)
    after_ns = samples[passes].measured_at_ns
    step_ns = after_ns - samples[passes - 1].measured_at_ns
    return stop is not None and stop.at_ns <= after_ns + step_ns + 60_000_000 and stop.at_ns > after_ns - 400_000_000


@needs_recordings
@settings(max_examples=60, deadline=None)
@given(
    place=st.integers(0, 3),
    shift_us=st.integers(0, 25_000),
    noise_counts=st.floats(0.0, 300.0),
    scale=st.floats(0.6, 1.05),  # the rope alone bears up to 233 N before one arrest, and 250 N is a limit that does not scale
    lost=st.integers(0, 2**31),
    seed=st.integers(0, 2**31),
)
def test_arrests_are_caught_by_rule_and_not_by_luck(
    arrests: list[Arrest], place: int, shift_us: int, noise_counts: float, scale: float, lost: int, seed: int
) -> None:
    """The same arrests of a lighter or heavier climber, on another scan grid, with more noise, and one sample in seven lost."""
    arrest = arrests[place]
    random = np.random.default_rng(seed)
    kept = np.random.default_rng(lost).random(len(arrest.samples)) > 1 / 7
    zero = arrest.subject.chain.zero_counts
    samples = [
        LoadSample(
            one.measured_at_ns + shift_us * 1000, round((one.counts - zero) * scale + zero + random.normal(0.0, noise_counts))
        )
        for one, keep in zip(arrest.samples, kept, strict=True)
        if keep
    ]
    samples.insert(0, LoadSample(samples[0].measured_at_ns - 10_000_000 - shift_us * 500, samples[0].counts))
    subject = msgspec.structs.replace(
        arrest.subject, body_weight_n=arrest.subject.body_weight_n * scale, tare_n=arrest.subject.tare_n * scale
    )
    assert _decides_in_time(samples, subject, samples[-1].measured_at_ns)


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
