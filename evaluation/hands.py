"""What hands and light barriers report while balance is lost. Nobody has recorded it: every share here is an assumption.

All of them stand in docs/balance-loss.md, and none was fitted to a result.
"""

from __future__ import annotations

import msgspec
import numpy as np

from evaluation.converter import STEP_S, Floats
from evaluation.judge import Surroundings
from evaluation.kinds import Kind, Stage
from simulator.patient import DECK_BEAM_M

_BODY_HALF_DEPTH_M = 0.15
"""A barrier sees the body's surface, not its middle: the simulated patient's."""
_GRIP_KEPT = 0.5
"""Of the falls that begin with a hand on a rail [O]."""
_TORN_REACH_M = (0.08, 0.25)
_TORN_S = (0.2, 0.5)
_GRABS = 0.8
"""Of those who walk hands-free [O]."""
_GRAB_S = (0.30, 0.60)
"""A postural correction starts about 300 ms after the disturbance (PMC6262780): no hand is on a rail before [O]."""
_STUMBLE_LETS_GO = 0.05
"""Who catches himself holds on; one in twenty loses one hand for a moment [O]."""
_STUMBLE_AWAY_S = (0.3, 0.8)

Change = tuple[float, str, bool]


def surroundings_of(
    kind: Kind,
    stage: Stage,
    drop_m: Floats,
    position_m: Floats,
    disturbed_at_s: float,
    random: np.random.Generator,
) -> tuple[Surroundings, ...]:
    """States in order of time. drop_m, position_m: every STEP_S from `disturbed_at_s`, when balance is first disturbed."""
    held = stage is not Stage.FREE
    if kind is Kind.STANDING_STILL:
        changes: list[Change] = []
    elif kind is Kind.STUMBLE:
        changes = _of_a_stumble(held, random)
    else:
        changes = _of_a_fall(held, drop_m, position_m, random)
    if not held and kind is not Kind.STANDING_STILL and random.random() < _GRABS:
        grab_s = random.uniform(*_GRAB_S)
        changes += [(grab_s, "rail_left", True), (grab_s + random.uniform(0.0, 0.1), "rail_right", True)]
    changes += _at_the_ends(position_m)
    now = Surroundings(
        at_ns=-(2**62),
        rail_left=held,
        rail_right=stage is Stage.BOTH,
        rails_required={Stage.BOTH: 2, Stage.ONE: 1, Stage.FREE: 0}[stage],
        hands_free=stage is Stage.FREE,
    )
    states = [now]
    for after_s, name, value in sorted(changes):
        now = msgspec.structs.replace(now, at_ns=int((disturbed_at_s + after_s) * 1e9), **{name: value})
        states.append(now)
    return tuple(states)


def _of_a_fall(held: bool, drop_m: Floats, position_m: Floats, random: np.random.Generator) -> list[Change]:
    """A grip is kept, or torn off once the body has moved an arm's spare reach, or after a while."""
    if not held or random.random() < _GRIP_KEPT:
        return []
    reach_m = random.uniform(*_TORN_REACH_M)
    far = np.flatnonzero(np.hypot(drop_m - drop_m[0], position_m - position_m[0]) > reach_m)
    torn_s = min(float(far[0]) * STEP_S if len(far) else np.inf, random.uniform(*_TORN_S))
    return [(torn_s, "rail_left", False), (torn_s + random.uniform(0.0, 0.1), "rail_right", False)]


def _of_a_stumble(held: bool, random: np.random.Generator) -> list[Change]:
    if not held or random.random() >= _STUMBLE_LETS_GO:
        return []
    off_s = random.uniform(0.0, 0.3)
    return [(off_s, "rail_left", False), (off_s + random.uniform(*_STUMBLE_AWAY_S), "rail_left", True)]


def _at_the_ends(position_m: Floats) -> list[Change]:
    reaches_m = DECK_BEAM_M - _BODY_HALF_DEPTH_M
    changes: list[Change] = []
    for beyond, name in ((position_m > reaches_m, "deck_front_clear"), (position_m < -reaches_m, "deck_rear_clear")):
        reached = np.flatnonzero(beyond)
        if len(reached):
            changes.append((float(reached[0]) * STEP_S, name, False))
    return changes
