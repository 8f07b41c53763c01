"""Undisturbed gait from recordings, and the strap force it makes. Simulated hours resample the same recorded strides.

Walking: the recorded centre of mass stands for the harness point. Running: recorded ground reaction force made backward, then
integrated twice, the top of each flight at standing height. Step variability: stride times of overground walking. Standing: the
centre of pressure's way as the body's.

Running backward (Cavagna, Legramandi and La Torre, JEB 215:75): the centre of mass accelerates upward harder (15.7 against
13.2 m/s2) for a shorter time, because the leg is stiffer (499 against 352 1/s2); the time with less than body weight on the
ground is alike. So while the force exceeds body weight accelerations are enlarged by 15.7 / 13.2 and times shortened by as much,
which leaves each push's momentum as it was and agrees with the stiffnesses (their ratio's root is 1.19, as is 15.7 / 13.2).
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import msgspec
import numpy as np

from evaluation.converter import STEP_S, Floats
from evaluation.falls import G_M_S2
from evaluation.strap import pull_along

BACKWARD_RUN_SCALE = 15.7 / 13.2
_RUN_HZ = 500.0
_EDGE = int(0.5 * _RUN_HZ)
"""Cut off both ends of every trial: there the running mean that removes drift sees padding instead of strides."""
_MOVES_M_S = 0.3
_STEADY_BELT_M_S = 0.03
"""Standard deviation: 0.009 m/s where nobody disturbs."""
_USUAL_MASS_KG = 75.0
_USUAL_VARIATION = 0.03
"""Where no recording says."""


class Motion(msgspec.Struct, frozen=True):
    """A recorded motion of the harness point: metres below standing tall, along and across the deck, every `step_s`."""

    name: str
    mass_kg: float
    step_s: float
    drop_m: Floats
    along_m: Floats
    across_m: Floats

    @property
    def level(self) -> bool:
        """Whether a running trial was on the level."""
        return self.name.endswith("grade 0 %")

    @property
    def seconds(self) -> float:
        """Recorded length."""
        return len(self.drop_m) * self.step_s

    def part(self, first: float, last: float) -> Motion:
        """The stretch between two shares (0-1) of the record."""
        cut = slice(int(first * len(self.drop_m)), int(last * len(self.drop_m)))
        return msgspec.structs.replace(self, drop_m=self.drop_m[cut], along_m=self.along_m[cut], across_m=self.across_m[cut])


class GaitRecordingError(ValueError):
    """A recording does not have what is read from it; the message names the file and what it lacks."""


def _columns(path: Path) -> dict[str, Floats]:
    """A CSV file with a header, by name; what is missing in a column is filled in between its neighbours."""
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    names = [name.strip() for name in rows[0]]
    values = np.array([[_number(cell) for cell in row[: len(names)]] for row in rows[1:]])
    return {name: _filled(values[:, index]) for index, name in enumerate(names)}


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _filled(values: Floats) -> Floats:
    known = np.isfinite(values)
    if known.all() or not known.any():
        return values
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])


def _needs(columns: dict[str, Floats], path: Path, *names: str) -> list[Floats]:
    missing = [name for name in names if name not in columns or not np.isfinite(columns[name]).all()]
    if missing:
        raise GaitRecordingError(f"{path.name}: no usable column {', '.join(missing)}; there are {', '.join(columns)}")
    return [columns[name] for name in names]


def _table(folder: Path, pattern: str) -> list[dict[str, str]]:
    """Rows of the first table whose name matches; none if there is no such file."""
    for path in sorted(folder.glob(pattern)):
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    return []


def read_walks(data: Path) -> list[Motion]:
    """The instrumented-treadmill walks, whatever they are called, from when the belt moves.

    Standing height: the highest centre of mass while the belt is still at rest for 1 s, else the highest but 1 % of the walk. A
    belt whose speed varies by more than _STEADY_BELT_M_S disturbs on purpose: that is no undisturbed gait and is left out.
    """
    folder = data / "treadmill_walk"
    subjects = _table(folder, "SubjectInfo*.csv")
    walks = []
    for path in sorted(folder.glob("*_data.csv")):
        columns = _columns(path)
        time_s, belt, height, along, across = _needs(columns, path, "time", "LeftBeltSpeed", "COM_y", "COM_x", "COM_z")
        moving = belt > _MOVES_M_S
        if not moving.any():
            continue
        at_speed = int(np.argmax(belt > 0.95 * np.median(belt[moving])))
        if belt[at_speed:].std() > _STEADY_BELT_M_S:
            continue
        first = int(np.argmax(moving))
        step_s = float(np.median(np.diff(time_s)))
        tall = float(height[:first].max() if first * step_s >= 1.0 else np.percentile(height[first:], 99.0))
        mass_kg = _walker_kg(path, columns, subjects, first)
        along, across = along[first:], across[first:]
        walks.append(Motion(path.stem, mass_kg, step_s, tall - height[first:], along - along.mean(), across - across.mean()))
    return walks


def _walker_kg(path: Path, columns: dict[str, Floats], subjects: list[dict[str, str]], first: int) -> float:
    """From the table of subjects if it has one row, or one whose id is in the file's name; else from the force on the plates."""
    named = [row for row in subjects if len(subjects) == 1 or re.search(rf"(?<!\d){row.get('id', '-')}(?!\d)", path.stem)]
    if len(named) == 1 and np.isfinite(_number(named[0].get("mass", ""))):
        return float(named[0]["mass"])
    left, right = _needs(columns, path, "LeftGRF_y", "RightGRF_y")
    return float((left[first:] + right[first:]).mean() / G_M_S2)


