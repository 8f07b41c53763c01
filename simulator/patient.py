"""A patient on the belt: walks backward, holds the rails, and loses balance in several ways.

One body, two degrees of freedom: x along the deck (positive the way the patient faces, which is where a belt in the backward-gait
direction carries whoever stands still) and drop, how far the shoulders are below their height in tall standing. On the feet
the height is the gait's; in a fall it is mechanics: weight, what the legs still bear, and the strap.

The fall's figures are chosen so that a threshold of 30 % of body weight is crossed 170, 235 and 295 ms after onset at 5, 10
and 15 cm of slack, as in a replay of recorded falls through a strap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from random import Random

from simulator.gait import Gait, GaitParameters
from simulator.strap import Pull

GRAVITY_M_S2 = 9.80665
DECK_BEAM_M = 0.60
"""The light barriers' distance from the middle of the deck."""
_BODY_HALF_DEPTH_M = 0.15
_DECK_END_M = 0.70
_OFF_DECK_M = 1.0
_FLOOR_DROP_M = 0.75
"""Knees on the belt."""


class Posture(Enum):
    """What the patient is doing."""

    AWAY = "away"
    MOUNTING = "mounting"
    ON_FEET = "on feet"
    FROZEN = "frozen"
    SITTING = "sitting"
    HOISTED = "hoisted"
    FALLING = "falling"
    CATCHING = "catching"
    LEAVING = "leaving"

    __hash__ = object.__hash__
    """There is one of each, so its identity will do; Enum's own is a call of Python code."""


class Loss(Enum):
    """How balance is lost."""

    SLIP = "backward slip"
    TRIP = "forward trip"
    COLLAPSE = "collapse"


@dataclass(frozen=True)
class PatientParameters:
    """A body and its habits.

    legs_bear: share of the weight that the legs still bear in the first moment of a fall, give or take legs_variation (a standard
    deviation); it holds for legs_last_s and fades with legs_fade_s to legs_after. friction: of the belt on its bed under the
    patient's weight. sway_hz, sway_damping: how the body answers the belt's acceleration; beyond sway_limit_m balance is lost.
    drift_m, drift_time_s: how far from the middle of the deck the patient wanders (standard deviation), and how slowly.
    reaction_s: until walking follows a change of the belt. regrip_interval_s, regrip_s: how often a hand leaves its rail, how long.
    """

    mass_kg: float = 75.0
    gait: GaitParameters = field(default_factory=GaitParameters)
    legs_bear: float = 0.60
    legs_variation: float = 0.05
    legs_last_s: float = 0.35
    legs_fade_s: float = 0.20
    legs_after: float = 0.15
    friction: float = 0.06
    sway_hz: float = 0.35
    sway_damping: float = 0.6
    sway_limit_m: float = 0.12
    drift_m: float = 0.03
    drift_time_s: float = 8.0
    reaction_s: float = 0.30
    regrip_interval_s: float = 25.0
    regrip_s: float = 0.15

    @property
    def weight_n(self) -> float:
        """Body weight."""
        return self.mass_kg * GRAVITY_M_S2


