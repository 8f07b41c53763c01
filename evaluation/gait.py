"""Undisturbed gait from recordings, and the strap force it makes. Simulated hours resample the same recorded strides.

Walking: the recorded centre of mass stands for the harness point. Running: twice-integrated ground reaction force, enlarged by
the ratio of peak accelerations of backward to forward running (15.7 / 13.2, JEB 215:75), the top of each flight at standing
height. Step variability: stride times of overground walking. Standing: the centre of pressure's way as the body's.
"""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import numpy as np

from evaluation.converter import STEP_S, Floats
from evaluation.falls import G_M_S2

BACKWARD_RUN_SCALE = 15.7 / 13.2
_RUN_HZ = 500.0
_EDGE = int(0.5 * _RUN_HZ)
"""Cut off both ends of every trial: there the running mean that removes drift sees padding instead of strides."""
_WALK_HZ = 100.0


class Motion(msgspec.Struct, frozen=True):
    """A recorded motion of the harness point: metres below standing tall, along and across the deck, every `step_s`."""

    name: str
    mass_kg: float
    step_s: float
    drop_m: Floats
    along_m: Floats
    across_m: Floats

    @property
    def seconds(self) -> float:
        """Recorded length."""
        return len(self.drop_m) * self.step_s

    def part(self, first: float, last: float) -> Motion:
        """The stretch between two shares (0-1) of the record."""
        cut = slice(int(first * len(self.drop_m)), int(last * len(self.drop_m)))
        return msgspec.structs.replace(self, drop_m=self.drop_m[cut], along_m=self.along_m[cut], across_m=self.across_m[cut])


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def read_walks(data: Path) -> list[Motion]:
    """The instrumented-treadmill walks: standing height is the highest centre of mass before the belt moves."""
    walks = []
    for path in sorted((data / "treadmill_walk").glob("*_data.csv")):
        rows = _rows(path)
        columns = {name: index for index, name in enumerate(rows[0])}
        values = np.array(rows[1:], dtype=float)
        height = values[:, columns["COM_y"]]
        moves = np.flatnonzero(values[:, columns["LeftBeltSpeed"]] > 0.3)
        first = int(moves[0])
        tall = float(height[: max(first, 1)].max())
        mass = float(_rows(data / "treadmill_walk" / "SubjectInfo.csv")[1][2])
        along = values[first:, columns["COM_x"]]
        across = values[first:, columns["COM_z"]]
        walks.append(Motion(path.stem, mass, 1 / _WALK_HZ, tall - height[first:], along - along.mean(), across - across.mean()))
    return walks


def read_runs(data: Path) -> list[Motion]:
    """Each running trial, made backward."""
    folder = data / "treadmill_run"
    forces = np.array(_rows(folder / "vertical_GRF_BW.csv"), dtype=float)
    info = _rows(folder / "Sub_Info_one_sub.csv")
    mass_column, grade_column = info[0].index("Mass"), info[0].index("Slope")
    runs = []
    for index, force in enumerate(forces):
        rise = _integrate(_integrate((force / force.mean() - 1.0) * G_M_S2)) * BACKWARD_RUN_SCALE
        rise = rise[_EDGE:-_EDGE]
        flat = np.zeros(len(rise))
        mass = float(info[index + 1][mass_column])
        runs.append(
            Motion(
                f"run {index + 1}, grade {info[index + 1][grade_column]} %",
                mass,
                1 / _RUN_HZ,
                np.percentile(rise, 99) - rise,
                flat,
                flat,
            )
        )
    return runs


def _integrate(values: Floats) -> Floats:
    """Running integral without what drifts slower than a stride (1 s)."""
    total = np.cumsum(values) / _RUN_HZ
    width = int(_RUN_HZ)
    smooth = np.convolve(np.pad(total, width // 2, mode="reflect"), np.ones(width) / width, mode="same")
    return total - smooth[width // 2 : width // 2 + len(total)]


def read_standing(data: Path) -> list[Motion]:
    """Quiet standing."""
    masses = {row[0]: float(row[4]) for row in _rows(data / "standing" / "subjects.csv")[1:]}
    trials = []
    for path in sorted((data / "standing").glob("BDS*.csv")):
        values = np.array(_rows(path)[1:], dtype=float)
        along, across = values[:, 3] / 100, values[:, 2] / 100
        flat = np.zeros(len(along))
        mass = masses.get(path.stem, 70.0)
        trials.append(Motion(path.stem, mass, 1 / _WALK_HZ, flat, along - along.mean(), across - across.mean()))
    return trials


def step_time_variation(data: Path) -> float:
    """Coefficient of variation of recorded overground stride times, from where each foot's force begins."""
    found = []
    for path in sorted((data / "overground_walk").glob("*.csv")):
        values = np.array(_rows(path)[1:], dtype=float)
        for column in (1, 2):
            on = values[:, column] > 0.2 * values[:, column].max()
            strikes = values[1:, 0][on[1:] & ~on[:-1]]
            strides = np.diff(strikes)
            strides = strides[(strides > 0.6) & (strides < 1.8)]
            if len(strides) > 10:
                found.append(float(strides.std() / strides.mean()))
    return float(np.mean(found)) if found else 0.03


def strap_force(motion: Motion, slack_m: float, stiffness: float, anchor_m: float = 1.3) -> Floats:
    """Strap force every STEP_S, newtons; damping ratio 0.2."""
    count = int((len(motion.drop_m) - 1) * motion.step_s / STEP_S)
    at_s = np.arange(count) * STEP_S
    own_s = np.arange(len(motion.drop_m)) * motion.step_s
    drop = np.interp(at_s, own_s, motion.drop_m)
    away = np.hypot(np.interp(at_s, own_s, motion.along_m), np.interp(at_s, own_s, motion.across_m))
    length = np.hypot(away, anchor_m + drop)
    stretch = length - anchor_m - slack_m
    damping = 2.0 * 0.2 * np.sqrt(stiffness * motion.mass_kg)
    pull = stiffness * stretch + damping * np.gradient(length, STEP_S)
    return np.where(stretch > 0.0, np.maximum(pull, 0.0), 0.0)


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
