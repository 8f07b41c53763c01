"""One mutant: a change of the code that a test ought to notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "build" / "mutants"

Part = Literal["functions", "tables", "C"]
Outcome = Literal["killed", "timed out", "survived"]


class Mutant(msgspec.Struct, frozen=True, order=True):
    """file: below the project's root. place: the function, table row or setting. old, new: the code that differs, on one line.

    nth: the same change stands in the same place more than once; counted from 1. text: the file's whole new content.
    unit: the function, row or definition with the mistake in it; empty where there is no smaller one than the file.
    """

    part: Part
    file: str
    place: str
    old: str
    new: str
    nth: int = 1
    text: str = ""
    unit: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What names it for people, whatever line it stands on."""
        return (self.file, self.place, self.old, self.new, self.nth)

    @property
    def sentence(self) -> str:
        """How a report names it."""
        return f"{self.file} {self.place}: `{self.old}` -> `{self.new}`" + (f" ({self.nth})" if self.nth > 1 else "")


class Judged(msgspec.Struct, frozen=True):
    """A mutant and what the tests said to it. killer: the first red test. cpu_s: processor time that the tests took."""

    mutant: Mutant
    outcome: Outcome
    killer: str = ""
    cpu_s: float = 0.0


def one_line(code: str) -> str:
    """Returns code as a name carries it: in one line, spaces made single."""
    return " ".join(code.split())


def numbered(mutants: Iterable[Mutant]) -> list[Mutant]:
    """Returns them, with `nth` counted where a file has the same change in the same place again."""
    seen: Counter[tuple[str, str, str, str, int]] = Counter()
    result = []
    for mutant in mutants:
        seen[mutant.key] += 1
        result.append(msgspec.structs.replace(mutant, nth=seen[mutant.key]))
    return result
