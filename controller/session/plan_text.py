"""A plan as people read it in a terminal: its phases, where each number comes from, and its curve. Pure text, no colours."""

from __future__ import annotations

import math

from controller.session.proposal import ProposedPlan
from messages.plan import Phase, Plan

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LEAST_WIDTH, _LEAST_HEIGHT = 20, 2


def plan_rows(proposed: ProposedPlan) -> tuple[tuple[str, str, str], ...]:
    """Returns (what, value, rule) for every number of the plan, most important first."""
    return tuple((row.what, row.value, row.rule) for row in proposed.rows)


def phase_rows(plan: Plan) -> tuple[tuple[str, str, str, str], ...]:
    """Returns (from, what, how long, how fast) for every phase; times as min:s from the session's beginning, rests included."""
    rows = []
    began_s = 0.0
    for phase in plan.phases:
        speed = f"{phase.speed_m_s:.2f} m/s" if phase.speed_m_s > 0 else "standing"
        rows.append((_clock(began_s), phase.kind.value.replace("_", "-"), _clock(phase.duration_s), speed))
        began_s += phase.duration_s
    return tuple(rows)


def plan_curve(plan: Plan, width: int = 72, height: int = 6) -> tuple[str, ...]:
    """Returns the planned speed over time as lines of block characters with both axes.

    width, height: of the curve itself, in characters. Raises ValueError for one too small to read.
    """
    if width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
        raise ValueError(f"a curve of {width} x {height}: allowed is at least {_LEAST_WIDTH} x {_LEAST_HEIGHT}")
    total_s = math.fsum(phase.duration_s for phase in plan.phases)
    top_m_s = max(phase.speed_m_s for phase in plan.phases)
    columns = [_speed_at(plan.phases, (index + 0.5) * total_s / width) for index in range(width)]
    eighths = [math.ceil(speed / top_m_s * height * 8 - 1e-9) if top_m_s > 0 else 0 for speed in columns]
    lines = []
    for row in range(height - 1, -1, -1):
        label = f"{top_m_s:5.2f}" if row == height - 1 else " " * 5
        lines.append(f"{label} |" + "".join(_EIGHTHS[min(8, max(0, level - row * 8))] for level in eighths))
    end = _clock(total_s)
    return (*lines, " m/s  +" + "-" * width, " " * 7 + "0:00" + end.rjust(width - 4))


def _speed_at(phases: tuple[Phase, ...], at_s: float) -> float:
    ends_s = 0.0
    for phase in phases:
        ends_s += phase.duration_s
        if at_s < ends_s:
            return phase.speed_m_s
    return 0.0


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
