"""One seed, one trace: in this process, and in others whose hashes are seeded otherwise."""

from __future__ import annotations

import os
import random
import subprocess
import sys

from simulator.campaign.run import play, write_script

LASTS_S = 120.0
_PROGRAM = """
import logging, sys
from simulator.campaign.run import play, write_script

logging.disable(logging.CRITICAL)
print(play(write_script(sys.argv[1], float(sys.argv[2]))).trace)
"""


def trace_elsewhere(seed: str, hash_seed: str) -> str:
    command = [sys.executable, "-c", _PROGRAM, seed, str(LASTS_S)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_same_seed_gives_the_same_trace_in_every_process() -> None:
    seed = f"{random.SystemRandom().randrange(10**9)}"
    print(f"seed {seed}")
    here = play(write_script(seed, LASTS_S))
    assert here.events > 10
    assert here.trace == play(write_script(seed, LASTS_S)).trace
    assert here.trace == trace_elsewhere(seed, "1") == trace_elsewhere(seed, "4711")


def test_another_seed_gives_another_trace() -> None:
    assert play(write_script("one", 20.0)).trace != play(write_script("another", 20.0)).trace


def test_a_script_is_the_seeds_alone() -> None:
    assert write_script("7/3") == write_script("7/3")
    assert write_script("7/3").faults != write_script("7/4").faults
