"""Weight in the harness: after a stop the nurse call at once, in a pause when it stays, and the time the patient hangs.

Hanging under 5 minutes is usual advice; after a stop the alarm comes at once, again at 60 s and escalates at 3 minutes [O]. In a
pause a strap is loaded by whoever sits down to rest, so it calls only after a minute, and latches nothing.
"""

from __future__ import annotations

import msgspec

from controller.core.balance_settings import BalanceSettings, greatest_pull_n, loaded_limit_n, plausible_weight_n
from controller.core.events import Event, Happening

_LOADED_FRACTION = 0.10
"""Of body weight: somebody is in the harness."""
_UNLOADED_FRACTION = 0.05
_DOWN_SHARE = 0.9
"""Of what somebody hangs from: below it at least, or noise would end a call and begin the next [O]."""
_RESTS_TOO_LONG_NS = 60_000_000_000
_STAGES = (
    (0, Event.NURSE_CALL),
    (60_000_000_000, Event.HANGING_60_S),
    (180_000_000_000, Event.HANGING_180_S),
)


class HangingLimits(msgspec.Struct, frozen=True, gc=False):
    """Of the load as the cell has it. From hangs_from_n on somebody hangs in the strap; below down_below_n they are down again."""

    hangs_from_n: float
    down_below_n: float


class HangingState(msgspec.Struct, frozen=True, gc=False):
    """since_ns: when the loaded strap was seen, 0 when nobody hangs. stage: calls made. called: the nurse call is closed."""

    since_ns: int = 0
    stage: int = 0
    called: bool = False


NOBODY = HangingState()


def hanging_limits(settings: BalanceSettings, body_weight_n: float) -> HangingLimits:
    """Returns the limits for a body weight; one that nobody can have is taken as in `limits_for`.

    What a retractor pulls is nobody's weight, but a load that is a fall is somebody's however hard it may pull. Then who is down
    may still be in the pull: there is only a little between the two limits.
    """
    weight_n = plausible_weight_n(body_weight_n)
    pull_n = greatest_pull_n(settings)
    hangs_from_n = min(_LOADED_FRACTION * weight_n + pull_n, loaded_limit_n(settings, weight_n))
    return HangingLimits(hangs_from_n, min(_UNLOADED_FRACTION * weight_n + pull_n, _DOWN_SHARE * hangs_from_n))


# Control C-HANGING.
def judge_hanging(
    state: HangingState, latched: bool, fell: bool, load_n: float | None, limits: HangingLimits, now_ns: int
) -> tuple[HangingState, tuple[Happening, ...]]:
    """Returns each call at its time. The contact stays closed until the latch is opened by hand.

    fell: a fall is among what latched. load_n: None when unknown: who fell then counts as hanging, and who hangs hangs on.
    """
    if not latched:
        return (state if state is NOBODY or state == NOBODY else NOBODY), ()
    if not state.since_ns:
        if (not fell) if load_n is None else load_n < limits.hangs_from_n:
            return state, ()
        state = HangingState(now_ns, 0, True)
    elif load_n is not None and load_n < limits.down_below_n:
        return HangingState(0, 0, state.called), ()
    if state.stage < len(_STAGES) and now_ns - state.since_ns >= _STAGES[state.stage][0]:
        call = _call(_STAGES[state.stage][1], state, load_n, now_ns)
        return HangingState(state.since_ns, state.stage + 1, True), (call,)
    return state, ()


# Control C-HANGING.
def judge_rest(
    state: HangingState, load_n: float | None, limits: HangingLimits, now_ns: int
) -> tuple[HangingState, tuple[Happening, ...]]:
    """In a pause: calls once the strap has been loaded for a minute; the contact opens when the weight is taken.

    load_n: None when unknown: who hangs hangs on, and nobody begins to.
    """
    if not state.since_ns:
        nobody = load_n is None or load_n < limits.hangs_from_n
        return (NOBODY if nobody else HangingState(now_ns)), ()
    if load_n is not None and load_n < limits.down_below_n:
        return NOBODY, ()
    if state.called or now_ns - state.since_ns < _RESTS_TOO_LONG_NS:
        return state, ()
    return HangingState(state.since_ns, 0, True), (_call(Event.HANGING_AT_REST, state, load_n, now_ns),)


def _call(event: Event, state: HangingState, load_n: float | None, now_ns: int) -> Happening:
    load = (("load_n", round(load_n, 1)),) if load_n is not None else ()
    return Happening(event, now_ns, (*load, ("hanging_s", round((now_ns - state.since_ns) / 1e9, 1))))
