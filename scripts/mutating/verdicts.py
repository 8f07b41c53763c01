"""build/mutants/verdicts.jsonl: every verdict as it falls, so that a run goes on where another one ended."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from mutating.mutant import FOLDER, Judged, Mutant, Outcome
from mutating.suites import digest_of_file, file_of
from mutating.workspace import digest_of, project_files


class _Verdict(msgspec.Struct, frozen=True):
    """mutated: digest of the function or row with the mutant in it. killer: the first red test. witness: of what has to stay."""

    file: str
    place: str
    old: str
    new: str
    nth: int
    mutated: str
    outcome: Outcome
    killer: str
    cpu_s: float
    witness: str


class Verdicts:
    """Those of earlier runs that still hold, and those of this one.

    A mutant once killed is taken as killed while its function or row and the file of the test that killed it are the same. One
    that survived is judged again as soon as any file of the project has changed: a new test may kill it. fresh: nothing that
    earlier runs have said counts.
    """

    def __init__(self, path: Path = FOLDER / "verdicts.jsonl", *, fresh: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            path.unlink(missing_ok=True)
        self._path, self._lock = path, threading.Lock()
        self._project = digest_of(name for name in project_files() if name.parts[0] != "docs")[:16]
        lines = path.read_bytes().splitlines() if path.exists() else []
        self._known = {(one.file, one.place, one.mutated): one for one in map(_decode, lines)}

    def of(self, mutant: Mutant) -> Judged | None:
        """Returns an earlier verdict that still holds."""
        known = self._known.get((mutant.file, mutant.place, digest_of_text(mutant.unit or mutant.text)))
        if known is None or known.witness != self._witness(known.outcome, known.killer):
            return None
        return Judged(mutant, known.outcome, known.killer, known.cpu_s)

    def add(self, judged: Judged) -> None:
        """Writes a verdict down."""
        mutant = judged.mutant
        verdict = _Verdict(
            *mutant.key,
            mutated=digest_of_text(mutant.unit or mutant.text),
            outcome=judged.outcome,
            killer=judged.killer,
            cpu_s=judged.cpu_s,
            witness=self._witness(judged.outcome, judged.killer),
        )
        with self._lock, self._path.open("ab") as file:
            file.write(msgspec.json.encode(verdict) + b"\n")

    def killers(self) -> list[tuple[Mutant, str]]:
        """Returns which test killed what, the oldest first: it will kill the like."""
        return [
            (Mutant("functions", one.file, one.place, one.old, one.new, one.nth), one.killer)
            for one in self._known.values()
            if one.killer
        ]

    def _witness(self, outcome: Outcome, killer: str) -> str:
        return digest_of_file(file_of(killer)) if outcome == "killed" and killer else self._project


_decode: Callable[[bytes], _Verdict] = msgspec.json.Decoder(_Verdict).decode


def digest_of_text(text: str) -> str:
    """Returns a digest of code."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
