"""Draws a run: speed asked, accepted and true, the harness load, the states, and what happened when."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from simulator.heard import HeardEvent
from simulator.scenarios import Action
from simulator.trace import Point, Trace
from simulator.verdict import Summary

_COLOUR_OF_EFFECT = {"record": "0.6", "refuse": "0.4", "slow": "tab:olive", "pause": "tab:orange", "end": "tab:blue"}


def plot(path: Path, trace: Trace, actions: Iterable[tuple[int, Action]], events: list[HeardEvent], summary: Summary) -> None:
    """Writes the plot; the file's suffix decides its kind (.svg or .png)."""
    figure, (speed, load, happened) = plt.subplots(
        3, 1, figsize=(11, 8), sharex=True, height_ratios=(3, 2, 2), layout="constrained"
    )
    points = list(trace.points)
    _draw_speed(speed, points)
    _draw_load(load, points)
    _draw_events(happened, trace, events)
    _draw_actions((speed, load), trace, actions)
    speed.set_title(f"{summary.scenario}: {summary.outcome}, {summary.state} by {summary.cause or 'nothing'}", loc="left", pad=14)
    figure.savefig(path)
    plt.close(figure)


def _series(points: list[Point], name: str) -> list[float]:
    values = (getattr(point, name) for point in points)
    return [math.nan if value is None else value for value in values]


def _draw_actions(both: tuple[Any, Any], trace: Trace, actions: Iterable[tuple[int, Action]]) -> None:
    """A line for each thing that happened, with its words to the left of it, each on a row of its own."""
    happened = [(at_ns, action) for at_ns, action in actions if action is not Action.THERAPIST_WAITS]
    for row, (at_ns, action) in enumerate(happened):
        at_s = (at_ns - trace.began_ns) / 1e9
        for axes in both:
            axes.axvline(at_s, color="tab:red", linestyle="--", linewidth=0.9)
        place = (at_s, 0.95 - 0.06 * row)
        both[0].annotate(action.value + " ", place, xycoords=("data", "axes fraction"), fontsize=7, ha="right", va="top")


def _draw_speed(axes: Any, points: list[Point]) -> None:
    times = [point.at_s for point in points]
    axes.plot(times, _series(points, "belt_m_s"), label="belt (true)", linewidth=0.8)
    axes.step(times, _series(points, "asked_m_s"), label="asked", linewidth=0.8, where="post")
    axes.step(times, _series(points, "accepted_m_s"), label="accepted", linewidth=0.8, where="post")
    axes.set_ylabel("speed, m/s")
    axes.margins(y=0.2)
    axes.legend(loc="center left", fontsize=8)


def _draw_load(axes: Any, points: list[Point]) -> None:
    times = [point.at_s for point in points]
    axes.plot(times, _series(points, "load_n"), label="harness (true)", linewidth=0.8)
    axes.step(times, _series(points, "believed_load_n"), label="controller's", linewidth=0.8, where="post")
    axes.set_ylabel("load, N")
    axes.legend(loc="upper left", fontsize=8)


def _draw_events(axes: Any, trace: Trace, events: list[HeardEvent]) -> None:
    """One row an event's code, in order of appearance."""
    codes = list(dict.fromkeys(event.code for event in events))
    for event in events:
        colour = _COLOUR_OF_EFFECT.get(event.effect, "tab:red")
        axes.plot((event.at_ns - trace.began_ns) / 1e9, codes.index(event.code), "|", color=colour, markersize=8)
    axes.set_yticks(range(len(codes)), codes, fontsize=6)
    axes.invert_yaxis()
    axes.set_xlabel("time, s")
