"""A recording as a table: one row a scan, units in the column names, for whoever wants to reckon with it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from controller.core.inputs import Input
from controller.core.patient import body_weight_n, known_load_n
from replay.comparison import ReplayedScan
from replay.words import happening_words

COLUMNS = (
    "time_s",
    "state",
    "asked_m_s",
    "set_point_m_s",
    "measured_m_s",
    "granted_m_s",
    "load_n",
    "load_body_weight_percent",
    "lateness_ms",
    "command",
    "command_target_mm_s",
    "command_rate_mm_s2",
    "drive_state",
    "drive_current_ma",
    *(f"{name.name.lower()}_closed" for name in Input),
    "events",
)


def write_table(path: Path, scans: Iterable[ReplayedScan], began_ns: int) -> int:
    """Writes the file and returns the number of its rows; raises OSError. time_s counts from began_ns; unknown is empty."""
    rows = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for scan in scans:
            writer.writerow(_row(scan, began_ns))
            rows += 1
    return rows


def _row(scan: ReplayedScan, began_ns: int) -> list[object]:
    state, drive, command = scan.after, scan.inputs.drive, scan.after.command
    load_n = known_load_n(state)
    percent = "" if load_n is None else round(100 * load_n / body_weight_n(state), 2)
    return [
        f"{(scan.now_ns - began_ns) / 1e9:.6f}",
        state.chart.value,
        state.exercise.wanted_m_s,
        round(state.ramp.set_point_m_s, 6),
        "" if drive is None else drive.measured_mm_s / 1000,
        "" if drive is None else drive.granted_mm_s / 1000,
        "" if load_n is None else round(load_n, 2),
        percent,
        scan.inputs.lateness_ns / 1e6,
        command.action.name,
        command.target_mm_s,
        command.rate_mm_s2,
        "" if drive is None else drive.state.name.lower(),
        "" if drive is None else drive.current_ma,
        *(int(bool(scan.inputs.levels.closed & name.bit)) for name in Input),
        "; ".join(happening_words(happening) for happening in (scan.outputs.happenings if scan.outputs else ())),
    ]
