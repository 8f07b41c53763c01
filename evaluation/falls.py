"""Falls made from mechanics: a body on a strap of spring and damper with slack, and the hands and deck ends such a fall meets.

Two coordinates: the harness point's drop below standing tall and its way along the deck, under an anchor straight above. The
strap pulls when it is longer than its rest length. What the legs still carry is drawn for each kind of fall. Distributions are
stated here and in docs/balance-loss.md; none was fitted to a result.
"""

from __future__ import annotations

import enum
import math

import msgspec
import numpy as np

from evaluation.converter import STEP_S, Floats
from evaluation.judge import Surroundings

G_M_S2 = 9.81
BEFORE_S = 1.5
"""Undisturbed walking before the onset."""
_DURATION_S = 4.5
_DECK_HALF_M = 0.60
"""From the middle of the deck to a light barrier."""


class Kind(enum.Enum):
    """How balance is lost."""

    BACKWARD_SLIP = "backward slip"
    FORWARD_TRIP = "forward trip"
    COLLAPSE = "collapse"
    SIT_DOWN = "slow sit-down"
    STUMBLE = "recovered stumble"
    STANDING_STILL = "standing still"


class Stage(enum.Enum):
    """What the session asks of the hands."""

    BOTH = "both hands"
    ONE = "one hand"
    FREE = "hands free"


FALLS = (Kind.BACKWARD_SLIP, Kind.FORWARD_TRIP, Kind.COLLAPSE, Kind.SIT_DOWN)
"""Kinds that end with weight in the harness."""


class Fall(msgspec.Struct, frozen=True):
    """One made fall. force_n: strap force every STEP_S from 0, onset at BEFORE_S. taut_s, peak_n: NaN/0 if never taut."""

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


def make_fall(kind: Kind, slack_m: float, random: np.random.Generator, stage: Stage | None = None) -> Fall:
    """Draws one fall of a kind at a slack in metres."""
    mass_kg = random.uniform(45.0, 130.0)
    stiffness = random.uniform(5e3, 30e3)
    damping = 2.0 * random.uniform(0.1, 0.3) * math.sqrt(stiffness * mass_kg)
    anchor_m = random.uniform(1.0, 1.6)
    belt_m_s = random.uniform(0.2, 1.2)
    stage = stage if stage is not None else list(Stage)[int(random.integers(3))]
    offset_m = random.normal(0.0, 0.05)
    count = round(_DURATION_S / STEP_S)
    drop: Floats
    way: Floats
    force: Floats
    if kind is Kind.STUMBLE:
        drop, way = _stumble_path(slack_m, count, random)
        force = _force_of_path(drop, way, slack_m, stiffness, damping, anchor_m)
    elif kind is Kind.STANDING_STILL:
        drop, way = np.zeros(count), np.linspace(0.0, belt_m_s * STEP_S * (count - 1), count)
        force = _force_of_path(drop, offset_m + way, slack_m, stiffness, damping, anchor_m)
    elif kind is Kind.SIT_DOWN:
        drop, way, force = _sit_down(mass_kg, slack_m, stiffness, damping, count, random)
    else:
        drop, way, force = _ballistic(kind, mass_kg, slack_m, stiffness, damping, anchor_m, count, random)
    before = np.zeros(round(BEFORE_S / STEP_S))
    taut = np.flatnonzero(force > 0.0)
    taut_s = float(taut[0]) * STEP_S if len(taut) else float("nan")
    around = _surroundings(kind, stage, drop, offset_m + way, random)
    return Fall(
        kind=kind,
        stage=stage,
        mass_kg=mass_kg,
        slack_m=slack_m,
        stiffness_n_m=stiffness,
        force_n=np.concatenate([before, force]),
        taut_s=taut_s,
        peak_n=float(force.max()),
        drop_m=float(drop.max()),
        belt_m_s=belt_m_s,
        surroundings=around,
    )


def _ballistic(
    kind: Kind,
    mass_kg: float,
    slack_m: float,
    stiffness: float,
    damping: float,
    anchor_m: float,
    count: int,
    random: np.random.Generator,
) -> tuple[Floats, Floats, Floats]:
    """The legs lose part of the weight over a short time and do not get it back; a trip first tips over the foot."""
    lasting_support, loss_s = {
        Kind.BACKWARD_SLIP: (random.uniform(0.05, 0.35), random.uniform(0.05, 0.15)),
        Kind.FORWARD_TRIP: (random.uniform(0.0, 0.3), random.uniform(0.05, 0.15)),
        Kind.COLLAPSE: (random.uniform(0.2, 0.6), random.uniform(0.1, 0.4)),
    }[kind]
    tipping_s = random.uniform(0.05, 0.30) if kind is Kind.FORWARD_TRIP else 0.0
    along_m_s2 = {
        Kind.BACKWARD_SLIP: -random.uniform(0.5, 2.0),
        Kind.FORWARD_TRIP: random.uniform(0.5, 2.5),
        Kind.COLLAPSE: random.normal(0.0, 0.3),
    }[kind]
    drop, way, force = np.zeros(count), np.zeros(count), np.zeros(count)
    y = x = v = u = 0.0
    for index in range(count):
        time_s = index * STEP_S
        gone = min(max((time_s - tipping_s) / loss_s, 0.0), 1.0)
        pull, up, back = _strap(y, x, v, u, slack_m, stiffness, damping, anchor_m)
        v += (G_M_S2 * gone * (1.0 - lasting_support) - pull * up / mass_kg - 0.3 * v) * STEP_S
        u += ((along_m_s2 if time_s < 0.4 else 0.0) - pull * back / mass_kg - 1.0 * u) * STEP_S
        y += v * STEP_S
        x += u * STEP_S
        drop[index], way[index], force[index] = y, x, pull
    return drop, way, force


