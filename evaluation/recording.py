"""Reads somebody else's recordings of a harness load cell.

One CSV file a recording. Lines that start with `#` before the header hold `key: value`; the header names the columns; times
are seconds and rise.

    # body_weight_n: 785           default 736 (75 kg), or --body-weight-n
    # zero_counts: 1035688         with counts: required here or by --zero-counts
    # newtons_per_count: 0.00358722  with counts: required here or by --newtons-per-count
    # tare_n: 0                    default: median of the first second, so that a dead weight on the hook is no fall
    # maximum_n: 10000             the cell's range
    # onset_s: 12.16               a marked loss of balance, in the file's own time; may be repeated
    time_s,counts                  or time_s,newtons
    0.0000,1036266

Further columns may follow: rail_left, rail_right (1 held), rails_required (0-2), hands_free, deck_front_clear,
deck_rear_clear (1 whole). `time` is taken for time_s; `raw reading` and `raw` for counts; `load_n` and `force_n` for newtons.
Times from a wall clock are shifted to begin at 0; `onset_s` may then be either. Newtons coarser than the converter's noise
get that noise back (30 counts rms, seeded), or the chain would rightly call the cell stuck; the result says so.
"""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import numpy as np

from controller.core.load_chain import LoadChainSettings
from controller.core.readings import LoadSample
from evaluation.converter import Floats, through_the_wire
from evaluation.judge import Subject, Surroundings

DEFAULT_WEIGHT_N = 75.0 * 9.81
_NEWTON_FILES_N_PER_COUNT = 2e-3
_RESTORED_NOISE_COUNTS = 30.0
_ALIASES = {
    "time": "time_s",
    "raw reading": "counts",
    "raw": "counts",
    "load_n": "newtons",
    "force_n": "newtons",
}
_EXTRAS = ("rail_left", "rail_right", "rails_required", "hands_free", "deck_front_clear", "deck_rear_clear")
_EPOCH_S = 1e8
"""A first time beyond this is a wall clock's."""


class RecordingError(ValueError):
    """The file is not in the form this module documents; the message says what to change."""


class Calibration(msgspec.Struct, frozen=True):
    """What the command line gives for files that do not say it themselves; None: not given."""

    zero_counts: float | None = None
    newtons_per_count: float | None = None
    body_weight_n: float | None = None
    tare_n: float | None = None
    maximum_n: float | None = None


NOTHING_GIVEN = Calibration()


class Recording(msgspec.Struct, frozen=True):
    """One file, ready to be judged. Times are nanoseconds from its first sample; offset_s is that sample's own time."""

    name: str
    samples: tuple[LoadSample, ...]
    subject: Subject
    onsets_ns: tuple[int, ...]
    surroundings: tuple[Surroundings, ...]
    offset_s: float
    noise_restored: bool

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.samples[-1].measured_at_ns - self.samples[0].measured_at_ns) / 1e9


