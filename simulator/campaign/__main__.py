"""The command line: `python -m simulator.campaign --hours 2 --seed 1`, or one run again with `--run 1/17`."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

import msgspec

from simulator.campaign import report
from simulator.campaign.campaign import (
    Found,
    Summary,
    commit,
    explain,
    play_all,
    play_run,
    prepare_process,
    repeat_command,
    run_names,
    summarise,
    total,
)
from simulator.campaign.planted import DEFECTS, seek
from simulator.campaign.run import RunResult
from simulator.drive_build import BUILD

EXPLAINED_AT_MOST = 10
"""Violations whose fault lists are shrunk; a campaign with more has one cause for most of them."""


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 when every run kept every invariant, 1 when not."""
    options = _parser().parse_args(arguments)
    if options.run:
        return _one(options.run)
    if options.planted:
        return _planted(options.seed)
    batches = _read_ledger(options.ledger)
    if options.hours > 0:
        batches.append(_campaign(options, _next_run(batches, options.seed)))
        _write_ledger(options.ledger, batches)
        print(report.table(batches[-1]))
    if options.document is not None and batches:
        prepare_process()
        catches = [(defect, seek(defect, batches[-1].seed)) for defect in DEFECTS]
        options.document.write_text(report.document(batches, catches))
        print(f"{options.document} is written")
    return 1 if batches and total(batches).found else 0


def _read_ledger(path: Path) -> list[Summary]:
    return msgspec.json.decode(path.read_bytes(), type=list[Summary]) if path.exists() else []


def _write_ledger(path: Path, batches: list[Summary]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(batches), indent=1) + b"\n")


def _next_run(batches: list[Summary], seed: str) -> int:
    """The first run of this seed that the ledger does not hold: no hour is counted twice."""
    return max((batch.first_run + batch.runs for batch in batches if batch.seed == seed), default=0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator.campaign", description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0, help="simulated hours (default 2); 0: only the document")
    parser.add_argument("--seed", default=f"{secrets.randbelow(10**9)}", help="decides everything (default: a fresh one)")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="processes (default: every core)")
    parser.add_argument("--run", help="one run again, by its name SEED/NUMBER")
    parser.add_argument("--planted", action="store_true", help="plant each defect and say when it is caught")
    parser.add_argument("--document", type=Path, help="write this document")
    ledger = BUILD / "campaign" / "ledger.json"
    parser.add_argument("--ledger", type=Path, default=ledger, help="figures are added here; runs go on after those it holds")
    return parser


def _campaign(options: argparse.Namespace, first_run: int) -> Summary:
    names = run_names(options.seed, options.hours, first_run)
    runs = f"{len(names)} runs of 10 minutes from {names[0]}"
    print(f"campaign: {runs}, commit {commit()}, {options.cores} processes", flush=True)
    progress = report.Progress(len(names))
    results: list[RunResult] = []
    for result in play_all(names, options.cores):
        results.append(result)
        print(progress.line(result), flush=True)
        for violation in result.violations:
            print(
                f"  VIOLATION in run {result.seed}: {violation.invariant}: {violation.text}; {repeat_command(result.seed)}",
                flush=True,
            )
    elapsed_s = progress.elapsed_s
    prepare_process()
    found: list[Found] = []
    for result in results:
        for violation in result.violations:
            shrinks = len(found) < EXPLAINED_AT_MOST
            if shrinks:
                print(f"shrinking the fault list of run {result.seed} ...", flush=True)
            found.append(explain(result, violation, shrinks))
    return summarise(options.seed, first_run, results, found, elapsed_s, options.cores)


def _one(name: str) -> int:
    prepare_process()
    result = play_run(name)
    print(
        f"run {name}, commit {commit()}: {result.simulated_s:.0f} s, {result.scans} scans, {sum(result.injected.values())} faults"
    )
    print(f"trace {result.trace}")
    for violation in result.violations:
        print(f"shrinking the fault list of: {violation.text} ...", flush=True)
        found = explain(result, violation)
        print(f"VIOLATION {found.invariant} at {found.at_s} s: {found.text}")
        print("\n".join(f"  {one}" for one in found.faults) or "  without any fault")
    return 1 if result.violations else 0


def _planted(seed: str) -> int:
    prepare_process()
    missed = 0
    for defect in DEFECTS:
        catch = seek(defect, seed)
        missed += catch is None
        caught = f"after {catch.simulated_s:5.0f} s by: {catch.violation.invariant}" if catch else "NOT CAUGHT"
        print(f"{defect.name:<75}{caught}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
