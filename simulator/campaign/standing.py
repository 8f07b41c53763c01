"""What the hours of a ledger prove of the code of today, and what its older hours were of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from simulator.campaign.campaign import Summary, deciding_code, is_kept, total
from simulator.campaign.observation import FAST_M_S

AIM_TIMES_REAL_TIME = 100


def of_present_code(batches: Sequence[Summary]) -> list[Summary]:
    """Those whose core, messages, bridge and firmware are the ones that lie here."""
    code = deciding_code()
    return [batch for batch in batches if batch.code == code]


def bounds(batches: Sequence[Summary]) -> list[str]:
    """The page's first lines: the present code's bound, then what was run of earlier code."""
    present = of_present_code(batches)
    earlier = [batch for batch in batches if batch not in present]
    lines = [f"**Of the present code ({deciding_code()}): {total(present).bound if present else 'no hour has been run yet'}.**"]
    if earlier:
        lines += ["", f"Of earlier codes, all of them together: {total(earlier).bound}. None of them has run so long by itself."]
    return lines


def rate(summary: Summary) -> list[str]:
    """Whether the aim for the simulation's speed was reached; where not, why, and what comes next."""
    times = summary.times_real_time_per_core
    if times >= AIM_TIMES_REAL_TIME:
        return [f"The aim of {AIM_TIMES_REAL_TIME} x real time a core: reached ({times:.0f})."]
    return [
        f"The aim of {AIM_TIMES_REAL_TIME} x real time a core: not reached ({times:.0f}). In a profile of 29 November 2026 "
        "half of the time was the controller's own cycle, a sixth telemetry, an eighth the physics, a fifteenth the judges; no "
        "function took more than 4 %. Next step: what the cycle does beside the core's decision (channel, decoder, recorder): a Pi "
        "pays for it, too.",
    ]


def motion(summary: Summary) -> list[tuple[str, str, str]]:
    """Name, value and aim of how many faults met a belt that moved; nothing of hours that did not count it."""
    if not summary.in_motion:
        return []
    faults, met = sum(summary.faults.values()), sum(summary.in_motion.values())
    return [
        ("faults that began on a moving belt", f"{met:,} ({_share(met, faults)})", ">= 25 %"),
        (
            "motion with a fault active",
            f"{summary.under_fault_h:.1f} h ({_share(summary.under_fault_h, summary.moving_h)})",
            ">= 10 %",
        ),
        (f"motion above {FAST_M_S:.1f} m/s", f"{summary.fast_h:.1f} h ({_share(summary.fast_h, summary.moving_h)})", ""),
        (
            f"faults that began above {FAST_M_S:.1f} m/s",
            f"{summary.in_fast:,} ({_share(summary.in_fast, met)} of those in motion)",
            "",
        ),
    ]


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


@cache
def named(commit: str) -> str:
    """A commit, and whether the repository still has it."""
    return commit if is_kept(commit) else f"{commit} (no longer in the repository)"
