"""The evaluation's tables."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evaluation import campaign
from evaluation.arrests import Arrest, Stretch
from evaluation.campaign import JUDGED_SLACK_M, Gait, JudgedFall, ThresholdPoint, quantile_ms
from evaluation.criteria import criteria
from evaluation.figures import as_ms, as_percent, count_of, quantile_of, total_of
from evaluation.kinds import FALLS, Kind, Stage
from evaluation.whole import Evaluation

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
    made += [_fall_table(found.falls, JUDGED_SLACK_M), _stage_table(found.falls), _slack_table(found.falls)]
    made.append(_travel_table(found.falls))
    if found.gaits:
        made.append(_gait_table(found.gaits))
    if found.sweep:
        made.append(_sweep_table(found.sweep))
    made.append(_grid_table(found.grid))
    return made


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
                f"{total_of(one.seconds for one in part):.0f}",
                f"{max(one.load_n for one in part):.0f}",
                count_of(one.alarms for one in part),
                count_of(one.sensor_faults for one in part),
                count_of(one.averaged_gaps for one in part),
            )
        )
    header = ("file", "stretches", "seconds", "heaviest, N", "alarms", "sensor faults", "steps > 100 ms the file averages")
    return Table("Idle and dead-weight stretches", header, rows)


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
        *(as_ms(quantile_of(part, name, 0.5)) for name in ("taut_ms", "plain_ms", "median_ms", "alone_ms", "fused_ms")),
        as_ms(quantile_of(part, "alone_ms", 0.95)),
        as_percent(sum(one.alone_rule is not None for one in part), len(part)),
        as_percent(sum(one.fused_rule is not None for one in part), len(part)),
    )


def _stage_table(falls: Sequence[JudgedFall]) -> Table:
    rows: list[Row] = []
    for stage in Stage:
        for kind in (*FALLS, Kind.STANDING_STILL):
            part = [one for one in falls if one.stage is stage and one.kind is kind and one.slack_m == JUDGED_SLACK_M]
            plain, fused = quantile_of(part, "plain_ms", 0.5), quantile_of(part, "fused_ms", 0.5)
            rules: dict[str, int] = {}
            for one in part:
                name = one.fused_rule.value if one.fused_rule else "none"
                rules[name] = rules.get(name, 0) + 1
            said = ", ".join(f"{name} {count}" for name, count in sorted(rules.items(), key=lambda item: -item[1]))
            rows.append((stage.value, kind.value, len(part), as_ms(plain), as_ms(fused), said))
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


_SPEEDS_M_S = ((0.2, 0.4), (0.4, 0.8), (0.8, 1.2))


def _travel_table(falls: Sequence[JudgedFall]) -> Table:
    rows: list[Row] = []
    for slowest, fastest in _SPEEDS_M_S:
        for kind in (*FALLS, Kind.STANDING_STILL):
            part = [
                one.travel_m
                for one in falls
                if one.kind is kind and one.slack_m == JUDGED_SLACK_M and slowest <= one.belt_m_s < fastest
            ]
            cells = (f"{quantile_ms(part, share):.2f}" for share in (0.5, 0.95, 1.0))
            rows.append((f"{slowest:.1f}-{fastest:.1f}", kind.value, len(part), *cells))
    return Table(
        "Belt travel from the onset to standstill at 10 cm of slack, fused, m",
        ("belt, m/s", "kind", "falls", "median", "95 %", "most"),
        rows,
    )


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
        (f"{share:.2f}", f"{rate:.0f}", as_ms(median), f"{100 * stopped:.1f} %", f"{100 * counted:.1f} %")
        for share, rate, median, stopped, counted in grid
    ]
    header = ("from load, BW", "rate, BW/s", "median, ms", "recovered stumbles stopped", "counted")
    return Table("Choice of the loading rule, on the tuning half (10 cm)", header, rows)


def _criteria(found: Evaluation) -> Table:
    words = {True: "reached", False: "NOT reached", None: "(no limit)"}
    rows: list[Row] = [(one.asks, one.found, words[one.holds]) for one in criteria(found)]
    return Table("What must be seen", ("criterion", "found", ""), rows)
