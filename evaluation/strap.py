"""The strap's pull along a given motion, whole arrays at once: the same law as the simulator's strap (a test compares them)."""

from __future__ import annotations

import numpy as np

from evaluation.converter import STEP_S, Floats


def pull_along(
    drop_m: Floats, away_m: Floats, slack_m: float, stiffness_n_m: float, damping_n_s_m: float, anchor_m: float
) -> Floats:
    """Newtons every STEP_S for a harness point so far below standing tall and so far from under the anchor.

    Webbing loses energy by stretching, not by speed alone: damping never exceeds the spring, so the pull begins at 0.
    """
    length_m = np.hypot(away_m, anchor_m + drop_m)
    spring = stiffness_n_m * (length_m - anchor_m - slack_m)
    damping = damping_n_s_m * np.gradient(length_m, STEP_S)
    return np.where(spring > 0.0, spring + np.clip(damping, -np.abs(spring), np.abs(spring)), 0.0)
