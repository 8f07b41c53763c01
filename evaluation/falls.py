"""Falls made from mechanics: a body on a strap of spring and damper with slack, on a belt that carries its feet.

Two coordinates: the harness point's drop below standing tall and its way along the deck (positive the way the patient faces and
the belt runs), under an anchor straight above. What the legs still carry is drawn for each kind. Every fall begins in a stride
of recorded size. **Onset**: the first moment at which the harness point is lower, or falls faster, than undisturbed walking ever
does in the recording; of standing still, when the feet stop. A disturbance (the foot caught, the foot sliding) comes before it.

How much weight the legs keep was set, on the tuning half, so that a plain 0.30 BW threshold speaks 170, 235 and 295 ms after
the onset at 5, 10 and 15 cm of slack, as in a replay of 712 recorded falls (docs/balance-loss.md); nothing else was fitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np

from evaluation.converter import STEP_S, Floats
from evaluation.hands import surroundings_of
from evaluation.judge import Surroundings
from evaluation.kinds import Kind, Stage
from evaluation.strap import pull_along
from simulator.strap import Strap, StrapParameters

G_M_S2 = 9.81
BEFORE_S = 1.5
"""Undisturbed walking before the onset."""
_DURATION_S = 4.5
GAIT_DROP_M = 0.023
GAIT_SPEED_M_S = 0.14
"""The lowest and the fastest of undisturbed walking in the recording: below standing tall, and downward."""
_BOUNCE_M, _STEPS_HZ = 0.014, 1.5
"""Half the recorded bounce of the centre of mass at 0.8 m/s, about 3 mm below standing tall, and the recorded cadence."""
_MEAN_DROP_M = 0.003
_LEGS_BEAR = (0.40, 0.75)
"""Share of the weight that the legs keep at first; set on the tuning half as said above."""
_LEGS_LAST_S, _LEGS_FADE_S = 0.35, 0.20
"""What the legs bear lasts so long and then fades: the simulated patient's."""
_PULLED_ALONG_S = 0.4
_CARRIED_PER_S = 2.0
"""How fast legs that bear the whole weight take up the belt's speed: the simulated patient's."""
_YIELDING_PER_S, _DRAGGING_PER_S = 0.3, 1.0
"""What soft tissue takes out of the fall, and feet that slide out of the way along the deck [O]."""


class Fall(msgspec.Struct, frozen=True):
    """One made fall. force_n: strap force every STEP_S from 0, onset at BEFORE_S. taut_s after the onset; NaN if never taut."""

    kind: Kind
    stage: Stage
    mass_kg: float
    slack_m: float
    stiffness_n_m: float
    force_n: Floats
    taut_s: float
    peak_n: float
    drop_m: float
    belt_m_s: float
    surroundings: tuple[Surroundings, ...]

    @property
    def body_weight_n(self) -> float:
        """Newtons."""
        return self.mass_kg * G_M_S2


class _Body(msgspec.Struct, frozen=True):
    """Who falls, from which strap, over which belt; drop and downward speed are those of the stride in which it begins."""

    mass_kg: float
    strap: StrapParameters
    slack_m: float
    belt_m_s: float
    offset_m: float
    drop_m: float
    down_m_s: float


class _Motion(msgspec.Struct, frozen=True):
    """From the disturbance on, every STEP_S."""

    drop_m: Floats
    position_m: Floats
    force_n: Floats


def make_fall(kind: Kind, slack_m: float, random: np.random.Generator, stage: Stage | None = None) -> Fall:
    """Draws one fall of a kind at a slack in metres."""
    body = _draw_body(slack_m, random)
    stage = stage if stage is not None else list(Stage)[int(random.integers(3))]
    if kind is Kind.STUMBLE:
        motion = _stumble(body, random)
    elif kind is Kind.STANDING_STILL:
        motion = _stand_still(body)
    elif kind is Kind.SIT_DOWN:
        motion = _sit_down(body, random)
    else:
        motion = _give_way(kind, body, random)
    taut = np.flatnonzero(motion.force_n > 0.0)
    onset_s = 0.0 if kind is Kind.STANDING_STILL else _onset_s(motion.drop_m[: taut[0] if len(taut) else None])
    before = np.zeros(round((BEFORE_S - onset_s) / STEP_S))
    return Fall(
        kind=kind,
        stage=stage,
        mass_kg=body.mass_kg,
        slack_m=slack_m,
        stiffness_n_m=body.strap.stiffness_n_m,
        force_n=np.concatenate([before, motion.force_n]),
        taut_s=float(taut[0]) * STEP_S - onset_s if len(taut) else math.nan,
        peak_n=float(motion.force_n.max()),
        drop_m=float(motion.drop_m.max()),
        belt_m_s=body.belt_m_s,
        surroundings=surroundings_of(kind, stage, motion.drop_m, motion.position_m, BEFORE_S - onset_s, random),
    )


def _draw_body(slack_m: float, random: np.random.Generator) -> _Body:
    mass_kg = random.uniform(45.0, 130.0)
    stiffness = random.uniform(5e3, 30e3)
    damping = 2.0 * random.uniform(0.1, 0.3) * math.sqrt(stiffness * mass_kg)
    strap = StrapParameters(stiffness, damping, random.uniform(1.0, 1.6))
    belt_m_s, offset_m = random.uniform(0.2, 1.2), random.normal(0.0, 0.05)
    phase = random.uniform(0.0, 2.0 * math.pi)
    drop_m = _MEAN_DROP_M + _BOUNCE_M * math.sin(phase)
    down_m_s = _BOUNCE_M * 2.0 * math.pi * _STEPS_HZ * math.cos(phase)
    return _Body(mass_kg, strap, slack_m, belt_m_s, offset_m, drop_m, down_m_s)


