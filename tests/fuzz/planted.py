"""Two borders with a defect each, to show that the fuzzers would find one."""

from __future__ import annotations

import struct

from fuzzing.targets import FindingError, Target


def swallows_nan(data: bytes) -> None:
    """Limits a speed as one must not: of what is no number `max(0, min(6, x))` makes the highest speed."""
    if len(data) < 8:
        return
    (asked,) = struct.unpack_from("<d", data)
    allowed = max(0.0, min(6.0, asked))
    if allowed > 0.0 and not asked > 0.0:
        raise FindingError("a number that is none has become a speed")


def crashes_on_a_word(data: bytes) -> None:
    """Divides by zero three bytes deep."""
    if len(data) > 2 and data[0] == ord("B") and data[1] == ord("W") and data[2] == ord("D"):
        raise ZeroDivisionError


TARGETS: dict[str, Target] = {target.__name__: target for target in (swallows_nan, crashes_on_a_word)}
