"""Runs the whole evaluation: recordings, made falls, gait, whole sessions, cost."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import msgspec

from evaluation import campaign
from evaluation.arrests import Arrest, Stretch, judge_arrests, judge_steady_stretches
from evaluation.campaign import Gait, JudgedFall, ThresholdPoint
from evaluation.cost import measure_us
from evaluation.gait import Motion, read_runs, read_standing, read_walks, step_time_variation
from evaluation.sessions import Sessions, add_sessions, walk_one_session

Progress = Callable[[str, int, int], None]
"""What was done, how many parts are done, of how many."""
_WORKERS = 2
SESSION_SEED = 7001
WALK_SLACKS_M = (0.05, 0.10, 0.15)
RUN_SLACKS_M = (0.10, 0.15)
RUN_LEAST_SLACK_M = 0.15
"""With less, running's own bounce tightens the strap: recorded trials drop up to 12 cm (downhill at 10 %), sizes vary by 8 %."""
LEVEL_RUNNING = "backward running, level"
LEVEL_SLACKS_M = (0.075, 0.10)
LEVEL_LEAST_SLACK_M = 0.10
"""The same for the level trials alone."""


class Size(msgspec.Struct, frozen=True):
    """How much is simulated: falls of each kind at each slack, hours of each gait, falls of each kind in the tuning grid, and
    whole sessions with so many seconds of work."""

    falls: int = 40
    walk_hours: float = 10.0
    run_hours: float = 2.5
    sweep_hours: float = 0.25
    tuning: int = 20
    sessions: int = 20
    session_work_s: float = 64.0


QUICK = Size(falls=6, walk_hours=0.5, run_hours=0.34, sweep_hours=0.1, tuning=8, sessions=2, session_work_s=16.0)
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


class _Gaits(msgspec.Struct, frozen=True):
    """Recorded gait in full, and the half of it that tuned nothing: the walks' second half, every second run."""

    walks: list[Motion]
    runs: list[Motion]
    standing: list[Motion]
    later_walks: list[Motion]
    other_runs: list[Motion]
    variation: float


def _read_gaits(data: Path) -> _Gaits:
    walks, runs = read_walks(data), read_runs(data)
    later = [walk.part(0.5, 1.0) for walk in walks]
    return _Gaits(walks, runs, read_standing(data), later, runs[1::2] or runs, step_time_variation(data))


class _Work:
    """Parts of the evaluation, done by two processes; each part has its own seed, so that their order decides nothing."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self.parts: dict[Future[Any], str] = {}

    def give(self, what: str, function: Callable[..., Any], *arguments: object) -> Future[Any]:
        future = self._pool.submit(function, *arguments)
        self.parts[future] = what
        return future

    def wait(self, progress: Progress) -> None:
        for count, future in enumerate(as_completed(self.parts), 1):
            future.result()
            progress(self.parts[future], count, len(self.parts))


def evaluate(data: Path, size: Size, progress: Progress) -> Evaluation:
    """Runs all of it; what needs recordings that are not there is left out and said so by empty lists."""
    gaits = _read_gaits(data)
    with ProcessPoolExecutor(_WORKERS, multiprocessing.get_context("spawn")) as pool:
        work = _Work(pool)
        arrests = work.give("recorded arrests", judge_arrests, data)
        stretches = work.give("idle and dead weight", judge_steady_stretches, data)
        falls = [
            work.give("made falls", campaign.judge_falls, campaign.REPORT_SEED, size.falls, slack_m)
            for slack_m in campaign.SLACKS_M
        ]
        undisturbed = _give_gaits(work, gaits, size)
        nuisance = sweep = None
        if gaits.later_walks:
            nuisance = work.give("restless hands", campaign.nuisance_stops, gaits.later_walks, gaits.variation, 51)
        if gaits.other_runs:
            sweep = work.give("threshold sweep", campaign.sweep_threshold, gaits.other_runs, gaits.variation, size.sweep_hours, 43)
        grid = work.give("tuning grid", campaign.tune, campaign.TUNING_SEED, size.tuning)
        sessions = [
            work.give("whole sessions", walk_one_session, SESSION_SEED + number, size.session_work_s)
            for number in range(size.sessions)
        ]
        work.wait(progress)
    return Evaluation(
        size,
        arrests.result(),
        stretches.result(),
        [one for part in falls for one in part.result()],
        [part.result() for part in undisturbed],
        nuisance.result() if nuisance else None,
        sweep.result() if sweep else [],
        grid.result(),
        measure_us(campaign.CHAIN),
        add_sessions([part.result() for part in sessions]),
    )


def _give_gaits(work: _Work, gaits: _Gaits, size: Size) -> list[Future[Any]]:
    given = []
    for slack_m in WALK_SLACKS_M:
        for name, motions in (("walking", gaits.walks), ("standing", gaits.standing), ("backward running", gaits.runs)):
            if motions:
                given.append(work.give("recorded gait", campaign.judge_recorded, name, motions, slack_m, 31))
    hours = size.walk_hours / len(WALK_SLACKS_M)
    for name, motions, slacks_m, each_h, seed in (
        ("walking", gaits.later_walks, WALK_SLACKS_M, hours, 41),
        ("backward running", gaits.other_runs, RUN_SLACKS_M, size.run_hours, 42),
        (LEVEL_RUNNING, [run for run in gaits.other_runs if run.level], LEVEL_SLACKS_M, 0.5 * size.run_hours, 44),
    ):
        if motions:
            for slack_m in slacks_m:
                arguments = (name, motions, slack_m, each_h, gaits.variation, seed)
                given.append(work.give(f"simulated {name}", campaign.judge_simulated, *arguments))
    return given
