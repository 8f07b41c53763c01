"""Hands on contacts: presses that begin and end, with the bounce of a real contact.

Whoever presses (a script, the therapist of the demo, a key) says so here; the world asks which contacts are closed.
"""

from __future__ import annotations

import heapq
from random import Random

from controller.core.inputs import INPUT_TABLE, Contact, Input

MAXIMUM_PENDING = 4096
NEVER_NS = 1 << 62
TAP_NS = 150_000_000
_BOUNCE_NS = 2_000_000
_RESTS_CLOSED = {rule.input for rule in INPUT_TABLE if rule.contact is Contact.NORMALLY_CLOSED}
_BOUNCES = {Input.START, Input.FASTER, Input.SLOWER, Input.OK, Input.RESET}


class Hands:
    """Which contacts hands have closed or opened. Before anybody comes: nothing pressed, clip open, pedal up."""

    def __init__(self, random: Random, start_ns: int) -> None:
        self._random = random
        self._now_ns = start_ns
        self._order = 0
        self._pending: list[tuple[int, int, Input, bool]] = []
        self.closed = sum(name.bit for name in _RESTS_CLOSED if name is not Input.CLIP)
        """Mask by `Input` of what hands have closed."""

    @property
    def due_ns(self) -> int:
        """When the next contact changes; far away when none is to."""
        return self._pending[0][0] if self._pending else NEVER_NS

    def is_closed(self, name: Input) -> bool:
        """Whether the contact is closed now."""
        return bool(self.closed & name.bit)

    def set_closed(self, name: Input, closed: bool, after_ns: int = 0) -> None:
        """Closes or opens a contact for good. Raises RuntimeError when more is asked of hands than MAXIMUM_PENDING."""
        if len(self._pending) >= MAXIMUM_PENDING:
            raise RuntimeError("hands have more to do than hands can")
        self._order += 1
        heapq.heappush(self._pending, (self._now_ns + after_ns, self._order, name, closed))

    def actuate(self, name: Input, actuated: bool, after_ns: int = 0) -> None:
        """Presses (or releases) an input, whichever way its contact rests."""
        self.set_closed(name, actuated != (name in _RESTS_CLOSED), after_ns)

    def press(self, name: Input, held_ns: int | None = None, after_ns: int = 0) -> None:
        """Presses and lets go again; without a time, as long as a hand does: 0.10-0.25 s."""
        hold_ns = held_ns if held_ns is not None else self._random.randint(100_000_000, 250_000_000)
        self.actuate(name, True, after_ns)
        if name in _BOUNCES:
            self.actuate(name, False, after_ns + _BOUNCE_NS)
            self.actuate(name, True, after_ns + 2 * _BOUNCE_NS)
        self.actuate(name, False, after_ns + hold_ns)

    def advance(self, to_ns: int) -> None:
        """Does what is due."""
        self._now_ns = to_ns
        while self._pending and self._pending[0][0] <= to_ns:
            _, _, name, closed = heapq.heappop(self._pending)
            self.closed = self.closed | name.bit if closed else self.closed & ~name.bit
