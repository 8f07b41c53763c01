"""Counts hands: how many of the therapist's are busy at once, and how many presses lie between the clip and a walking patient."""

from __future__ import annotations

from controller.core.inputs import Input
from simulator.world import World

BUTTONS = (Input.START, Input.FASTER, Input.SLOWER, Input.STOP, Input.OK, Input.RESET, Input.SYMPTOM)
_BUTTONS_MASK = sum(name.bit for name in BUTTONS)
_REST_CLOSED_MASK = Input.STOP.bit | Input.SYMPTOM.bit
_ATTENDANT, _CLIP = Input.ATTENDANT.bit, Input.CLIP.bit
_WALKING_M_S = 0.05


class HandCount:
    """What hands do in one world, once `begin` has been called. strap_in_hand: told by the therapist's routine while one hand
    pulls the strap or sets its mark.

    The pedal counts as a hand, although a foot can hold it: the stricter reading. A press by the patient is not the therapist's.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.strap_in_hand = False
        self.patients_press: Input | None = None
        """A button that the patient is pressing."""
        self.most_at_once = 0
        self.presses = 0
        self.clipped_ns = 0
        self.walking_ns = 0
        self.presses_to_walking: int | None = None
        self._pressed = 0

    def begin(self) -> None:
        """Counts from now on, at every step of the world."""
        self._world.watchers.append(self._watch)

    @property
    def clipped_to_walking_s(self) -> float | None:
        """From the last clip before the first walk to that walk; None before both."""
        return (self.walking_ns - self.clipped_ns) / 1e9 if self.walking_ns and self.clipped_ns else None

    def _watch(self) -> None:
        world = self._world
        contacts = world.contacts
        pressed = (contacts ^ _REST_CLOSED_MASK) & _BUTTONS_MASK
        if self.patients_press is not None:
            pressed &= ~self.patients_press.bit
        self.presses += (pressed & ~self._pressed).bit_count()
        self._pressed = pressed
        busy = pressed.bit_count() + self.strap_in_hand + (world.hands.closed & _ATTENDANT != 0)
        self.most_at_once = max(self.most_at_once, busy)
        if self.walking_ns:
            return
        if not contacts & _CLIP:
            self.clipped_ns = 0
        elif not self.clipped_ns:
            self.clipped_ns, self.presses = world.now_ns, pressed.bit_count()
        if world.belt_m_s > _WALKING_M_S:
            self.walking_ns, self.presses_to_walking = world.now_ns, self.presses
