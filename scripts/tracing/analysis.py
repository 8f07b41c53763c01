"""Reads docs/safety/hazards.toml, strictly, and knows the digest that a review stamp carries."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

INSPECTION = "inspection"
"""The kind that no test can be: somebody looks at a real machine. None has been made, and nothing here counts one as made."""
KINDS = ("conformance", "core", "evaluation", "fuzz", INSPECTION, "scenario", "session", "shell", "telemetry")
"""Kinds of verification; which test is of which kind follows from where it stands (tracing.marks)."""

Text = Annotated[str, msgspec.Meta(min_length=3, max_length=400)]


class AnalysisError(Exception):
    """The file cannot be read; the text says where and why."""


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text of a file, which stands there once, and what takes its place."""

    file: str
    old: Annotated[str, msgspec.Meta(min_length=5)]
    new: str


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a document speaks of something, and its words there."""

    file: str
    words: Annotated[str, msgspec.Meta(min_length=5)]


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One measure against hazards. removal: how to take it out of the code; `make mutants` does, and looks for a red test.

    shown_by: tests, or the inspection of a real machine where no program has a part in it. named_in: the document that tells
    whoever builds or uses one of such a measure; without it none does yet.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^C-[A-Z0-9-]+$")]
    what: Text
    kind: Literal["inherent", "protective", "information"]
    layer: Literal["hardware", "firmware", "controller", "telemetry", "people"]
    removal: tuple[Cut, ...] = ()
    shown_by: Literal["tests", "inspection"] = "tests"
    named_in: Named | None = None
    reviewed: str = ""


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way in which somebody is hurt, with the controls against it and the kinds of evidence that it needs."""

    id: Annotated[str, msgspec.Meta(pattern=r"^H-[0-9]{2}$")]
    title: Text
    cause: Text
    harm: Text
    severity: Literal["negligible", "minor", "serious", "critical"]
    controls: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    verification: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    residual: Text
    reviewed: str = ""


class Analysis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    control: tuple[Control, ...]
    hazard: tuple[Hazard, ...]

    @property
    def ids(self) -> frozenset[str]:
        """Every id of a hazard or a control."""
        return frozenset((*(control.id for control in self.control), *(hazard.id for hazard in self.hazard)))

    @property
    def inspected(self) -> frozenset[str]:
        """The controls that only an inspection could show."""
        return frozenset(control.id for control in self.control if control.shown_by == INSPECTION)

    @property
    def words_on_inspections(self) -> str:
        """The sentence that SAFETY.md must have."""
        resting = sum(INSPECTION in hazard.verification for hazard in self.hazard)
        return f"{resting} of the {len(self.hazard)} hazards rest, in whole or in part, on inspections that nobody has made"


def read_analysis(path: Path) -> Analysis:
    """Returns the analysis; raises AnalysisError when it is not TOML, has unknown or missing keys, or values out of range."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Analysis)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise AnalysisError(f"{path}: {error}") from error


def digest(entry: Control | Hazard) -> str:
    """Returns what a stamp must carry to belong to this content of the entry."""
    content = {key: value for key, value in msgspec.to_builtins(entry).items() if key != "reviewed"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def judge_analysis(analysis: Analysis) -> list[str]:
    """Returns what is wrong with the file in itself: ids, references, stamps."""
    entries: tuple[Control | Hazard, ...] = (*analysis.control, *analysis.hazard)
    names = [entry.id for entry in entries]
    wrong = [f"{name} stands twice" for name in sorted({name for name in names if names.count(name) > 1})]
    controls = {control.id for control in analysis.control}
    for hazard in analysis.hazard:
        wrong += [f"{hazard.id}: unknown control {name}" for name in hazard.controls if name not in controls]
        wrong += [f"{hazard.id}: unknown kind of verification {kind}" for kind in hazard.verification if kind not in KINDS]
        if (INSPECTION in hazard.verification) != any(name in analysis.inspected for name in hazard.controls):
            wrong.append(f"{hazard.id}: needs an inspection exactly when one of its controls is shown by none but that")
    used = {name for hazard in analysis.hazard for name in hazard.controls}
    wrong += [f"{name} is a control of no hazard" for name in sorted(controls - used)]
    wrong += [
        f"{entry.id} was changed without a review: read it again, then `scripts/trace_hazards.py --stamp {entry.id}`"
        for entry in entries
        if entry.reviewed.partition(" ")[2] != digest(entry)
    ]
    wrong += [
        f"{control.id}: an inspection is for what no program has a part in, and tells of nothing to remove"
        for control in analysis.control
        if control.shown_by == INSPECTION and (control.layer not in ("hardware", "people") or control.removal)
    ]
    return wrong


def judge_documents(analysis: Analysis, root: Path) -> list[str]:
    """Returns what documents do not say although the analysis relies on it."""
    wrong = []
    for control in analysis.control:
        named = control.named_in
        if named is not None and named.words not in (root / named.file).read_text(encoding="utf-8"):
            wrong.append(f"{control.id}: {named.file} does not say: {named.words}")
    if analysis.words_on_inspections not in (root / "docs" / "safety" / "SAFETY.md").read_text(encoding="utf-8"):
        wrong.append(f"docs/safety/SAFETY.md does not say: {analysis.words_on_inspections}")
    return wrong


def stamp(path: Path, names: frozenset[str], day: str) -> None:
    """Renews the review stamps of these entries in the file, and touches nothing else of it."""
    analysis = read_analysis(path)
    entries: tuple[Control | Hazard, ...] = (*analysis.control, *analysis.hazard)
    by_id = {entry.id: entry for entry in entries}
    lines: list[str] = []
    current = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("id = "):
            current = line.split('"')[1]
        if current in names and line.startswith("reviewed = "):
            continue
        lines.append(line)
        if current in names and line.startswith(("residual = ", "layer = ")):
            lines.append(f'reviewed = "{day} {digest(by_id[current])}"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
