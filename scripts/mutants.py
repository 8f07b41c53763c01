"""Mutation testing of what decides: the core, the session's rules, the codec, the tables, the firmware's C.

Without arguments: a seeded sample of 1,000 over all of them, all of the gate's in it. Exits with 1 when a mutant survives without a
written reason in docs/safety/equivalent-mutants.toml, when such an entry is wrong, or when a control can be removed and none of its
tests turns red.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Sequence

import msgspec
from mutating import c_core, equivalents, functions, page, suites, tables
from mutating.judging import judge, share_ends_at_s
from mutating.mutant import ROOT, Judged, Mutant
from mutating.proofs import Proofs
from mutating.removals import judge_removals
from mutating.verdicts import Verdicts
from mutating.workspace import MutationError
from tracing.analysis import AnalysisError, Control, read_analysis
from tracing.marks import marked_tests

SAMPLE = 1000
GATE = "controller/core/gate"
"""The last check before the drive: no sample leaves a mutant of it out."""
REMOVABLE_LAYERS = ("firmware", "controller", "telemetry")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it; returns 0, or 1 when something is wrong."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        run, wrong = _run(options)
    except (MutationError, AnalysisError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in page.table(run):
        sys.stdout.write(f"{line}\n")
    for one in run.unexplained():
        sys.stdout.write(f"survived: {one.mutant.sentence}\n")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    minutes = (time.monotonic() - began) / 60
    if options.write:
        page.PAGE.write_text(page.page(msgspec.structs.replace(run, minutes=minutes)), encoding="utf-8")
    sys.stdout.write(f"{len(run.judged)} of {len(run.generated)} mutants judged in {minutes:.1f} min; again: {run.command}\n")
    return 1 if wrong or run.unexplained() else 0


def _run(options: argparse.Namespace) -> tuple[page.Run, list[str]]:
    known = equivalents.read_equivalents()
    analysis = read_analysis(ROOT / "docs" / "safety" / "hazards.toml")
    controls = [one for one in analysis.control if _is_in_code(one) and "controls" in options.parts]
    unproved = judge_removals(controls, marked_tests(ROOT), Proofs(fresh=options.fresh)) if controls else []
    generated, notes = _generate(options)
    chosen = _choose(generated, options)
    sys.stderr.write(f"{len(chosen)} of {len(generated)} mutants are judged\n")
    judged = _judge(chosen, generated, options)
    stale = equivalents.complaints(known, generated, judged, frozenset(mutant.file for mutant in generated))
    left = len({mutant.key for mutant in chosen} - {one.mutant.key for one in judged})
    if left:
        stale.append(f"{left} of the {len(chosen)} mutants that this run asked for are not judged: run it again, and it goes on")
        notes.append(
            f"{left} of the {len(chosen)} mutants that the run asked for are not judged yet. An earlier run's survivor counts only "
            "while no file has changed since: a new test may kill it."
        )
    return page.Run(_command(options), generated, judged, known, notes, len(controls), unproved), [*unproved, *stale]


def _is_in_code(control: Control) -> bool:
    """A control of hardware may have a part in the code, too: then its entry says how to remove that."""
    return bool(control.removal) or control.layer in REMOVABLE_LAYERS


def _generate(options: argparse.Namespace) -> tuple[list[Mutant], list[str]]:
    generated: list[Mutant] = []
    notes: list[str] = []
    if "functions" in options.parts:
        generated += functions.function_mutants()
    if "tables" in options.parts:
        generated += tables.table_mutants()
    if "C" in options.parts:
        made = c_core.c_mutants(options.jobs)
        generated += made.mutants
        notes.append(
            f"Of {made.made} texts that universalmutator made of the C, the compiler refused {made.refused} with the build's own "
            f"warnings, and {made.same} compile to object code (`-O2`) that is the original's or another mutant's; neither counts."
        )
    return generated, notes


def _choose(generated: Sequence[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """Returns the sample in its order. The seed orders all mutants by their names: other code moves no mutant in or out."""
    wanted = (mutant for mutant in generated if not options.only or any(word in mutant.file for word in options.only))
    ordered = sorted(wanted, key=lambda mutant: hashlib.sha256(f"{options.seed} {mutant.key}".encode()).digest())
    ordered.sort(key=lambda mutant: not mutant.file.startswith(GATE))
    return ordered if options.all else ordered[: options.count]


def _judge(chosen: Sequence[Mutant], generated: Sequence[Mutant], options: argparse.Namespace) -> list[Judged]:
    """Judges the sample; what earlier runs have judged and still holds is counted with it.

    Each part has its share of the time that is left, so that none is starved by those before it.
    """
    verdicts = Verdicts(fresh=options.fresh)
    ends_at_s = time.monotonic() + options.minutes * 60
    judged: list[Judged] = []
    for done, (part, suite, tests_of) in enumerate(JUDGES):
        mine = [mutant for mutant in chosen if mutant.part == part]
        mine_end_at_s = share_ends_at_s(time.monotonic(), ends_at_s, len(JUDGES) - done)
        judged += judge(mine, suite, tests_of, options.jobs, verdicts, mine_end_at_s)
    sample = {mutant.key for mutant in chosen}
    others = (verdicts.of(mutant) for mutant in generated if mutant.key not in sample)
    return judged + [one for one in others if one is not None]


def _command(options: argparse.Namespace) -> str:
    if options.all and not options.only:
        return "make mutants-full"
    if not options.only and options.count == SAMPLE and set(options.parts) == set(PARTS):
        return f"make mutants SEED={options.seed}{' ARGS=--write' if options.write else ''}"
    how = "--all" if options.all else f"--seed {options.seed} --count {options.count}"
    only = f" --only {' '.join(options.only)}" if options.only else ""
    return f"scripts/mutants.py {how} --parts {' '.join(options.parts)}{only}"


PARTS = ("functions", "tables", "C", "controls")
JUDGES = (
    ("tables", suites.PYTHON, tables.tests_of),
    ("C", suites.C, c_core.tests_of),
    ("functions", suites.PYTHON, functions.tests_of),
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="judge every mutant; takes hours")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="which sample (default: a fresh one)")
    parser.add_argument("--count", type=int, default=SAMPLE, help=f"how many are judged (default {SAMPLE})")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is mutated (default: everything)")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="only files whose path contains one of these")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no mutant after so long; run again to go on")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs have judged")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time (default: one a core)")
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md from this run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
