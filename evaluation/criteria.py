"""What the evaluation has to show, each point with the figure found and whether it holds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from controller.core.events import Event
from evaluation import campaign
from evaluation.campaign import JudgedFall
from evaluation.figures import as_percent, quantile_of, total_of
from evaluation.kinds import PLANNED_STAGES, Kind, Stage
from evaluation.whole import LEVEL_LEAST_SLACK_M, LEVEL_RUNNING, RUN_LEAST_SLACK_M, WALK_SLACKS_M, Evaluation


class Criterion(msgspec.Struct, frozen=True):
    """One thing that must be seen: what, the figure found, and whether it holds (None: nothing to judge it by)."""

    asks: str
    found: str
    holds: bool | None


def criteria(found: Evaluation) -> list[Criterion]:
    """What the evaluation has to show, each point with its figure."""
    return [*_arrest_criteria(found), *_fall_criteria(found), *_gait_criteria(found)]


def _arrest_criteria(found: Evaluation) -> list[Criterion]:
    arrests, stretches = found.arrests, found.stretches
    if not arrests:
        return [Criterion("recorded arrests", "recordings are not there", None)]
    early, late = sum(a.early for a in arrests), sum(a.late for a in arrests)
    alarms = sum(s.alarms + s.sensor_faults for s in stretches)
    hours = total_of(s.seconds for s in stretches) / 3600
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
    plain, alone, taut = (quantile_of(deep, name, 0.5) for name in ("plain_ms", "alone_ms", "taut_ms"))
    detected = sum(one.alone_rule is not None for one in deep)
    stumbles = campaign.recovered_stumbles(at_10)
    counted, stopped = sum(s.counted for s in stumbles), sum(s.alone_rule is not None for s in stumbles)
    return [
        Criterion("falls at 10 cm: >= 99 % detected", as_percent(detected, len(deep)), detected >= 0.99 * len(deep)),
        Criterion(
            "harness alone: median no later than plain, unfiltered",
            f"{alone:.1f} against {plain:.1f} ms; {100 * (plain - alone) / (plain - taut):.0f} % "
            f"of the way to the strap going taut ({taut:.1f} ms)",
            alone <= plain,
        ),
        *_fused_criteria(at_10),
        Criterion(
            "recovered stumbles, harness alone: >= 80 % counted, <= 5 % stopped",
            f"counted {as_percent(counted, len(stumbles))}, stopped {as_percent(stopped, len(stumbles))}",
            counted >= 0.8 * len(stumbles) and stopped <= 0.05 * len(stumbles),
        ),
        _fused_stumbles(stumbles),
    ]


def _fused_criteria(at_10: Sequence[JudgedFall]) -> list[Criterion]:
    """Of the stages that a plan can ask for; the hands-free one beside them."""
    deep = [one for one in at_10 if one.deep and one.stage in PLANNED_STAGES]
    free = [one for one in at_10 if one.deep and one.stage is Stage.FREE]
    plain, fused, taut = (quantile_of(deep, name, 0.5) for name in ("plain_ms", "fused_ms", "taut_ms"))
    quick = quantile_of([one for one in deep if one.kind is not Kind.SIT_DOWN], "fused_ms", 0.95)
    late, taut_late, plain_late = (quantile_of(deep, name, 0.95) for name in ("fused_ms", "taut_ms", "plain_ms"))
    return [
        Criterion(
            "fused: median >= 25 % earlier than plain",
            f"{fused:.1f} against {plain:.1f} ms: {100 * (1 - fused / plain):.1f} % earlier (the strap goes taut at {taut:.1f} ms: "
            f"{100 * (1 - taut / plain):.1f} %); hands free {quantile_of(free, 'fused_ms', 0.5):.1f} against "
            f"{quantile_of(free, 'plain_ms', 0.5):.1f} ms",
            fused <= 0.75 * plain,
        ),
        Criterion(
            "fused: 95th percentile < 500 ms",
            f"{late:.0f} ms after the onset (plain {plain_late:.0f}, strap taut {taut_late:.0f}; without sit-downs {quick:.0f}; "
            f"hands free {quantile_of(free, 'fused_ms', 0.95):.0f}); {len(deep)} falls",
            late < 500.0,
        ),
    ]


def _fused_stumbles(stumbles: Sequence[JudgedFall]) -> Criterion:
    planned = [one for one in stumbles if one.stage in PLANNED_STAGES]
    free = [one for one in stumbles if one.stage is Stage.FREE]
    stopped = sum(one.fused_rule is not None for one in planned)
    counted = sum(one.counted_fused for one in planned)
    asked = sum(one.fused_rule is Event.RAILS_GRABBED for one in free)
    return Criterion(
        "the same stumbles, fused with the hands: >= 80 % counted, <= 5 % stopped",
        f"counted {as_percent(counted, len(planned))}, stopped {as_percent(stopped, len(planned))}; hands free "
        f"{as_percent(asked, len(free))} ask for the stop by taking both rails, as taught",
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
            f"{sum(g.stops for g in recorded)} in {total_of(g.hours for g in recorded) / len(WALK_SLACKS_M):.3f} "
            f"recorded h at each of 3 slacks",
            not any(g.stops for g in recorded),
        ),
        Criterion(
            "none in 10 simulated hours of walking at 5-15 cm",
            f"{sum(g.stops for g in walking)} in {total_of(g.hours for g in walking):.1f} h",
            not any(g.stops for g in walking),
        ),
    ]
    level = [g for g in found.gaits if g.name == LEVEL_RUNNING]
    for what, judged, least_m in (("all trials", running, RUN_LEAST_SLACK_M), ("level trials", level, LEVEL_LEAST_SLACK_M)):
        if judged:
            told = "; ".join(f"{g.stops} in {g.hours:.2f} h at {100 * g.slack_m:.1f} cm" for g in judged)
            made.append(
                Criterion(
                    f"<= 0.5 per simulated hour of running, {what}, at {100 * least_m:.0f} cm of slack",
                    told,
                    all(g.stops <= 0.5 * g.hours for g in judged if g.slack_m >= least_m),
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
