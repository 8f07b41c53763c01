"""Reads docs/safety/equivalent-mutants.toml: the mutants that no test can kill, each by name with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from mutating.mutant import ROOT, Judged, Mutant
from mutating.workspace import MutationError

PAGE = ROOT / "docs" / "safety" / "equivalent-mutants.toml"

Key = tuple[str, str, str, str, int]


class Equivalent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mutant whose behaviour is the original's, named as reports name it, so that renumbered lines do not matter."""

    file: str
    place: str
    old: str
    new: str
    reason: Annotated[str, msgspec.Meta(min_length=20)]
    nth: Annotated[int, msgspec.Meta(ge=1)] = 1

    @property
    def key(self) -> Key:
        return (self.file, self.place, self.old, self.new, self.nth)

    @property
    def sentence(self) -> str:
        return f"{self.file} {self.place}: `{self.old}` -> `{self.new}`"


class _Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    equivalent: tuple[Equivalent, ...] = ()


def read_equivalents(path: Path = PAGE) -> dict[Key, Equivalent]:
    """Returns the entries by what they name; raises MutationError for wrong keys, and for an entry that stands twice."""
    try:
        page = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Page)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MutationError(f"{path}: {error}") from error
    entries: dict[Key, Equivalent] = {}
    for entry in page.equivalent:
        if entry.key in entries:
            raise MutationError(f"{path}: stands twice: {entry.sentence}")
        entries[entry.key] = entry
    return entries


def complaints(
    equivalents: dict[Key, Equivalent], generated: Iterable[Mutant], judged: Iterable[Judged], files: frozenset[str]
) -> list[str]:
    """Returns what is wrong with the entries: made no longer, or killed by a test now. files: those mutated in this run."""
    known = {mutant.key for mutant in generated}
    wrong = [
        f"equivalent-mutants.toml: no such mutant is made any more: {entry.sentence}"
        for entry in equivalents.values()
        if entry.file in files and entry.key not in known
    ]
    wrong += [
        f"equivalent-mutants.toml: this mutant is not equivalent, a test kills it: {one.mutant.sentence}"
        for one in judged
        if one.outcome != "survived" and one.mutant.key in equivalents
    ]
    return wrong