class Patient:
    """One patient. Tell it what happens with the verbs; `advance` moves it on."""

    def __init__(self, random: Random, parameters: PatientParameters | None = None) -> None:
        self.parameters = parameters or PatientParameters()
        self.gait = Gait(random, self.parameters.gait)
        self._drag_n = self.parameters.friction * self.parameters.weight_n
        self._random = random
        self.posture = Posture.AWAY
        self.x_m = -_OFF_DECK_M
        self.drop_m = 0.0
        self.holds_left = False
        self.holds_right = False
        self.forward_m_s = 0.0
        self.down_m_s = 0.0
        self.losses = 0
        """Losses of balance so far."""
        self._since_s = 0.0
        self._walking_m_s = 0.0
        self._belt_m_s = 0.0
        self._sway_m = 0.0
        self._sway_m_s = 0.0
        self._target_m = 0.0
        self._regrip_left_s = 0.0
        self._next_regrip_s = self._until_regrip_s()
        self._wants_left = False
        self._wants_right = False
        self._sit_depth_m = 0.0
        self._loss = Loss.COLLAPSE
        self._catch_after_s = math.inf
        self._legs_now = 1.0
        self._legs_share = 1.0

    # --- what happens to the patient ---------------------------------------------------------------------------------

    def mount(self) -> None:
        """Comes over the rear end, goes to the front end, and takes place in the middle: both barriers are interrupted."""
        if self.posture is Posture.AWAY:
            self._become(Posture.MOUNTING)

    def leave(self) -> None:
        """Lets go and steps down over the rear end."""
        self.let_go(left=True, right=True)
        self.drop_m = self.forward_m_s = self.down_m_s = 0.0
        self._become(Posture.LEAVING)

    def hold(self, *, left: bool = True, right: bool = True) -> None:
        """Takes a rail, or both."""
        self._wants_left = self._wants_left or left
        self._wants_right = self._wants_right or right

    def wants(self, *, left: bool) -> bool:
        """Whether that hand (else the right one) belongs on its rail, a regrip apart."""
        return self._wants_left if left else self._wants_right

    def let_go(self, *, left: bool = False, right: bool = False) -> None:
        """Takes a hand off, or both."""
        self._wants_left = self._wants_left and not left
        self._wants_right = self._wants_right and not right

    def freeze(self) -> None:
        """Stands still, whatever the belt does: is carried along."""
        if self.posture is Posture.ON_FEET:
            self._become(Posture.FROZEN)

    def walk_on(self) -> None:
        """Follows the belt again."""
        if self.posture is Posture.FROZEN:
            self._become(Posture.ON_FEET)

    def sit(self, depth_m: float) -> None:
        """Sits into the harness down to depth_m, and up again: 1.5 s in all."""
        if self.posture is Posture.ON_FEET:
            self._sit_depth_m = depth_m
            self._become(Posture.SITTING)

    def hoist(self, depth_m: float) -> None:
        """Hangs in the harness down to depth_m, lifted from a wheelchair, and is let down onto the feet: 6 s in all."""
        if self.posture is Posture.AWAY:
            self._sit_depth_m = self.drop_m = depth_m
            self.x_m = self._target_m = 0.0
            self._become(Posture.HOISTED)

    def lose_balance(self, loss: Loss, catch_after_s: float = math.inf) -> None:
        """Falls; with catch_after_s finite gets the feet back under the body after that time (a stumble)."""
        if self.posture not in (Posture.ON_FEET, Posture.FROZEN):
            return
        self.losses += 1
        self._loss = loss
        self._legs_share = max(0.7, self._random.gauss(1.0, self.parameters.legs_variation))
        self._catch_after_s = catch_after_s
        self.down_m_s = 0.0
        self.forward_m_s = {Loss.SLIP: -0.25, Loss.TRIP: 0.35, Loss.COLLAPSE: 0.0}[loss]
        self._become(Posture.FALLING)

    def get_up(self) -> None:
        """Is helped back to the feet, or finds them."""
        if self.posture is Posture.FALLING:
            self._become(Posture.CATCHING)

    # --- time --------------------------------------------------------------------------------------------------------

    def advance(self, step_s: float, belt_m_s: float, pull: Pull) -> None:
        """Moves on by step_s (at most 10 ms) over a belt of this speed, with the strap pulling like this."""
        self._since_s += step_s
        self._legs_now = 1.0
        _MOTION[self.posture](self, step_s, belt_m_s, pull)
        self._move_hands(step_s)
        self._belt_m_s = belt_m_s

    @property
    def belt_force_n(self) -> float:
        """What the feet push the belt with."""
        return self.gait.belt_force_n if self.posture is _ON_FEET else 0.0

    @property
    def belt_drag_n(self) -> float:
        """Friction under the weight on the belt."""
        if self.posture in _OFF_THE_BELT:
            return 0.0
        return self._drag_n * min(1.0, self._legs_now)

    @property
    def blocks_front(self) -> bool:
        """Whether the body interrupts the front barrier."""
        return abs(self.x_m - DECK_BEAM_M) < _BODY_HALF_DEPTH_M

    @property
    def blocks_rear(self) -> bool:
        """Whether the body interrupts the rear barrier."""
        return abs(self.x_m + DECK_BEAM_M) < _BODY_HALF_DEPTH_M

    @property
    def can_be_harnessed(self) -> bool:
        """Whether there is a body under the hook; a clip closed on an empty strap pulls at nobody."""
        return self.posture not in _NOT_UNDER_THE_HOOK

    @property
    def is_settled(self) -> bool:
        """Whether the patient stands or walks quietly on the deck."""
        return self.posture in (Posture.ON_FEET, Posture.FROZEN)

    # --- how it moves ------------------------------------------------------------------------------------------------

    def _become(self, posture: Posture) -> None:
        self.posture = posture
        self._since_s = 0.0

    def _stay(self, _step_s: float, _belt_m_s: float, _pull: Pull) -> None:
        pass

    def _mount(self, _step_s: float, _belt_m_s: float, _pull: Pull) -> None:
        way = ((0.0, -_OFF_DECK_M), (1.2, 0.0), (1.8, DECK_BEAM_M), (2.2, DECK_BEAM_M), (3.0, 0.0))
        self.x_m = _along(way, self._since_s)
        if self._since_s >= way[-1][0]:
            self._become(Posture.ON_FEET)

    def _leave(self, _step_s: float, _belt_m_s: float, _pull: Pull) -> None:
        self.x_m = _along(((0.0, 0.0), (1.5, -_OFF_DECK_M)), self._since_s)
        if self._since_s >= 1.5:
            self._become(Posture.AWAY)

    def _walk(self, step_s: float, belt_m_s: float, _pull: Pull) -> None:
        parameters = self.parameters
        self._drift(step_s)
        share = min(1.0, step_s / parameters.reaction_s)
        self._walking_m_s += (belt_m_s - self._walking_m_s) * share
        self.gait.advance(step_s, self._walking_m_s)
        steps = self._walking_m_s > 0.0 and belt_m_s > 0.02
        correction = 0.8 * (self.x_m - self._target_m) if steps else 0.0
        self._sway(step_s, belt_m_s)
        self.forward_m_s = belt_m_s - self._walking_m_s - correction + self._sway_m_s
        self.x_m = _clamp(self.x_m + self.forward_m_s * step_s, _DECK_END_M)
        drop = -self.gait.rise_m
        self.down_m_s = (drop - self.drop_m) / step_s
        self.drop_m = drop
        if abs(self._sway_m) > parameters.sway_limit_m:
            self._sway_m = self._sway_m_s = 0.0
            self.lose_balance(Loss.SLIP if self._sway_m < 0.0 else Loss.TRIP, catch_after_s=0.7)

    def _be_carried(self, step_s: float, belt_m_s: float, _pull: Pull) -> None:
        self.forward_m_s = belt_m_s
        self.down_m_s = 0.0
        self.x_m = _clamp(self.x_m + belt_m_s * step_s, _DECK_END_M)

    def _sit(self, step_s: float, _belt_m_s: float, _pull: Pull) -> None:
        way = ((0.0, 0.0), (0.6, self._sit_depth_m), (0.9, self._sit_depth_m), (1.5, 0.0))
        drop = _along(way, self._since_s)
        self.down_m_s = (drop - self.drop_m) / step_s
        self.drop_m = drop
        if self._since_s >= 1.5:
            self._become(Posture.ON_FEET)

    def _hang(self, step_s: float, _belt_m_s: float, _pull: Pull) -> None:
        """The hoist bears everything, then less and less of it."""
        drop = _along(((0.0, self._sit_depth_m), (4.5, self._sit_depth_m), (6.0, 0.0)), self._since_s)
        self.down_m_s = (drop - self.drop_m) / step_s
        self.drop_m = drop
        self._legs_now = 1.0 - drop / self._sit_depth_m if self._sit_depth_m > 0.0 else 1.0
        if self._since_s >= 6.0:
            self._become(Posture.ON_FEET)

    def _fall(self, step_s: float, belt_m_s: float, pull: Pull) -> None:
        parameters = self.parameters
        late_s = self._since_s - parameters.legs_last_s
        fading = math.exp(-late_s / parameters.legs_fade_s) if late_s > 0.0 else 1.0
        legs = parameters.legs_after + (parameters.legs_bear - parameters.legs_after) * fading
        legs *= self._legs_share
        if self._loss is Loss.COLLAPSE:
            legs *= 0.9
        self._ballistic(step_s, belt_m_s, pull, legs)
        if self._since_s >= self._catch_after_s:
            self._become(Posture.CATCHING)

    def _catch(self, step_s: float, belt_m_s: float, pull: Pull) -> None:
        """Legs like a spring that is nearly critically damped bring the body up, bearing 1.8 times its weight at most."""
        up = 14.0 * self.drop_m + 6.0 * self.down_m_s
        legs = _clamp_between(1.0 + up / GRAVITY_M_S2, 0.0, 1.8)
        self._ballistic(step_s, belt_m_s, pull, legs)
        if abs(self.drop_m) < 0.01 and abs(self.down_m_s) < 0.05:
            self.drop_m = self.down_m_s = 0.0
            self._target_m = self.x_m
            self._become(Posture.ON_FEET)

    def _ballistic(self, step_s: float, belt_m_s: float, pull: Pull, legs: float) -> None:
        parameters = self.parameters
        self._legs_now = legs
        self.down_m_s += (GRAVITY_M_S2 * (1.0 - legs) - pull.up_n / parameters.mass_kg) * step_s
        dragged = 2.0 * legs * (belt_m_s - self.forward_m_s)
        self.forward_m_s += (pull.forward_n / parameters.mass_kg + dragged - 0.8 * self.forward_m_s) * step_s
        self.drop_m += self.down_m_s * step_s
        self.x_m = _clamp(self.x_m + self.forward_m_s * step_s, _DECK_END_M)
        if self.drop_m > _FLOOR_DROP_M:
            self.drop_m, self.down_m_s = _FLOOR_DROP_M, 0.0

    def _drift(self, step_s: float) -> None:
        """Where on the deck one walks wanders slowly (an Ornstein-Uhlenbeck process)."""
        parameters = self.parameters
        share = step_s / parameters.drift_time_s
        kick = parameters.drift_m * math.sqrt(2.0 * share) * self._random.gauss(0.0, 1.0)
        self._target_m += kick - self._target_m * share

    def _sway(self, step_s: float, belt_m_s: float) -> None:
        """The body stays behind when the belt accelerates, as an oscillator that the ankles damp."""
        parameters = self.parameters
        acceleration = (belt_m_s - self._belt_m_s) / step_s
        omega = 2.0 * math.pi * parameters.sway_hz
        restoring = omega * omega * self._sway_m + 2.0 * parameters.sway_damping * omega * self._sway_m_s
        self._sway_m_s -= (acceleration + restoring) * step_s
        self._sway_m += self._sway_m_s * step_s

    def _move_hands(self, step_s: float) -> None:
        """Hands are where they should be, but for a short regrip now and then; in a fall they come off the rails."""
        self._next_regrip_s -= step_s
        if self._regrip_left_s > 0.0:
            self._regrip_left_s = max(0.0, self._regrip_left_s - step_s)
        if self._next_regrip_s <= 0.0:
            self._next_regrip_s = self._until_regrip_s()
            self._regrip_left_s = self.parameters.regrip_s
        torn_off = self.posture is _FALLING and self._since_s > 0.15
        self.holds_left = self._wants_left and not torn_off and self._regrip_left_s == 0.0
        self.holds_right = self._wants_right and not torn_off

    def _until_regrip_s(self) -> float:
        return self._random.expovariate(1.0 / self.parameters.regrip_interval_s)


