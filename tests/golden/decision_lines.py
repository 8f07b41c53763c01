"""What a recording decided, as text that people compare: a line for each change of state, event, answer, command, nurse call
and of whether the stop chain is held.

A run is one line for each way it goes, with a checksum over all its scans' commands; the last line has one over the lamps and the
buzzer, whose rhythm would be a line every few scans. So what is too small to be read still shows as another checksum. Times are
seconds from the recording's beginning.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import msgspec

from controller.core.commands import Action, DriveCommand
from replay.comparison import ReplayedScan
from replay.words import command_words, happening_words

_COMMAND = struct.Struct("<qqqq")


class _Run(msgspec.Struct):
    """RUN commands in a row that rise or stay (way 1), or fall or stay (way -1); way 0 while they have only stayed."""

    began_ns: int
    reached_ns: int
    ended_ns: int
    first_mm_s: int
    last_mm_s: int
    highest_rate_mm_s2: int
    way: int = 0
    scans: int = 0
    checksum: int = 0

    def goes_on_with(self, command: DriveCommand) -> bool:
        way = _way(self.last_mm_s, command.target_mm_s)
        return command.action is Action.RUN and (way == 0 or self.way in (0, way))

    def take(self, command: DriveCommand, now_ns: int) -> None:
        way = _way(self.last_mm_s, command.target_mm_s)
        if way:
            self.way = way
            self.reached_ns = now_ns
        self.ended_ns = now_ns
        self.last_mm_s = command.target_mm_s
        self.highest_rate_mm_s2 = max(self.highest_rate_mm_s2, command.rate_mm_s2)
        self.scans += 1
        packed = _COMMAND.pack(command.target_mm_s, command.rate_mm_s2, command.nonce, command.tick_ms)
        self.checksum = zlib.crc32(packed, self.checksum)

    def words(self, zero_ns: int) -> str:
        lasted_s = (self.reached_ns - self.began_ns) / 1e9
        speeds = f"{self.first_mm_s} to {self.last_mm_s} mm/s in {lasted_s:.2f} s" if self.way else f"{self.last_mm_s} mm/s"
        since_s = (self.began_ns - zero_ns) / 1e9
        rate = f"at most {self.highest_rate_mm_s2} mm/s2"
        return f"command RUN since {since_s:.3f}: {speeds}, {rate}, {self.scans} scans [{self.checksum:08x}]"


def decision_lines(scans: Iterable[ReplayedScan], began_ns: int) -> Iterator[str]:
    """Yields the lines of one recording; a run's line stands where the run ended, and says since when."""
    run: _Run | None = None
    before: ReplayedScan | None = None
    indicators, count = 0, 0
    for scan in scans:
        command = scan.after.command
        if run is not None and not run.goes_on_with(command):
            yield _line(run.ended_ns, began_ns, run.words(began_ns))
            run = None
        for text in _changes(before, scan):
            yield _line(scan.now_ns, began_ns, text)
        if command.action is Action.RUN:
            if run is None:
                run = _Run(scan.now_ns, scan.now_ns, scan.now_ns, command.target_mm_s, command.target_mm_s, command.rate_mm_s2)
            run.take(command, scan.now_ns)
        if scan.outputs is not None:
            lit = (scan.outputs.lamp_red, scan.outputs.lamp_yellow, scan.outputs.buzzer)
            indicators = zlib.crc32(bytes(lit), indicators)
        before, count = scan, count + 1
    if run is not None:
        yield _line(run.ended_ns, began_ns, run.words(began_ns))
    if before is not None:
        yield _line(before.now_ns, began_ns, f"end after {count} scans, lamps and buzzer [{indicators:08x}]")


def _way(one: int, other: int) -> int:
    return (other > one) - (other < one)


def _line(at_ns: int, began_ns: int, text: str) -> str:
    return f"{(at_ns - began_ns) / 1e9:8.3f}  {text}"


def _changes(before: ReplayedScan | None, scan: ReplayedScan) -> Iterator[str]:
    outputs, last = scan.outputs, None if before is None else before.outputs
    if outputs is None:
        yield f"FAILED {scan.failure}"
        return
    for happening in outputs.happenings:
        yield f"event {happening_words(happening)}"
    if before is None or scan.after.chart is not before.after.chart:
        yield f"state {scan.after.chart.value}"
    step = scan.after.preparation.step
    if step is not (None if before is None else before.after.preparation.step):
        yield f"step {step.value if step is not None else 'none'}"
    for answer in outputs.answers:
        yield "answer accepted" if answer.accepted else f"answer refused: {answer.reason}"
    if outputs.nurse_call is not (last is not None and last.nurse_call):
        yield f"nurse call {'on' if outputs.nurse_call else 'off'}"
    if outputs.hold_chain is not (last is None or last.hold_chain):
        yield f"chain {'held' if outputs.hold_chain else 'let go'}"
    if outputs.command.action is not Action.RUN and (last is None or outputs.command != last.command):
        yield f"command {command_words(outputs.command)}"
