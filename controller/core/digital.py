"""Conditioning of the digital inputs: a trip counts at its first sample, everything else must last.

Opening is the safe direction, so an input opens at once (a button excepted: its release starts things, so it is filtered like
its press) and closes only after it has been quiet for its filter time.
"""

from __future__ import annotations

import msgspec

from controller.core.events import Event, Happening
from controller.core.inputs import ALL_INPUTS_MASK, INPUT_TABLE, Contact, Input, Role
from controller.core.readings import Levels

_COUNT = len(Input)
_NONE: tuple[int, ...] = (0,) * _COUNT
_FILTER_NS = tuple(rule.filter_ms * 1_000_000 for rule in INPUT_TABLE)
_LONGEST_NS = tuple(rule.longest_press_ms * 1_000_000 for rule in INPUT_TABLE)
_BUTTON_MASK = 0
_STICKY_MASK = 0
PROVED_MASK = 0
"""The inputs that must be seen to change between two patients."""
for _rule in INPUT_TABLE:
    if _rule.role is Role.BUTTON:
        _BUTTON_MASK |= _rule.input.bit
    if _rule.contact is Contact.NORMALLY_OPEN and _rule.longest_press_ms:
        _STICKY_MASK |= _rule.input.bit
    if _rule.proved_between_patients:
        PROVED_MASK |= _rule.input.bit
_WINDOW_NS = 1_000_000_000


class DigitalState(msgspec.Struct, frozen=True, gc=False):
    """What the filters remember.

    closed: the filtered levels. raw: the levels as last polled. pending: some raw level differs; differs_since_ns: since when (0:
    it does not). changed_at_ns: the last change of each filtered level. seen_changed: inputs that changed since the last patient.
    """

    closed: int = 0
    raw: int = 0
    pending: bool = False
    differs_since_ns: tuple[int, ...] = _NONE
    changed_at_ns: tuple[int, ...] = _NONE
    seen_changed: int = 0
    counting: bool = False
    edge_counts: tuple[int, ...] = _NONE
    window_started_ns: int = 0
    stuck: int = 0
    chattering: int = 0


class DigitalFacts(msgspec.Struct, frozen=True, gc=False):
    """The filtered inputs of one scan.

    pressed and released: inputs whose filtered level closed or opened in this scan.
    """

    closed: int
    pressed: int
    released: int
    changed_at_ns: tuple[int, ...]

    def is_closed(self, which: Input) -> bool:
        """Whether the filtered level is closed."""
        return bool(self.closed & which.bit)

    def was_pressed(self, which: Input) -> bool:
        """Whether it closed in this scan."""
        return bool(self.pressed & which.bit)

    def was_released(self, which: Input) -> bool:
        """Whether it opened in this scan."""
        return bool(self.released & which.bit)


def advance_digital(
    state: DigitalState, levels: Levels, chatter_edges_per_s: int, now_ns: int
) -> tuple[DigitalState, DigitalFacts, tuple[Happening, ...]]:
    """Returns the filters' new state, the facts of this scan, and BUTTON_STUCK and INPUT_CHATTER at their onset."""
    if levels.closed == state.closed and not levels.edges and not state.pending:
        return _quiet(state, now_ns)
    closed, differs, changed = _filter(state, levels, now_ns)
    pressed = closed & ~state.closed
    released = state.closed & ~closed
    # A library that misses edges must not hide a contact that chatters: what the polls saw change counts as well.
    counts, window = _count_edges(state, levels.edges | (levels.closed ^ state.raw) & ALL_INPUTS_MASK, now_ns)
    chattering = _over_limit(counts, chatter_edges_per_s)
    begun = chattering & ~state.chattering
    happenings: tuple[Happening, ...] = ()
    if begun:
        happenings = tuple(
            Happening(Event.INPUT_CHATTER, now_ns, (("input", name.name.lower()), ("edges_per_s", counts[name])))
            for name in Input
            if begun & name.bit
        )
    moved = DigitalState(
        closed=closed,
        raw=levels.closed & ALL_INPUTS_MASK,
        pending=any(differs),
        differs_since_ns=differs,
        changed_at_ns=changed,
        seen_changed=state.seen_changed | pressed | released,
        counting=any(counts),
        edge_counts=counts,
        window_started_ns=window,
        stuck=state.stuck & closed,
        chattering=chattering,
    )
    moved, stuck = _find_stuck(moved, now_ns)
    return moved, DigitalFacts(closed, pressed, released, changed), happenings + stuck


def _quiet(state: DigitalState, now_ns: int) -> tuple[DigitalState, DigitalFacts, tuple[Happening, ...]]:
    if state.counting and now_ns - state.window_started_ns > _WINDOW_NS:
        state = msgspec.structs.replace(state, counting=False, edge_counts=_NONE, chattering=0)
    happenings: tuple[Happening, ...] = ()
    if state.closed & _STICKY_MASK & ~state.stuck:
        state, happenings = _find_stuck(state, now_ns)
    return state, DigitalFacts(state.closed, 0, 0, state.changed_at_ns), happenings


def _filter(state: DigitalState, levels: Levels, now_ns: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """An edge between two scans counts as an opening now, however short it was; for a button it only restarts the wait."""
    raw = levels.closed & ALL_INPUTS_MASK
    closed = state.closed
    differs = list(state.differs_since_ns)
    changed = list(state.changed_at_ns)
    for index in range(_COUNT):
        bit = 1 << index
        edge = levels.edges & bit
        if not bit & _BUTTON_MASK and (not raw & bit or edge):
            if closed & bit:
                closed &= ~bit
                changed[index] = now_ns
            differs[index] = now_ns if raw & bit else 0
        elif raw & bit == closed & bit:
            differs[index] = 0
        elif not differs[index] or edge:
            differs[index] = now_ns
        elif now_ns - differs[index] >= _FILTER_NS[index]:
            closed ^= bit
            changed[index] = now_ns
            differs[index] = 0
    return closed, tuple(differs), tuple(changed)


def _count_edges(state: DigitalState, edges: int, now_ns: int) -> tuple[tuple[int, ...], int]:
    if now_ns - state.window_started_ns > _WINDOW_NS:
        if not edges:
            return _NONE, now_ns
        return tuple(1 if edges >> index & 1 else 0 for index in range(_COUNT)), now_ns
    if not edges:
        return state.edge_counts, state.window_started_ns
    counts = tuple(count + (edges >> index & 1) for index, count in enumerate(state.edge_counts))
    return counts, state.window_started_ns


# Control C-CHATTER.
def _over_limit(counts: tuple[int, ...], limit: int) -> int:
    mask = 0
    for index, count in enumerate(counts):
        if count > limit:
            mask |= 1 << index
    return mask


def _find_stuck(state: DigitalState, now_ns: int) -> tuple[DigitalState, tuple[Happening, ...]]:
    found: list[Happening] = []
    stuck = state.stuck
    for name in Input:
        bit = name.bit
        if not state.closed & bit & _STICKY_MASK or stuck & bit:
            continue
        held_ns = now_ns - state.changed_at_ns[name]
        if held_ns > _LONGEST_NS[name]:
            stuck |= bit
            found.append(Happening(Event.BUTTON_STUCK, now_ns, (("input", name.name.lower()), ("held_ms", held_ns // 1_000_000))))
    if not found:
        return state, ()
    return msgspec.structs.replace(state, stuck=stuck), tuple(found)


# Control C-SEEN-TO-CHANGE.
def forget_patient(state: DigitalState) -> DigitalState:
    """For the next patient every input has to prove again that it changes."""
    return msgspec.structs.replace(state, seen_changed=0)
