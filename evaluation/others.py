"""`evaluate DIR --json`: one JSON line a file of somebody else's recordings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from controller.core.events import Event
from evaluation.judge import NS, Decision, judge
from evaluation.recording import Calibration, Recording, RecordingError, read_recording

AVERAGED_STEP_NS = 75_000_000
"""Two steps in a row as long as this are a stretch that the file averages (recorded ones: 10 samples a second)."""


def judge_directory(directory: Path, given: Calibration) -> Iterator[dict[str, Any]]:
    """Yields what was decided on each CSV file below the directory, in order of name; a file that cannot be read says why."""
    for path in sorted(directory.rglob("*.csv")):
        name = str(path.relative_to(directory))
        try:
            yield {"file": name, **judge_recording(read_recording(path, given))}
        except RecordingError as error:
            yield {"file": name, "error": str(error)}


def judge_recording(recording: Recording) -> dict[str, Any]:
    """Everything decided on one recording, with times in the recording's own seconds from its first sample."""
    decisions = judge(recording.samples, recording.subject, recording.surroundings)
    times_ns = np.array([sample.measured_at_ns for sample in recording.samples])
    steps_ns = np.diff(times_ns)
    gaps = [one for one in decisions if one.event is Event.LOAD_GAP]
    of_file = {one.at_ns for one in gaps if is_averaged(times_ns, one.at_ns)}
    kept = [one for one in decisions if not (one.event is Event.LOAD_GAP and one.at_ns in of_file)]
    return {
        "seconds": round(recording.seconds, 3),
        "hours_judged": round(recording.seconds / 3600, 6),
        "samples": len(recording.samples),
        "median_step_ms": round(float(np.median(steps_ns)) / 1e6, 2),
        "longest_step_ms": round(float(steps_ns.max()) / 1e6, 1),
        "body_weight_n": round(recording.subject.body_weight_n, 1),
        "tare_n": round(recording.subject.tare_n, 2),
        "first_time_s": recording.offset_s,
        "noise_restored": recording.noise_restored,
        "decisions": [_line(one) for one in kept],
        "stops": sum(one.stops and not one.of_sensor for one in kept),
        "sensor_faults": sum(one.of_sensor for one in kept),
        "gaps_in_averaged_stretches": len(of_file),
        "onsets": [_answer(onset_ns, kept) for onset_ns in recording.onsets_ns],
    }


def is_averaged(times_ns: np.typing.NDArray[np.int64], at_ns: int) -> bool:
    """Whether the step that holds `at_ns` and one beside it are both so long that the file must average there."""
    index = int(np.searchsorted(times_ns, at_ns))
    steps = np.diff(times_ns[max(index - 2, 0) : index + 2])
    return bool((steps >= AVERAGED_STEP_NS).sum() >= 2)


def _line(decision: Decision) -> dict[str, Any]:
    return {
        "time_s": round(decision.at_ns / NS, 3),
        "rule": decision.event.value,
        "effect": decision.effect.name.lower(),
        "of": "sensor" if decision.of_sensor else "patient",
        "detail": decision.detail,
    }


def _answer(onset_ns: int, decisions: list[Decision]) -> dict[str, Any]:
    """The first stop after a marked onset."""
    for decision in decisions:
        if decision.at_ns >= onset_ns and decision.stops:
            delay_ms = round((decision.at_ns - onset_ns) / 1e6, 1)
            return {"onset_s": round(onset_ns / NS, 3), "delay_ms": delay_ms, "rule": decision.event.value}
    return {"onset_s": round(onset_ns / NS, 3), "delay_ms": None, "rule": None}


def print_directory(directory: Path, given: Calibration, as_json: bool) -> int:
    """Prints each file's line; the exit status is 1 if a file could not be read or there was none, else 0."""
    failed, seen = 0, 0
    for line in judge_directory(directory, given):
        seen += 1
        failed += "error" in line
        _say(json.dumps(line) if as_json else _for_people(line))
    if not seen:
        _say(json.dumps({"error": f"no CSV file in {directory}"}) if as_json else f"no CSV file in {directory}")
    return 1 if failed or not seen else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _for_people(line: dict[str, Any]) -> str:
    if "error" in line:
        return f"{line['file']}: {line['error']}"
    stops = [f"{one['time_s']:.3f} s {one['rule']} ({one['effect']})" for one in line["decisions"] if one["effect"] != "record"]
    return f"{line['file']}: {line['seconds']:.1f} s judged; {'; '.join(stops) if stops else 'no stop'}"