def _strap(
    y: float, x: float, v: float, u: float, slack_m: float, stiffness: float, damping: float, anchor_m: float
) -> tuple[float, float, float]:
    """Pull in newtons, and its direction's shares upward and along the deck."""
    length = math.hypot(x, anchor_m + y)
    up, back = (anchor_m + y) / length, x / length
    stretch = length - anchor_m - slack_m
    if stretch <= 0.0:
        return 0.0, up, back
    return max(stiffness * stretch + damping * (v * up + u * back), 0.0), up, back


def _sit_down(
    mass_kg: float, slack_m: float, stiffness: float, damping: float, count: int, random: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """The legs lower the body at a chosen speed and carry what the strap does not, until they carry little."""
    speed_m_s, gain_s = random.uniform(0.10, 0.40), random.uniform(0.1, 0.3)
    least_support = random.uniform(0.0, 0.3)
    drop, force = np.zeros(count), np.zeros(count)
    y = v = 0.0
    for index in range(count):
        stretch = y - slack_m
        pull = max(stiffness * stretch + damping * v, 0.0) if stretch > 0.0 else 0.0
        legs = mass_kg * G_M_S2 - pull - mass_kg * (speed_m_s - v) / gain_s
        legs = min(max(legs, least_support * mass_kg * G_M_S2), 2.0 * mass_kg * G_M_S2)
        v += (G_M_S2 - (pull + legs) / mass_kg) * STEP_S
        y += v * STEP_S
        drop[index], force[index] = y, pull
    return drop, np.zeros(count), force


def _stumble_path(slack_m: float, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """The legs give way and catch the body again, a little below where the strap tightens."""
    depth_m = slack_m + random.uniform(0.001, 0.020)
    lasting_s = random.uniform(0.5, 1.0)
    time_s = np.arange(count) * STEP_S
    drop: Floats = np.where(time_s < lasting_s, 0.5 * depth_m * (1.0 - np.cos(2.0 * np.pi * time_s / lasting_s)), 0.0)
    return drop, np.zeros(count)


def _force_of_path(drop: Floats, way: Floats, slack_m: float, stiffness: float, damping: float, anchor_m: float) -> Floats:
    length = np.hypot(way, anchor_m + drop)
    stretch = length - anchor_m - slack_m
    speed = np.gradient(length, STEP_S)
    return np.where(stretch > 0.0, np.maximum(stiffness * stretch + damping * speed, 0.0), 0.0)


def _surroundings(
    kind: Kind, stage: Stage, drop: Floats, position: Floats, random: np.random.Generator
) -> tuple[Surroundings, ...]:
    """What hands and light barriers report.

    Held rails: in half of the falls the grip is kept; in the others it is torn off when the body has moved an arm's spare reach
    (0.08-0.25 m) or after 0.2-0.5 s. Hands free: four of five take both rails 0.25-0.50 s after the onset [O].
    """
    required = {Stage.BOTH: 2, Stage.ONE: 1, Stage.FREE: 0}[stage]
    held = stage is not Stage.FREE
    left, right = held, stage is Stage.BOTH
    changes: list[tuple[float, str, bool]] = []
    moves = kind is not Kind.STANDING_STILL
    if held and moves and random.random() < 0.5:
        reach_m = random.uniform(0.08, 0.25)
        far = np.flatnonzero(np.hypot(drop, position - position[0]) > reach_m)
        torn_s = min(float(far[0]) * STEP_S if len(far) else np.inf, random.uniform(0.2, 0.5))
        changes.append((torn_s, "rail_left", False))
        changes.append((torn_s + random.uniform(0.0, 0.1), "rail_right", False))
    if not held and moves and random.random() < 0.8:
        grab_s = random.uniform(0.25, 0.50)
        changes += [(grab_s, "rail_left", True), (grab_s + random.uniform(0.0, 0.1), "rail_right", True)]
    for beyond, name in ((position > _DECK_HALF_M, "deck_front_clear"), (position < -_DECK_HALF_M, "deck_rear_clear")):
        reached = np.flatnonzero(beyond)
        if len(reached):
            changes.append((float(reached[0]) * STEP_S, name, False))
    now = Surroundings(at_ns=-(2**62), rail_left=left, rail_right=right, rails_required=required, hands_free=stage is Stage.FREE)
    states = [now]
    for at_s, name, value in sorted(changes):
        now = msgspec.structs.replace(now, at_ns=int((BEFORE_S + at_s) * 1e9), **{name: value})
        states.append(now)
    return tuple(states)
