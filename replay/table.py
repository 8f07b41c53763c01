"""A recording as a table: one row a scan, units in the column names, for whoever wants to reckon with it.

Inputs, command and events are what was recorded. State, speeds asked and set, and load are reckoned anew from the last recorded
state; where the core decides otherwise now than then, they are empty, and `replay` says so.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from controller.core.inputs import Input
from controller.core.state import CoreState
from replay.comparison import ReplayedScan, figures
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
    "replay",
)
SAME, DIFFERS = "same", "differs"


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
    drive, recorded = scan.inputs.drive, scan.recorded
    state, wanted_m_s, set_point_m_s, load_n, percent = _reckoned(scan.after) if scan.proved else ("",) * 5
    command = None if recorded is None else recorded.command
    return [
        f"{(scan.now_ns - began_ns) / 1e9:.6f}",
        state,
        wanted_m_s,
        set_point_m_s,
        "" if drive is None else drive.measured_mm_s / 1000,
        "" if drive is None else drive.granted_mm_s / 1000,
        load_n,
        percent,
        scan.inputs.lateness_ns / 1e6,
        "" if command is None else command.action.name,
        "" if command is None else command.target_mm_s,
        "" if command is None else command.rate_mm_s2,
        "" if drive is None else drive.state.name.lower(),
        "" if drive is None else drive.current_ma,
        *(int(bool(scan.inputs.levels.closed & name.bit)) for name in Input),
        "; ".join(happening_words(happening) for happening in (recorded.happenings if recorded else ())),
        SAME if scan.proved else DIFFERS,
    ]


def _reckoned(state: CoreState) -> tuple[object, ...]:
    chart, wanted_m_s, set_point_m_s, load_n, weight_n = figures(state)
    load = ("", "") if load_n is None else (round(load_n, 2), round(100 * load_n / weight_n, 2))
    return (chart.value, wanted_m_s, round(set_point_m_s, 6), *load)
