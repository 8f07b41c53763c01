"""The seed of what a test draws by chance: fresh each time, or STERNWAY_SEED's, so that a failure can be repeated."""

from __future__ import annotations

import os
import random

LARGEST = 2**31 - 1


def draw_seed(what: str) -> int:
    """1..2**31 - 1; said on standard output, which pytest shows of a test that failed. what: is drawn with it."""
    given = os.environ.get("STERNWAY_SEED")
    seed = int(given) if given else random.SystemRandom().randint(1, LARGEST)
    print(f"{what}: repeat it with STERNWAY_SEED={seed}")
    return seed
