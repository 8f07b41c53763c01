"""The running session: phases by the clock of the moving belt, and rises that are offered and never taken.

Nothing here makes the belt faster: `wanted_m_s` rises only in `accept_rise`, which a hand on FASTER calls.
"""

from __future__ import annotations

import msgspec

from controller.core.checks import CheckState
from controller.core.events import Event, Happening
from controller.core.figures import with_phase, with_rise
from controller.core.hands_free import HandsFreeState, close_window
from controller.core.limits import SessionLimits
from controller.core.settings import SpeedSettings
from messages.figures import SessionFigures
from messages.plan import Phase, PhaseKind, Plan

_HALF_MM_S = 0.0005


class ExerciseState(msgspec.Struct, frozen=True, gc=False):
    """A session's progress. Times are of the moving belt unless they are named `_at_ns`.

    wanted_m_s: where hands have brought it. offered_until_ns: an open offer, 0 when there is none.
    risen_at_ns: last start, rise or declined offer. over: code of what ended the session for good, or empty.
    plan is the plan as enforced: its stages are never laxer than the limits'. bout_ns: walked since the last rest.
    rest_until_at_ns: no restart before. prescribed_m: how far the whole plan leads. phase_*: of the phase that runs.
    done: what the session came to before it.
    """

    session: str = ""
    plan: Plan | None = None
    limits: SessionLimits | None = None
    phase_index: int = 0
    phase_elapsed_ns: int = 0
    wanted_m_s: float = 0.0
    offered_until_ns: int = 0
    risen_at_ns: int = 0
    belt_time_ns: int = 0
    work_time_ns: int = 0
    distance_m: float = 0.0
    balance_losses: int = 0
    stops: int = 0
    over: str = ""
    prescribed_m: float = 0.0
    bout_ns: int = 0
    rest_until_at_ns: int = 0
    phase_distance_m: float = 0.0
    phase_top_m_s: float = 0.0
    check: CheckState = CheckState()
    hands_free: HandsFreeState = HandsFreeState()
    done: SessionFigures = SessionFigures()

    @property
    def phase(self) -> Phase | None:
        """The phase that runs, or comes next after a stop."""
        if self.plan is None or self.phase_index >= len(self.plan.phases):
            return None
        return self.plan.phases[self.phase_index]


def begin_phase(state: ExerciseState, speed: SpeedSettings, now_ns: int, *, rested: bool = False) -> ExerciseState:
    """Returns the state as the belt starts from rest: at the first speed, whatever was run before. rested: a new bout begins."""
    return msgspec.structs.replace(
        state,
        wanted_m_s=speed.first_m_s,
        risen_at_ns=now_ns,
        offered_until_ns=0,
        rest_until_at_ns=0,
        bout_ns=0 if rested else state.bout_ns,
        hands_free=close_window(state.hands_free),
    )


def beyond_phase_ns(state: ExerciseState) -> int:
    """Returns how long the phase that runs has been walked beyond its time; negative while some of it is left."""
    phase = state.phase
    return state.phase_elapsed_ns - int(phase.duration_s * 1e9) if phase is not None else 0


def next_phase(state: ExerciseState) -> ExerciseState:
    """Returns the state in the next phase; a slower phase lowers what is wanted, a faster one only makes room for offers.

    The scan that finds a phase's end comes late; the next phase of walking has that time already. So phases that follow each other
    last together as long as they say, and a stretch as long as the longest bout ends in its rest, before the bout does.
    """
    moved = msgspec.structs.replace(state, phase_index=state.phase_index + 1)
    phase = moved.phase
    walks_on = phase is not None and phase.kind is not PhaseKind.REST
    carried_ns = max(0, beyond_phase_ns(state)) if walks_on else 0
    ended = msgspec.structs.replace(state, phase_elapsed_ns=state.phase_elapsed_ns - carried_ns)
    moved = msgspec.structs.replace(
        moved,
        phase_elapsed_ns=carried_ns,
        phase_distance_m=0.0,
        phase_top_m_s=0.0,
        offered_until_ns=0,
        done=figures_so_far(ended),
    )
    if phase is not None and phase.speed_m_s < moved.wanted_m_s:
        return msgspec.structs.replace(moved, wanted_m_s=phase.speed_m_s)
    return moved


def count_motion(state: ExerciseState, elapsed_ns: int, speed_m_s: float, asked_m_s: float) -> ExerciseState:
    """Returns the state with one scan's belt time and distance added.

    The highest speed is what was asked for where the belt came up to it: its ripple under each foot would make the next session
    faster.
    """
    phase = state.phase
    working = phase is not None and phase.kind is PhaseKind.WORK
    walked_m = speed_m_s * (elapsed_ns / 1e9)
    return msgspec.structs.replace(
        state,
        phase_elapsed_ns=state.phase_elapsed_ns + elapsed_ns,
        belt_time_ns=state.belt_time_ns + elapsed_ns,
        work_time_ns=state.work_time_ns + elapsed_ns if working else state.work_time_ns,
        bout_ns=state.bout_ns + elapsed_ns,
        distance_m=state.distance_m + walked_m,
        phase_distance_m=state.phase_distance_m + walked_m,
        phase_top_m_s=max(min(speed_m_s, asked_m_s), state.phase_top_m_s),
    )


