"""`python -m fuzzing [TARGET ...] --seconds N` fuzzes one target after the other, a line of figures each; exit code 1: a find.

What reaches new code is kept in fuzzing/corpus, as little of it as reaches it; an input that was a find goes to fuzzing/found,
which the tests run again. Both are for a person to commit.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fuzzing.targets import TARGETS
from simulator.drive_build import PROJECT_ROOT, MakeTarget, build_once

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(__file__).parent / "found"
DRIVE = "drive"
ALL = (*TARGETS, DRIVE)
MOST_FILES = 64
MOST_BYTES = 64 * 1024
"""Of one target's corpus."""
_MARGIN_S = 120
_MEMORY = next((path for path in ("/dev/shm",) if os.access(path, os.W_OK)), None)
"""Files of the targets' own lie there: a disk that is made to write each of them through would be most of the time."""
_LONGEST_INPUT = {DRIVE: 512, "recording": 16 * 1024}
_JSON = ("command", "record", "export")
_MADE_BY_HAND = re.compile(r"(?![0-9a-f]{40}$)")
"""libFuzzer names what it keeps by its SHA-1."""


class MergeError(RuntimeError):
    """The corpus could not be merged; it was left as it is."""


class Result(msgspec.Struct, frozen=True):
    """One target's run. coverage: libFuzzer's count of edges reached."""

    name: str
    executions: int
    coverage: int
    finding: str


class Bench(msgspec.Struct, frozen=True):
    """Where fuzzing is done. root: the tree whose code is judged. found: where an input goes that was a find.

    keep: what reaches new code goes into the corpus.
    """

    found: Path
    root: Path = PROJECT_ROOT
    keep: bool = False


def fuzz(name: str, seconds: int, seed: int, bench: Bench) -> Result:
    """Fuzzes one target for so long, and first runs again what is in its corpus and what was ever found."""
    command = _command(name, bench.root)
    bench.found.mkdir(parents=True, exist_ok=True)
    known = [folder for folder in (CORPUS / name, FOUND / name) if folder.is_dir()]
    with tempfile.TemporaryDirectory(dir=_MEMORY) as scratch:
        new = Path(scratch, "new")
        new.mkdir()
        options = [
            f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={_LONGEST_INPUT.get(name, 4096)}", "-timeout=10",
            "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={bench.found}/", *_dictionary(name),
        ]  # fmt: skip
        done = subprocess.run(
            [*command, *options, str(new), *map(str, known)],
            capture_output=True, text=True, errors="replace", check=False, timeout=seconds + _MARGIN_S, cwd=bench.root,
            env=os.environ | {"TMPDIR": scratch},
        )  # fmt: skip
        if bench.keep:
            _keep(command, CORPUS / name, new, Path(scratch), bench.root)
    return _result(name, done)


def _command(name: str, root: Path) -> list[str]:
    return [str(_drive_fuzzer(root))] if name == DRIVE else [sys.executable, "-m", "fuzzing.run_target", name]


def _dictionary(name: str) -> list[str]:
    return [f"-dict={Path(__file__).parent / 'json.dict'}"] if name in _JSON else []


def _result(name: str, done: subprocess.CompletedProcess[str]) -> Result:
    output = done.stdout + done.stderr
    executions = re.findall(r"stat::number_of_executed_units: (\d+)", output) or re.findall(r"#(\d+)", output) or ["0"]
    coverage = re.findall(r"cov: (\d+)", output) or ["0"]
    finding = ""
    if done.returncode != 0:
        causes = (output.find(words) for words in ("Uncaught Python exception", "finding: ", "ERROR: "))
        finding = output[next((cause for cause in causes if cause >= 0), -3000) :][:3000]
    return Result(name, int(executions[-1]), int(coverage[-1]), finding)


def _keep(command: list[str], corpus: Path, new: Path, scratch: Path, root: Path) -> None:
    """What was made by hand stays. Of the rest libFuzzer chooses the fewest that reach all code, and the bounds which of these."""
    corpus.mkdir(parents=True, exist_ok=True)
    chosen = scratch / "chosen"
    by_hand = [path for path in sorted(corpus.iterdir()) if _MADE_BY_HAND.match(path.name)]
    chosen.mkdir()
    subprocess.run(
        [*command, "-set_cover_merge=1", "-use_counters=0", f"-max_len={MOST_BYTES}", str(chosen), str(corpus), str(new)],
        capture_output=True, check=False, cwd=root, env=os.environ | {"TMPDIR": str(scratch)},
    )  # fmt: skip
    if not any(chosen.iterdir()):
        raise MergeError(f"nothing was chosen of {corpus} and of what is new; the corpus is as it was")
    for path in corpus.iterdir():
        if path not in by_hand:
            path.unlink()
    already = {path.read_bytes() for path in by_hand}
    for path in within_bounds([path for path in chosen.iterdir() if path.read_bytes() not in already], by_hand):
        shutil.copyfile(path, corpus / path.name)


def within_bounds(candidates: Sequence[Path], by_hand: Sequence[Path]) -> list[Path]:
    """Returns which files are kept beside those made by hand: the smallest, as many as MOST_FILES and MOST_BYTES allow."""
    files, size = len(by_hand), sum(path.stat().st_size for path in by_hand)
    kept = []
    for path in sorted(candidates, key=lambda path: (path.stat().st_size, path.name)):
        files, size = files + 1, size + path.stat().st_size
        if files > MOST_FILES or size > MOST_BYTES:
            break
        kept.append(path)
    return kept


def _drive_fuzzer(root: Path) -> Path:
    here = root / "fuzzing"
    core = root / "firmware_bridge" / "firmware" / "core"
    sources = [here / "Makefile", *sorted(here.glob("*.[ch]")), *sorted(core.glob("*.[ch]"))]
    return build_once(MakeTarget(here, "drive_fuzzer", "DRIVE_FUZZER", "drive_fuzzer"), sources, {"clang": "clang"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the targets; returns the exit code."""
    parser = argparse.ArgumentParser(prog="fuzzing", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(ALL), metavar="TARGET", help=f"of {', '.join(ALL)} (default: all)")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="libFuzzer's seed; 0: a fresh one")
    parser.add_argument("--discard", action="store_true", help="leave fuzzing/corpus as it is")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.targets if name not in ALL]:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(ALL)}")
    failed = []
    for name in options.targets:
        print(f"{name:16} {options.seconds} s ...", end=" ", flush=True)
        result = fuzz(name, options.seconds, options.seed, Bench(found=FOUND / name, keep=not options.discard))
        print(
            f"{result.executions} inputs, {result.coverage} edges, {'FINDING' if result.finding else 'nothing found'}", flush=True
        )
        if result.finding:
            print(result.finding)
            failed.append(name)
    for name in failed:
        print(
            f"the input is in {FOUND / name}: `python -m fuzzing.run_target {name} FILE` runs it; mend what it found, commit both"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
