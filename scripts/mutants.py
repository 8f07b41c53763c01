"""Mutation testing of what decides: the core, the session's rules, the codec, the tables, the firmware's C.

Without arguments: a seeded sample of 1,000 over all of them. Exits with 1 when a mutant survives without a written reason in
docs/safety/equivalent-mutants.toml, when such an entry is wrong, or when a control can be removed and its tests stay green.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import sys
import time
from collections.abc import Sequence

from mutating import c_core, equivalents, functions, page, tables
from mutating.judging import judge_files
from mutating.mutant import ROOT, Judged, Mutant
from mutating.removals import judge_removals
from mutating.workspace import MutationError
from tracing.analysis import AnalysisError, read_analysis
from tracing.marks import marked_tests

SAMPLE = 1000
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
    if options.write:
        page.PAGE.write_text(page.page(run), encoding="utf-8")
    minutes = (time.monotonic() - began) / 60
    sys.stdout.write(f"{len(run.judged)} of {len(run.generated)} mutants judged in {minutes:.1f} min; again: {run.command}\n")
    return 1 if wrong or run.unexplained() else 0


def _run(options: argparse.Namespace) -> tuple[page.Run, list[str]]:
    known = equivalents.read_equivalents()
    analysis = read_analysis(ROOT / "docs" / "safety" / "hazards.toml")
    controls = [one for one in analysis.control if one.layer in REMOVABLE_LAYERS and "controls" in options.parts]
    unproved = judge_removals(controls, marked_tests(ROOT)) if controls else []
    generated, notes = _generate(options)
    chosen = _choose(generated, options)
    sys.stderr.write(f"{len(chosen)} of {len(generated)} mutants are judged\n")
    judged = _judge(chosen, options.jobs)
    stale = equivalents.complaints(known, generated, judged, frozenset(mutant.file for mutant in generated))
    return page.Run(_command(options), generated, judged, known, notes, len(controls), unproved), [*unproved, *stale]


def _generate(options: argparse.Namespace) -> tuple[list[Mutant], list[str]]:
    generated: list[Mutant] = []
    notes: list[str] = []
    if "functions" in options.parts:
        generated += functions.prepare(options.jobs)
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
    mutants = sorted(mutant for mutant in generated if not options.only or any(word in mutant.file for word in options.only))
    if options.all or len(mutants) <= options.count:
        return mutants
    return sorted(random.Random(options.seed).sample(mutants, options.count))


def _judge(chosen: Sequence[Mutant], jobs: int) -> list[Judged]:
    def of(part: str) -> list[Mutant]:
        return [mutant for mutant in chosen if mutant.part == part]

    loaded = functions.run_at_import(of("functions"))
    keys = {mutant.key for mutant in loaded}
    judged = functions.judge_functions([mutant for mutant in of("functions") if mutant.key not in keys], jobs)
    judged += judge_files([*loaded, *of("tables")], tables.stages, jobs)
    return judged + judge_files(of("C"), c_core.stages, jobs)


def _command(options: argparse.Namespace) -> str:
    if options.all and not options.only:
        return "make mutants-full"
    if not options.only and options.count == SAMPLE and set(options.parts) == set(PARTS):
        return f"make mutants SEED={options.seed}"
    how = "--all" if options.all else f"--seed {options.seed} --count {options.count}"
    only = f" --only {' '.join(options.only)}" if options.only else ""
    return f"scripts/mutants.py {how} --parts {' '.join(options.parts)}{only}"


PARTS = ("functions", "tables", "C", "controls")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="judge every mutant; takes hours")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="which sample (default: a fresh one)")
    parser.add_argument("--count", type=int, default=SAMPLE, help=f"how many are judged (default {SAMPLE})")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is mutated (default: everything)")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="only files whose path contains one of these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time (default: one a core)")
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md from this run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