def prescribed_distance_m(plan: Plan) -> float:
    """Returns how far the plan's phases lead at their full speed: no session goes farther."""
    distance_m = 0.0
    for phase in plan.phases:
        distance_m += phase.duration_s * phase.speed_m_s
    return distance_m


def figures_so_far(state: ExerciseState) -> SessionFigures:
    """Returns the session's figures with the phase that runs as far as it has come."""
    with_windows = msgspec.structs.replace(
        state.done,
        checks_missed=state.check.missed,
        hands_free_s=round(state.hands_free.free_ns / 1e9, 2),
        hands_free_windows=state.hands_free.windows,
    )
    return with_phase(with_windows, state.phase_index, state.phase_elapsed_ns, state.phase_distance_m, state.phase_top_m_s)


def increment_m_s(wanted_m_s: float, speed: SpeedSettings) -> float:
    """One press of FASTER: smaller below 0.5 m/s."""
    return speed.increment_low_m_s if wanted_m_s < 0.5 - _HALF_MM_S else speed.increment_high_m_s


def next_speed_m_s(state: ExerciseState, ceiling_m_s: float, speed: SpeedSettings) -> float:
    """Where one accepted rise would lead: never above the phase's speed, nor the ceiling."""
    phase = state.phase
    goal = phase.speed_m_s if phase is not None else 0.0
    return min(state.wanted_m_s + increment_m_s(state.wanted_m_s, speed), goal, ceiling_m_s)


def advance_offer(
    state: ExerciseState, may_rise: bool, ready: bool, ceiling_m_s: float, speed: SpeedSettings, now_ns: int
) -> tuple[ExerciseState, tuple[Happening, ...]]:
    """Opens an offer when the phase wants more and enough time has passed; closes it by silence or when conditions fail.

    may_rise: rails and attendant as the plan asks. ready, to open one: the belt runs at what is wanted, and FASTER is open.
    """
    if state.offered_until_ns:
        if may_rise and now_ns < state.offered_until_ns:
            return state, ()
        reason = "no answer" if may_rise else "rails, attendant or symptom check"
        closed = msgspec.structs.replace(state, offered_until_ns=0, risen_at_ns=now_ns, done=with_rise(state.done, accepted=False))
        return closed, (Happening(Event.RISE_DECLINED, now_ns, (("reason", reason),)),)
    if not (may_rise and ready) or now_ns - state.risen_at_ns < speed.increment_interval_s * 1e9:
        return state, ()
    offered_m_s = next_speed_m_s(state, ceiling_m_s, speed)
    if not offered_m_s > state.wanted_m_s + _HALF_MM_S:
        return state, ()
    opened = msgspec.structs.replace(state, offered_until_ns=now_ns + int(speed.offer_s * 1e9))
    return opened, (Happening(Event.RISE_OFFERED, now_ns, (("offered_m_s", round(offered_m_s, 3)),)),)


def accept_rise(
    state: ExerciseState, granted_m_s: float, ceiling_m_s: float, speed: SpeedSettings, now_ns: int
) -> tuple[ExerciseState, tuple[Happening, ...]]:
    """A hand pressed FASTER in the offer's time: one increment, as far as the drive says that it was granted."""
    next_m_s = next_speed_m_s(state, ceiling_m_s, speed)
    wanted_m_s = next_m_s if next_m_s <= granted_m_s else granted_m_s  # a grant that is no number is none: `min` would pass it over
    if not wanted_m_s > state.wanted_m_s + _HALF_MM_S:
        return state, ()
    done = with_rise(state.done, accepted=True)
    risen = msgspec.structs.replace(state, wanted_m_s=wanted_m_s, offered_until_ns=0, risen_at_ns=now_ns, done=done)
    return risen, (Happening(Event.RISE_ACCEPTED, now_ns, (("wanted_m_s", round(wanted_m_s, 3)),)),)


def slow_down(state: ExerciseState, speed: SpeedSettings, to_first: bool, now_ns: int) -> ExerciseState:
    """Returns the state one increment slower, or at the first speed; never below it (STOP is for that) and never faster."""
    lowest_m_s = min(speed.first_m_s, state.wanted_m_s)
    step_m_s = increment_m_s(state.wanted_m_s - 2 * _HALF_MM_S, speed)
    wanted_m_s = lowest_m_s if to_first else max(state.wanted_m_s - step_m_s, lowest_m_s)
    window = close_window(state.hands_free) if to_first else state.hands_free
    return msgspec.structs.replace(state, wanted_m_s=wanted_m_s, offered_until_ns=0, risen_at_ns=now_ns, hands_free=window)
