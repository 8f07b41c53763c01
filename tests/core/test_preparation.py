"""The harness check step by step: what confirms it, what is refused and in which words; limits are exact."""

from __future__ import annotations

import math

import msgspec
import pytest

from controller.core.digital import DigitalFacts
from controller.core.events import Event
from controller.core.inputs import ALL_INPUTS_MASK, Input
from controller.core.preparation import PreparationFacts, PreparationState, Step, advance_preparation
from controller.core.settings import SessionSettings

S = 1_000_000_000
WEIGHT_N = 700.0
SETTINGS = SessionSettings()
OPEN_CLIP = ALL_INPUTS_MASK & ~Input.CLIP.bit


def facts(*pressed: Input, closed: int = ALL_INPUTS_MASK, **known: object) -> PreparationFacts:
    mask = sum(name.bit for name in pressed)
    digital = DigitalFacts(closed=closed, pressed=mask, released=0, changed_at_ns=())
    values = {
        "load_n": 0.0,
        "mean_1s_n": 0.0,
        "retractor_n": 0.0,
        "body_weight_n": WEIGHT_N,
        "standstill": True,
        "rails_held": True,
        "least_slack_m": 0.0,
    }
    return PreparationFacts(digital=digital, **{**values, **known})


def at(step: Step, **fields: object) -> PreparationState:
    return PreparationState(steps=(step, Step.READY), **fields)


def refusal(state: PreparationState, known: PreparationFacts, now_ns: int = S) -> str:
    """Returns the reason; fails the test when it was not refused, or the step was left."""
    moved, (happening,) = advance_preparation(state, known, SETTINGS, now_ns)
    assert happening.event is Event.STEP_REFUSED
    assert moved.step is state.step
    return str(dict(happening.detail)["reason"])


def confirmed(state: PreparationState, known: PreparationFacts, now_ns: int = S) -> dict[str, float | int | str]:
    """Returns what was found; fails the test when the step was not confirmed."""
    moved, (happening,) = advance_preparation(state, known, SETTINGS, now_ns)
    assert happening.event is Event.STEP_CONFIRMED
    assert moved.step is Step.READY
    return dict(happening.detail)


@pytest.mark.parametrize("step", [Step.EMPTY_HOOK, Step.TAUT, Step.SLACK, Step.ARROW])
def test_without_ok_nothing_happens(step: Step) -> None:
    assert advance_preparation(at(step), facts(), SETTINGS, S) == (at(step), ())


def test_ok_is_refused_while_the_belt_moves() -> None:
    assert refusal(at(Step.ARROW), facts(Input.OK, standstill=False)) == "wait until the belt is at rest"


@pytest.mark.hazard("H-09", "H-25", "C-HARNESS-CHECK")
def test_the_empty_hook() -> None:
    hook = at(Step.EMPTY_HOOK)
    limit_n = SETTINGS.tare_limit_n

    def weighing(mean_n: float | None, load_n: float | None) -> PreparationFacts:
        return facts(Input.OK, closed=OPEN_CLIP, mean_1s_n=mean_n, load_n=load_n)

    assert refusal(hook, facts(Input.OK)) == "open the clip"
    assert refusal(hook, weighing(None, 0.0)) == "load cell unknown"
    assert refusal(hook, weighing(0.0, None)) == "load cell unknown"
    for sign in (1, -1):
        assert refusal(hook, weighing(sign * (limit_n + 0.1), sign * limit_n)) == "take everything off the hook"
        assert refusal(hook, weighing(0.0, sign * 5.1)) == "let the hook hang still"
        assert confirmed(hook, weighing(sign * limit_n, sign * limit_n))["tare_n"] == sign * limit_n
        assert confirmed(hook, weighing(0.0, sign * 5.0))["tare_n"] == 0.0
    moved, _ = advance_preparation(at(Step.EMPTY_HOOK, tare_n=5.0), weighing(2.0, 2.0), SETTINGS, S)
    assert moved.tare_n == 7.0, "what the hook weighs comes on top of the last tare"


def test_the_clip_confirms_itself() -> None:
    assert advance_preparation(at(Step.CLIP), facts(closed=OPEN_CLIP), SETTINGS, S) == (at(Step.CLIP), ())
    confirmed(at(Step.CLIP), facts())


@pytest.mark.hazard("H-12", "C-HARNESS-CHECK")
def test_the_strap_is_taut_from_a_fiftieth_of_body_weight() -> None:
    assert refusal(at(Step.TAUT), facts(Input.OK, mean_1s_n=None)) == "load cell unknown"
    assert refusal(at(Step.TAUT), facts(Input.OK, mean_1s_n=0.02 * WEIGHT_N - 0.1)) == "pull the strap taut"
    assert confirmed(at(Step.TAUT), facts(Input.OK, mean_1s_n=0.02 * WEIGHT_N))["load_n"] == 14.0


@pytest.mark.hazard("H-10", "C-HARNESS-CHECK")
def test_no_slack_counts_before_it_is_confirmed() -> None:
    assert PreparationState().slack_m == 0.0


