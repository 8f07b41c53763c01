"""docs/states.md, from the state chart's flat table: a Mermaid diagram for the eye, and every pair for the record."""

from __future__ import annotations

from controller.core.chart import EXERCISING_STATES, LATCHED_STATES, MOVING_STATES, TRANSITIONS, State, Trigger
from documents.markdown import page, table, words

_INTRODUCTION = """
The belt may be driven in `warm_up`, `work` and `cool_down`, and in no other state; those and `rest` are what others see as
`exercising`. The three latched states are left only by RESET. A trigger that the table does not name for a state changes nothing.
"""
_UNLATCHED = tuple(state for state in State if state not in LATCHED_STATES)
_GROUPS = {"unlatched": frozenset(_UNLATCHED), "exercising": frozenset(EXERCISING_STATES), "latched": frozenset(LATCHED_STATES)}


def states_page() -> str:
    """Returns the page."""
    rows = (
        (words(state.value), words(trigger.value), words(destination.value))
        for (state, trigger), destination in sorted(TRANSITIONS.items(), key=_in_order)
    )
    states = ((f"`{state.value}`", "yes" if state in MOVING_STATES else "", _kind(state)) for state in State)
    return page(
        "States",
        _INTRODUCTION,
        "```mermaid\n" + "\n".join(_diagram()) + "\n```",
        "`any_unlatched` stands for every state that is not latched, and a group for all of its members.",
        "## States",
        table(("state", "belt may be driven", "group"), states),
        f"## All {len(TRANSITIONS)} transitions",
        table(("from", "trigger", "to"), rows),
    )


def _kind(state: State) -> str:
    if state in LATCHED_STATES:
        return "latched"
    return "exercising" if state in EXERCISING_STATES else ""


def _in_order(item: tuple[tuple[State, Trigger], State]) -> tuple[int, int]:
    (state, trigger), _ = item
    return list(State).index(state), list(Trigger).index(trigger)


def _diagram() -> list[str]:
    lines = ["stateDiagram-v2", "    direction TB", f"    [*] --> {State.SELF_TEST.value}"]
    for name, members in (("exercising", EXERCISING_STATES), ("latched", LATCHED_STATES)):
        lines += [f"    state {name} {{", *(f"        {state.value}" for state in members), "    }"]
    return lines + [f"    {source} --> {destination} : {trigger}" for source, destination, trigger in _arrows()]


def _arrows() -> list[tuple[str, str, str]]:
    """One arrow for each trigger, source and destination; a whole group of sources is one arrow."""
    sources: dict[tuple[Trigger, State], set[State]] = {}
    for (state, trigger), destination in TRANSITIONS.items():
        sources.setdefault((trigger, destination), set()).add(state)
    arrows = []
    for (trigger, destination), states in sources.items():
        left = set(states)
        for group, members in _GROUPS.items():
            if members <= left:
                left -= members
                arrows.append((group if group != "unlatched" else "any_unlatched", destination.value, trigger.value))
        arrows += [(state.value, destination.value, trigger.value) for state in State if state in left]
    return arrows
