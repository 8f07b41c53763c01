"""How long to wait before the next attempt. Pure: the randomness comes in as a number."""

from __future__ import annotations

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """Doubling delays between two bounds, in seconds."""

    first_s: float
    longest_s: float

    def delay_s(self, failures: int, random_unit: float = 1.0) -> float:
        """Returns the wait after `failures` (>= 1) failures in a row: from half to all of the doubled delay.

        random_unit in [0, 1] spreads the clients of one broker, so that they do not all come back in one instant.
        """
        exponent = min(max(failures, 1) - 1, 32)  # bounded: a failure count that grows for days must not overflow
        full_s = min(self.first_s * 2**exponent, self.longest_s)
        return float(full_s * (0.5 + 0.5 * random_unit))


SOCKET_BACKOFF = Backoff(first_s=0.1, longest_s=2.0)
BROKER_BACKOFF = Backoff(first_s=0.5, longest_s=30.0)
