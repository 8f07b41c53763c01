"""`python -m fuzzing [TARGET ...] --seconds N` fuzzes one target after the other, a line of figures each; exit code 1: a find."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fuzzing.targets import TARGETS
from simulator.drive_build import FIRMWARE, PROJECT_ROOT, MakeTarget, build_once

CORPUS = Path(__file__).parent / "corpus"
FINDINGS = PROJECT_ROOT / "build" / "fuzz"
DRIVE = "drive"
ALL = (*TARGETS, DRIVE)
_MARGIN_S = 120


class Result(msgspec.Struct, frozen=True):
    """One target's run. coverage: libFuzzer's count of edges reached."""

    name: str
    executions: int
    coverage: int
    finding: str


def fuzz(name: str, seconds: int, seed: int, keep: bool = False) -> Result:
    """Fuzzes one target for so long; `keep`: new inputs that reach new code are added to the corpus."""
    command = [str(_drive_fuzzer())] if name == DRIVE else [sys.executable, "-m", "fuzzing.run_target", name]
    FINDINGS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folders = [scratch, str(CORPUS / name.rpartition(":")[2])]
        options = [
            f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048",
            "-print_final_stats=1", f"-artifact_prefix={FINDINGS}/{name.replace(':', '-')}-",
        ]  # fmt: skip
        done = subprocess.run(
            [*command, *options, *(folder for folder in folders if Path(folder).is_dir())],
            capture_output=True, text=True, errors="replace", check=False, timeout=seconds + _MARGIN_S, cwd=PROJECT_ROOT,
        )  # fmt: skip
        if keep:
            _keep_smallest(command, name, Path(scratch))
    return _result(name, done)


def _result(name: str, done: subprocess.CompletedProcess[str]) -> Result:
    output = done.stdout + done.stderr
    executions = re.findall(r"stat::number_of_executed_units: (\d+)", output) or re.findall(r"#(\d+)", output) or ["0"]
    coverage = re.findall(r"cov: (\d+)", output) or ["0"]
    finding = ""
    if done.returncode != 0:
        causes = (output.find(words) for words in ("Uncaught Python exception", "finding: ", "ERROR: "))
        finding = output[next((cause for cause in causes if cause >= 0), -3000) :][:3000]
    return Result(name, int(executions[-1]), int(coverage[-1]), finding)


def _keep_smallest(command: list[str], name: str, found: Path) -> None:
    """libFuzzer's own merge: only what reaches code that nothing in the corpus does."""
    kept = CORPUS / name
    kept.mkdir(parents=True, exist_ok=True)
    subprocess.run([*command, "-merge=1", str(kept), str(found)], capture_output=True, check=False, cwd=PROJECT_ROOT)


def _drive_fuzzer() -> Path:
    here = Path(__file__).parent
    sources = [here / "Makefile", here / "drive_fuzzer.c", *sorted((FIRMWARE / "core").glob("*.[ch]"))]
    return build_once(MakeTarget(here, "drive_fuzzer", "DRIVE_FUZZER", "drive_fuzzer"), sources, {"clang": "clang"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the targets; returns the exit code."""
    parser = argparse.ArgumentParser(prog="fuzzing", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(ALL), metavar="TARGET", help=f"of {', '.join(ALL)} (default: all)")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="libFuzzer's seed; 0: a fresh one")
    parser.add_argument("--keep", action="store_true", help="add what reaches new code to fuzzing/corpus")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.targets if name not in ALL]:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(ALL)}")
    failed = False
    for name in options.targets:
        print(f"{name:16} {options.seconds} s ...", end=" ", flush=True)
        result = fuzz(name, options.seconds, options.seed, options.keep)
        print(
            f"{result.executions} inputs, {result.coverage} edges, {'FINDING' if result.finding else 'nothing found'}", flush=True
        )
        if result.finding:
            print(result.finding)
            failed = True
    if failed:
        print(f"inputs that did it are in {FINDINGS}; give one to `python -m fuzzing.run_target NAME FILE`")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
