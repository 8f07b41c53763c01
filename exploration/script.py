"""A whole session by hand, letter by letter: the situations on its way are where the exploration begins, besides the start.

They are needed because which inputs have been proved between two patients is reduced to all or not all: no row of abstract states
leads from one to the other by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.chart import State
from controller.core.inputs import Input
from exploration.alphabet import Letter, single_letters
from exploration.situation import Situation, boot

_LETTERS = {letter.name: letter for letter in single_letters()}


def _twice(name: Input) -> tuple[str, str]:
    return (f"{name.name.lower()} changes",) * 2


_MOUNT = tuple(
    letter
    for name in (Input.DECK_FRONT, Input.DECK_REAR, Input.RAIL_LEFT, Input.RAIL_RIGHT, Input.ATTENDANT)
    for letter in _twice(name)
)
_OK = _twice(Input.OK)
_HARNESS = (
    "clip changes",
    "load 5 %",
    "wait 1.2 s",
    *_OK,
    "no load",
    "wait 1.2 s",
    *_OK,
    "load 30 %",
    "no load",
    *_OK,
)
_START = ("wait 1.2 s", *_twice(Input.START))
SESSION: tuple[str, ...] = (
    "wait 1.2 s",
    "wait 1.2 s",
    "clip changes",
    "prepare",
    *_MOUNT,
    *_OK,  # this patient
    *_OK,  # the list
    "wait 1.2 s",
    *_OK,  # the empty hook
    *_HARNESS,
    *_START,
    "wait 6 s",
    "wait 6 s",
    "wait 6 s",
    *_twice(Input.FASTER),
    "wait 6 s",
    "wait 6 s",
    "wait 6 s",
    "wait 6 s",
    *_OK,
    *_START,
    "wait 6 s",
    "wait 1.2 s",
    "clip changes",
)
"""Ends in standby, with the next patient's clip open."""


class ScriptError(RuntimeError):
    """The session no longer goes as it is written here: the core's rules have changed, and so must the script."""


def stations() -> Iterator[tuple[str, Situation]]:
    """Yields every situation on the way, with what led to it; raises ScriptError when it is not a whole session."""
    situation = boot()
    seen: set[State] = set()
    yield "start", situation
    for number, name in enumerate(SESSION, 1):
        letter: Letter = _LETTERS[name]
        for scanned in letter.happen(situation):
            situation = scanned.after
        seen.add(situation.core.chart)
        yield f"session, letter {number}: {name}", situation
    missing = {State.PREPARED, State.WARM_UP, State.WORK, State.REST, State.COOL_DOWN, State.COMPLETE} - seen
    if missing or situation.core.chart is not State.STANDBY:
        names = ", ".join(sorted(state.value for state in missing)) or "none"
        raise ScriptError(f"the script ends in {situation.core.chart.value} and never saw: {names}")
