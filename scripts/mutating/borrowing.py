"""What several threads share: each has one of them for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import TypeVar

_Shared = TypeVar("_Shared")


@contextmanager
def borrowed(free: Queue[_Shared]) -> Iterator[_Shared]:
    """One of what is free, waited for where there is none; given back however it ends."""
    one = free.get()
    try:
        yield one
    finally:
        free.put(one)
