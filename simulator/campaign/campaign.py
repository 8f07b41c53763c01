"""Many runs on every core, and what they come to."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import logging
import math
import multiprocessing
import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from controller.code_identity import code_identity
from simulator.campaign.fault import Fault
from simulator.campaign.faults import KINDS
from simulator.campaign.invariants import all_invariants
from simulator.campaign.observation import Violation
from simulator.campaign.run import RUN_S, RunResult, Script, play, write_script
from simulator.campaign.shrink import shrink
from simulator.drive_build import PROJECT_ROOT, native_library, native_sources

_RULE_OF_THREE = 3.0
"""With no violation in n hours the rate is below 3/n per hour at 95 % confidence: exp(-3) = 0.05."""


class Found(msgspec.Struct, frozen=True):
    """A violation with what repeats it."""

    run: str
    invariant: str
    at_s: float
    text: str
    command: str
    faults: tuple[str, ...] = ()
    """The shortest fault list found that still violates."""


class Summary(msgspec.Struct, frozen=True):
    """A campaign's outcome: the document is made of all that a ledger holds. runs: SEED/first_run and the next ones.

    code: see deciding_code; empty in ledgers that are older than it. in_motion, in_fast, moving_by_fault_s and both last hours:
    see RunResult.
    """

    seed: str
    first_run: int
    runs: int
    commit: str
    measured_at: str
    machine: str
    python: str
    cores: int
    simulated_h: float
    moving_h: float
    elapsed_s: float
    processor_s: float
    scans: int
    sessions: int
    events: int
    highest_m_s: float
    faults: dict[str, int]
    invariants: dict[str, str]
    found: tuple[Found, ...]
    code: str = ""
    in_motion: dict[str, int] = {}
    moving_by_fault_s: dict[str, float] = {}
    under_fault_h: float = 0.0
    in_fast: int = 0
    fast_h: float = 0.0

    @property
    def times_real_time_per_core(self) -> float:
        """Simulated over processor time."""
        return self.simulated_h * 3600 / self.processor_s if self.processor_s else 0.0

    @property
    def times_real_time_elapsed(self) -> float:
        """Simulated over elapsed time."""
        return self.simulated_h * 3600 / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def faults_an_hour(self) -> float:
        """Injected a simulated hour."""
        return sum(self.faults.values()) / self.simulated_h if self.simulated_h else 0.0

    @property
    def bound(self) -> str:
        """What the hours prove, in words."""
        if self.found:
            return f"{len(self.found)} violations in {self.simulated_h:.1f} h"
        most = _RULE_OF_THREE / self.simulated_h
        return f"0 violations in {self.simulated_h:.1f} h: fewer than {most:.3g} an hour at 95 % confidence"


def run_names(seed: str, hours: float, first_run: int = 0) -> list[str]:
    """Runs are named SEED/number; the last is as long as the others."""
    runs = max(1, math.ceil(hours * 3600 / RUN_S - 1e-9))
    return [f"{seed}/{number}" for number in range(first_run, first_run + runs)]


def prepare_process() -> None:
    """What telemetry logs in a run that breaks its broker on purpose is nobody's news; garbage is collected between runs."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.disable(logging.CRITICAL)
    gc.disable()


def play_run(name: str) -> RunResult:
    """One run, in whatever process."""
    result = play(write_script(name))
    gc.collect()
    return result


def play_all(names: Sequence[str], cores: int) -> Iterator[RunResult]:
    """Yields results as they come."""
    native_library()  # once, before every process wants it
    if cores == 1:
        prepare_process()
        yield from map(play_run, names)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(cores, prepare_process) as pool:
        yield from pool.imap_unordered(play_run, names)


def summarise(
    seed: str, first_run: int, results: Sequence[RunResult], found: Sequence[Found], elapsed_s: float, cores: int
) -> Summary:
    """Adds everything up."""
    faults: Counter[str] = Counter()
    for result in results:
        faults.update(result.injected)
    in_motion: Counter[str] = Counter()
    moving_s: dict[str, float] = dict.fromkeys(sorted(KINDS), 0.0)
    for result in results:
        in_motion.update(result.in_motion)
        for name, lasted_s in result.moving_by_fault.items():
            moving_s[name] += lasted_s
    judges = all_invariants(write_script(seed).plan, 1.0)
    return Summary(
        seed=seed,
        first_run=first_run,
        runs=len(results),
        commit=commit(),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        machine=_machine(),
        python=platform.python_version(),
        cores=cores,
        simulated_h=sum(result.simulated_s for result in results) / 3600,
        moving_h=sum(result.moving_s for result in results) / 3600,
        elapsed_s=elapsed_s,
        processor_s=sum(result.processor_s for result in results),
        scans=sum(result.scans for result in results),
        sessions=sum(result.sessions for result in results),
        events=sum(result.events for result in results),
        highest_m_s=max((result.highest_m_s for result in results), default=0.0),
        faults={name: faults[name] for name in sorted(KINDS)},
        invariants={judge.name: judge.reason for judge in judges if judge.reason},
        found=tuple(found),
        code=deciding_code(),
        in_motion={name: in_motion[name] for name in sorted(KINDS)},
        moving_by_fault_s=moving_s,
        under_fault_h=sum(result.under_fault_s for result in results) / 3600,
        in_fast=sum(result.in_fast for result in results),
        fast_h=sum(result.fast_s for result in results) / 3600,
    )


