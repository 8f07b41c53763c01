"""The balance-loss detector: a small set of named rules over harness load, hands, deck ends and overload switch. Pure.

Each rule reports at its onset, with the numbers that made it speak; what it then does to the belt is the event table's
business. The rules act only while the belt moves or is stopping: in a room at rest a patient may be hoisted from a wheelchair.
"""

from __future__ import annotations

import msgspec

from controller.core.balance_hands import HANDS_START, Hands, HandsState, judge_hands
from controller.core.balance_harness import HARNESS_START, HarnessState, judge_harness
from controller.core.balance_settings import BalanceSettings, Limits, limits_for
from controller.core.events import Event, Happening
from controller.core.load_chain import LoadEstimate
from controller.core.readings import Quality

_GOOD = Quality.GOOD

__all__ = ["BALANCE_START", "BalanceFacts", "BalanceSettings", "BalanceState", "judge_balance"]


class BalanceFacts(msgspec.Struct, frozen=True, gc=False):
    """What is known at this scan.

    moving: the belt moves or is stopping. rail_left, rail_right: held. rails_required: hands the stage asks for, 0-2;
    required_left, required_right: that very hand. hands_free: the stage asks for none and has taught the grab as the escape.
    deck_*_clear: that light barrier is whole. overload_ok: the switch is closed. retractor: a pretensioned one pulls the strap.
    """

    estimate: LoadEstimate
    body_weight_n: float
    moving: bool
    rail_left: bool
    rail_right: bool
    rails_required: int
    required_left: bool
    required_right: bool
    hands_free: bool
    deck_front_clear: bool
    deck_rear_clear: bool
    overload_ok: bool
    retractor: bool


class BalanceState(msgspec.Struct, frozen=True, gc=False):
    """What the rules remember; BALANCE_START whenever the belt is at rest. deck_front, deck_rear, overload: reported."""

    harness: HarnessState = HARNESS_START
    hands: HandsState = HANDS_START
    deck_front: bool = False
    deck_rear: bool = False
    overload: bool = False


BALANCE_START = BalanceState()
"""Nothing seen yet."""


# Control C-DECK-ENDS.
def judge_balance(
    state: BalanceState, facts: BalanceFacts, settings: BalanceSettings, now_ns: int
) -> tuple[BalanceState, tuple[Happening, ...]]:
    """Returns the next state (the same object if nothing changed) and each rule's happening at its onset.

    A load that cannot be believed feeds no rule: the chain has reported it, and that stops the belt for itself.
    """
    if not facts.moving:
        return (state if state == BALANCE_START else BALANCE_START), ()
    limits = limits_for(settings, facts.body_weight_n)
    harness = state.harness
    on_load: tuple[Happening, ...] = ()
    if facts.estimate.load.quality is _GOOD:
        harness, on_load = judge_harness(harness, facts.estimate, limits, facts.retractor, settings, now_ns)
    hands = Hands(
        facts.rail_left,
        facts.rail_right,
        facts.rails_required,
        facts.required_left,
        facts.required_right,
        facts.hands_free,
    )
    held, on_hands = judge_hands(state.hands, hands, _is_loaded(facts.estimate, limits), settings, now_ns)
    ends = () if _ends_unchanged(state, facts) else _judge_ends(state, facts, now_ns)
    if harness is state.harness and held is state.hands and _ends_unchanged(state, facts):
        return state, on_load + on_hands
    moved = BalanceState(harness, held, not facts.deck_front_clear, not facts.deck_rear_clear, not facts.overload_ok)
    return moved, ends + on_load + on_hands


def _is_loaded(estimate: LoadEstimate, limits: Limits) -> bool:
    """Whether there is load in the harness as far as is known; a load that is no number counts as one."""
    return estimate.load.quality is _GOOD and not estimate.load.value < limits.no_grace_n


def _ends_unchanged(state: BalanceState, facts: BalanceFacts) -> bool:
    return (
        state.deck_front is not facts.deck_front_clear
        and state.deck_rear is not facts.deck_rear_clear
        and state.overload is not facts.overload_ok
    )


def _judge_ends(state: BalanceState, facts: BalanceFacts, now_ns: int) -> tuple[Happening, ...]:
    """Deck ends and overload switch: at the first sample, whatever else is known."""
    load = facts.estimate.load
    detail: tuple[tuple[str, float], ...] = ()
    if load.quality is _GOOD:
        detail = (("load_n", round(load.value, 1)),)
    found = []
    if not facts.overload_ok and not state.overload:
        found.append(Happening(Event.OVERLOAD_SWITCH, now_ns, detail))
    if not facts.deck_front_clear and not state.deck_front:
        found.append(Happening(Event.DECK_FRONT, now_ns, detail))
    if not facts.deck_rear_clear and not state.deck_rear:
        found.append(Happening(Event.DECK_REAR, now_ns, detail))
    return tuple(found)
