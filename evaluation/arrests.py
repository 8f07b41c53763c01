"""The recorded fall arrests, their idle and dead-weight stretches, and a glitch put at every sample of every rise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from controller.core.events import Event
from controller.core.readings import LoadSample
from evaluation.baselines import median_threshold, plain_threshold
from evaluation.converter import glitch
from evaluation.harness_recordings import find_arrests, load_n, read_harness_recordings
from evaluation.judge import SCAN_NS, Decision, Subject, first_stop, judge
from evaluation.others import is_averaged

_BEFORE_NS, _AFTER_NS = 1_000_000_000, 1_500_000_000
_STEADY_RANGE_N = 25.0
_STEADY_LEAST_S = 5


class Arrest(msgspec.Struct, frozen=True):
    """What was decided on one arrest. Times in ms, from the sample at which the load passes 0.30 of its settled value."""

    name: str
    tuning: bool
    delay_ms: float
    rule: Event | None
    plain_ms: float
    median_ms: float
    step_ms: float
    glitches: int
    early: int
    late: int
    plain_early: int
    samples: tuple[LoadSample, ...]
    subject: Subject
    decided_ns: int

    @property
    def in_time(self) -> bool:
        """At most one sample plus 60 ms after."""
        return self.delay_ms <= self.step_ms + 60.0


def judge_arrests(data: Path) -> list[Arrest]:
    """Every arrest in every recording that is there, in order of name; every second one is of the tuning half."""
    found: list[Arrest] = []
    for recording in read_harness_recordings(data):
        for number, event in enumerate(find_arrests(recording)):
            within = (event.onset_ns - _BEFORE_NS, event.onset_ns + _AFTER_NS)
            samples = [sample for sample in recording.samples if within[0] <= sample.measured_at_ns <= within[1]]
            subject = msgspec.structs.replace(recording.subject, body_weight_n=event.settled_n)
            name = Path(recording.name).stem + (f" ({number + 1})" if number else "")
            found.append(judge_arrest(name, len(found) % 2 == 0, samples, subject, event.onset_ns))
    return found


def judge_arrest(name: str, tuning: bool, samples: Sequence[LoadSample], subject: Subject, onset_ns: int) -> Arrest:
    """Judges one arrest clean, and, if it is detected, again with each kind of glitch at each sample of its rise."""
    clean = first_stop(judge(samples, subject))
    plain, median = plain_threshold(samples, subject), median_threshold(samples, subject)
    passes = next(index for index, s in enumerate(samples) if load_n(s, subject) >= 0.30 * subject.body_weight_n)
    passes_ns = samples[passes].measured_at_ns
    step_ns = passes_ns - samples[passes - 1].measured_at_ns
    early = late = plain_early = count = 0
    if clean is not None and plain is not None:
        early, late, plain_early, count = _with_glitches(samples, subject, clean, plain, onset_ns)
    return Arrest(
        name=name,
        tuning=tuning,
        delay_ms=_after_ms(clean.at_ns if clean else None, passes_ns),
        rule=clean.event if clean else None,
        plain_ms=_after_ms(plain, passes_ns),
        median_ms=_after_ms(median, passes_ns),
        step_ms=step_ns / 1e6,
        glitches=count,
        early=early,
        late=late,
        plain_early=plain_early,
        samples=tuple(samples),
        subject=subject,
        decided_ns=clean.at_ns if clean else passes_ns,
    )


def _after_ms(at_ns: int | None, passes_ns: int) -> float:
    return math.inf if at_ns is None else (at_ns - passes_ns) / 1e6


def _with_glitches(
    samples: Sequence[LoadSample], subject: Subject, clean: Decision, plain_ns: int, onset_ns: int
) -> tuple[int, int, int, int]:
    """Counts decisions before the clean one, and decisions more than one sample (and the scan it falls into) after it."""
    early = late = plain_early = count = 0
    for index, sample in enumerate(samples):
        if not onset_ns - 300_000_000 <= sample.measured_at_ns <= clean.at_ns + 30_000_000:
            continue
        for kind in range(6):
            counts = glitch(sample.counts, kind) if kind < 4 else (0, (1 << 23) - 1)[kind - 4]
            spoilt = [*samples[:index], LoadSample(sample.measured_at_ns, int(counts)), *samples[index + 1 :]]
            decided = first_stop(judge(spoilt, subject, until_ns=clean.at_ns + 200_000_000))
            baseline_ns = plain_threshold(spoilt, subject)
            count += 1
            early += decided is not None and decided.at_ns < clean.at_ns
            late += decided is None or decided.at_ns > _one_sample_later_ns(samples, clean.at_ns)
            plain_early += baseline_ns is not None and baseline_ns < plain_ns
    return early, late, plain_early, count


def _one_sample_later_ns(samples: Sequence[LoadSample], at_ns: int) -> int:
    later = [s.measured_at_ns for s in samples if s.measured_at_ns > at_ns]
    return later[0] + SCAN_NS


class Stretch(msgspec.Struct, frozen=True):
    """A stretch in which the load rests: seconds, its load, and what was said of it."""

    name: str
    begins_s: float
    seconds: float
    load_n: float
    alarms: int
    sensor_faults: int
    averaged_gaps: int


def judge_steady_stretches(data: Path) -> list[Stretch]:
    """Idle and dead-weight stretches: each with what it rests at as tare, and a body of 75 kg."""
    found = []
    for recording in read_harness_recordings(data):
        for stretch in _steady(recording.samples, recording.subject):
            subject = msgspec.structs.replace(
                recording.subject, tare_n=float(np.median([load_n(s, recording.subject) for s in stretch[:10]]))
            )
            decisions = judge(stretch, subject)
            times_ns = np.array([s.measured_at_ns for s in stretch])
            faults = [one for one in decisions if one.of_sensor]
            averaged = sum(one.event is Event.LOAD_GAP and is_averaged(times_ns, one.at_ns) for one in faults)
            found.append(
                Stretch(
                    Path(recording.name).stem,
                    float(times_ns[0]) / 1e9,
                    float(times_ns[-1] - times_ns[0]) / 1e9,
                    subject.tare_n,
                    sum(one.stops and not one.of_sensor for one in decisions),
                    len(faults) - averaged,
                    averaged,
                )
            )
    return found


def _steady(samples: Sequence[LoadSample], subject: Subject) -> list[list[LoadSample]]:
    """Runs of at least 5 s whose every second, single samples aside, stays within 25 N of the run's first."""
    seconds: dict[int, list[LoadSample]] = {}
    for sample in samples:
        seconds.setdefault(sample.measured_at_ns // 1_000_000_000, []).append(sample)
    runs: list[list[LoadSample]] = []
    current: list[LoadSample] = []
    length, rest_n, last = 0, 0.0, -2
    for second, part in sorted(seconds.items()):
        loads = sorted(load_n(s, subject) for s in part)
        low, high, middle = loads[len(loads) // 20], loads[-1 - len(loads) // 20], loads[len(loads) // 2]
        calm = high - low < _STEADY_RANGE_N
        if calm and current and second == last + 1 and abs(middle - rest_n) < _STEADY_RANGE_N:
            current, length = current + part, length + 1
        else:
            if length >= _STEADY_LEAST_S:
                runs.append(current)
            current, length, rest_n = (list(part), 1, middle) if calm else ([], 0, 0.0)
        last = second
    return [*runs, current] if length >= _STEADY_LEAST_S else runs
