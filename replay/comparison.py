"""Runs the core on a recording again and compares: every scan's decisions, and its whole state once a second."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec

from controller.core.chart import State
from controller.core.patient import body_weight_n, known_load_n
from controller.core.state import CoreState, Outputs, ScanInputs
from controller.core.step import step
from replay.recording import Recording, Segment

_encoder = msgspec.msgpack.Encoder()


class ReplayedScan(msgspec.Struct, frozen=True):
    """One scan as the core decides it now. before, after: its state; outputs is None, and failure says why, where it failed.

    recorded: what was decided then. proved: the states before and after are those of then, as far as the recording can tell.
    """

    now_ns: int
    inputs: ScanInputs
    before: CoreState
    after: CoreState
    outputs: Outputs | None
    recorded: Outputs | None
    failure: str = ""
    proved: bool = True


class Difference(msgspec.Struct, frozen=True):
    """The first decision that is not the recorded one. fields: (name, recorded, now), in words of the code."""

    number: int
    scan: ReplayedScan
    fields: tuple[tuple[str, str, str], ...]


class Verdict(msgspec.Struct, frozen=True):
    """scans, equal: how many were run and how many decided as recorded, up to the first difference. states_to: before so many of
    the scans the state was as recorded; of what came after the last recorded state, only the decisions are compared."""

    scans: int
    equal: int
    states_to: int
    difference: Difference | None


def replayed(recording: Recording) -> Iterator[ReplayedScan]:
    """Runs the core over the whole recording; a recording in several stretches begins each with its own state."""
    settings = recording.header.settings
    state: CoreState | None = None
    for segment in recording.segments:
        if state is None or not segment.continues:
            state = segment.state
        for scan in segment.scans:
            before = state
            outputs: Outputs | None = None
            failure = ""
            try:
                state, outputs = step(before, scan.inputs, settings, scan.now_ns)
            except Exception as error:  # a failing core is a decision to be shown, too
                failure = f"{type(error).__name__}: {error}"
            yield ReplayedScan(scan.now_ns, scan.inputs, before, state, outputs, scan.outputs, failure)


def as_recorded(recording: Recording) -> Iterator[ReplayedScan]:
    """Runs each stretch between two recorded states anew from the first of them, for drawings and tables of what was done.

    What the core decides otherwise now goes no further than to the next recorded state. From where it does so, and in a whole
    stretch that decides the same and yet ends in other figures, what was reckoned then is not known: those scans are not proved.
    """
    after: tuple[Segment | None, ...] = (*recording.segments[1:], None)
    for segment, following in zip(recording.segments, after, strict=True):
        scans = list(replayed(Recording(recording.header, (segment,), ())))
        equal = sum(1 for _ in itertools.takewhile(lambda scan: _same(scan.outputs, scan.recorded), scans))
        if scans and equal == len(scans) and following is not None and following.continues:
            equal = equal if figures(scans[-1].after) == figures(following.state) else 0
        yield from (msgspec.structs.replace(scan, proved=number < equal) for number, scan in enumerate(scans))


def figures(state: CoreState) -> tuple[State, float, float, float | None, float]:
    """Returns what is drawn of a state: chart, speed asked and set-point in m/s, load (None: unknown) and body weight in N."""
    return (state.chart, state.exercise.wanted_m_s, state.ramp.set_point_m_s, known_load_n(state), body_weight_n(state))


def compare(recording: Recording) -> Verdict:
    """Replays up to the first difference."""
    starts = _continued_starts(recording.segments)
    count = states_to = 0
    for number, scan in enumerate(replayed(recording)):
        fields: tuple[tuple[str, str, str], ...] = ()
        recorded_state = starts.get(number)
        if recorded_state is not None and not _same(scan.before, recorded_state):
            fields = _differing("state", recorded_state, scan.before)
        elif not _same(scan.outputs, scan.recorded):
            fields = _output_fields(scan)
        if fields:
            return Verdict(number + 1, number, states_to, Difference(number, scan, fields))
        states_to = number if recorded_state is not None else states_to
        count = number + 1
    return Verdict(count, count, states_to, None)


def _continued_starts(segments: tuple[Segment, ...]) -> dict[int, CoreState]:
    """The recorded states by the number of the scan before which they stood."""
    starts: dict[int, CoreState] = {}
    count = 0
    for segment in segments:
        if count and segment.continues:
            starts[count] = segment.state
        count += len(segment.scans)
    return starts


def _output_fields(scan: ReplayedScan) -> tuple[tuple[str, str, str], ...]:
    if scan.outputs is None or scan.recorded is None:
        now = scan.failure or "a decision"
        return (("the scan", "the core failed" if scan.recorded is None else "a decision", now),)
    return _differing("", scan.recorded, scan.outputs)


def _same(one: msgspec.Struct | None, other: msgspec.Struct | None) -> bool:
    """Equal, or the same bytes: what is not a number equals nothing, itself included."""
    return one == other or _encoder.encode(one) == _encoder.encode(other)


def _differing(prefix: str, recorded: msgspec.Struct, now: msgspec.Struct) -> tuple[tuple[str, str, str], ...]:
    """The fields that differ, as deep as structs of one kind go."""
    found: list[tuple[str, str, str]] = []
    for name in recorded.__struct_fields__:
        one, other = getattr(recorded, name), getattr(now, name)
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(one, msgspec.Struct) and type(one) is type(other):
            found += _differing(path, one, other)
        elif _encoder.encode(one) != _encoder.encode(other) and one != other:
            found.append((path, str(one), str(other)))
    return tuple(found)