def _onset_s(drop_m: Floats) -> float:
    """After the disturbance, from the motion until the strap is taut: a dip that came back was still a stride."""
    beyond = (drop_m > GAIT_DROP_M) | (np.gradient(drop_m, STEP_S) > GAIT_SPEED_M_S)
    inside = np.flatnonzero(~beyond)
    return (float(inside[-1]) + 1.0) * STEP_S if len(inside) else 0.0


_Legs = Callable[[float, float, float, float], tuple[float, float]]
"""From time, drop, downward speed and the strap's upward pull: the upward force in body weights, and what share the feet carry."""


def _give_way(kind: Kind, body: _Body, random: np.random.Generator) -> _Motion:
    """The legs lose part of the weight over a short time, later nearly all of it; a trip first tips over the foot."""
    bears = random.uniform(*_LEGS_BEAR)
    after = min(random.uniform(0.0, 0.3), bears)
    loss_s = random.uniform(0.1, 0.3) if kind is Kind.COLLAPSE else random.uniform(0.05, 0.15)
    tips_s = {Kind.FORWARD_TRIP: random.uniform(0.05, 0.30), Kind.BACKWARD_SLIP: random.uniform(0.0, 0.10)}.get(kind, 0.0)
    along_m_s2 = {
        Kind.BACKWARD_SLIP: -random.uniform(0.5, 2.0),
        Kind.FORWARD_TRIP: random.uniform(0.5, 2.5),
        Kind.COLLAPSE: random.normal(0.0, 0.3),
    }[kind]
    stride_per_s2 = (2.0 * math.pi * _STEPS_HZ) ** 2

    def legs(time_s: float, drop_m: float, down_m_s: float, _pull_n: float) -> tuple[float, float]:
        if time_s <= tips_s:
            return 1.0 + stride_per_s2 * (drop_m - _MEAN_DROP_M) / G_M_S2, 1.0  # still in the stride
        late_s = max(time_s - tips_s - _LEGS_LAST_S, 0.0)
        kept = after + (bears - after) * math.exp(-late_s / _LEGS_FADE_S)
        share = 1.0 - min((time_s - tips_s) / loss_s, 1.0) * (1.0 - kept)
        return share + _YIELDING_PER_S * down_m_s / G_M_S2, share

    pushed_s = _PULLED_ALONG_S + tips_s
    carried_per_s = _CARRIED_PER_S if kind is Kind.COLLAPSE else 0.0
    return _move(body, legs, lambda time_s: along_m_s2 if time_s < pushed_s else 0.0, carried_per_s, _DRAGGING_PER_S)


def _sit_down(body: _Body, random: np.random.Generator) -> _Motion:
    """The legs lower the body at a chosen speed and carry what the strap does not, until they carry little; nobody steps."""
    speed_m_s, gain_s = random.uniform(0.10, 0.40), random.uniform(0.1, 0.3)
    least = random.uniform(0.0, 0.3)
    weight_n = body.mass_kg * G_M_S2

    def legs(_time_s: float, _drop_m: float, down_m_s: float, pull_n: float) -> tuple[float, float]:
        share = 1.0 - pull_n / weight_n - (speed_m_s - down_m_s) / (gain_s * G_M_S2)
        share = min(max(share, least), 2.0)
        return share, min(share, 1.0)

    return _move(body, legs, lambda _time_s: 0.0, _CARRIED_PER_S, 0.0)


def _move(body: _Body, legs: _Legs, push: Callable[[float], float], carried_per_s: float, dragging_per_s: float) -> _Motion:
    """Steps the body on: legs bear, the strap pulls, the belt carries the feet, `push` tips along the deck."""
    strap = Strap(body.strap)
    strap.attach(body.slack_m)
    count = round(_DURATION_S / STEP_S)
    drops, positions, forces = np.zeros(count), np.zeros(count), np.zeros(count)
    drop, down, position, along = body.drop_m, body.down_m_s, body.offset_m, 0.0
    for index in range(count):
        pull = strap.pull(position, drop, along, down)
        up, carries = legs(index * STEP_S, drop, down, pull.up_n)
        down += (G_M_S2 * (1.0 - up) - pull.up_n / body.mass_kg) * STEP_S
        drag = carried_per_s * carries * (body.belt_m_s - along) - dragging_per_s * along
        along += (push(index * STEP_S) + drag + pull.forward_n / body.mass_kg) * STEP_S
        drop += down * STEP_S
        position += along * STEP_S
        drops[index], positions[index], forces[index] = drop, position, pull.tension_n
    return _Motion(drops, positions, forces)


def _stumble(body: _Body, random: np.random.Generator) -> _Motion:
    """The legs give way and catch the body again, a little below where the strap tightens."""
    depth_m = body.slack_m + random.uniform(0.001, 0.020)
    lasting_s = random.uniform(0.5, 1.0)
    time_s = np.arange(round(_DURATION_S / STEP_S)) * STEP_S
    drop: Floats = np.where(time_s < lasting_s, 0.5 * depth_m * (1.0 - np.cos(2.0 * np.pi * time_s / lasting_s)), 0.0)
    return _held_by_strap(body, drop, np.zeros(len(drop)))


def _stand_still(body: _Body) -> _Motion:
    time_s: Floats = np.arange(round(_DURATION_S / STEP_S), dtype=np.float64) * STEP_S
    return _held_by_strap(body, np.zeros(len(time_s)), body.offset_m + body.belt_m_s * time_s)


def _held_by_strap(body: _Body, drop_m: Floats, position_m: Floats) -> _Motion:
    strap = body.strap
    force_n = pull_along(drop_m, position_m, body.slack_m, strap.stiffness_n_m, strap.damping_n_s_m, strap.height_m)
    return _Motion(drop_m, position_m, force_n)