def total(batches: Sequence[Summary]) -> Summary:
    """Adds up batches, of which there is at least one; what cannot be added (seed, commit, machine) is the last one's."""
    faults: Counter[str] = Counter()
    in_motion: Counter[str] = Counter()
    moving_s: dict[str, float] = {}
    for batch in batches:
        faults.update(batch.faults)
        in_motion.update(batch.in_motion)
        for name, lasted_s in batch.moving_by_fault_s.items():
            moving_s[name] = moving_s.get(name, 0.0) + lasted_s
    return msgspec.structs.replace(
        batches[-1],
        runs=sum(batch.runs for batch in batches),
        simulated_h=sum(batch.simulated_h for batch in batches),
        moving_h=sum(batch.moving_h for batch in batches),
        elapsed_s=sum(batch.elapsed_s for batch in batches),
        processor_s=sum(batch.processor_s for batch in batches),
        scans=sum(batch.scans for batch in batches),
        sessions=sum(batch.sessions for batch in batches),
        events=sum(batch.events for batch in batches),
        highest_m_s=max(batch.highest_m_s for batch in batches),
        faults=dict(faults),
        found=tuple(found for batch in batches for found in batch.found),
        in_motion=dict(in_motion),
        moving_by_fault_s=moving_s,
        under_fault_h=sum(batch.under_fault_h for batch in batches),
        in_fast=sum(batch.in_fast for batch in batches),
        fast_h=sum(batch.fast_h for batch in batches),
    )


def repeat_command(name: str) -> str:
    """What somebody types to see the same run again."""
    return f"make campaign RUN={name}"


def explain(result: RunResult, violation: Violation, shrinks: bool = True) -> Found:
    """Repeats a run until its fault list is short."""
    kept: list[Fault] = []
    if shrinks:
        script = write_script(result.seed)
        before = [one for one in result.begun if one.at_ms <= violation.at_s * 1000]
        kept = shrink(before, lambda part: _violates(_with(script, part), violation.invariant))
    return Found(
        run=result.seed,
        invariant=violation.invariant,
        at_s=round(violation.at_s, 2),
        text=violation.text,
        command=repeat_command(result.seed),
        faults=tuple(map(str, kept)),
    )


def _with(script: Script, faults: Sequence[Fault]) -> Script:
    return dataclasses.replace(script, faults=tuple(faults), armed=())


def _violates(script: Script, invariant: str) -> bool:
    return any(violation.invariant == invariant for violation in play(script, stop_early=True).violations)


def deciding_code() -> str:
    """Returns 16 hexadecimal digits that change with any source of core, messages, bridge and firmware: what a bound is about."""
    digest = hashlib.sha256(code_identity().encode())
    for path in (*sorted((PROJECT_ROOT / "firmware_bridge").glob("*.py")), *native_sources()):
        if path.relative_to(PROJECT_ROOT).parts[0] != "simulator":
            content = path.read_bytes()
            digest.update(f"{path.name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def commit() -> str:
    """The commit of the code, with a plus when there is more than that."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return (_git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if changed else "")


def is_kept(named: str) -> bool:
    """Whether a commit, as `commit` names it, is still in this repository's history; True where that cannot be told."""
    if not _git("rev-parse", "HEAD"):
        return True
    return bool(_git("merge-base", "--is-ancestor", named.rstrip("+"), "HEAD", say=True))


def _git(*arguments: str, say: bool = False) -> str:
    """What git writes; with say, "yes" where it ends well. Empty where it does not, or is not there."""
    try:
        result = subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return ("yes" if say else result.stdout.strip()) if result.returncode == 0 else ""


def _machine() -> str:
    model = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, {_loop_ns():.0f} ns a turn of a Python loop"


def _loop_ns() -> float:
    """What one turn of a loop with an addition takes at best: machines of one name differ by a factor of two."""
    turns = 1_000_000
    best_ns = math.inf
    for _ in range(5):
        began_ns = time.process_time_ns()
        added = 0
        for turn in range(turns):
            added += turn
        best_ns = min(best_ns, (time.process_time_ns() - began_ns) / turns)
    return best_ns
