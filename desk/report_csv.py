"""A session as a table for a spreadsheet or a statistician: twice a second, the unit in each heading."""

from __future__ import annotations

import csv
import io

from desk.report_data import Report

HEADINGS = (
    "time_s",
    "phase",
    "planned_speed_m_s",
    "belt_speed_m_s",
    "harness_load_percent_body_weight",
    "rails_load_n",
)


def report_csv(report: Report) -> str:
    """Returns the table; an empty cell is unknown."""
    phases = report.entry.record.plan.phases
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADINGS)
    for point in report.points:
        phase = phases[point.phase_index].kind.value if point.phase_index < len(phases) else ""
        table.writerow(
            (
                f"{point.at_s:.1f}",
                phase,
                *(_number(value) for value in (point.planned_m_s, point.done_m_s, point.load_percent, point.rails_n)),
            )
        )
    return text.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
