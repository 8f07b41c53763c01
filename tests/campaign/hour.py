"""One simulated hour of the campaign, for whoever asserts that nothing was broken in it: with a fresh seed, or STERNWAY_SEED's."""

from __future__ import annotations

import os
import random

from simulator.campaign.campaign import play_run, repeat_command, run_names


def play_an_hour(which: str) -> None:
    """Fails with every violation and the command that repeats its run. which: keeps two hours of one given seed apart."""
    given = os.environ.get("STERNWAY_SEED")
    seed = f"{given}-{which}" if given else f"{random.SystemRandom().randrange(10**9)}"
    results = [play_run(name) for name in run_names(seed, 1.0)]
    hours = sum(result.simulated_s for result in results) / 3600
    faults = sum(sum(result.injected.values()) for result in results)
    speed = sum(result.simulated_s for result in results) / sum(result.processor_s for result in results)
    print(f"seed {seed}: {hours:.2f} h, {faults} faults, {speed:.0f} x real time a core")
    told = [
        f"{violation.invariant} at {violation.at_s:.1f} s: {violation.text}; {repeat_command(result.seed)}"
        for result in results
        for violation in result.violations
    ]
    assert not told, "\n".join(told)
    assert hours >= 1.0
    assert faults >= 1000
    met = sum(sum(result.in_motion.values()) for result in results)
    moving_s, under_s = sum(result.moving_s for result in results), sum(result.under_fault_s for result in results)
    print(f"{met} began on a moving belt; {moving_s:.0f} s of motion, {under_s:.0f} s of them under a fault")
    assert met > 0.15 * faults, "the faults met a belt at rest"
    assert under_s > 0.05 * moving_s
    assert moving_s > 300, "nobody walked: the hour would mean little"
