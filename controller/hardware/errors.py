"""What goes wrong at the Pi's edge, in words for whoever stands before the treadmill."""

from __future__ import annotations


class HardwareError(Exception):
    """A device cannot be used. `problem` says what is wrong in plain words, `remedy` what a technician does about it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} Remedy: {remedy}")
        self.problem = problem
        self.remedy = remedy