def read_recording(path: Path, given: Calibration = NOTHING_GIVEN) -> Recording:
    """Reads one file; raises RecordingError with what is wrong and how to mend it."""
    facts, onsets, columns = _parse(path)
    times_s = columns["time_s"]
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(times_s)) > 0])
    times_s, columns = times_s[rising], {name: values[rising] for name, values in columns.items()}
    if len(times_s) < 2:
        raise RecordingError(f"{path.name}: fewer than two samples with rising times")
    offset_s = float(times_s[0])
    at_ns = np.rint((times_s - offset_s) * 1e9).astype(np.int64)
    counts, zero, scale, restored = _counts(path, columns, facts, given)
    samples = tuple(LoadSample(int(t), through_the_wire(c)) for t, c in zip(at_ns, counts, strict=True))
    maximum_n = _first(facts.get("maximum_n"), given.maximum_n, 10000.0)
    first_second = counts[at_ns <= 1_000_000_000]
    rest_n = (float(np.median(first_second)) - zero) * scale
    subject = Subject(
        body_weight_n=_first(facts.get("body_weight_n"), given.body_weight_n, DEFAULT_WEIGHT_N),
        chain=LoadChainSettings(zero_counts=zero, newtons_per_count=scale, maximum_n=maximum_n),
        tare_n=_first(facts.get("tare_n"), given.tare_n, rest_n),
    )
    own = [onset if abs(offset_s) <= _EPOCH_S or onset > _EPOCH_S else onset + offset_s for onset in onsets]
    onsets_ns = tuple(round((onset - offset_s) * 1e9) for onset in own)
    return Recording(path.name, samples, subject, onsets_ns, _surroundings(at_ns, columns), offset_s, restored)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _parse(path: Path) -> tuple[dict[str, float], list[float], dict[str, Floats]]:
    facts: dict[str, float] = {}
    onsets: list[float] = []
    with path.open(newline="") as file:
        lines = [line for line in file if line.strip()]
    body = [line for line in lines if not line.startswith("#")]
    for line in lines:
        key, _, value = line.lstrip("# ").partition(":")
        if not line.startswith("#") or not value.strip():
            continue
        try:
            number = float(value)
        except ValueError:
            continue
        if key.strip() == "onset_s":
            onsets.append(number)
        else:
            facts[key.strip()] = number
    rows = list(csv.reader(body))
    if not rows:
        raise RecordingError(f"{path.name}: empty")
    names = [_ALIASES.get(name.strip().lower(), name.strip().lower()) for name in rows[0]]
    if "time_s" not in names or not {"counts", "newtons"} & set(names):
        raise RecordingError(f"{path.name}: the header must name time_s and counts or newtons, it names {rows[0]}")
    try:
        values = np.array([row[: len(names)] for row in rows[1:]], dtype=float)
    except ValueError as error:
        raise RecordingError(f"{path.name}: a row is not made of numbers ({error})") from error
    if len(values) == 0:
        raise RecordingError(f"{path.name}: no samples")
    return facts, onsets, {name: values[:, index] for index, name in enumerate(names)}


def _counts(
    path: Path, columns: dict[str, Floats], facts: dict[str, float], given: Calibration
) -> tuple[Floats, float, float, bool]:
    if "counts" in columns:
        zero = facts.get("zero_counts", given.zero_counts)
        scale = facts.get("newtons_per_count", given.newtons_per_count)
        if zero is None or scale is None or scale == 0:
            raise RecordingError(f"{path.name}: counts need zero_counts and newtons_per_count, as '# key: value' lines or options")
        return columns["counts"], zero, scale, False
    counts = columns["newtons"] / _NEWTON_FILES_N_PER_COUNT
    steps = np.abs(np.diff(counts))
    finest = float(steps[steps > 0].min()) if (steps > 0).any() else np.inf
    restored = finest > _RESTORED_NOISE_COUNTS
    if restored:
        counts = counts + np.random.default_rng(1).normal(0.0, _RESTORED_NOISE_COUNTS, len(counts))
    return counts, 0.0, _NEWTON_FILES_N_PER_COUNT, restored


def _surroundings(at_ns: np.typing.NDArray[np.int64], columns: dict[str, Floats]) -> tuple[Surroundings, ...]:
    names = [name for name in _EXTRAS if name in columns]
    if not names:
        return (Surroundings(),)
    states: list[Surroundings] = []
    for index, now_ns in enumerate(at_ns):
        told = {name: int(columns[name][index]) for name in names}
        state = Surroundings(
            at_ns=int(now_ns),
            rail_left=bool(told.get("rail_left", True)),
            rail_right=bool(told.get("rail_right", True)),
            rails_required=told.get("rails_required", 0),
            hands_free=bool(told.get("hands_free", False)),
            deck_front_clear=bool(told.get("deck_front_clear", True)),
            deck_rear_clear=bool(told.get("deck_rear_clear", True)),
        )
        if not states or msgspec.structs.replace(states[-1], at_ns=state.at_ns) != state:
            states.append(state)
    return tuple(states)
