"""Stands in for the module `time` in the controller's shell, so that its own main program runs whole in virtual time.

The main thread owns time: it goes on while that thread sleeps or selects. Another thread that sleeps is woken in its turn, and the
main thread waits until it sleeps again, so that both see the same time however fast the machine is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import localtime
from time import time as real_time

__all__ = ["START_NS", "localtime", "monotonic", "monotonic_ns", "set_clock", "sleep", "time", "wake_sleepers"]

_FORGOTTEN_S = 0.2
"""A main thread that waits for a sleeper to end (a join) lets no time pass: the sleeper then looks around by itself."""
START_NS = 1_000_000_000_000
"""Where virtual time begins."""
_WALL_CLOCK_S = real_time() - START_NS / 1e9
"""People's clocks begin at today's date, for the certificates are of today."""


class _Clock:
    def __init__(self) -> None:
        self.now: Callable[[], int] = lambda: 0
        self.advance: Callable[[int], None] = lambda _to_ns: None
        self.sleepers: dict[threading.Thread, tuple[int, threading.Event, threading.Event]] = {}
        self.lock = threading.Lock()


_clock = _Clock()


def set_clock(now: Callable[[], int], advance: Callable[[int], None]) -> None:
    """now: monotonic ns. advance: lets time go on until then; called in the main thread."""
    with _clock.lock:
        _clock.now, _clock.advance = now, advance
        _clock.sleepers.clear()


def monotonic_ns() -> int:
    """Virtual monotonic time."""
    return _clock.now()


def monotonic() -> float:
    """The same in seconds."""
    return _clock.now() / 1e9


def time() -> float:
    """What people's clocks show."""
    return _WALL_CLOCK_S + _clock.now() / 1e9


def sleep(seconds: float) -> None:
    """In the main thread time goes on; any other waits until it has."""
    until_ns = _clock.now() + int(seconds * 1e9)
    if threading.current_thread() is threading.main_thread():
        _clock.advance(until_ns)
        return
    me = threading.current_thread()
    wake, asleep = threading.Event(), None
    with _clock.lock:
        known = _clock.sleepers.get(me)
        asleep = known[2] if known is not None else threading.Event()
        _clock.sleepers[me] = (until_ns, wake, asleep)
    asleep.set()
    wake.wait(_FORGOTTEN_S)


def wake_sleepers() -> None:
    """Wakes whose time has come, one after the other; returns when each sleeps again or has ended."""
    now_ns = _clock.now()
    for thread, (until_ns, wake, asleep) in list(_clock.sleepers.items()):
        if not thread.is_alive():
            _clock.sleepers.pop(thread, None)
        elif until_ns <= now_ns:
            asleep.clear()
            wake.set()
            while not asleep.wait(0.02) and thread.is_alive():
                pass
