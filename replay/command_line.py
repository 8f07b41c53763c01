"""`sternway replay FILE`: runs the core on a flight recording.

Exit code 0: every decision is the same; 1: one differs; 2: the file cannot be replayed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from controller.code_identity import code_identity, python_version
from controller.core.events import RULES
from replay.comparison import Difference, ReplayedScan, Verdict, as_recorded, compare
from replay.recording import Recording, RecordingError, read_recording
from replay.stop import around, latched_stop, latching_cause
from replay.table import write_table
from replay.words import command_words, happening_words, indicator_words, input_words

SAME, DIFFERENT, REFUSED = 0, 1, 2
_BEFORE_S = _AFTER_S = 10.0
_PICTURES = (".svg", ".png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return _replay(options)
    except (RecordingError, PictureError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
    return REFUSED


class PictureError(ValueError):
    """The plot cannot be drawn; the text says why and what to do."""


def build_parser() -> argparse.ArgumentParser:
    """Returns the command's parser; manual page and shell completion are made from it."""
    parser = argparse.ArgumentParser(prog="sternway replay", description="Runs the core on a flight recording and compares.")
    parser.add_argument("file", type=Path, help="a recording that telemetry saved, or flight.ring of the runtime directory")
    parser.add_argument("--plot", type=Path, help="draw 10 s before and after the stop (.svg or .png)")
    parser.add_argument("--csv", type=Path, help="write every scan as a table, with units")
    return parser


def _replay(options: argparse.Namespace) -> int:
    if options.plot is not None and options.plot.suffix not in _PICTURES:
        raise PictureError(f"{options.plot}: a picture ends in .svg or .png")
    recording = read_recording(options.file)
    print("\n".join(_about(recording)))
    verdict = compare(recording)
    if verdict.difference is not None:
        print("\n".join(_difference_words(recording, verdict.difference)))
    print(_verdict_words(verdict))
    scans = list(as_recorded(recording)) if options.csv is not None or options.plot is not None else []
    if options.csv is not None:
        rows = write_table(options.csv, scans, recording.header.began_ns)
        print(f"{rows} scans written to {options.csv}")
    if options.plot is not None:
        _plot(options.plot, recording, scans, verdict)
    return SAME if verdict.difference is None else DIFFERENT


def _verdict_words(verdict: Verdict) -> str:
    """Says how far it was looked: nothing tells the state after the last recorded one but the decisions."""
    compared = f"states compared up to scan {verdict.states_to}" if verdict.states_to else "no state compared"
    return f"{verdict.scans} scans, {verdict.equal} decisions equal, {compared}"


def _about(recording: Recording) -> list[str]:
    header = recording.header
    scans = list(recording.scans)
    lasted_s = (scans[-1].now_ns - scans[0].now_ns) / 1e9 if scans else 0.0
    lines = [f"{header.treadmill}, life {header.boot_id} from {header.began_time}: {lasted_s:.1f} s, {len(scans)} scans"]
    lines += [f"Note: {note}" for note in recording.notes]
    if header.code != code_identity():
        lines.append(
            f"Note: recorded by other code (version {header.version}, {header.code}): a difference may be a change that was meant"
        )
    if header.python.split(".")[:2] != python_version().split(".")[:2]:
        lines.append(f"Note: recorded under {header.python}, replayed under {python_version()}: decisions must be the same")
    return lines


def _difference_words(recording: Recording, difference: Difference) -> list[str]:
    scan = difference.scan
    at_s = (scan.now_ns - recording.header.began_ns) / 1e9
    lines = [
        f"The first difference is in scan {difference.number + 1}, {at_s:.3f} s after the controller's start, "
        f"in state {scan.before.chart.value}:",
        "  what came in",
        *(f"    {line}" for line in input_words(scan.inputs, scan.now_ns)),
        "  what was decided then, and what is now",
    ]
    lines += [f"    {name}: {recorded} -> {now}" for name, recorded, now in difference.fields]
    for when, outputs in (("then", scan.recorded), ("now", scan.outputs)):
        if outputs is not None:
            said = "; ".join(map(happening_words, outputs.happenings)) or "no event"
            lines.append(f"    {when}: {command_words(outputs.command)}; {said}; {indicator_words(outputs) or 'no lamp'}")
    return lines


def _plot(path: Path, recording: Recording, scans: list[ReplayedScan], verdict: Verdict) -> None:
    try:
        from replay.plot import plot  # noqa: PLC0415  a treadmill has no plotting library, and replays all the same
    except ImportError as error:
        raise PictureError(
            "drawing needs matplotlib, which a treadmill does not have: take the file to a checkout (docs/replay.md)"
        ) from error
    if not scans:
        raise PictureError(f"{path}: there is no scan to draw")
    stop = latched_stop(scans)
    centre_ns = scans[-1].now_ns if stop is None else scans[stop].now_ns
    shown = around(scans, centre_ns, _BEFORE_S, _AFTER_S)
    different_ns = None if verdict.difference is None else verdict.difference.scan.now_ns
    plot(path, shown, centre_ns, _title(recording, None if stop is None else scans[stop]), different_ns)
    print(f"{len(shown)} scans drawn in {path}")


def _title(recording: Recording, stop: ReplayedScan | None) -> str:
    header = recording.header
    if stop is None:
        return f"{header.treadmill}: nothing latched; time 0 is the end of the recording"
    cause = stop.after.stopped_by if stop.proved else latching_cause(stop)
    words = "unknown" if cause is None else f"{RULES[cause].effect.name.lower().replace('_', ' ')}: {RULES[cause].text}"
    at_s = (stop.now_ns - header.began_ns) / 1e9
    return f"{header.treadmill}: {words} ({at_s:.2f} s after {header.began_time})"


if __name__ == "__main__":
    sys.exit(main())
