"""What a campaign says: while it runs, at its end, and in the document."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from simulator.campaign import events, standing
from simulator.campaign.campaign import Found, Summary, total
from simulator.campaign.faults import KINDS
from simulator.campaign.planted import Catch, Defect
from simulator.campaign.run import RunResult


class Progress:
    """A line a result."""

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._began_s = time.monotonic()
        self._done = 0
        self._simulated_s = 0.0
        self._processor_s = 0.0
        self._faults = 0
        self.violations = 0

    @property
    def elapsed_s(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began_s

    def line(self, result: RunResult) -> str:
        """Adds the result up and says how far it is."""
        self._done += 1
        self._simulated_s += result.simulated_s
        self._processor_s += result.processor_s
        self._faults += sum(result.injected.values())
        self.violations += len(result.violations)
        left_s = self.elapsed_s / self._done * (self._runs - self._done)
        return (
            f"{self._done}/{self._runs} runs  {self._simulated_s / 3600:6.2f} h  "
            f"{self._simulated_s / self._processor_s:4.0f} x real time a core, "
            f"{self._simulated_s / self.elapsed_s:4.0f} x elapsed  "
            f"{self._faults} faults  {self.violations} violations  {left_s / 60:.0f} min left"
        )


def table(summary: Summary) -> str:
    """The end of a campaign, to be read in a terminal."""
    rows = [(name, value) for name, value, _ in _figures(summary)]
    groups = _by_group(summary)
    rows += [(f"faults: {group}", f"{count}") for group, count in groups.items()]
    rows += [
        (f"begun in motion: {name}", f"{met} of {summary.faults[name]}, {summary.moving_by_fault_s[name]:.0f} s of motion under it")
        for name, met in summary.in_motion.items()
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    return "\n".join([*lines, *map(_violation, summary.found), summary.bound])


def _violation(found: Found) -> str:
    faults = "".join(f"\n    {one}" for one in found.faults)
    where = f"  at {found.at_s} s of run {found.run}; repeat it with: {found.command}"
    return f"VIOLATION {found.invariant}: {found.text}\n{where}{faults}"


def _figures(summary: Summary) -> list[tuple[str, str, str]]:
    """Name, value, target."""
    return [
        ("simulated hours", f"{summary.simulated_h:.1f}", ">= 200"),
        ("of these with the belt in motion", f"{summary.moving_h:.1f}", ""),
        ("runs of 10 minutes", f"{summary.runs}", ""),
        ("sessions started", f"{summary.sessions}", ""),
        ("scans of the controller", f"{summary.scans:,}", ""),
        ("highest belt speed", f"{summary.highest_m_s:.2f} m/s", ""),
        ("events told, journalled and published", f"{summary.events:,}", ""),
        ("faults injected", f"{sum(summary.faults.values()):,}", ""),
        ("faults a simulated hour", f"{summary.faults_an_hour:.0f}", ">= 1,000"),
        *standing.motion(summary),
        ("times real time, a core's processor time", f"{summary.times_real_time_per_core:.0f}", ">= 100"),
        ("times real time, elapsed, all cores", f"{summary.times_real_time_elapsed:.0f}", ""),
        ("violations", f"{len(summary.found)}", "0"),
    ]


def _by_group(summary: Summary) -> dict[str, int]:
    groups: Counter[str] = Counter()
    for name, count in summary.faults.items():
        groups[KINDS[name].group if name in KINDS else "of another version"] += count
    return dict(groups)


def document(batches: list[Summary], catches: list[tuple[Defect, Catch | None]]) -> str:
    """docs/campaign.md, of at least one batch."""
    summary, whole = total(standing.of_present_code(batches) or batches), total(batches)
    violations = ["## Violations", "", "```", *map(_violation, whole.found), "```", ""] if whole.found else []
    return "\n".join(
        [
            _INTRODUCTION,
            *standing.bounds(batches),
            "",
            *_table("figure | measured | target", (f"{name} | {value} | {target}" for name, value, target in _figures(summary))),
            *standing.rate(summary),
            "",
            *violations,
            "## The batches",
            "",
            "Hours may be run in pieces: a ledger (`docs/campaign.json`) holds each piece, and the next goes on after its seed's",
            "last run. The figures above are of the pieces whose deciding code (core, messages, bridge, firmware) is the present",
            "one, or of all while there is none.",
            "",
            *_table(_BATCH_HEAD, map(_batch, batches)),
            *_judges(summary),
            *_planted(catches),
            *_faults(summary),
            _INCIDENTS,
        ]
    )


def _table(head: str, rows: Iterable[str]) -> list[str]:
    """The lines of a table, and the empty one after it."""
    return [f"| {head} |", "|---" * (head.count("|") + 1) + "|", *(f"| {row} |" for row in rows), ""]


def _judges(summary: Summary) -> list[str]:
    reasons = {**summary.invariants, events.NAME: events.REASON}
    return ["## The judges", "", *_table("invariant | tolerance, and why", (f"{name} | {why}" for name, why in reasons.items()))]


def _planted(catches: list[tuple[Defect, Catch | None]]) -> list[str]:
    rows = (
        f"{defect.name} | {catch.violation.invariant if catch else 'NOT CAUGHT'} | {catch.simulated_s if catch else 0:.0f} s"
        for defect, catch in catches
    )
    return [
        "## Every judge can say no",
        "",
        "Defects that somebody might make, each planted alone (with what stands behind it, where a law is kept twice), and",
        "the simulated time until a judge it is meant for spoke, under the faults that it is sought with.",
        "",
        *_table("planted defect | caught by | after", rows),
    ]


def _faults(summary: Summary) -> list[str]:
    rows = (
        f"{kind.group} | {kind.name} | {(kind.deed.__doc__ or '').strip()} | {summary.faults.get(kind.name, 0):,} "
        f"| {summary.in_motion.get(kind.name, 0):,} | {summary.moving_by_fault_s.get(kind.name, 0.0):.0f} s"
        for kind in KINDS.values()
    )
    head = "group | fault | what happens | injected | of these begun on a moving belt | motion under it"
    return ["## The faults", "", *_table(head, rows)]


_BATCH_HEAD = "runs | commit | deciding code | at | hours | faults | x real time a core | violations | machine"


def _batch(batch: Summary) -> str:
    last = batch.first_run + batch.runs - 1
    return (
        f"{batch.seed}/{batch.first_run} to {batch.seed}/{last} | {standing.named(batch.commit)} | {batch.code or 'earlier'} "
        f"| {batch.measured_at} | {batch.simulated_h:.1f} | {sum(batch.faults.values()):,} "
        f"| {batch.times_real_time_per_core:.0f} | {len(batch.found)} "
        f"| {batch.machine}, Python {batch.python}, {batch.cores} processes"
    )


_INTRODUCTION = """# Whole-system campaign

