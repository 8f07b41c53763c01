"""docs/mutants.md and the table at a run's end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from mutating.equivalents import Equivalent, Key
from mutating.mutant import ROOT, Judged, Mutant

PAGE = ROOT / "docs" / "mutants.md"
_HEAD = (
    "| where | made | judged | killed | late | survived, equivalent | survived, without a reason |",
    "|---|---:|---:|---:|---:|---:|---:|",
)


class Run(msgspec.Struct, frozen=True):
    """What was run, by what command. notes: sentences on how the mutants were made. removals: controls that were taken out.

    unproved: what is wrong with those whose removal was no proof.
    """

    command: str
    generated: Sequence[Mutant]
    judged: Sequence[Judged]
    equivalents: dict[Key, Equivalent]
    notes: Sequence[str]
    removals: int
    unproved: Sequence[str] = ()
    minutes: float = 0.0
    """How long the run took."""

    def unexplained(self) -> list[Judged]:
        """Survivors without a written reason."""
        return sorted((one for one in self.survivors() if one.mutant.key not in self.equivalents), key=lambda one: one.mutant.key)

    def survivors(self) -> list[Judged]:
        return [one for one in self.judged if one.outcome == "survived"]


def table(run: Run) -> list[str]:
    """Returns the counts, a line for each part of the code."""
    lines = list(_HEAD)
    made = Counter(_group(mutant) for mutant in run.generated)
    for group in sorted(made):
        lines.append(_row(group, made[group], [one for one in run.judged if _group(one.mutant) == group], run))
    lines.append(_row("**all**", sum(made.values()), run.judged, run))
    return lines


def page(run: Run) -> str:
    """Returns docs/mutants.md."""
    text = [
        "# Mutants",
        "",
        "A mutant is the code with one small mistake in it. Tests that pass with the mistake do not see it.",
        "This page is written by the run:",
        "",
        f"    {run.command}",
        "",
        *table(run),
        "",
        *run.notes,
        "Left out: a billionth more in a conversion to nanoseconds, and other letters in a sentence of `controller/session`.",
        "",
        *_controls(run),
        f"{len(run.judged)} of {len(run.generated)} mutants were judged, earlier verdicts that still hold included; their tests",
        f"took {sum(one.cpu_s for one in run.judged) / 60:.0f} minutes of processor time, this run {run.minutes:.0f} minutes.",
        "What no test can kill stands in [equivalent-mutants.toml](safety/equivalent-mutants.toml), each with its reason.",
        "",
        "## File by file",
        "",
        *_files(run),
        "",
        "## Late",
        "",
        "Their tests took more than 20 s of processor time and eight times what they take without the mutant: they never end.",
        "",
        *_list(sorted((one for one in run.judged if one.outcome == "timed out"), key=lambda one: one.mutant.key)),
        "",
        "## Survivors without a reason",
        "",
        *_list(run.unexplained()),
    ]
    return "\n".join(text) + "\n"


def _files(run: Run) -> list[str]:
    lines = list(_HEAD)
    made = Counter(mutant.file for mutant in run.generated)
    for file in sorted({one.mutant.file for one in run.judged}):
        lines.append(_row(file, made[file], [one for one in run.judged if one.mutant.file == file], run))
    return lines


def _controls(run: Run) -> list[str]:
    if not run.removals:
        return []
    return [
        f"{run.removals} controls of [the hazard analysis](safety/trace.md) were taken out of the code, one at a time;",
        f"{run.removals - len(run.unproved)} of them turned one of their own tests red.",
        *(f"- {line.splitlines()[0]}" for line in run.unproved),
        "",
    ]


def _list(survivors: Iterable[Judged]) -> list[str]:
    return [f"- `{one.mutant.file}` {one.mutant.place}: `{one.mutant.old}` → `{one.mutant.new}`" for one in survivors] or ["None."]


def _row(name: str, made: int, judged: Sequence[Judged], run: Run) -> str:
    outcomes = Counter(one.outcome for one in judged)
    explained = sum(one.outcome == "survived" and one.mutant.key in run.equivalents for one in judged)
    counts = (made, len(judged), outcomes["killed"], outcomes["timed out"], explained, outcomes["survived"] - explained)
    return f"| {name} | " + " | ".join(map(str, counts)) + " |"


def _group(mutant: Mutant) -> str:
    if mutant.part == "C":
        return "C core"
    where = mutant.file.removesuffix(".py").rpartition("/")[2]
    folder = {"controller/core": "core", "controller/session": "session"}.get(mutant.file.rpartition("/")[0], "bridge")
    if folder == "core" and where in {"gate", "gate_limits"}:
        folder = "gate"
    elif folder == "core" and where.startswith(("balance", "load_")):
        folder = "balance detector"
    elif where == "codec":
        folder = "codec"
    return f"{folder}: {mutant.part}"