def read_runs(data: Path) -> list[Motion]:
    """Each running trial, made backward: rows of vertical force in body weights, and a table of trials in the same order."""
    folder = data / "treadmill_run"
    trials = _table(folder, "*Info*.csv")
    runs: list[Motion] = []
    for path in sorted(folder.glob("*GRF*.csv")):
        forces = np.loadtxt(path, delimiter=",", ndmin=2)
        for index, force in enumerate(forces):
            trial = trials[index] if len(trials) == len(forces) else {}
            rise = _integrate(_integrate(_made_backward((force / force.mean() - 1.0) * G_M_S2)))[_EDGE:-_EDGE]
            flat = np.zeros(len(rise))
            mass_kg = _number(trial.get("Mass", ""))
            runs.append(
                Motion(
                    f"run {len(runs) + 1}, grade {trial.get('Slope', '?')} %",
                    mass_kg if np.isfinite(mass_kg) else _USUAL_MASS_KG,
                    1 / _RUN_HZ,
                    np.percentile(rise, 99) - rise,
                    flat,
                    flat,
                )
            )
    return runs


def _made_backward(up_m_s2: Floats) -> Floats:
    """Accelerations of forward running as backward running would have them, again at _RUN_HZ; a little shorter in all."""
    pushes = up_m_s2 > 0.0
    lasting_s = np.where(pushes, 1.0 / BACKWARD_RUN_SCALE, 1.0) / _RUN_HZ
    changed = np.where(pushes, up_m_s2 * BACKWARD_RUN_SCALE, up_m_s2)
    ends_s = np.cumsum(lasting_s)
    gained_m_s = np.interp(np.arange(0.0, ends_s[-1], 1.0 / _RUN_HZ), ends_s, np.cumsum(changed * lasting_s))
    return np.diff(gained_m_s) * _RUN_HZ


