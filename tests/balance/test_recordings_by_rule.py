"""Recordings are read by what they hold: other names, other subjects, other shapes of the same kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluation import main
from evaluation.arrests import judge_arrests
from evaluation.converter import NEWTONS_PER_COUNT, ZERO_COUNTS
from evaluation.gait import BACKWARD_RUN_SCALE, GaitRecordingError, read_runs, read_standing, read_walks, step_time_variation
from evaluation.harness_recordings import find_arrests, read_harness_recordings
from evaluation.recording import RecordingError

EPOCH_S = 1.6e9


def arrest_loads(weight_n: float, seconds: float = 20.0, step_s: float = 0.0125) -> list[float]:
    """5 s of an empty hook, then a fall onto a lightly damped spring."""
    at_s = np.arange(0.0, seconds, step_s) - 5.0
    swing = np.exp(-1.2 * np.maximum(at_s, 0.0)) * np.cos(2.0 * np.pi * 1.3 * at_s + 0.9)
    return list(np.where(at_s > 0.0, weight_n * np.maximum(1.0 - 1.6 * swing, 0.0), 0.0))


def write_counts(path: Path, loads_n: list[float], step_s: float = 0.0125) -> None:
    noise = np.random.default_rng(6).normal(0.0, 90.0, len(loads_n))
    rows = [
        f"{EPOCH_S + index * step_s:.4f},{load / NEWTONS_PER_COUNT + ZERO_COUNTS + wobble:.2f}"
        for index, (load, wobble) in enumerate(zip(loads_n, noise, strict=True))
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text("time,raw reading\n" + "\n".join(rows) + "\n")


def test_an_arrest_is_found_whatever_its_file_is_called(tmp_path: Path) -> None:
    write_counts(tmp_path / "harness_arrest" / "whatever_7.csv", arrest_loads(900.0))
    (recording,) = read_harness_recordings(tmp_path)
    (event,) = find_arrests(recording)
    assert event.onset_ns / 1e9 == pytest.approx(5.05, abs=0.1)
    assert event.settled_n == pytest.approx(900.0, rel=0.03)
    (arrest,) = judge_arrests(tmp_path)
    assert arrest.in_time
    assert (arrest.early, arrest.late) == (0, 0)
    assert arrest.glitches > 100


def test_two_arrests_in_one_file_are_two(tmp_path: Path) -> None:
    write_counts(tmp_path / "harness_arrest" / "twice.csv", arrest_loads(900.0) + arrest_loads(700.0))
    assert [one.name for one in judge_arrests(tmp_path)] == ["twice", "twice (2)"]


def test_weights_put_on_by_hand_lone_wrong_samples_and_averages_are_no_arrests(tmp_path: Path) -> None:
    steps = [0.0] * 400 + list(np.linspace(0.0, 800.0, 80)) + [800.0] * 1200
    wrong = [0.0] * 1600
    wrong[700] = 3800.0
    write_counts(tmp_path / "harness_arrest" / "hand.csv", steps)
    write_counts(tmp_path / "harness_arrest" / "wrong.csv", wrong)
    write_counts(tmp_path / "harness_arrest" / "averaged.csv", arrest_loads(900.0, 60.0, 0.1), step_s=0.1)
    assert judge_arrests(tmp_path) == []


def test_a_wrong_sample_before_an_arrest_does_not_hide_it(tmp_path: Path) -> None:
    loads = arrest_loads(900.0)
    loads[370] = 3800.0
    write_counts(tmp_path / "harness_arrest" / "spoilt.csv", loads)
    (recording,) = read_harness_recordings(tmp_path)
    (event,) = find_arrests(recording)
    assert event.settled_n == pytest.approx(900.0, rel=0.03)


def test_the_folders_own_calibration_counts(tmp_path: Path) -> None:
    write_counts(tmp_path / "harness_arrest" / "a.csv", arrest_loads(900.0))
    points = "\n".join(f"{ZERO_COUNTS + load / NEWTONS_PER_COUNT},{2 * load}" for load in (0.0, 500.0, 3000.0))
    (tmp_path / "harness_arrest" / "any calibration.csv").write_text("measured,real\n" + points + "\n")
    (recording,) = read_harness_recordings(tmp_path)
    assert recording.subject.chain.newtons_per_count == pytest.approx(2 * NEWTONS_PER_COUNT)
    assert find_arrests(recording)[0].settled_n == pytest.approx(1800.0, rel=0.03)
    (tmp_path / "harness_arrest" / "any calibration.csv").write_text("measured,real\n1,2\n")
    with pytest.raises(RecordingError, match="two points"):
        read_harness_recordings(tmp_path)


def write_walk(folder: Path, name: str, *, stands_s: float, wobble_m_s: float = 0.0, gaps: bool = False) -> None:
    at_s = np.arange(0.0, 40.0, 0.01)
    moving = at_s >= stands_s
    belt = np.where(moving, 0.8 + wobble_m_s * np.sin(at_s), 0.0)
    height = np.where(moving, 1.0 + 0.014 * np.sin(2 * np.pi * 1.5 * at_s), 1.005)
    rows = ["time,COM_z,COM_y,COM_x,LeftBeltSpeed,LeftGRF_y,RightGRF_y"]
    for index, (second, speed, high) in enumerate(zip(at_s, belt, height, strict=True)):
        shown = "" if gaps and index % 50 == 3 else f"{high:.5f}"
        rows.append(f"{second:.2f},0.01,{shown},0.02,{speed:.4f},320,300")
    folder.mkdir(exist_ok=True)
    (folder / f"{name}_data.csv").write_text("\n".join(rows) + "\n")


def test_walks_of_other_subjects_are_read_by_column_names(tmp_path: Path) -> None:
    folder = tmp_path / "treadmill_walk"
    write_walk(folder, "S07_Before", stands_s=2.0, gaps=True)
    write_walk(folder, "S08_Before", stands_s=0.0)
    write_walk(folder, "S09_Before", stands_s=2.0)
    write_walk(folder, "S07_Shaken", stands_s=2.0, wobble_m_s=0.2)
    (folder / "SubjectInfo.csv").write_text("id,age,mass,height\n7,30,61.5,1.7\n07,30,61.5,1.7\n08,40,88,1.8\n")
    first, second, third = read_walks(tmp_path)
    assert (first.name, second.name, third.name) == ("S07_Before_data", "S08_Before_data", "S09_Before_data")
    assert (first.mass_kg, second.mass_kg) == (61.5, 88.0)
    assert third.mass_kg == pytest.approx(620 / 9.81, rel=0.01), "the plates know who is in no table"
    assert np.isfinite(first.drop_m).all()
    assert first.drop_m.max() == pytest.approx(0.019, abs=0.001)
    assert second.drop_m.max() == pytest.approx(0.028, abs=0.001)


def test_a_walk_without_its_columns_says_which(tmp_path: Path) -> None:
    (tmp_path / "treadmill_walk").mkdir()
    (tmp_path / "treadmill_walk" / "a_data.csv").write_text("time,COM_y\n0,1\n")
    with pytest.raises(GaitRecordingError, match=r"a_data.csv.*LeftBeltSpeed"):
        read_walks(tmp_path)


def test_the_command_says_what_is_wrong_with_a_folder_of_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "standing").mkdir()
    (tmp_path / "standing" / "b.csv").write_text("Time[s],COPx[cm]\n0,1\n1,1\n")
    assert main(["--data", str(tmp_path), "--quick"]) == 1
    assert "b.csv: no usable column Fz[N], COPy[cm]" in capsys.readouterr().out


def test_standing_of_anybody_is_weighed_by_the_plate(tmp_path: Path) -> None:
    folder = tmp_path / "standing"
    folder.mkdir()
    (folder / "subjects.csv").write_text("trial,weight_kg\nBDS1,60\n")
    rows = [f"{index / 100},{600 + index % 2},{0.1 * (index % 3)},{-0.2 * (index % 5)}" for index in range(300)]
    (folder / "XYZ.csv").write_text("Time[s],Fz[N],COPx[cm],COPy[cm]\n" + "\n".join(rows) + "\n")
    (trial,) = read_standing(tmp_path)
    assert trial.mass_kg == pytest.approx(61.2, abs=0.2)
    assert trial.along_m.min() < 0.0 < trial.along_m.max()


def running_force(seconds: float = 5.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Half a sine on the ground, then flight; mean 1 body weight."""
    phase = (np.arange(round(seconds * 500)) / 500.0 / 0.36) % 1.0
    force = np.where(phase < 0.72, np.sin(np.pi * phase / 0.72), 0.0)
    return force / force.mean()


