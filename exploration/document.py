"""What an exploration found, as a page with its figures and a picture of the reached state chart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from controller.code_identity import code_identity
from controller.core.chart import LATCHED_STATES, MOVING_STATES, TRANSITIONS, State
from exploration.abstraction import MEANING
from exploration.laws import LAWS
from exploration.search import Found

Arrow = tuple[State, State]
DECLARED: frozenset[Arrow] = frozenset((source, target) for (source, _), target in TRANSITIONS.items() if source is not target)

_PLACES: dict[State, tuple[float, float]] = {
    State.SELF_TEST: (0, 2),
    State.STANDBY: (2, 2),
    State.PREPARED: (4, 2),
    State.WARM_UP: (5.4, 3.4),
    State.WORK: (7.8, 3.4),
    State.REST: (10.2, 3.4),
    State.COOL_DOWN: (12.6, 3.4),
    State.PAUSED: (9.2, 1.4),
    State.COMPLETE: (6, 0.6),
    State.PROTECTIVE_STOP: (11, -1.2),
    State.EMERGENCY_STOP: (6, -1.8),
    State.FAULT: (2, -1.2),
}


def page(found: Found, letters: int, pairs: int, command: str) -> str:
    """Returns docs/exploration.md."""
    return "\n".join(
        (
            _INTRODUCTION.format(command=command),
            _figures(found, letters, pairs),
            _reached(found),
            "## What counts as one state\n",
            *(f"- {line}" for line in MEANING),
            _WHAT_MAY_HAPPEN,
            *(f"- {law}" for law in LAWS),
            _NOT_SHOWN,
        )
    )


def _figures(found: Found, letters: int, pairs: int) -> str:
    end = "closed: no state was left to expand" if found.closed else f"ended at depth {found.depth}"
    states = ", ".join(f"{chart.value} {found.states_of_chart.get(chart, 0)}" for chart in State)
    return f"""| | |
|---|---|
| abstract states | {found.states} |
| expanded | {found.expanded} |
| transitions | {found.transitions} |
| scans judged | {found.scans} |
| depth | {found.depth}, {end} |
| what may happen: alone, in pairs | {letters}, {pairs} |
| the deciding code, see `controller/code_identity.py` | {code_identity()} |
| laws broken | {found.violation.law if found.violation else "none"} |

Abstract states by state of the chart: {states}.
"""


def _reached(found: Found) -> str:
    """The chart's transitions that were taken, and those that were not."""
    rows = "\n".join(
        f"| {source.value} | {target.value} | {'yes' if (source, target) in DECLARED else 'through another'} | {count} | {first} |"
        for (source, target), (count, first) in sorted(found.arrows.items(), key=lambda item: (item[0][0].value, item[0][1].value))
    )
    unreached = sorted(DECLARED - set(found.arrows), key=lambda arrow: (arrow[0].value, arrow[1].value))
    missing = "\n".join(f"- {source.value} to {target.value}" for source, target in unreached) or "- none"
    return f"""## The reached state chart

![The reached state chart.](figures/reachable-states.svg)

Each line: how many transitions took it, and the first thing that did. "Through another": two transitions of the chart in one scan,
or in the scan that follows it. The declared chart is in [states.md](states.md).

| from | to | declared | transitions | first by |
|---|---|---|---|---|
{rows}

Declared and not reached within this abstraction, whose plan warms up, works, rests and cools down, and whose self-test says nothing
before it is over:

{missing}
"""


_INTRODUCTION = """# Exploration

Written by `{command}`. The core's own `step`, gate included, is run breadth first from every situation of a whole session: from
each abstract state everything that may happen happens once, and every scan is judged.
"""

_WHAT_MAY_HAPPEN = """
## What may happen

Each contact changes, the mushroom's two together; load of none, 5 %, 32 % of body weight, a silent load cell; a drive that is
silent, faulty, runs away, runs the wrong way, repeats one STATUS, restarts, is sound again; telemetry and display go and come;
every request of the socket; a contact that flickers between two scans; a late scan; and time: 0.4, 1.2, 6, 31, 130, 310 s. Where
nothing is unusual, every two changes in one scan as well, and each change with each request. States with more than one unusual
thing (a contact, the load, the drive, telemetry, display) are judged when they are entered, and not expanded, unless the session
itself goes through them.

## The laws
"""

_NOT_SHOWN = """
## What this does not show

It is exhaustive over abstract states, not over concrete ones: of all situations that count as one, the first is expanded. The
drive is a model of the firmware's rules, without its lease and without inertia; scans lie up to 310 s apart where time is to pass,
so that limits in time are judged and limits in scans are not. The session has no symptom checks, no hands-free windows, no
retractor and nothing that makes the treadmill unready; it is not a patient's first; of the symptoms one is reported. The real
firmware, belt and patient are in the scenarios and the tests with random hands.
"""


def draw(path: Path, found: Found) -> None:
    """Writes the picture; raises OSError."""
    with mpl.rc_context({"svg.hashsalt": "sternway", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(12, 6), layout="constrained")
        for (source, target), (count, _) in sorted(found.arrows.items(), key=lambda item: item[1][0]):
            _draw_arrow(axes, source, target, count)
        for state in State:
            x, y = _PLACES[state]
            reached = found.states_of_chart.get(state, 0)
            axes.text(
                x,
                y,
                f"{state.value.replace('_', ' ')}\n{reached}",
                ha="center",
                va="center",
                bbox={"boxstyle": "round,pad=0.4", "facecolor": _colour(state), "edgecolor": "0.3"},
            )
        axes.set_xlim(-1, 13.8)
        axes.set_ylim(-2.6, 4)
        axes.axis("off")
        ending = "to closure" if found.closed else f"to depth {found.depth}"
        axes.set_title(f"Reached {ending}: {found.states} abstract states, {found.transitions} transitions", loc="left")
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)


def _colour(state: State) -> str:
    if state in LATCHED_STATES:
        return "#f4b6b0"
    return "#bfe3bf" if state in MOVING_STATES else "0.92"


def _draw_arrow(axes: Any, source: State, target: State, count: int) -> None:
    """Thicker where more transitions took it; red into a latch, blue out of one."""
    colour = "tab:red" if target in LATCHED_STATES else "tab:blue" if source in LATCHED_STATES else "0.25"
    axes.annotate(
        "",
        xy=_PLACES[target],
        xytext=_PLACES[source],
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "alpha": 0.75 if colour == "0.25" else 0.4,
            "linewidth": 0.5 + 0.25 * math.log10(count),
            "shrinkA": 24,
            "shrinkB": 24,
            "connectionstyle": "arc3,rad=0.12",
        },
    )
