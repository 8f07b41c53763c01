"""The hands-free window: opened by OK held at steady speed, closed by time, by SLOW, or with the belt.

In it no rail is required, and both rails grabbed is the taught escape: a controlled stop. In its last seconds the rails are taken
back, which then is no escape. SLOWER leaves it no more than these seconds: who asks to go slower wants the rails.
"""

from __future__ import annotations

import msgspec

from controller.core.events import Event, Happening
from controller.core.settings import HandsFreeSettings


class HandsFreeState(msgspec.Struct, frozen=True, gc=False):
    """until_ns: when the window closes, 0 while none is open. pressed_at_ns: the press of OK that opened the last: one a press.

    free_ns: time walked with no hand on a rail, of all windows.
    """

    until_ns: int = 0
    pressed_at_ns: int = 0
    free_ns: int = 0
    windows: int = 0

    @property
    def open(self) -> bool:
        """Whether the patient may let go."""
        return self.until_ns > 0


class HandsFreeFacts(msgspec.Struct, frozen=True, gc=False):
    """steady: moving at the wanted speed, nothing offered or asked. held: the rails as the stage asks, and somebody stands by.

    ok_since_ns: since when OK is closed, 0 while it is open. hands_off: no hand is on a rail.
    """

    allowed: bool
    steady: bool
    held: bool
    ok_since_ns: int
    hands_off: bool
    elapsed_ns: int


def may_escape(state: HandsFreeState, settings: HandsFreeSettings, now_ns: int) -> bool:
    """Whether both rails grabbed now is the escape, and no return to the rails."""
    return state.open and now_ns < state.until_ns - int(settings.return_s * 1e9)


def advance_hands_free(
    state: HandsFreeState, facts: HandsFreeFacts, settings: HandsFreeSettings, now_ns: int
) -> tuple[HandsFreeState, tuple[Happening, ...]]:
    """Returns the window after this scan of a moving belt, with HANDS_FREE_BEGUN or HANDS_FREE_ENDED where it opens or closes."""
    if state.open:
        free_ns = state.free_ns + facts.elapsed_ns if facts.hands_off else state.free_ns
        if now_ns < state.until_ns:
            return (state if free_ns == state.free_ns else msgspec.structs.replace(state, free_ns=free_ns)), ()
        closed = msgspec.structs.replace(state, until_ns=0, free_ns=free_ns)
        return closed, (Happening(Event.HANDS_FREE_ENDED, now_ns, (("free_s", round(free_ns / 1e9, 2)),)),)
    since_ns = facts.ok_since_ns
    if not (facts.allowed and facts.steady and facts.held and since_ns) or since_ns == state.pressed_at_ns:
        return state, ()
    if now_ns - since_ns < settings.hold_s * 1e9:
        return state, ()
    until_ns = now_ns + int(settings.window_s * 1e9)
    opened = HandsFreeState(until_ns, since_ns, state.free_ns, state.windows + 1)
    return opened, (Happening(Event.HANDS_FREE_BEGUN, now_ns, (("window_s", settings.window_s),)),)


def call_hands_back(state: HandsFreeState, settings: HandsFreeSettings, now_ns: int) -> HandsFreeState:
    """Returns the state with no more of an open window than its last seconds: a hand asked for less speed."""
    last_ns = now_ns + int(settings.return_s * 1e9)
    return msgspec.structs.replace(state, until_ns=last_ns) if state.until_ns > last_ns else state


def close_window(state: HandsFreeState) -> HandsFreeState:
    """Returns the state without an open window: something slowed or stopped the belt."""
    return msgspec.structs.replace(state, until_ns=0) if state.open else state
