"""How often the controller has died lately. The third unclean start within five minutes is a machine to be examined.

Times are the kernel's monotonic clock together with its boot id: the wall clock may jump, on a Pi most of all just after a start.
What happened before the computer's own restart cannot be dated and does not count.
"""

from __future__ import annotations

from pathlib import Path

from controller.memory import Remembered, UncleanStart

WINDOW_NS = 300_000_000_000
_KEPT = 8
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def kernel_boot_id(path: Path = _BOOT_ID) -> str:
    """Returns what names the computer's present boot; raises OSError where there is no such file."""
    return path.read_text(encoding="ascii").strip()


def unclean_starts(found: Remembered, kernel_boot: str, now_ns: int) -> tuple[UncleanStart, ...]:
    """Returns the unclean starts of the last five minutes, this one among them if it is one.

    An orderly end while latched makes the next start none.
    """
    recent = tuple(
        start for start in found.unclean_starts if start.kernel_boot == kernel_boot and 0 <= now_ns - start.at_ns <= WINDOW_NS
    )
    if found.clean or found.orderly:
        return recent
    return (*recent, UncleanStart(kernel_boot, now_ns))[-_KEPT:]
