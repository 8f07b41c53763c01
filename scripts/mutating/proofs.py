"""build/mutants/proofs.jsonl: which cuts of controls were made and missed by a test, so that only changed ones are made again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tracing.analysis import Control, Cut

from mutating.mutant import FOLDER
from mutating.suites import digest_of_file, file_of


class _Proof(msgspec.Struct, frozen=True):
    """control: its identifier. red: the test that turned red. witness: digest of what has to stay for this to hold."""

    control: str
    red: str
    witness: str


class Proofs:
    """Those of earlier runs that still hold, and those of this one.

    A proof holds while the cut, the file that it is made in and the file of the test that turned red are the same. What is not
    proved is never kept: it is taken out again in every run. fresh: nothing that earlier runs have found counts.
    """

    def __init__(self, path: Path | None = None, *, fresh: bool = False) -> None:
        self._path = path if path is not None else FOLDER / "proofs.jsonl"
        if fresh:
            self._path.unlink(missing_ok=True)
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        self._known = [_DECODER.decode(line) for line in lines]

    def holds(self, control: Control, cut: Cut, nodes: Sequence[str]) -> bool:
        """Says whether one of these tests, marked with the control, has turned red without it, and nothing has changed since."""
        return any(
            proof.control == control.id and proof.red in nodes and proof.witness == _witness(cut, proof.red)
            for proof in self._known
        )

    def add(self, control: Control, cut: Cut, red: str) -> None:
        """Writes a proof down. red: the test that is red without the control and green with it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(_Proof(control.id, red, _witness(cut, red))) + b"\n")


def _witness(cut: Cut, red: str) -> str:
    files = [digest_of_file(name) for name in (cut.file, file_of(red))]
    return hashlib.sha256(msgspec.json.encode([cut, files])).hexdigest()[:16]


_DECODER = msgspec.json.Decoder(_Proof)
