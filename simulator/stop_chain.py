"""The hardware stop chain: contacts in series, the watchdog relay among them, and contactors that fall off later.

Opening the chain opens the drive's STOP input at once and, after the off-delay, takes the motor's power away: a timed category 1
stop that no software takes part in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.core.inputs import Input

_IN_SERIES = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit | Input.LANYARD.bit | Input.OVERLOAD.bit


@dataclass(frozen=True)
class ChainParameters:
    """watchdog_ns: the relay opens this long after the last pulse. off_delay_ns: the contactors fall this long after the chain
    opened: braking from 1.6 m/s at 1 m/s2, and some. overload_opens_n, overload_closes_n: the mechanical switch at the hook [O].
    """

    watchdog_ns: int = 120_000_000
    off_delay_ns: int = 2_000_000_000
    overload_opens_n: float = 1500.0
    overload_closes_n: float = 1200.0


def _never() -> bool:
    return False


class StopChain:
    """Relay, switch and contactors. The relay is open until the first pulse."""

    def __init__(self, parameters: ChainParameters, start_ns: int) -> None:
        self.parameters = parameters
        self.overload_closed = True
        self.closed = False
        self.high_level_holds: Callable[[], bool] = _never
        """A fault: the coupling capacitor is shorted, so that a high level holds the relay. Whether the pin is high now."""
        self._pulsed_ns = start_ns - parameters.watchdog_ns
        self._opened_ns = start_ns
        self._relay_closed = False

    @property
    def relay_closed(self) -> bool:
        """Whether the watchdog relay is held closed, by pulses if it is sound."""
        return self._relay_closed

    def pulse(self, at_ns: int) -> None:
        """The Pi changed the level of its pulse output."""
        self._pulsed_ns = at_ns

    def follow_load(self, load_n: float) -> None:
        """The overload switch opens and closes with hysteresis."""
        limit = self.parameters.overload_closes_n if not self.overload_closed else self.parameters.overload_opens_n
        self.overload_closed = load_n < limit

    def advance(self, now_ns: int, contacts: int) -> tuple[bool, bool]:
        """Returns whether the chain (the drive's STOP input) and the contactors are closed."""
        pulses_follow = now_ns - self._pulsed_ns < self.parameters.watchdog_ns
        self._relay_closed = pulses_follow or self.high_level_holds()
        was_closed = self.closed
        self.closed = self._relay_closed and contacts & _IN_SERIES == _IN_SERIES
        if was_closed and not self.closed:
            self._opened_ns = now_ns
        contactors = self.closed or now_ns - self._opened_ns < self.parameters.off_delay_ns
        return self.closed, contactors
