"""Runs the whole evaluation: recordings, made falls, gait, whole sessions, cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from evaluation import campaign
from evaluation.arrests import Arrest, Stretch, judge_arrests, judge_steady_stretches
from evaluation.campaign import Gait, JudgedFall, ThresholdPoint
from evaluation.cost import measure_us
from evaluation.gait import read_runs, read_standing, read_walks, step_time_variation
from evaluation.kinds import Kind
from evaluation.sessions import Sessions, walk_sessions

Progress = Callable[[str], None]
SESSION_SEED = 7001
WALK_SLACKS_M = (0.05, 0.10, 0.15)
RUN_SLACKS_M = (0.075, 0.10, 0.15)
RUN_LEAST_SLACK_M = 0.10
"""With less, running's own bounce tightens the strap: a session that runs needs so much."""


class Size(msgspec.Struct, frozen=True):
    """How much is simulated: falls of each kind at each slack, hours of each gait, and falls of each kind in the tuning grid."""

    falls: int = 120
    walk_hours: float = 10.0
    run_hours: float = 10.0
    sweep_hours: float = 1.0
    tuning: int = 60
    sessions: int = 20
    session_work_s: float = 120.0

    @property
    def steps(self) -> int:
        """Steps of progress."""
        falls = self.falls * len(Kind) * (len(campaign.SLACKS_M) + 2)
        gait = len(WALK_SLACKS_M) * round(self.walk_hours * 2) + len(RUN_SLACKS_M) * round(self.run_hours * 6)
        return falls + gait + 20 + 15 + 5 + 15 + self.sessions + 4


QUICK = Size(falls=12, walk_hours=0.5, run_hours=0.34, sweep_hours=0.17, tuning=8, sessions=2, session_work_s=10.0)
"""For a look: minutes become seconds, and the figures say little."""


class Evaluation(msgspec.Struct, frozen=True):
    """Everything that was judged. grid: what chose the loading rule (campaign.tune)."""

    size: Size
    arrests: list[Arrest]
    stretches: list[Stretch]
    falls: list[JudgedFall]
    gaits: list[Gait]
    nuisance: tuple[int, int] | None
    sweep: list[ThresholdPoint]
    grid: list[tuple[float, float, float, float, float]]
    cost_us: tuple[float, float]
    sessions: Sessions


def evaluate(data: Path, size: Size, progress: Progress) -> Evaluation:
    """Runs all of it; what needs recordings that are not there is left out and said so by empty lists."""
    arrests = judge_arrests(data)
    progress("recorded arrests")
    stretches = judge_steady_stretches(data)
    progress("idle and dead weight")
    falls = campaign.judge_falls(campaign.REPORT_SEED, size.falls, campaign.SLACKS_M, lambda: progress("made falls"))
    variation = step_time_variation(data)
    gaits, nuisance, sweep = _gaits(data, size, variation, progress)
    grid = campaign.tune(campaign.TUNING_SEED, size.tuning, lambda: progress("tuning grid"))
    cost = measure_us(campaign.CHAIN)
    progress("cost")
    sessions = walk_sessions(size.sessions, size.session_work_s, SESSION_SEED, lambda: progress("whole sessions"))
    return Evaluation(size, arrests, stretches, falls, gaits, nuisance, sweep, grid, cost, sessions)


def _gaits(
    data: Path, size: Size, variation: float, progress: Progress
) -> tuple[list[Gait], tuple[int, int] | None, list[ThresholdPoint]]:
    """Recorded gait in full; simulated hours from the half that tuned nothing: walks' second half, every second run."""
    walks = read_walks(data) if (data / "treadmill_walk").is_dir() else []
    runs = read_runs(data) if (data / "treadmill_run").is_dir() else []
    standing = read_standing(data) if (data / "standing").is_dir() else []
    judged_runs = runs[1::2] or runs
    gaits = []
    for slack_m in WALK_SLACKS_M:
        for name, motions in (("walking", walks), ("standing", standing), ("backward running", runs)):
            if motions:
                gaits.append(campaign.judge_recorded(name, motions, slack_m, seed=31))
    progress("recorded gait")
    nuisance = None
    sweep: list[ThresholdPoint] = []
    halves = [walk.part(0.5, 1.0) for walk in walks]
    if halves:
        for slack_m in WALK_SLACKS_M:
            hours = size.walk_hours / len(WALK_SLACKS_M)
            tell = _teller(progress, "simulated walking")
            gaits.append(campaign.judge_simulated("walking", halves, slack_m, hours, variation, 41, tell))
        nuisance = campaign.nuisance_stops(halves, variation, 51, _teller(progress, "sessions"))
    if runs:
        for slack_m in RUN_SLACKS_M:
            tell = _teller(progress, "simulated running")
            gaits.append(campaign.judge_simulated("backward running", judged_runs, slack_m, size.run_hours, variation, 42, tell))
        sweep = campaign.sweep_threshold(judged_runs, variation, size.sweep_hours, 43, _teller(progress, "threshold sweep"))
    return gaits, nuisance, sweep


def _teller(progress: Progress, what: str) -> Callable[[], None]:
    return lambda: progress(what)
