"""Counts hands: how many of the therapist's are busy at once, and how many presses lie between the clip and a walking patient."""

from __future__ import annotations

from controller.core.inputs import Input
from simulator.world import World

BUTTONS = (Input.START, Input.FASTER, Input.SLOWER, Input.STOP, Input.OK, Input.RESET, Input.SYMPTOM)
_REST_CLOSED = (Input.STOP, Input.SYMPTOM)
_WALKING_M_S = 0.05


class HandCount:
    """Watches one world. strap_in_hand: told by the therapist's routine while one hand pulls the strap or sets its mark.

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
        self._pressed: frozenset[Input] = frozenset()
        world.watchers.append(self._watch)

    @property
    def clipped_to_walking_s(self) -> float | None:
        """From the last clip before the first walk to that walk; None before both."""
        return (self.walking_ns - self.clipped_ns) / 1e9 if self.walking_ns and self.clipped_ns else None

    def _watch(self) -> None:
        world = self._world
        contacts = world.contacts
        pressed = frozenset(
            name for name in BUTTONS if bool(contacts & name.bit) is (name not in _REST_CLOSED) and name is not self.patients_press
        )
        self.presses += len(pressed - self._pressed)
        self._pressed = pressed
        busy = len(pressed) + self.strap_in_hand + world.hands.is_closed(Input.ATTENDANT)
        self.most_at_once = max(self.most_at_once, busy)
        if self.walking_ns:
            return
        if not contacts & Input.CLIP.bit:
            self.clipped_ns = 0
        elif not self.clipped_ns:
            self.clipped_ns, self.presses = world.now_ns, len(pressed)
        if world.belt_m_s > _WALKING_M_S:
            self.walking_ns, self.presses_to_walking = world.now_ns, self.presses
