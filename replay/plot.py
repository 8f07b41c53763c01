"""Draws the seconds around a stop: speeds, harness load, what every input did, the states, and each decision where it fell.

Commands, measurements, inputs and events are what was recorded. The speed asked, the load and the states are reckoned anew from the
last recorded state; where the core decides otherwise now than then, they are not drawn, and the picture says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from controller.core.chart import LATCHED_STATES, MOVING_STATES, State
from controller.core.events import RULES, Effect
from controller.core.inputs import INPUT_TABLE, Contact, Input
from controller.core.patient import body_weight_n, known_load_n
from controller.core.state import CoreState
from replay.comparison import ReplayedScan

_COLOUR_OF_STATE = {
    **dict.fromkeys(MOVING_STATES, "tab:green"),
    **dict.fromkeys(LATCHED_STATES, "tab:red"),
    State.PAUSED: "tab:orange",
}
_AT_REST_CLOSED = {rule.input: rule.contact is not Contact.NORMALLY_OPEN for rule in INPUT_TABLE}


def plot(path: Path, scans: Sequence[ReplayedScan], centre_ns: int, title: str, different_ns: int | None = None) -> None:
    """Writes the picture; the file's suffix decides its kind (.svg or .png). Raises OSError. Times count from centre_ns.

    scans: as `as_recorded` gives them. different_ns: when the core first decided otherwise now than then; None: nowhere.
    """
    with mpl.rc_context({"svg.hashsalt": "sternway", "font.size": 8}):
        figure, (speed, load, inputs, states, events) = plt.subplots(
            5, 1, figsize=(11, 10), sharex=True, height_ratios=(3, 2, 3, 0.5, 2), layout="constrained"
        )
        times = [(scan.now_ns - centre_ns) / 1e9 for scan in scans]
        _draw_speed(speed, scans, times)
        _draw_load(load, scans, times)
        _draw_inputs(inputs, scans, times)
        _draw_states(states, scans, times)
        _draw_events(events, scans, times)
        for axes in (speed, load, inputs, events):
            axes.axvline(0.0, color="tab:red", linestyle="--", linewidth=0.8)
        if different_ns is not None:
            title += f"\nDIFFERS: {_difference_words((different_ns - centre_ns) / 1e9)}"
        speed.set_title(title, loc="left")
        events.set_xlabel("time from the stop, s")
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)


def _difference_words(at_s: float) -> str:
    return (
        f"first at {at_s:.2f} s, the present code decides otherwise than was recorded. "
        "Drawn is what was recorded;\nwhat is only reckoned (asked, load, state) is left out until the next recorded state"
    )


def _draw_speed(axes: Any, scans: Sequence[ReplayedScan], times: list[float]) -> None:
    drives = [scan.inputs.drive for scan in scans]
    axes.step(times, [_asked_m_s(scan) for scan in scans], where="post", label="asked", linewidth=0.8)
    commanded = [math.nan if scan.recorded is None else scan.recorded.command.target_mm_s / 1000 for scan in scans]
    axes.step(times, commanded, where="post", label="sent to the drive", linewidth=0.8)
    measured = [math.nan if drive is None else drive.measured_mm_s / 1000 for drive in drives]
    axes.step(times, measured, where="post", label="measured", linewidth=1.0)
    granted = [math.nan if drive is None else drive.granted_mm_s / 1000 for drive in drives]
    axes.step(times, granted, where="post", label="granted by hands", linewidth=0.8, linestyle=":", color="0.3")
    axes.set_ylabel("speed, m/s")
    axes.legend(loc="upper right")


def _asked_m_s(scan: ReplayedScan) -> float:
    return scan.after.exercise.wanted_m_s if scan.proved else math.nan


def _draw_load(axes: Any, scans: Sequence[ReplayedScan], times: list[float]) -> None:
    axes.step(times, [_load_percent(scan.after) if scan.proved else math.nan for scan in scans], where="post", linewidth=0.9)
    axes.set_ylabel("harness load,\n% of body weight")


def _load_percent(state: CoreState) -> float:
    """Of body weight; not a number, and so not drawn, while the load is unknown."""
    load_n = known_load_n(state)
    return math.nan if load_n is None else 100 * load_n / body_weight_n(state)


def _draw_inputs(axes: Any, scans: Sequence[ReplayedScan], times: list[float]) -> None:
    """One strip an input: grey while it is as it rests, coloured while it is not."""
    for row, name in enumerate(Input):
        closed = [bool(scan.inputs.levels.closed & name.bit) for scan in scans]
        unusual = [level is not _AT_REST_CLOSED[name] for level in closed]
        axes.axhline(row, color="0.85", linewidth=4, zorder=1)
        axes.broken_barh(_spans(unusual, times), (row - 0.3, 0.6), color="tab:blue", zorder=2)
    axes.set_yticks(range(len(Input)), [name.name.lower().replace("_", " ") for name in Input], fontsize=6)
    axes.set_ylim(len(Input) - 0.5, -0.5)


def _spans(holds: Sequence[bool], times: Sequence[float]) -> list[tuple[float, float]]:
    """Returns beginning and length of each stretch in which it holds."""
    spans: list[tuple[float, float]] = []
    began: float | None = None
    for at, now in zip(times, holds, strict=True):
        if now and began is None:
            began = at
        elif not now and began is not None:
            spans.append((began, at - began))
            began = None
    if began is not None:
        spans.append((began, times[-1] - began))
    return spans


def _draw_states(axes: Any, scans: Sequence[ReplayedScan], times: list[float]) -> None:
    began = 0
    for index in range(1, len(scans) + 1):
        if index < len(scans) and _state(scans[index]) is _state(scans[began]):
            continue
        state = _state(scans[began])
        if state is None:
            began = index
            continue
        end = times[min(index, len(times) - 1)]
        axes.axvspan(times[began], end, color=_COLOUR_OF_STATE.get(state, "0.8"), alpha=0.6)
        if end - times[began] > 0.05 * (times[-1] - times[0]):
            axes.text((times[began] + end) / 2, 0.5, state.value.replace("_", " "), ha="center", va="center", fontsize=7)
        began = index
    axes.set_yticks([])
    axes.set_ylabel("state", rotation=0, ha="right", va="center")


def _state(scan: ReplayedScan) -> State | None:
    return scan.after.chart if scan.proved else None


def _draw_events(axes: Any, scans: Sequence[ReplayedScan], times: list[float]) -> None:
    """One row an event's code, in order of appearance; red where it latches."""
    found = [
        (at, happening.event)
        for at, scan in zip(times, scans, strict=True)
        if scan.recorded
        for happening in scan.recorded.happenings
    ]
    events = list(dict.fromkeys(event for _, event in found))
    for at, event in found:
        effect = RULES[event].effect
        colour = "tab:red" if effect >= Effect.PROTECTIVE_STOP else "tab:orange" if effect >= Effect.SLOW else "0.4"
        axes.plot(at, events.index(event), "|", color=colour, markersize=9)
    axes.set_yticks(range(len(events)), [event.value for event in events], fontsize=6)
    axes.set_ylim(len(events) - 0.5, -0.5)
    axes.set_ylabel("decided")