def _integrate(values: Floats) -> Floats:
    """Running integral without what drifts slower than a stride (1 s)."""
    total = np.cumsum(values) / _RUN_HZ
    width = int(_RUN_HZ)
    smooth = np.convolve(np.pad(total, width // 2, mode="reflect"), np.ones(width) / width, mode="same")
    return total - smooth[width // 2 : width // 2 + len(total)]


def read_standing(data: Path) -> list[Motion]:
    """Quiet standing on a force plate; the plate knows the weight."""
    trials = []
    for path in sorted((data / "standing").glob("*.csv")):
        columns = _columns(path)
        if "COPx[cm]" not in columns:
            continue  # the table of subjects
        time_s, force_n, across_cm, along_cm = _needs(columns, path, "Time[s]", "Fz[N]", "COPx[cm]", "COPy[cm]")
        along, across = along_cm / 100, across_cm / 100
        step_s = float(np.median(np.diff(time_s)))
        mass_kg = float(force_n.mean() / G_M_S2)
        trials.append(Motion(path.stem, mass_kg, step_s, np.zeros(len(along)), along - along.mean(), across - across.mean()))
    return trials


def step_time_variation(data: Path) -> float:
    """Coefficient of variation of recorded overground stride times, from where each foot's force begins."""
    found = []
    for path in sorted((data / "overground_walk").glob("*.csv")):
        time_s, *feet = list(_columns(path).values())[:3]
        for force_n in feet:
            on = force_n > 0.2 * force_n.max()
            strides = np.diff(time_s[1:][on[1:] & ~on[:-1]])
            strides = strides[(strides > 0.6) & (strides < 1.8)]
            if len(strides) > 10:
                found.append(float(strides.std() / strides.mean()))
    return float(np.mean(found)) if found else _USUAL_VARIATION


def strap_force(motion: Motion, slack_m: float, stiffness: float, anchor_m: float = 1.3) -> Floats:
    """Strap force every STEP_S, newtons; damping ratio 0.2."""
    count = int((len(motion.drop_m) - 1) * motion.step_s / STEP_S)
    at_s = np.arange(count) * STEP_S
    own_s = np.arange(len(motion.drop_m)) * motion.step_s
    drop = np.interp(at_s, own_s, motion.drop_m)
    away = np.hypot(np.interp(at_s, own_s, motion.along_m), np.interp(at_s, own_s, motion.across_m))
    damping = 2.0 * 0.2 * float(np.sqrt(stiffness * motion.mass_kg))
    return pull_along(drop, away, slack_m, stiffness, damping, anchor_m)


def vary(motion: Motion, seconds: float, variation: float, random: np.random.Generator) -> Motion:
    """A longer motion out of the recorded one: stretches of 5-20 s from anywhere in it, cross-faded, each with its own size
    (SD 8 %) and pace (the recorded variation), under a fore-and-aft drift of 5 cm SD that takes about 15 s to turn."""
    wanted, fade = int(seconds / motion.step_s), max(int(0.3 / motion.step_s), 1)
    drop, along, across = (np.zeros(wanted + fade) for _ in range(3))
    weight = np.zeros(wanted + fade)
    filled = 0
    while filled < wanted:
        length = min(int(random.uniform(5.0, 20.0) / motion.step_s), len(motion.drop_m))
        first = int(random.integers(0, len(motion.drop_m) - length + 1))
        pace, size = max(random.normal(1.0, variation), 0.8), max(random.normal(1.0, 0.08), 0.7)
        index = np.arange(int(length / pace)) * pace
        index = index[index < length - 1]
        ramp = np.minimum(1.0, np.minimum(np.arange(len(index)) + 1, len(index) - np.arange(len(index))) / fade)
        end = min(filled + len(index), wanted + fade)
        keep, target = slice(0, end - filled), slice(filled, end)
        for whole, part, scale in ((drop, motion.drop_m, size), (along, motion.along_m, 1.0), (across, motion.across_m, 1.0)):
            piece = np.interp(index, np.arange(length), part[first : first + length])
            middle = piece.mean()
            whole[target] += (ramp * (middle + (piece - middle) * scale))[keep]
        weight[target] += ramp[keep]
        filled += max(len(index) - fade, 1)
    weight = np.maximum(weight[:wanted], 1e-9)
    drift = _slow_drift(wanted, motion.step_s, random)
    return msgspec.structs.replace(
        motion,
        drop_m=drop[:wanted] / weight,
        along_m=along[:wanted] / weight + drift,
        across_m=across[:wanted] / weight,
    )


def _slow_drift(count: int, step_s: float, random: np.random.Generator) -> Floats:
    knots = max(int(count * step_s / 15.0), 2) + 2
    return np.interp(np.linspace(0, knots - 1, count), np.arange(knots), random.normal(0.0, 0.05, knots))