Written by `make campaign HOURS=200 SEED=1 LEDGER=docs/campaign.json DOCUMENT=docs/campaign.md`, never by hand. `HOURS=0`
writes the page of what a ledger already holds.

The controller (scan, core, session, channel, ring, memory), the drive's bridge (driver, codec, serial link), telemetry
(service, link, keeper, SQLite journal, publisher) and the firmware's C run in one process in virtual time, with a simulated
belt, patient, strap, load cell, stop chain, cable, panel, therapist and broker. They are the shipped modules: what they take
from outside (clock, sockets, serial device, MQTT client) is exchanged, their source is not. One seed decides patient, plan,
hands, timing and faults; the same seed gives the same trace, byte for byte. Everything here is **emulated**: no figure of this
page was measured on a treadmill.

What is abstract: the serial line is read at each scan, not as each byte comes; physics advances by 10 ms at most (the firmware
and the belt by 1 ms); the helper thread that writes the controller's memory takes 20 ms; a kill falls between two scans; the
journal's disk loses nothing that SQLite has synced (power cuts are another test's). Hardware that is broken twice over (a welded
relay and a runaway motor) is stopped by a bystander's hand on the mushroom and the off-delay relay: no software takes part.

Faults come in two ways. Some in bursts, alone and together; the others, one to four at a time, are armed: they wait until somebody
walks and nothing else is the matter, and begin 1 to 5 s later (some up to 25 s). In three runs of ten they wait besides until the
belt has two fifths of the plan's speed or more: a rise of 0.05 m/s takes 10 s, and a stop from 0.7 m/s is another thing than one
from the warm-up's 0.1. Then the therapist gets everybody walking again. A fault that met nothing (a clip that was open already, a
full disk that nobody wrote to, a command without anybody who heard it) is not counted. Lamps, buzzer and nurse call are not made to
stick: nobody in the simulated world looks at them, so that nothing of them is claimed here.

Three complaints in the long runs were the campaign's own mistakes, mended before any hours with them were counted: 1/358 called an
event lost that telemetry was to publish 2 s later (it asks for a lost broker again after 30 s at the latest), and 1/855 did not
know that three machine faults at once, a reversed and runaway motor behind a welded relay, are ended by the contactors alone.
In 3/92 a glitch of the load cell had ended a gap that the injector still counted as lasting, so that the belt rightly went on;
the 18 hours that had been played so were thrown away. When half of the faults began to meet moving belts and the judges became
stricter, 18 hours more were played (seed 2) and thrown away for two complaints of judges that were unjust: in 2/27 the firmware had
hung besides, so that nobody watched a reversed motor for 120 ms, and in 2/78 a belt that a killed controller had left moving was
still slowing in the next life. The same judges found a true defect: a press of RESET from before a stop opened it.
When faults came to meet fast belts, 1/1394 was a complaint of another unjust judge: a program that has the Pi and the line to the
drive for itself kept the belt at 0.1 m/s through a press of STOP, until the controller, unheard, found that braking had failed and
opened the chain 2.2 s later. So it is meant to be: STOP on the panel is the Pi's, the mushroom is not. The judge knows it now; the
runs beside that one are thrown away, and played again. So are the 12 hours of 1/1439: under such a program the drive's set-point
rose at its own ceiling of 0.15 m/s2, and a belt that had stood moved 0.07 s later and caught up with it, by 0.066 m/s in 0.4 s,
where the judge allowed 0.065. And the 2 hours of 1/1544, in which a STOP that was still arriving hid from the judge the one before
it: a planned stop was held to the lease's rate.
"""

_INCIDENTS = """## Accidents of others

| incident | what happened |
|---|---|
| 1 | h/p/cosmos remote control: the operator stops the belt, the patient turns, the host's running profile restarts it |
| 2 | Field Safety Notice of 8 Sep 2023: unwanted acceleration by automatic profiles |
| 3 | h/p/cosmos safety notice of 8 Feb 2019: a negative speed accelerates |
| 4 | qdomyos-zwift PR 4916: the belt moved because a host connected |
| 5 | qdomyos-zwift PR 4931: a stop stood behind queued writes |
| 6 | qdomyos-zwift issue 5100: "start" was a toggle; mph taken for km/h |
| 7 | qdomyos-zwift issue 2630: the speed went back 3 s after it was set |
| 8 | qdomyos-zwift issue 1075: the belt ran on while "paused" |
| 9 | frequency converters whose default on communication loss is to keep running, or to accelerate |
| 10 | Klipper issue 1029: the host got no processor for 500 ms |
"""
