"""Runs the whole evaluation and turns it into tables, criteria and pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from controller.core.events import Event
from evaluation import campaign
from evaluation.arrests import Arrest, Stretch, judge_arrests, judge_steady_stretches
from evaluation.campaign import Gait, JudgedFall, ThresholdPoint, quantile_ms
from evaluation.cost import measure_us
from evaluation.gait import read_runs, read_standing, read_walks, step_time_variation
from evaluation.kinds import FALLS, PLANNED_STAGES, Kind, Stage
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
            gaits.append(campaign.judge_simulated("backward running", runs[1::2], slack_m, size.run_hours, variation, 42, tell))
        sweep = campaign.sweep_threshold(runs[1::2], variation, size.sweep_hours, 43, _teller(progress, "threshold sweep"))
    return gaits, nuisance, sweep


def _teller(progress: Progress, what: str) -> Callable[[], None]:
    return lambda: progress(what)


Row = Sequence[object]


class Table(msgspec.Struct, frozen=True):
    """A table with a title."""

    title: str
    header: tuple[str, ...]
    rows: list[Row]

    def as_markdown(self) -> str:
        """For the document."""
        lines = [f"**{self.title}**", "", "| " + " | ".join(self.header) + " |", "|" + "---|" * len(self.header)]
        lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"


def tables(found: Evaluation) -> list[Table]:
    """Every table, criteria first."""
    made = [_criteria(found)]
    if found.arrests:
        made += [_arrest_table(found.arrests), _stretch_table(found.stretches)]
    made += [_fall_table(found.falls, at_m) for at_m in (0.10,)]
    made += [_stage_table(found.falls), _slack_table(found.falls)]
    if found.gaits:
        made.append(_gait_table(found.gaits))
    if found.sweep:
        made.append(_sweep_table(found.sweep))
    made.append(_grid_table(found.grid))
    return made


def _ms(value: float) -> str:
    return "-" if math.isnan(value) else "never" if math.isinf(value) else f"{value:.0f}"


def _percent(hits: int, of: int) -> str:
    return f"{100 * hits / of:.1f} % ({hits}/{of})" if of else "-"


def _arrest_table(arrests: Sequence[Arrest]) -> Table:
    rows: list[Row] = [
        (
            one.name,
            "tuning" if one.tuning else "report",
            one.rule.value if one.rule else "none",
            f"{one.delay_ms:+.1f}",
            f"{one.plain_ms:+.1f}",
            f"{one.median_ms:+.1f}",
            one.glitches,
            one.early,
            one.late,
            one.plain_early,
        )
        for one in arrests
    ]
    header = (
        "arrest", "half", "rule", "ours, ms", "plain, ms", "median of 3, ms", "glitches put in", "ours early",
        "ours > 1 sample late", "plain early",
    )  # fmt: skip
    return Table("Recorded arrests: decision after the load passes 0.30 of its settled value", header, rows)


def _stretch_table(stretches: Sequence[Stretch]) -> Table:
    rows: list[Row] = []
    for name in sorted({one.name for one in stretches}):
        part = [one for one in stretches if one.name == name]
        rows.append(
            (
                name,
                len(part),
                f"{_total(one.seconds for one in part):.0f}",
                f"{max(one.load_n for one in part):.0f}",
                _count(one.alarms for one in part),
                _count(one.sensor_faults for one in part),
                _count(one.averaged_gaps for one in part),
            )
        )
    header = ("file", "stretches", "seconds", "heaviest, N", "alarms", "sensor faults", "steps > 100 ms the file averages")
    return Table("Idle and dead-weight stretches", header, rows)


def _total(values: Iterable[float]) -> float:
    return math.fsum(values)


def _count(values: Iterable[int]) -> int:
    return sum(values)


def _fall_table(falls: Sequence[JudgedFall], slack_m: float) -> Table:
    rows: list[Row] = []
    for kind in Kind:
        part = [one for one in falls if one.kind is kind and one.slack_m == slack_m]
        rows.append((kind.value, *_fall_cells(part)))
    deep = [one for one in falls if one.deep and one.slack_m == slack_m]
    rows.append(("slip, trip, collapse and sit-down", *_fall_cells(deep)))
    header = (
        "kind", "falls", "strap taut, ms", "plain, ms", "median of 3, ms", "ours alone, ms", "ours fused, ms",
        "ours alone p95, ms", "stopped, alone", "stopped, fused",
    )  # fmt: skip
    return Table(f"Made falls at {slack_m * 100:.0f} cm of slack (medians after the onset)", header, rows)


def _fall_cells(part: Sequence[JudgedFall]) -> tuple[object, ...]:
    return (
        len(part),
        *(_ms(_quantile(part, name, 0.5)) for name in ("taut_ms", "plain_ms", "median_ms", "alone_ms", "fused_ms")),
        _ms(_quantile(part, "alone_ms", 0.95)),
        _percent(sum(one.alone_rule is not None for one in part), len(part)),
        _percent(sum(one.fused_rule is not None for one in part), len(part)),
    )


def _quantile(part: Sequence[JudgedFall], name: str, share: float) -> float:
    return quantile_ms([getattr(one, name) for one in part], share)


def _stage_table(falls: Sequence[JudgedFall]) -> Table:
    rows: list[Row] = []
    for stage in Stage:
        for kind in (*FALLS, Kind.STANDING_STILL):
            part = [one for one in falls if one.stage is stage and one.kind is kind and one.slack_m == 0.10]
            plain, fused = _quantile(part, "plain_ms", 0.5), _quantile(part, "fused_ms", 0.5)
            rules: dict[str, int] = {}
            for one in part:
                name = one.fused_rule.value if one.fused_rule else "none"
                rules[name] = rules.get(name, 0) + 1
            said = ", ".join(f"{name} {count}" for name, count in sorted(rules.items(), key=lambda item: -item[1]))
            rows.append((stage.value, kind.value, len(part), _ms(plain), _ms(fused), said))
    return Table(
        "Fused, by what the stage asks of the hands (10 cm)",
        ("stage", "kind", "falls", "plain, ms", "fused, ms", "rule that stopped"),
        rows,
    )


def _slack_table(falls: Sequence[JudgedFall]) -> Table:
    rows: list[Row] = []
    for slack_m in campaign.SLACKS_M:
        part = [one for one in falls if one.deep and one.slack_m == slack_m]
        rows.append((f"{slack_m * 100:.0f}", *_fall_cells(part)))
    header = (
        "slack, cm", "falls", "strap taut, ms", "plain, ms", "median of 3, ms", "ours alone, ms", "ours fused, ms",
        "ours alone p95, ms", "stopped, alone", "stopped, fused",
    )  # fmt: skip
    return Table("Slip, trip, collapse and sit-down, by slack", header, rows)


def _gait_table(gaits: Sequence[Gait]) -> Table:
    rows: list[Row] = [
        (
            one.name,
            "recorded" if one.recorded else "simulated",
            f"{one.slack_m * 100:.0f}",
            f"{one.hours:.3f}",
            one.stops,
            f"{one.stops / one.hours:.2f}",
            f"< {one.bound_per_hour:.1f}",
            one.recovered,
            one.sensor_faults,
            one.plain_trips,
        )
        for one in gaits
    ]
    header = (
        "gait", "hours are", "slack, cm", "hours", "false stops", "per hour", "95 % bound per hour", "counted as recovered",
        "sensor faults", "plain trips",
    )  # fmt: skip
    return Table("Undisturbed gait (harness load alone)", header, rows)


def _sweep_table(points: Sequence[ThresholdPoint]) -> Table:
    rows: list[Row] = [(f"{p.share:.2f}", f"{p.plain_per_hour:.1f}", f"{p.ours_per_hour:.1f}") for p in points]
    title = f"False stops per simulated hour of running at {campaign.SWEEP_SLACK_M * 100:.0f} cm, by threshold"
    return Table(title, ("threshold, BW", "plain", "ours"), rows)


def _grid_table(grid: Sequence[tuple[float, float, float, float, float]]) -> Table:
    rows: list[Row] = [
        (f"{share:.2f}", f"{rate:.0f}", _ms(median), f"{100 * stopped:.1f} %", f"{100 * counted:.1f} %")
        for share, rate, median, stopped, counted in grid
    ]
    header = ("from load, BW", "rate, BW/s", "median, ms", "recovered stumbles stopped", "counted")
    return Table("Choice of the loading rule, on the tuning half (10 cm)", header, rows)


class Criterion(msgspec.Struct, frozen=True):
    """One thing that must be seen: what, the figure found, and whether it holds (None: nothing to judge it by)."""

    asks: str
    found: str
    holds: bool | None


def criteria(found: Evaluation) -> list[Criterion]:
    """What issue 3 asks to be seen, each with its figure."""
    return [*_arrest_criteria(found), *_fall_criteria(found), *_gait_criteria(found)]


def _arrest_criteria(found: Evaluation) -> list[Criterion]:
    arrests, stretches = found.arrests, found.stretches
    if not arrests:
        return [Criterion("recorded arrests", "recordings are not there", None)]
    early, late = sum(a.early for a in arrests), sum(a.late for a in arrests)
    alarms = sum(s.alarms + s.sensor_faults for s in stretches)
    hours = _total(s.seconds for s in stretches) / 3600
    worst = max(a.delay_ms - a.step_ms for a in arrests)
    return [
        Criterion(
            "arrests: all detected, at most one sample + 60 ms after 0.30 of the settled load",
            f"{sum(a.in_time for a in arrests)} of {len(arrests)}; latest is one sample {worst:+.0f} ms",
            all(a.in_time for a in arrests),
        ),
        Criterion(
            "arrests: a glitch at every sample of each rise: none earlier, none over one sample late",
            f"{sum(a.glitches for a in arrests)} put in: {early} earlier, {late} too late "
            f"(plain: {sum(a.plain_early for a in arrests)} earlier)",
            not early and not late,
        ),
        Criterion("no alarm in idle and dead-weight stretches", f"{alarms} in {hours:.2f} recorded h", alarms == 0),
    ]


def _fall_criteria(found: Evaluation) -> list[Criterion]:
    at_10 = [one for one in found.falls if one.slack_m == campaign.JUDGED_SLACK_M]
    deep = [one for one in at_10 if one.deep]
    plain, alone, taut = (_quantile(deep, name, 0.5) for name in ("plain_ms", "alone_ms", "taut_ms"))
    detected = sum(one.alone_rule is not None for one in deep)
    stumbles = campaign.recovered_stumbles(at_10)
    counted, stopped = sum(s.counted for s in stumbles), sum(s.alone_rule is not None for s in stumbles)
    return [
        Criterion("falls at 10 cm: >= 99 % detected", _percent(detected, len(deep)), detected >= 0.99 * len(deep)),
        Criterion(
            "harness alone: median no later than plain, unfiltered",
            f"{alone:.1f} against {plain:.1f} ms; {100 * (plain - alone) / (plain - taut):.0f} % "
            f"of the way to the strap going taut ({taut:.1f} ms)",
            alone <= plain,
        ),
        *_fused_criteria(at_10),
        Criterion(
            "recovered stumbles, harness alone: >= 80 % counted, <= 5 % stopped",
            f"counted {_percent(counted, len(stumbles))}, stopped {_percent(stopped, len(stumbles))}",
            counted >= 0.8 * len(stumbles) and stopped <= 0.05 * len(stumbles),
        ),
        _fused_stumbles(stumbles),
    ]


def _fused_criteria(at_10: Sequence[JudgedFall]) -> list[Criterion]:
    """Of the stages that a plan can ask for; the hands-free one beside them."""
    deep = [one for one in at_10 if one.deep and one.stage in PLANNED_STAGES]
    free = [one for one in at_10 if one.deep and one.stage is Stage.FREE]
    plain, fused, taut = (_quantile(deep, name, 0.5) for name in ("plain_ms", "fused_ms", "taut_ms"))
    quick = _quantile([one for one in deep if one.kind is not Kind.SIT_DOWN], "fused_ms", 0.95)
    late, taut_late, plain_late = (_quantile(deep, name, 0.95) for name in ("fused_ms", "taut_ms", "plain_ms"))
    return [
        Criterion(
            "fused: median >= 25 % earlier than plain",
            f"{fused:.1f} against {plain:.1f} ms: {100 * (1 - fused / plain):.1f} % earlier (the strap goes taut at {taut:.1f} ms: "
            f"{100 * (1 - taut / plain):.1f} %); hands free {_quantile(free, 'fused_ms', 0.5):.1f} against "
            f"{_quantile(free, 'plain_ms', 0.5):.1f} ms",
            fused <= 0.75 * plain,
        ),
        Criterion(
            "fused: 95th percentile < 500 ms",
            f"{late:.0f} ms after the onset (plain {plain_late:.0f}, strap taut {taut_late:.0f}; without sit-downs {quick:.0f}; "
            f"hands free {_quantile(free, 'fused_ms', 0.95):.0f}); {len(deep)} falls",
            late < 500.0,
        ),
    ]


def _fused_stumbles(stumbles: Sequence[JudgedFall]) -> Criterion:
    planned = [one for one in stumbles if one.stage in PLANNED_STAGES]
    free = [one for one in stumbles if one.stage is Stage.FREE]
    stopped = sum(one.fused_rule is not None for one in planned)
    counted = sum(one.counted for one in planned)
    asked = sum(one.fused_rule is Event.RAILS_GRABBED for one in free)
    return Criterion(
        "the same stumbles, fused with the hands: >= 80 % counted, <= 5 % stopped",
        f"counted {_percent(counted, len(planned))}, stopped {_percent(stopped, len(planned))}; hands free "
        f"{_percent(asked, len(free))} ask for the stop by taking both rails, as taught",
        counted >= 0.8 * len(planned) and stopped <= 0.05 * len(planned),
    )


def _gait_criteria(found: Evaluation) -> list[Criterion]:
    if not found.gaits:
        return [Criterion("undisturbed gait", "recordings are not there", None), *_machine_criteria(found)]
    recorded = [g for g in found.gaits if g.recorded and g.name != "backward running"]
    walking = [g for g in found.gaits if not g.recorded and g.name == "walking"]
    running = [g for g in found.gaits if not g.recorded and g.name == "backward running"]
    made = [
        Criterion(
            "no false stop in recorded walking and standing",
            f"{sum(g.stops for g in recorded)} in {_total(g.hours for g in recorded) / len(WALK_SLACKS_M):.3f} "
            f"recorded h at each of 3 slacks",
            not any(g.stops for g in recorded),
        ),
        Criterion(
            "none in 10 simulated hours of walking at 5-15 cm",
            f"{sum(g.stops for g in walking)} in {_total(g.hours for g in walking):.1f} h",
            not any(g.stops for g in walking),
        ),
    ]
    if running:
        enough = [g for g in running if g.slack_m >= RUN_LEAST_SLACK_M]
        too_little = [g for g in running if g.slack_m < RUN_LEAST_SLACK_M]
        told = "; ".join(f"{g.stops} in {g.hours:.1f} h at {100 * g.slack_m:.1f} cm" for g in (*enough, *too_little))
        made.append(
            Criterion(
                f"<= 0.5 per simulated hour of running (at {100 * RUN_LEAST_SLACK_M:.0f} cm of slack and more)",
                told,
                all(g.stops <= 0.5 * g.hours for g in enough),
            )
        )
    return [*made, *_machine_criteria(found)]


def _machine_criteria(found: Evaluation) -> list[Criterion]:
    sessions = found.sessions
    minutes = sessions.belt_s / max(sessions.count, 1) / 60
    made = [
        Criterion(
            f"nuisance stops per {sessions.count} sessions of the demo's patient, whole controller",
            f"{sessions.stops} stops, {sessions.slows} slowings, {sessions.prompts} prompts to hold the rail; "
            f"{sessions.completed} of {sessions.count} sessions of {minutes:.1f} min completed"
            + (f" ({', '.join(sorted(set(sessions.codes)))})" if sessions.codes else ""),
            None,
        )
    ]
    if found.nuisance is not None:
        pauses, slows = found.nuisance
        made.append(Criterion("nuisance in 20 sessions of a restless hand, rules alone", f"{pauses} stops, {slows} slowings", None))
    made.append(
        Criterion(
            "chain and detector <= 60 us a sample",
            f"{found.cost_us[0]:.1f} us with, {found.cost_us[1]:.1f} us without a sample",
            found.cost_us[0] <= 60.0,
        )
    )
    return made


def _criteria(found: Evaluation) -> Table:
    words = {True: "reached", False: "NOT reached", None: "(no limit)"}
    rows: list[Row] = [(one.asks, one.found, words[one.holds]) for one in criteria(found)]
    return Table("What must be seen", ("criterion", "found", ""), rows)