def test_runs_are_made_backward_by_their_dynamics(tmp_path: Path) -> None:
    """Harder and shorter pushes, the same momentum: the body does not bounce higher than it did forward."""
    folder = tmp_path / "treadmill_run"
    folder.mkdir()
    force = running_force()
    (folder / "subject9_GRF.csv").write_text("\n".join(",".join(f"{one:.5f}" for one in force) for _ in range(2)) + "\n")
    first, second = read_runs(tmp_path)
    assert first.mass_kg == 75.0
    assert (first.drop_m == second.drop_m).all()
    up_m_s2 = (force / force.mean() - 1.0) * 9.81
    measured = -np.gradient(np.gradient(first.drop_m, first.step_s), first.step_s)
    assert np.percentile(measured, 99) == pytest.approx(BACKWARD_RUN_SCALE * np.percentile(up_m_s2, 99), rel=0.06)
    assert np.percentile(measured, 1) == pytest.approx(np.percentile(up_m_s2, 1), rel=0.1)
    forward_m = _bounce_m(up_m_s2)
    assert 0.8 * forward_m < first.drop_m.max() < 1.03 * forward_m


def _bounce_m(up_m_s2: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Twice the integral of one stride, exactly, by its frequencies."""
    stride = up_m_s2[:180]
    turns = 2.0 * np.pi * np.fft.rfftfreq(len(stride), 1 / 500.0)
    parts = np.fft.rfft(stride)
    height = np.fft.irfft(np.concatenate([[0.0], -parts[1:] / turns[1:] ** 2]), len(stride))
    return float(height.max() - height.min())


def test_no_overground_recording_leaves_a_stated_variation(tmp_path: Path) -> None:
    assert step_time_variation(tmp_path) == 0.03
