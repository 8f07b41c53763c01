"""Weight in the harness: after a stop the nurse call at once, in a pause when it stays, and the time the patient hangs.

Hanging under 5 minutes is usual advice; after a stop the alarm comes at once, again at 60 s and escalates at 3 minutes [O]. In a
pause a strap is loaded by whoever sits down to rest, so it calls only after a minute, and latches nothing.
"""

from __future__ import annotations

import msgspec

from controller.core.balance_settings import BalanceSettings, loaded_limit_n
from controller.core.events import Event, Happening

LOADED_FRACTION = 0.10
"""Of body weight: somebody is in the harness."""
_UNLOADED_FRACTION = 0.05
_RESTS_TOO_LONG_NS = 60_000_000_000
_STAGES = (
    (0, Event.NURSE_CALL),
    (60_000_000_000, Event.HANGING_60_S),
    (180_000_000_000, Event.HANGING_180_S),
)


class StrapLoad(msgspec.Struct, frozen=True, gc=False):
    """load_n: as the cell has it, None while it is unknown. nobodys_n: what of it is nobody's weight."""

    load_n: float | None
    nobodys_n: float
    body_weight_n: float


class HangingState(msgspec.Struct, frozen=True, gc=False):
    """since_ns: when the loaded strap was seen, 0 when nobody hangs. stage: calls made. called: the nurse call is closed."""

    since_ns: int = 0
    stage: int = 0
    called: bool = False


NOBODY = HangingState()


def nobodys_load_n(settings: BalanceSettings, body_weight_n: float) -> float:
    """What the strap may bear that is nobody's weight: a retractor's greatest pull, and never so much that a fall is nobody.

    Below 0 where a tenth of the weight is already more than a fall's limit.
    """
    pull_n = settings.pretension_n if settings.retractor else 0.0
    room_n = loaded_limit_n(settings, body_weight_n) - LOADED_FRACTION * body_weight_n
    return pull_n if pull_n < room_n else room_n


# Control C-HANGING.
def judge_hanging(
    state: HangingState, latched: bool, fell: bool, strap: StrapLoad, now_ns: int
) -> tuple[HangingState, tuple[Happening, ...]]:
    """Returns each call at its time. The contact stays closed until the latch is opened by hand.

    fell: a fall is among what latched. While the load is unknown who fell counts as hanging, and who hangs hangs on.
    """
    if not latched:
        return (state if state is NOBODY or state == NOBODY else NOBODY), ()
    if not state.since_ns:
        if (not fell) if strap.load_n is None else not _bears(strap, LOADED_FRACTION):
            return state, ()
        state = HangingState(now_ns, 0, True)
    elif not _bears(strap, _UNLOADED_FRACTION):
        return HangingState(0, 0, state.called), ()
    if state.stage < len(_STAGES) and now_ns - state.since_ns >= _STAGES[state.stage][0]:
        call = _call(_STAGES[state.stage][1], state, strap, now_ns)
        return HangingState(state.since_ns, state.stage + 1, True), (call,)
    return state, ()


# Control C-HANGING.
def judge_rest(state: HangingState, strap: StrapLoad, now_ns: int) -> tuple[HangingState, tuple[Happening, ...]]:
    """In a pause: calls once the strap has been loaded for a minute; the contact opens when the weight is taken.

    While the load is unknown who hangs hangs on, and nobody begins to.
    """
    if not state.since_ns:
        nobody = strap.load_n is None or not _bears(strap, LOADED_FRACTION)
        return (NOBODY if nobody else HangingState(now_ns)), ()
    if not _bears(strap, _UNLOADED_FRACTION):
        return NOBODY, ()
    if state.called or now_ns - state.since_ns < _RESTS_TOO_LONG_NS:
        return state, ()
    return HangingState(state.since_ns, 0, True), (_call(Event.HANGING_AT_REST, state, strap, now_ns),)


def _bears(strap: StrapLoad, fraction: float) -> bool:
    """Whether the strap bears so much of the body weight, as far as is known; a load that is no number does."""
    return strap.load_n is None or not strap.load_n - strap.nobodys_n < fraction * strap.body_weight_n


def _call(event: Event, state: HangingState, strap: StrapLoad, now_ns: int) -> Happening:
    load = (("load_n", round(strap.load_n, 1)),) if strap.load_n is not None else ()
    return Happening(event, now_ns, (*load, ("hanging_s", round((now_ns - state.since_ns) / 1e9, 1))))
