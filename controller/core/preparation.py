"""The steps between a prepared session and START, each confirmed by a hand, and the list after the exercise.

First what people look at (deck, shoes, glasses, harness, lanyard) and do (hips and ankles warm): one OK a line in a first
session, one OK for the whole list with a patient who knows it. Then the harness.

One load cell gives neither weight nor slack, so hands do: the empty hook is tared, the strap is pulled taut and let out to a
mark, and the patient sits into it once. The same steps, or the last of them, stand before every restart.
"""

from __future__ import annotations

import enum

import msgspec

from controller.core.digital import DigitalFacts
from controller.core.events import Event, Happening
from controller.core.inputs import Input
from controller.core.limits import SessionLimits
from controller.core.settings import SessionSettings
from messages.plan import Plan


class Step(enum.Enum):
    """The value is the first word on the display."""

    CONFIRM = "CONFIRM"
    LIST = "LIST"
    AREA = "AREA"
    SHOES = "SHOES"
    GLASSES = "GLASSES"
    HARNESS = "HARNESS"
    LANYARD = "LANYARD"
    HIPS = "HIPS"
    ANKLES = "ANKLES"
    EMPTY_HOOK = "EMPTY HOOK"
    CLIP = "CLIP"
    TAUT = "TAUT"
    SLACK = "SLACK"
    SIT = "SIT"
    ARROW = "ARROW"
    READY = "READY"
    AFTER_HIPS = "AFTER: HIPS"
    AFTER_ANKLES = "AFTER: ANKLES"


HARNESS_STEPS = (Step.CLIP, Step.TAUT, Step.SLACK, Step.SIT, Step.ARROW, Step.READY)
RESTART_STEPS = (Step.ARROW, Step.READY)
HARNESS_UNPROVED = frozenset(HARNESS_STEPS) - frozenset(RESTART_STEPS)
"""While one of these is shown, nobody knows yet whether the harness holds."""
AFTER_STEPS = (Step.AFTER_HIPS, Step.AFTER_ANKLES)
_LINE_BY_LINE = (Step.AREA, Step.SHOES, Step.GLASSES, Step.HARNESS, Step.LANYARD, Step.HIPS, Step.ANKLES)

TAUT_FRACTION = 0.02
"""Of body weight: the strap is felt to be taut."""
SIT_LOWEST_FRACTION, SIT_HIGHEST_FRACTION, SIT_BACK_FRACTION = 0.10, 0.60, 0.05
SIT_LONGEST_NS = 2_000_000_000
TARE_STEADY_N = 5.0
"""A hook that hangs still differs from its own mean by no more [O]: what a hand holds, all harness limits would lie too high by."""
_DEFAULT_MARK = 4


def steps_before(plan: Plan, limits: SessionLimits) -> tuple[Step, ...]:
    """Returns the steps of a new session: every line by itself in a first one, the list as a whole for a returning patient."""
    lines: tuple[Step, ...] = (Step.LIST,)
    if plan.first_session:
        lines = tuple(step for step in _LINE_BY_LINE if step is not Step.GLASSES or limits.ask_glasses)
    return (Step.CONFIRM, *lines, Step.EMPTY_HOOK, *HARNESS_STEPS)


class PreparationState(msgspec.Struct, frozen=True, gc=False):
    """Which steps are left, and what the steps have found. confirmed_ns: when the last step was, so since when this one is shown.

    tare_n: what the empty hook weighed. slack_mark: strap mark chosen; slack_m is 0 until it has been confirmed.
    sit_began_ns: when the sitting load rose, 0 before; sit_peak_n: its highest so far.
    """

    steps: tuple[Step, ...] = ()
    confirmed_ns: int = 0
    tare_n: float = 0.0
    slack_mark: int = _DEFAULT_MARK
    slack_m: float = 0.0
    sit_began_ns: int = 0
    sit_peak_n: float = 0.0

    @property
    def step(self) -> Step | None:
        """The step being shown; None when there is none."""
        return self.steps[0] if self.steps else None


class PreparationFacts(msgspec.Struct, frozen=True, gc=False):
    """What the steps look at.

    load_n, mean_1s_n: None while the load is unknown. retractor_n: its greatest pull, which proves nothing of strap and patient;
    0 without one. least_slack_m: what the plan's gait needs.
    """

    digital: DigitalFacts
    load_n: float | None
    mean_1s_n: float | None
    retractor_n: float
    body_weight_n: float
    standstill: bool
    rails_held: bool
    least_slack_m: float


Advance = tuple[PreparationState, tuple[Happening, ...]]


# Control C-HARNESS-CHECK.
def advance_preparation(state: PreparationState, facts: PreparationFacts, settings: SessionSettings, now_ns: int) -> Advance:
    """Returns the state after this scan, with STEP_CONFIRMED or STEP_REFUSED where a hand or the load decided one."""
    step = state.step
    if step is None or step is Step.READY:
        return state, ()
    return _JUDGES[step](state, facts, settings, now_ns)


def _confirm(state: PreparationState, now_ns: int, **found: float | int | str) -> Advance:
    detail = (("step", state.steps[0].value), *found.items())
    done = msgspec.structs.replace(state, steps=state.steps[1:], confirmed_ns=now_ns, sit_began_ns=0, sit_peak_n=0.0)
    return done, (Happening(Event.STEP_CONFIRMED, now_ns, detail),)


def _refuse(state: PreparationState, now_ns: int, reason: str, **found: float | int | str) -> Advance:
    detail = (("step", state.steps[0].value), ("reason", reason), *found.items())
    return state, (Happening(Event.STEP_REFUSED, now_ns, detail),)