@pytest.mark.hazard("H-10", "H-37", "C-HARNESS-CHECK")
def test_slack_is_counted_in_marks_and_kept_within_its_limits() -> None:
    def marked(mark: int) -> PreparationState:
        return at(Step.SLACK, slack_mark=mark)

    assert advance_preparation(marked(3), facts(Input.FASTER), SETTINGS, S)[0].slack_mark == 4
    assert advance_preparation(marked(3), facts(Input.SLOWER), SETTINGS, S)[0].slack_mark == 2
    assert advance_preparation(marked(0), facts(Input.SLOWER), SETTINGS, S)[0].slack_mark == 0
    highest = int(SETTINGS.slack_maximum_m / SETTINGS.slack_pitch_m) + 1
    assert advance_preparation(marked(highest), facts(Input.FASTER), SETTINGS, S)[0].slack_mark == highest
    assert refusal(marked(7), facts(Input.OK)) == "too much slack: shorten the strap"
    assert refusal(marked(1), facts(Input.OK)) == "strap too taut: let it out"
    assert confirmed(marked(6), facts(Input.OK))["slack_m"] == 0.15
    assert confirmed(marked(2), facts(Input.OK))["slack_m"] == 0.05
    assert refusal(marked(5), facts(Input.OK, least_slack_m=0.15)) == "strap too taut: let it out"
    assert refusal(marked(6), facts(Input.OK, least_slack_m=math.nan)) == "strap too taut: let it out"
    assert confirmed(marked(6), facts(Input.OK, least_slack_m=0.15))["slack_m"] == 0.15
    just_so = msgspec.structs.replace(SETTINGS, slack_maximum_m=6 * SETTINGS.slack_pitch_m - 1e-9)
    assert advance_preparation(marked(6), facts(Input.OK), just_so, S)[0].step is not Step.SLACK, "what rounding adds is let pass"
    in_inches = msgspec.structs.replace(SETTINGS, slack_pitch_m=0.0254)
    _, (refused,) = advance_preparation(marked(7), facts(Input.OK), in_inches, S)
    assert dict(refused.detail)["slack_m"] == 0.178


class Sitting:
    """A patient who sits into the harness: loads in newtons at times in seconds."""

    def __init__(self) -> None:
        self.state = at(Step.SIT)

    def feel(self, load_n: float | None, at_s: float, **known: object):
        self.state, happenings = advance_preparation(self.state, facts(load_n=load_n, **known), SETTINGS, int(at_s * S))
        return [(happening.event, dict(happening.detail).get("reason")) for happening in happenings]

    def sit(self, fraction: float, seconds: float = 1.0, **known: object):
        assert self.feel(fraction * WEIGHT_N, 10.0) == []
        assert self.feel(fraction * WEIGHT_N * 0.9, 10.5) == []
        return self.feel(0.0, 10.0 + seconds, **known)


@pytest.mark.parametrize("fraction", [0.10, 0.30, 0.60])
@pytest.mark.hazard("H-12", "C-HARNESS-CHECK")
def test_sitting_in_with_a_tenth_to_six_tenths_of_body_weight_is_right(fraction: float) -> None:
    sitting = Sitting()
    assert sitting.sit(fraction) == [(Event.STEP_CONFIRMED, None)]
    assert (sitting.state.sit_began_ns, sitting.state.sit_peak_n) == (0, 0.0)
    assert Sitting().sit(fraction, seconds=2.0) == [(Event.STEP_CONFIRMED, None)]


@pytest.mark.parametrize(
    ("fraction", "seconds", "rails", "reason"),
    [
        (0.61, 1.0, True, "sat too hard"),
        (0.30, 2.01, True, "sat too long: up to 2 s"),
        (0.30, 1.0, False, "hold the rails"),
    ],
)
@pytest.mark.hazard("H-12", "C-HARNESS-CHECK")
def test_sitting_in_otherwise_is_refused_and_begins_afresh(fraction: float, seconds: float, rails: bool, reason: str) -> None:
    sitting = Sitting()
    assert sitting.sit(fraction, seconds, rails_held=rails) == [(Event.STEP_REFUSED, reason)]
    assert (sitting.state.sit_began_ns, sitting.state.sit_peak_n) == (0, 0.0)
    assert sitting.state.step is Step.SIT


def test_who_sat_too_hard_is_told_how_hard() -> None:
    hard = Sitting()
    hard.feel(0.614 * WEIGHT_N, 10.0)
    _, happenings = advance_preparation(hard.state, facts(load_n=0.0), SETTINGS, 11 * S)
    assert dict(happenings[0].detail)["body_weight_fraction"] == 0.61


def test_a_touch_of_the_strap_is_no_sitting_in_and_an_unknown_load_waits() -> None:
    sitting = Sitting()
    assert sitting.sit(0.09) == []
    assert sitting.state.sit_began_ns == 0
    before = msgspec.structs.replace(sitting.state)
    assert sitting.feel(None, 20.0) == []
    assert sitting.state == before
