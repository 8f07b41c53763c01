"""When chips on one PD_SCK may be clocked. Pure: which of them are ready and what time it is come in, decisions go out.

An HX711 converts at its own pace, and no two keep step. The data sheet asks that none is clocked before its conversion is ready,
and a conversion that ends while bits are shifted out may change them. So a shift begins when every chip that lives is ready, at a
time at which none of them can be about to end another conversion. A chip that has fallen silent is not waited for.
"""

from __future__ import annotations

from controller.hardware.hx711 import Discard

QUICKEST_NS = 10_750_000
"""Shortest time between two conversions: 93 a second."""
SLOWEST_NS = 16_130_000
"""Longest, at RATE high: 62 a second."""
SHIFT_NS = 2_000_000
"""What is set aside for one shift of 25 pulses."""
LIVE_NS = 60_000_000
"""A chip that was ready within this time is waited for: longer than it takes to settle after being powered down, 50 ms."""
LONGEST_REST_NS = 9_000_000
_LOOK_BEFORE_NS = 750_000
"""A line should be seen busy shortly before it is ready: so long before its earliest time looking begins again."""
_UNKNOWN_AGE_NS = 1_000_000_000


class _Line:
    """What is known of one chip's conversions: the newest ended between `ended_from_ns` and `ended_by_ns` (None: not yet)."""

    def __init__(self, now_ns: int) -> None:
        self.ended_from_ns = now_ns - _UNKNOWN_AGE_NS
        self.ended_by_ns: int | None = None
        self.sound = True
        """False from a shift without its framing until the line is seen high: it may be tied low, and says nothing."""
        self._busy_ns = now_ns - _UNKNOWN_AGE_NS
        self._heard_ns = now_ns

    def look(self, ready: bool, now_ns: int) -> None:
        if not ready:
            self._busy_ns = now_ns
            self.ended_by_ns = None
            self.sound = True
            return
        self._heard_ns = now_ns
        if self.ended_by_ns is None:
            self.ended_by_ns = now_ns
            self.ended_from_ns = min(max(self._busy_ns, self.ended_from_ns + QUICKEST_NS), now_ns)

    def lives(self, now_ns: int) -> bool:
        return now_ns - self._heard_ns <= LIVE_NS

    def is_awaited(self, now_ns: int) -> bool:
        return self.ended_by_ns is None and self.lives(now_ns)

    def is_whole(self, began_ns: int, ended_ns: int) -> bool:
        """Whether a shift over this time met no end of a conversion: it was over before the second could end, or began when the
        second had surely ended and was over before the third could. (Chips that take two periods for one fit both.)"""
        if self.ended_by_ns is None:
            return False
        before_second = ended_ns <= self.ended_from_ns + QUICKEST_NS
        after_second = began_ns >= self.ended_by_ns + SLOWEST_NS and ended_ns <= self.ended_from_ns + 2 * QUICKEST_NS
        return before_second or after_second

    def has_waited_too_long(self, now_ns: int) -> bool:
        return now_ns + SHIFT_NS > self.ended_from_ns + 2 * QUICKEST_NS

    def shifted(self, framed: bool, ended_ns: int) -> None:
        self.sound = framed
        if framed:  # DOUT went high with the last pulse
            self._busy_ns = ended_ns
            self.ended_by_ns = None

    def rest_ns(self, now_ns: int) -> int:
        return self.ended_from_ns + QUICKEST_NS - _LOOK_BEFORE_NS - now_ns


class Turns:
    """Decides for all lines of one clock. Times are monotonic nanoseconds."""

    def __init__(self, lines: int, now_ns: int) -> None:
        self._lines = tuple(_Line(now_ns) for _ in range(lines))

    def is_due(self, ready: int, now_ns: int) -> bool:
        """Takes in which lines are ready (a mask); returns whether to clock now."""
        for number, line in enumerate(self._lines):
            line.look(bool(ready >> number & 1), now_ns)
        if not ready or any(line.is_awaited(now_ns) for line in self._lines):
            return False
        sound = [line for line in self._lines if line.ended_by_ns is not None and line.sound]
        return all(line.is_whole(now_ns, now_ns + SHIFT_NS) or line.has_waited_too_long(now_ns) for line in sound)

    def judge(
        self, ready: int, outcomes: tuple[int | Discard, ...], began_ns: int, ended_ns: int
    ) -> tuple[int | Discard | None, ...]:
        """Returns what each line's outcome is worth; None: the line was not ready, and was clocked out of its turn."""
        return tuple(
            self._judge_line(line, outcome, began_ns, ended_ns) if ready >> number & 1 else None
            for number, (line, outcome) in enumerate(zip(self._lines, outcomes, strict=True))
        )

    def rest_ns(self, now_ns: int) -> int:
        """How long nothing can become ready that would be waited for: 0 to LONGEST_REST_NS."""
        rests = [line.rest_ns(now_ns) for line in self._lines if line.sound and line.lives(now_ns)]
        return max(0, min(LONGEST_REST_NS, *rests)) if rests else LONGEST_REST_NS

    def any_lives(self, now_ns: int) -> bool:
        """Whether any chip was ready lately."""
        return any(line.lives(now_ns) for line in self._lines)

    @staticmethod
    def _judge_line(line: _Line, outcome: int | Discard, began_ns: int, ended_ns: int) -> int | Discard:
        whole = line.is_whole(began_ns, ended_ns)
        line.shifted(outcome is not Discard.NOT_FRAMED, ended_ns)
        return outcome if whole or isinstance(outcome, Discard) else Discard.LATE