def _judge_ok(state: PreparationState, facts: PreparationFacts, _settings: SessionSettings, now_ns: int) -> Advance:
    if not facts.digital.was_pressed(Input.OK):
        return state, ()
    if not facts.standstill:
        return _refuse(state, now_ns, "wait until the belt is at rest")
    return _confirm(state, now_ns)


def _judge_empty_hook(state: PreparationState, facts: PreparationFacts, settings: SessionSettings, now_ns: int) -> Advance:
    if not facts.digital.was_pressed(Input.OK):
        return state, ()
    if facts.digital.is_closed(Input.CLIP):
        return _refuse(state, now_ns, "open the clip")
    if facts.mean_1s_n is None or facts.load_n is None:
        return _refuse(state, now_ns, "load cell unknown")
    tare_n = state.tare_n + facts.mean_1s_n
    if not -settings.tare_limit_n <= tare_n <= settings.tare_limit_n:
        return _refuse(state, now_ns, "take everything off the hook", load_n=round(tare_n, 1))
    steady_n = facts.load_n - facts.mean_1s_n
    if not -TARE_STEADY_N <= steady_n <= TARE_STEADY_N:
        return _refuse(state, now_ns, "let the hook hang still")
    return _confirm(msgspec.structs.replace(state, tare_n=tare_n), now_ns, tare_n=round(tare_n, 2))


def _judge_clip(state: PreparationState, facts: PreparationFacts, _settings: SessionSettings, now_ns: int) -> Advance:
    return _confirm(state, now_ns) if facts.digital.is_closed(Input.CLIP) else (state, ())


def _judge_taut(state: PreparationState, facts: PreparationFacts, _settings: SessionSettings, now_ns: int) -> Advance:
    if not facts.digital.was_pressed(Input.OK):
        return state, ()
    if facts.mean_1s_n is None:
        return _refuse(state, now_ns, "load cell unknown")
    if not facts.mean_1s_n - facts.retractor_n >= TAUT_FRACTION * facts.body_weight_n:
        return _refuse(state, now_ns, "pull the strap taut", load_n=round(facts.mean_1s_n, 1))
    return _confirm(state, now_ns, load_n=round(facts.mean_1s_n, 1))


def _judge_slack(state: PreparationState, facts: PreparationFacts, settings: SessionSettings, now_ns: int) -> Advance:
    highest = int(settings.slack_maximum_m / settings.slack_pitch_m) + 1
    if facts.digital.was_pressed(Input.FASTER) and state.slack_mark < highest:
        return msgspec.structs.replace(state, slack_mark=state.slack_mark + 1), ()
    if facts.digital.was_pressed(Input.SLOWER) and state.slack_mark > 0:
        return msgspec.structs.replace(state, slack_mark=state.slack_mark - 1), ()
    if not facts.digital.was_pressed(Input.OK):
        return state, ()
    slack_m = state.slack_mark * settings.slack_pitch_m
    if not slack_m <= settings.slack_maximum_m + 1e-9:
        return _refuse(state, now_ns, "too much slack: shorten the strap", slack_m=round(slack_m, 3))
    for least_m in (settings.slack_minimum_m, facts.least_slack_m):
        if not slack_m >= least_m - 1e-9:
            return _refuse(state, now_ns, "strap too taut: let it out", slack_m=round(slack_m, 3), least_m=round(least_m, 3))
    return _confirm(msgspec.structs.replace(state, slack_m=slack_m), now_ns, slack_m=round(slack_m, 3))


def _judge_sit(state: PreparationState, facts: PreparationFacts, _settings: SessionSettings, now_ns: int) -> Advance:
    """The load must rise to 10-60 % of body weight and fall back within 2 s, with the rails held."""
    if facts.load_n is None:
        return state, ()
    load_n = facts.load_n - facts.retractor_n
    if not state.sit_began_ns:
        if load_n < SIT_BACK_FRACTION * facts.body_weight_n:
            return state, ()
        return msgspec.structs.replace(state, sit_began_ns=now_ns, sit_peak_n=load_n), ()
    peak_n = load_n if load_n > state.sit_peak_n else state.sit_peak_n
    trying = msgspec.structs.replace(state, sit_peak_n=peak_n)
    if load_n >= SIT_BACK_FRACTION * facts.body_weight_n:
        return trying, ()
    afresh = msgspec.structs.replace(state, sit_began_ns=0, sit_peak_n=0.0)
    fraction = peak_n / facts.body_weight_n
    if not fraction >= SIT_LOWEST_FRACTION:
        return afresh, ()
    if not fraction <= SIT_HIGHEST_FRACTION:
        return _refuse(afresh, now_ns, "sat too hard", body_weight_fraction=round(fraction, 2))
    if now_ns - state.sit_began_ns > SIT_LONGEST_NS:
        return _refuse(afresh, now_ns, "sat too long: up to 2 s")
    if not facts.rails_held:
        return _refuse(afresh, now_ns, "hold the rails")
    return _confirm(state, now_ns, body_weight_fraction=round(fraction, 2))


_JUDGES = {
    **dict.fromkeys((Step.CONFIRM, Step.LIST, *_LINE_BY_LINE, *AFTER_STEPS), _judge_ok),
    Step.EMPTY_HOOK: _judge_empty_hook,
    Step.CLIP: _judge_clip,
    Step.TAUT: _judge_taut,
    Step.SLACK: _judge_slack,
    Step.SIT: _judge_sit,
    Step.ARROW: _judge_ok,
}
