"""The balance rules that read the hands: a required rail let go, and both rails grabbed after hands-free walking."""

from __future__ import annotations

import enum

import msgspec

from controller.core.balance_settings import BalanceSettings
from controller.core.events import Event, Happening
from controller.core.load_sieve import NEVER_NS
from controller.core.settings import RailSettings


class RailStep(enum.IntEnum):
    """How far the answer to a released rail has gone."""

    HELD = 0
    PROMPTED = 1
    SLOWED = 2
    PAUSED = 3


class HandsState(msgspec.Struct, frozen=True, gc=False):
    """since_ns: when the required hold was given up; both_since_ns: when no hand was left; step: what has been said.

    free_since_ns: since when a hands-free walker holds nothing; free: long enough that a grab would be an escape.
    """

    since_ns: int = NEVER_NS
    both_since_ns: int = NEVER_NS
    step: RailStep = RailStep.HELD
    free_since_ns: int = NEVER_NS
    free: bool = False


HANDS_START = HandsState()


class Hands(msgspec.Struct, frozen=True, gc=False):
    """What is held, and what the stage asks for: `required` hands (0-2), or a named one."""

    left: bool
    right: bool
    required: int
    required_left: bool
    required_right: bool
    free_stage: bool

    @property
    def enough(self) -> bool:
        """Whether the stage's hold is kept."""
        held = int(self.left) + int(self.right)
        named = (self.left or not self.required_left) and (self.right or not self.required_right)
        return held >= self.required and named


# Control C-RAILS.
def judge_hands(
    state: HandsState, hands: Hands, loaded: bool, settings: BalanceSettings, now_ns: int
) -> tuple[HandsState, tuple[Happening, ...]]:
    """Returns each step of the answer as it falls due. `loaded`: there is load in the harness, so a rail has no grace."""
    if state == HANDS_START and hands.enough and not hands.free_stage:
        return state, ()
    found: list[Happening] = []
    since_ns, both_since_ns, step = NEVER_NS, NEVER_NS, RailStep.HELD
    if not hands.enough:
        since_ns = state.since_ns if state.since_ns != NEVER_NS else now_ns
        if not hands.left and not hands.right:
            both_since_ns = state.both_since_ns if state.both_since_ns != NEVER_NS else now_ns
        step = _next_step(state.step, since_ns, both_since_ns, loaded, settings.rails, now_ns)
        _say(state.step, step, hands, since_ns, loaded, found, now_ns)
    free_since_ns, free = _follow_free(state, hands, settings, found, now_ns)
    moved = HandsState(since_ns, both_since_ns, step, free_since_ns, free)
    return (state if moved == state else moved), tuple(found)


def _next_step(step: RailStep, since_ns: int, both_since_ns: int, loaded: bool, rails: RailSettings, now_ns: int) -> RailStep:
    if loaded:
        return RailStep.PAUSED
    grace_ends_ns = since_ns + int(rails.one_hand_grace_s * 1e9)
    if both_since_ns != NEVER_NS:
        grace_ends_ns = min(grace_ends_ns, both_since_ns + int(rails.both_hands_grace_s * 1e9))
    if now_ns >= grace_ends_ns + int(rails.slow_time_s * 1e9):
        due = RailStep.PAUSED
    elif now_ns >= grace_ends_ns:
        due = RailStep.SLOWED
    else:
        due = RailStep.PROMPTED
    return max(step, due)


_SAID = (
    (RailStep.PROMPTED, Event.RAIL_RELEASED),
    (RailStep.SLOWED, Event.RAIL_SLOW),
    (RailStep.PAUSED, Event.RAIL_PAUSE),
)


def _say(before: RailStep, step: RailStep, hands: Hands, since_ns: int, loaded: bool, found: list[Happening], now_ns: int) -> None:
    for due, event in _SAID:
        skipped = loaded and due is RailStep.SLOWED and step is RailStep.PAUSED
        if before < due <= step and not skipped:
            detail = (
                ("hands_held", int(hands.left) + int(hands.right)),
                ("hands_required", hands.required),
                ("released_s", round((now_ns - since_ns) * 1e-9, 2)),
                ("harness_loaded", int(loaded)),
            )
            found.append(Happening(event, now_ns, detail))


def _follow_free(
    state: HandsState, hands: Hands, settings: BalanceSettings, found: list[Happening], now_ns: int
) -> tuple[int, bool]:
    """A hands-free walker who takes both rails does what was taught for an emergency; one hand alone steadies, and is no sign."""
    if not hands.free_stage:
        return NEVER_NS, False
    if hands.left and hands.right:
        if state.free:
            detail = (("hands_free_s", round((now_ns - state.free_since_ns) * 1e-9, 2)),)
            found.append(Happening(Event.RAILS_GRABBED, now_ns, detail))
        return NEVER_NS, False
    if hands.left or hands.right:
        return (state.free_since_ns, True) if state.free else (NEVER_NS, False)
    since_ns = state.free_since_ns if state.free_since_ns != NEVER_NS else now_ns
    return since_ns, state.free or (now_ns - since_ns) * 1e-9 >= settings.hands_free_time_s
