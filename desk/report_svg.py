"""The report's figures as SVG, drawn by hand: speed as planned and as done, harness load, and what happened when. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from desk.report_data import Mark, Point

WIDTH = 960
LEFT, RIGHT, TOP = 64, 16, 40
SPEED_HEIGHT, LOAD_HEIGHT, GAP, BELOW = 250, 84, 44, 34
FALL_PERCENT = 30.0
"""Drawn as a guide: balance.fall_share by default (docs/balance-loss.md)."""
_STEP_CHOICES_S = (30, 60, 120, 300, 600)
_BREAK_S = 3.0


class Scale(msgspec.Struct, frozen=True):
    """From seconds to the figure's width. end_s > 0."""

    end_s: float

    def x(self, at_s: float) -> float:
        """Returns the place of an instant."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at_s / self.end_s, 0.0), 1.0)


def session_figure(points: Sequence[Point], last: Sequence[Point], marks: Sequence[Mark]) -> str:
    """Returns the figure of a session; last: the session before it, drawn thin. Empty text where nothing was kept."""
    if len(points) < 2:
        return ""
    scale = Scale(max(points[-1].at_s, 1.0))
    top_m_s = _round_up(max(max(p.done_m_s or 0, p.planned_m_s or 0) for p in (*points, *last)) * 1.08, 0.2)
    load_top = TOP + SPEED_HEIGHT + GAP
    height = load_top + LOAD_HEIGHT + BELOW
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Belt speed as planned and as done, harness load, events">',
        *_speed_axis(top_m_s),
        *_time_axis(scale, height - BELOW),
        _area(points, scale, _speed_y(top_m_s), "planned"),
        _line([(p.at_s, p.done_m_s) for p in last if p.at_s <= scale.end_s], scale, _speed_y(top_m_s), "last"),
        _line([(p.at_s, p.done_m_s) for p in points], scale, _speed_y(top_m_s), "done"),
        *_load(points, scale, load_top),
        *_marks(marks, scale, height - BELOW),
        "</svg>",
    ]
    return "\n".join(parts)


def _speed_y(top_m_s: float) -> Callable[[float], float]:
    return lambda speed: TOP + SPEED_HEIGHT * (1 - speed / top_m_s)


def _round_up(value: float, step: float) -> float:
    return max(step, math.ceil(value / step - 1e-9) * step)


def _speed_axis(top_m_s: float) -> Iterable[str]:
    yield f'<text class="axis title" x="{LEFT}" y="{TOP - 22}">Belt speed, m/s</text>'
    step = 0.1 if top_m_s <= 0.6 else 0.2
    for index in range(round(top_m_s / step) + 1):
        y = _speed_y(top_m_s)(index * step)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="axis" x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{index * step:.1f}</text>'


def _time_axis(scale: Scale, bottom: float) -> Iterable[str]:
    step = next((choice for choice in _STEP_CHOICES_S if scale.end_s / choice <= 12), _STEP_CHOICES_S[-1])
    for index in range(int(scale.end_s / step) + 1):
        x = scale.x(index * step)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom:.1f}"/>'
        yield f'<text class="axis" x="{x:.1f}" y="{bottom + 20:.1f}" text-anchor="middle">{clock(index * step)}</text>'


def _area(points: Sequence[Point], scale: Scale, y: Callable[[float], float], name: str) -> str:
    """The plan as steps over a filled ground: it changes at once, the belt does not."""
    path = [f"M{scale.x(points[0].at_s):.1f},{y(0):.1f}"]
    level = 0.0
    for point in points:
        planned = point.planned_m_s or 0.0
        if planned != level:
            path.append(f"H{scale.x(point.at_s):.1f}V{y(planned):.1f}")
            level = planned
    path.append(f"H{scale.x(points[-1].at_s):.1f}V{y(0):.1f}Z")
    return f'<path class="{name}" d="{"".join(path)}"/>'


def _line(values: Iterable[tuple[float, float | None]], scale: Scale, y: Callable[[float], float], name: str) -> str:
    path, before_s = [], -math.inf
    for at_s, value in values:
        if value is not None:
            path.append(f"{'L' if at_s - before_s <= _BREAK_S else 'M'}{scale.x(at_s):.1f},{y(value):.1f}")
            before_s = at_s
    return f'<path class="{name}" d="{"".join(path)}"/>' if path else ""


def _load(points: Sequence[Point], scale: Scale, top: float) -> Iterable[str]:
    most = _round_up(max(40.0, *(point.load_percent or 0.0 for point in points)), 20.0)

    def y(percent: float) -> float:
        return top + LOAD_HEIGHT * (1 - percent / most)

    yield f'<text class="axis title" x="{LEFT}" y="{top - 12:.1f}">Harness load, % of body weight</text>'
    for percent in (0.0, FALL_PERCENT, most):
        name = "grid fall" if percent == FALL_PERCENT else "grid"
        yield f'<line class="{name}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(percent):.1f}" y2="{y(percent):.1f}"/>'
        yield f'<text class="axis" x="{LEFT - 10}" y="{y(percent) + 4:.1f}" text-anchor="end">{percent:.0f}</text>'
    known = [(point.at_s, point.load_percent) for point in points if point.load_percent is not None]
    if known:
        path = "".join(f"L{scale.x(at_s):.1f},{y(max(0.0, percent)):.1f}" for at_s, percent in known)
        first, end = scale.x(known[0][0]), scale.x(known[-1][0])
        yield f'<path class="load" d="M{first:.1f},{y(0):.1f}{path}L{end:.1f},{y(0):.1f}Z"/>'


def _marks(marks: Sequence[Mark], scale: Scale, bottom: float) -> Iterable[str]:
    """Numbered discs above the curve; those too close to each other share a column."""
    taken_x, row = -math.inf, 0
    for mark in marks:
        x = scale.x(mark.at_s)
        row = row + 1 if x - taken_x < 20 else 0
        if row == 0:
            taken_x = x
        y = TOP + 12 + row * 21
        yield f'<line class="mark {mark.kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{bottom:.1f}"/>'
        yield f'<circle class="mark {mark.kind}" cx="{x:.1f}" cy="{y:.1f}" r="9.5"/>'
        yield f'<text class="number" x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{mark.number}</text>'


def clock(seconds: float) -> str:
    """Returns a time as min:s."""
    whole = int(max(0.0, seconds) + 0.5)
    return f"{whole // 60}:{whole % 60:02d}"
