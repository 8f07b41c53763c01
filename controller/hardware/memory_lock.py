"""Keeps the process's memory out of the swap and its code out of the disk's way: a page fault in a scan can cost milliseconds."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

_CURRENT, _FUTURE, _ON_FAULT = 1, 2, 4
_Lock = Callable[[int], int]


def lock_memory(mlockall: _Lock | None = None) -> str:
    """Locks what is mapped now, all of it, and what comes later as it is touched. Returns why not, or an empty string.

    Later mappings are locked only where they are touched: a thread's whole stack of 8 MB would otherwise be filled. Without
    CAP_IPC_LOCK the limit counts all mappings, touched or not: the unit sets LimitMEMLOCK=infinity.
    """
    call = mlockall if mlockall is not None else ctypes.CDLL(None, use_errno=True).mlockall
    for flags in (_CURRENT, _FUTURE | _ON_FAULT):
        if call(flags) != 0:
            return (
                f"memory is not locked ({os.strerror(ctypes.get_errno())}): scans may be late when the computer is short of memory"
            )
    return ""
