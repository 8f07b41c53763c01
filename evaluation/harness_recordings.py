"""Recordings of fall arrests on a load cell: read by what they hold, not by what they are called.

A folder `harness_arrest` holds CSV files of `time,raw reading`, and perhaps a calibration: a CSV file of `measured,real` (counts,
newtons), fitted by least squares. Without one the published calibration counts.

**An arrest** is a load that passes 120 N after at least a second below it, peaks within the next second at 1.5 times or more of
what it then settles at, and comes at full rate. A weight let go at zero speed onto a spring overshoots to twice its load; weights
put on by hand do not, nor does a file that averages. **Settled load**: median from 2 to 10 s after the passing.
"""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import numpy as np

from controller.core.readings import LoadSample
from evaluation.converter import NEWTONS_PER_COUNT, ZERO_COUNTS
from evaluation.judge import NS, Subject
from evaluation.recording import Calibration, Recording, RecordingError, read_recording

PASSES_N = 120.0
_BELOW_S = 1.0
_PEAK_WITHIN_S = 1.0
_PEAK_SHARE = 1.5
_SETTLES_S = (2.0, 10.0)
_LONGEST_STEP_S = 0.05
"""Median step about the rise: slower files are averages."""


class ArrestEvent(msgspec.Struct, frozen=True):
    """When the load passes 120 N, and what it settles at."""

    onset_ns: int
    settled_n: float


def read_harness_recordings(data: Path) -> list[Recording]:
    """Every recording in the folder, in order of name; tare 0, since an anchor's standing load is no body weight."""
    paths = sorted((data / "harness_arrest").glob("*.csv"))
    calibration = _calibration([path for path in paths if _is_calibration(path)])
    return [read_recording(path, calibration) for path in paths if not _is_calibration(path)]


def _is_calibration(path: Path) -> bool:
    with path.open(newline="") as file:
        return [name.strip() for name in file.readline().split(",")] == ["measured", "real"]


def _calibration(paths: list[Path]) -> Calibration:
    zero, scale = ZERO_COUNTS, NEWTONS_PER_COUNT
    if paths:
        with paths[-1].open(newline="") as file:
            points = np.array(list(csv.reader(file))[1:], dtype=float)
        if len(points) < 2:
            raise RecordingError(f"{paths[-1].name}: a calibration needs at least two points of counts and newtons")
        slope, offset = np.polyfit(points[:, 0], points[:, 1], 1)
        zero, scale = float(-offset / slope), float(slope)
    return Calibration(zero_counts=zero, newtons_per_count=scale, tare_n=0.0)


def load_n(sample: LoadSample, subject: Subject) -> float:
    """One sample as it came, in newtons, tare removed."""
    chain = subject.chain
    return (sample.counts - chain.zero_counts) * chain.newtons_per_count - subject.tare_n


def find_arrests(recording: Recording) -> list[ArrestEvent]:
    """Every arrest of a recording, by the rule above."""
    times_s = np.array([sample.measured_at_ns for sample in recording.samples]) / NS
    loads_n = np.array([load_n(sample, recording.subject) for sample in recording.samples])
    above = loads_n > PASSES_N
    found: list[ArrestEvent] = []
    for index in np.flatnonzero(above[1:] & ~above[:-1]) + 1:
        at_s = times_s[index]
        before = (times_s >= at_s - _BELOW_S) & (times_s < at_s)
        peak = (times_s >= at_s) & (times_s <= at_s + _PEAK_WITHIN_S)
        after = (times_s >= at_s + _SETTLES_S[0]) & (times_s <= at_s + _SETTLES_S[1])
        if at_s - times_s[0] < _BELOW_S or not before.any() or not after.any() or above[before].sum() > 1:
            continue  # one wrong sample before an arrest is none of it
        if found and recording.samples[index].measured_at_ns - found[-1].onset_ns < _SETTLES_S[0] * NS:
            continue
        settled_n = float(np.median(loads_n[after]))
        step_s = float(np.median(np.diff(times_s[before | peak])))
        if settled_n > PASSES_N and loads_n[peak].max() >= _PEAK_SHARE * settled_n and step_s <= _LONGEST_STEP_S:
            found.append(ArrestEvent(int(recording.samples[index].measured_at_ns), settled_n))
    return found