# Asked for at every step, and Python 3.11 takes long to find an enumeration's member.
_ON_FEET, _FALLING = Posture.ON_FEET, Posture.FALLING
_OFF_THE_BELT = (Posture.AWAY, Posture.LEAVING)
_NOT_UNDER_THE_HOOK = (Posture.AWAY, Posture.MOUNTING, Posture.LEAVING)
_MOTION = {
    Posture.AWAY: Patient._stay,
    Posture.MOUNTING: Patient._mount,
    Posture.ON_FEET: Patient._walk,
    Posture.FROZEN: Patient._be_carried,
    Posture.SITTING: Patient._sit,
    Posture.HOISTED: Patient._hang,
    Posture.FALLING: Patient._fall,
    Posture.CATCHING: Patient._catch,
    Posture.LEAVING: Patient._leave,
}


def _along(way: tuple[tuple[float, float], ...], at: float) -> float:
    """Linear between points (time, value); the ends beyond them."""
    if at <= way[0][0]:
        return way[0][1]
    for (before, start), (after, end) in pairwise(way):
        if at < after:
            return start + (end - start) * (at - before) / (after - before)
    return way[-1][1]


def _clamp(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


def _clamp_between(value: float, lowest: float, highest: float) -> float:
    return max(lowest, min(highest, value))
