"""A token bucket: so many at once, so many a second after that. Pure: the time comes in."""

from __future__ import annotations


class RateLimit:
    """Allows a burst and then a steady rate; counts what it held back."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._tokens = float(burst)
        self._last_ns: int | None = None
        self._held_back = 0

    def allows(self, now_ns: int) -> bool:
        """Returns whether one more may pass at this monotonic time; takes its token when it may."""
        if self._last_ns is not None:
            earned = max(0, now_ns - self._last_ns) * 1e-9 * self._per_second
            self._tokens = min(self._burst, self._tokens + earned)
        self._last_ns = now_ns
        if self._tokens < 1.0:
            self._held_back += 1
            return False
        self._tokens -= 1.0
        return True

    def take_held_back(self) -> int:
        """Returns how many were held back since this was last asked."""
        count, self._held_back = self._held_back, 0
        return count
