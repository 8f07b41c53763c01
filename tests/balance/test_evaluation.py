"""The evaluation itself: what it reads, what it makes, and that its figures mean what they say."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from controller.core.balance import BalanceSettings
from controller.core.balance_settings import limits_for
from controller.core.events import Event
from controller.core.readings import LoadSample
from evaluation import main
from evaluation.campaign import (
    CHAIN,
    JudgedFall,
    judge_fall,
    judge_simulated,
    poisson_bound,
    quantile_ms,
    sweep_threshold,
    tune,
)
from evaluation.converter import NEWTONS_PER_COUNT, STEP_S, ZERO_COUNTS, convert, settle, through_the_wire
from evaluation.document import BEGIN, END, write_document
from evaluation.falls import BEFORE_S, Fall, make_fall
from evaluation.gait import Motion, vary
from evaluation.judge import Subject, Surroundings, first_stop, judge
from evaluation.kinds import FALLS, Kind, Stage
from evaluation.recording import Calibration, RecordingError, read_recording
from evaluation.report import Table

HEADER = f"# zero_counts: {ZERO_COUNTS}\n# newtons_per_count: {NEWTONS_PER_COUNT}\n# body_weight_n: 700\n"


def counts_file(path: Path, loads_n: list[float], header: str = HEADER, step_s: float = 0.0125) -> Path:
    noise = np.random.default_rng(4).normal(0.0, 90.0, len(loads_n))
    rows = [
        f"{index * step_s:.4f},{round(load / NEWTONS_PER_COUNT + ZERO_COUNTS + wobble)}"
        for index, (load, wobble) in enumerate(zip(loads_n, noise, strict=True))
    ]
    path.write_text(header + "time_s,counts\n" + "\n".join(rows) + "\n")
    return path


def fall_at_2_s() -> list[float]:
    return [0.0] * 160 + [min(20.0 * step * step, 900.0) for step in range(60)]


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_directory_gives_one_json_line_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts_file(tmp_path / "a_fall.csv", fall_at_2_s(), HEADER + "# onset_s: 2.0\n")
    counts_file(tmp_path / "b_idle.csv", [0.0] * 800)
    assert main([str(tmp_path), "--json"]) == 0
    fall, idle = json_lines(capsys)
    assert fall["file"] == "a_fall.csv"
    decision = fall["decisions"][0]  # type: ignore[index]
    assert decision["rule"] in ("harness-loaded", "loading-fast")
    assert decision["effect"] == "protective_stop"
    assert 2.0 < decision["time_s"] < 2.08
    onset = fall["onsets"][0]  # type: ignore[index]
    assert onset["delay_ms"] == pytest.approx((decision["time_s"] - 2.0) * 1e3, abs=1.0)
    assert idle["decisions"] == []
    assert idle["hours_judged"] == pytest.approx(799 * 0.0125 / 3600, rel=1e-3)


def test_the_installed_command_judges_a_documented_file_to_its_end(tmp_path: Path) -> None:
    """`sternway evaluate DIR --json` as somebody else runs it: counts, calibration, marked onsets, hands, deck."""
    loads = fall_at_2_s()
    noise = np.random.default_rng(8).normal(0.0, 90.0, len(loads))
    header = (
        f"# zero_counts: {ZERO_COUNTS}\n# newtons_per_count: {NEWTONS_PER_COUNT}\n# body_weight_n: 785\n# onset_s: 1600000002.0\n"
    )
    rows = [
        f"{1.6e9 + index * 0.0125:.4f},{load / NEWTONS_PER_COUNT + ZERO_COUNTS + wobble:.0f},1,{int(index < 40)},2,1,1"
        for index, (load, wobble) in enumerate(zip(loads, noise, strict=True))
    ]
    columns = "time_s,counts,rail_left,rail_right,rails_required,deck_front_clear,deck_rear_clear\n"
    (tmp_path / "somebody.csv").write_text(header + "# onset_s: 1600000000.5\n" + columns + "\n".join(rows) + "\n")
    sternway = Path(sys.executable).with_name("sternway")
    done = subprocess.run([sternway, "evaluate", tmp_path, "--json"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    line = json.loads(done.stdout)
    assert [one["rule"] for one in line["decisions"]][:2] == ["rail-released", "rail-slow"]
    assert {one["rule"] for one in line["decisions"]} & {"harness-loaded", "loading-fast"}
    assert line["hours_judged"] == pytest.approx(len(loads) * 0.0125 / 3600, rel=0.02)
    of_fall, of_hand = line["onsets"]
    assert 0.0 < of_fall["delay_ms"] < 80.0
    assert of_hand["onset_s"] == 0.5
    assert of_hand["rule"] in ("harness-loaded", "loading-fast", "rail-pause")


def test_newtons_coarser_than_noise_get_noise_back_and_are_judged_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{1.6e9 + index * 0.0125:.4f},{round(load)}" for index, load in enumerate(fall_at_2_s())]
    (tmp_path / "newtons.csv").write_text("# body_weight_n: 700\n# onset_s: 2.0\ntime,load_n\n" + "\n".join(rows))
    assert main([str(tmp_path), "--json"]) == 0
    (line,) = json_lines(capsys)
    assert line["noise_restored"] is True
    assert line["sensor_faults"] == 0
    assert 0.0 < line["onsets"][0]["delay_ms"] < 80.0  # type: ignore[index]


def test_a_dead_weight_is_its_own_tare_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    hung = read_recording(counts_file(tmp_path / "hung.csv", [1000.0] * 400))
    assert judge(hung.samples, hung.subject) == []
    told = read_recording(counts_file(tmp_path / "told.csv", [1000.0] * 400, HEADER + "# tare_n: 0\n"))
    stop = first_stop(judge(told.samples, told.subject))
    assert stop is not None
    assert stop.event is Event.HARNESS_LOADED


def test_a_gap_in_a_full_rate_file_is_a_fault_and_averaged_stretches_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gap = counts_file(tmp_path / "gap.csv", [0.0] * 400)
    lines = gap.read_text().splitlines()
    gap.write_text("\n".join(lines[:200] + lines[215:]) + "\n")
    counts_file(tmp_path / "averaged.csv", [0.0] * 100, step_s=0.15)
    assert main([str(tmp_path), "--json"]) == 0
    averaged, gapped = json_lines(capsys)
    assert [one["rule"] for one in gapped["decisions"]] == ["load-gap"]  # type: ignore[attr-defined]
    assert (averaged["decisions"], averaged["sensor_faults"]) == ([], 0)
    assert averaged["gaps_in_averaged_stretches"] > 50  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("time_s,speed\n0,1\n", "header must name"),
        ("time_s,counts\n0,1\n1,2\n", "zero_counts"),
        ("time_s,newtons\n0,1\n0,2\n", "fewer than two"),
        ("time_s,newtons\n0,one\n", "numbers"),
    ],
)
def test_a_file_that_cannot_be_read_says_how_to_mend_it(
    tmp_path: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(RecordingError, match=says):
        read_recording(path)
    assert main([str(tmp_path), "--json"]) == 1
    (line,) = json_lines(capsys)
    assert says in str(line["error"])


def test_an_empty_directory_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "no CSV file" in capsys.readouterr().out


def test_calibration_may_come_from_the_command_line(tmp_path: Path) -> None:
    path = counts_file(tmp_path / "bare.csv", [300.0] * 100, header="")
    read = read_recording(path, Calibration(ZERO_COUNTS, NEWTONS_PER_COUNT, 800.0, 0.0, 5000.0))
    assert (read.subject.body_weight_n, read.subject.tare_n, read.subject.chain.maximum_n) == (800.0, 0.0, 5000.0)


def test_the_wire_saturates_and_keeps_the_sign() -> None:
    assert [through_the_wire(value) for value in (-1.4, 5.0, 1e9, -1e9)] == [-1, 5, (1 << 23) - 1, -(1 << 23)]


def test_the_converter_settles_in_four_conversions_and_keeps_a_level() -> None:
    step = np.concatenate([np.zeros(400), np.full(400, 100.0)])
    seen = settle(step)
    assert len(seen) == len(step)
    assert seen[399] == 0.0
    assert seen[400 + round(0.05 / STEP_S)] == pytest.approx(100.0)
    assert np.all(np.diff(seen) >= -1e-9)


def test_converted_samples_come_at_the_recorded_rate() -> None:
    samples = convert(np.zeros(round(60 / STEP_S)), np.random.default_rng(1))
    assert 60 <= len(samples) / 60 <= 68
    assert np.std([one.counts for one in samples]) == pytest.approx(100.0, rel=0.1)


@pytest.mark.parametrize("kind", FALLS)
def test_a_fall_ends_with_weight_in_the_harness_after_the_strap_is_taut(kind: Kind) -> None:
    random = np.random.default_rng(9)
    for _ in range(5):
        fall = make_fall(kind, 0.10, random)
        assert fall.drop_m > 0.10
        assert not fall.force_n[: round((BEFORE_S + fall.taut_s) / STEP_S) - 1].any()
        settled = float(fall.force_n[-400:].mean())
        assert 0.1 * fall.body_weight_n < settled < 1.3 * fall.body_weight_n
        judged = judge_fall(fall, convert(fall.force_n, random))
        assert judged.alone_rule in (Event.HARNESS_LOADED, Event.LOADING_FAST)
        assert judged.taut_ms < judged.alone_ms


def test_more_slack_means_a_later_strap() -> None:
    short, long = (make_fall(Kind.COLLAPSE, slack, np.random.default_rng(3)) for slack in (0.03, 0.20))
    assert short.taut_s < long.taut_s


def test_standing_still_meets_the_front_barrier() -> None:
    fall = make_fall(Kind.STANDING_STILL, 0.20, np.random.default_rng(2), Stage.BOTH)
    samples = convert(fall.force_n, np.random.default_rng(2))
    said = {one.event for one in judge(samples, Subject(fall.body_weight_n, CHAIN), fall.surroundings)}
    assert Event.DECK_FRONT in said


def test_surroundings_take_effect_at_their_time() -> None:
    samples = convert(np.zeros(round(5 / STEP_S)), np.random.default_rng(1))
    around = (Surroundings(), Surroundings(at_ns=2_000_000_000, deck_rear_clear=False))
    (decision,) = judge(samples, Subject(700.0, CHAIN), around)
    assert decision.event is Event.DECK_REAR
    assert 0 <= decision.at_ns - 2_000_000_000 <= 10_000_000


@pytest.mark.parametrize(("count", "bound"), [(0, 2.996), (1, 4.744), (5, 10.513), (139, 160.01), (1078, 1133.59)])
def test_the_bound_is_the_poisson_one(count: int, bound: float) -> None:
    assert poisson_bound(count) == pytest.approx(bound, abs=0.01)
    assert poisson_bound(count) > count


def test_what_was_never_detected_counts_as_late() -> None:
    assert quantile_ms([1.0, math.nan, 3.0], 0.5) == 3.0
    assert quantile_ms([1.0, math.nan, math.nan], 0.5) == math.inf
    assert quantile_ms([1.0, 2.0], 0.5) == 1.5


def test_the_document_keeps_what_stands_around_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_document(path, [Table("A", ("x", "y"), [(1, 2)])])
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| 1 | 2 |" in text
    assert "old" not in text
    path.write_text("no marks")
    with pytest.raises(ValueError, match="marks"):
        write_document(path, [])


def made_walk() -> Motion:
    at_s = np.arange(0.0, 30.0, 0.01)
    drop = 0.02 + 0.015 * np.sin(2.0 * np.pi * 1.8 * at_s)
    return Motion("walk", 75.0, 0.01, drop, np.zeros(len(at_s)), np.zeros(len(at_s)))


def test_hours_at_two_slacks_are_different_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are added up, so the same strides must not be counted twice."""
    drawn: list[float] = []

    def remember(motion: Motion, seconds: float, variation: float, random: np.random.Generator) -> Motion:
        varied = vary(motion, min(seconds, 20.0), variation, random)
        drawn.append(float(varied.along_m[1000]))
        return varied

    monkeypatch.setattr("evaluation.campaign.vary", remember)
    for slack_m in (0.05, 0.10, 0.15):
        judge_simulated("walking", [made_walk()], slack_m, 1 / 6, 0.05, 41)
    assert len(set(drawn)) == 3


def test_the_threshold_sweep_judges_every_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hardest trials decide; they were once left out."""
    judged: list[str] = []

    def remember(motion: Motion, seconds: float, variation: float, random: np.random.Generator) -> Motion:
        judged.append(motion.name)
        return vary(motion, seconds, variation, random)

    monkeypatch.setattr("evaluation.campaign.vary", remember)
    runs = [msgspec.structs.replace(made_walk(), name=f"run {number}") for number in range(7)]
    points = sweep_threshold(runs, 0.05, 0.02, 1)
    assert judged == [run.name for run in runs]
    assert [point.share for point in points] == [0.10, 0.15, 0.20, 0.25, 0.30]


def test_every_axis_of_the_tuning_grid_reaches_the_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ceiling in newtons below the share once made one axis of the grid do nothing."""
    limits: set[tuple[float, float]] = set()

    def remember(fall: Fall, samples: list[LoadSample], balance: BalanceSettings) -> JudgedFall:
        found = limits_for(balance, 800.0)
        limits.add((found.fast_n, found.fast_n_s))
        return judge_fall(fall, samples, balance)

    monkeypatch.setattr("evaluation.campaign.judge_fall", remember)
    rows = tune(1, 2)
    assert len(limits) == len(rows)
