"""build/mutants/proofs.jsonl: which controls have been taken out and missed by a test, so that only changed ones go out again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tracing.analysis import Control

from mutating.mutant import FOLDER
from mutating.suites import digest_of_file, file_of


class _Proof(msgspec.Struct, frozen=True):
    """control: its identifier. red: the test that turned red. witness: digest of what has to stay for this to hold."""

    control: str
    red: str
    witness: str


class Proofs:
    """Those of earlier runs that still hold, and those of this one.

    A proof holds while the removal, the files that it cuts and the file of the test that turned red are the same. What is not
    proved is never kept: it is taken out again in every run. fresh: nothing that earlier runs have found counts.
    """

    def __init__(self, path: Path | None = None, *, fresh: bool = False) -> None:
        self._path = path if path is not None else FOLDER / "proofs.jsonl"
        if fresh:
            self._path.unlink(missing_ok=True)
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        self._known = {proof.control: proof for proof in map(_DECODER.decode, lines)}

    def holds(self, control: Control, nodes: Sequence[str]) -> bool:
        """Says whether one of these tests, marked with the control, has turned red without it, and nothing has changed since."""
        proof = self._known.get(control.id)
        return proof is not None and proof.red in nodes and proof.witness == _witness(control, proof.red)

    def add(self, control: Control, red: str) -> None:
        """Writes a proof down. red: the test that is red without the control and green with it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(_Proof(control.id, red, _witness(control, red))) + b"\n")


def _witness(control: Control, red: str) -> str:
    files = [digest_of_file(name) for name in (*sorted({cut.file for cut in control.removal}), file_of(red))]
    return hashlib.sha256(msgspec.json.encode([control.removal, files])).hexdigest()[:16]


_DECODER = msgspec.json.Decoder(_Proof)
