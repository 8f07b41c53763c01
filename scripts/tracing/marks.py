"""Finds the marks: `Control C-NAME.` in comments of the code, `pytest.mark.hazard("H-01", "C-NAME")` where pytest finds it: at a
test, at its class, and as `pytestmark` of class or module. Runs nothing.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

_CODE = ("controller", "firmware_bridge", "messages", "telemetry", "desk", "systemd", "docs/wiring.md", "docs/self-test.md")
_SUFFIXES = {".py", ".c", ".h", ".service", ".md"}
_MARK = re.compile(r"\bControl (C-[A-Z0-9-]+(?:, C-[A-Z0-9-]+)*)\.")

_KIND_BY_PLACE = (
    ("hil_tests/", "conformance"),
    ("tests/balance/test_recorded_arrests.py", "evaluation"),
    ("tests/balance/test_evaluation.py", "evaluation"),
    ("tests/balance/", "core"),
    ("tests/core/", "core"),
    ("tests/firmware/", "fuzz"),
    ("tests/bridge/", "fuzz"),
    ("tests/fuzz/", "fuzz"),
    ("tests/session/", "session"),
    ("tests/desk/", "session"),
    ("tests/simulator/", "scenario"),
    ("tests/campaign/", "scenario"),
    ("tests/telemetry/", "telemetry"),
    ("tests/", "shell"),
)
"""The first that fits counts."""


class MarkedTest(msgspec.Struct, frozen=True, order=True):
    """A test function that says which hazards and controls it is evidence for. file: digest of the file that it stands in."""

    node: str
    kind: str
    marks: tuple[str, ...]
    file: str


def digest_of(file: Path) -> str:
    """Returns the digest of a test's whole file: its parameter tables and helpers decide what it shows as much as its own lines."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def control_places(root: Path) -> dict[str, list[str]]:
    """Returns for each control that code names the files in which it stands."""
    places: dict[str, list[str]] = {}
    for path in _code_files(root):
        for found in _MARK.findall(path.read_text(encoding="utf-8", errors="replace")):
            for name in found.split(", "):
                files = places.setdefault(name, [])
                relative = path.relative_to(root).as_posix()
                if relative not in files:
                    files.append(relative)
    return places


def _code_files(root: Path) -> Iterator[Path]:
    for name in _CODE:
        place = root / name
        if place.is_file():
            yield place
        elif place.is_dir():
            yield from sorted(path for path in place.rglob("*") if path.suffix in _SUFFIXES and path.is_file())


def marked_tests(root: Path) -> list[MarkedTest]:
    """Returns every marked test below tests/ and hil_tests/, by name."""
    found: list[MarkedTest] = []
    for folder in ("tests", "hil_tests"):
        for path in sorted((root / folder).rglob("test_*.py")):
            text = path.read_text(encoding="utf-8")
            if "mark.hazard" in text:
                found += _marked_in(text, path.relative_to(root).as_posix(), digest_of(path))
    return sorted(found)


def _marked_in(text: str, relative: str, digest: str) -> Iterator[MarkedTest]:
    for owner, node, around in _tests_of(ast.parse(text)):
        marks = tuple(dict.fromkeys((*around, *_marks_of(node.decorator_list))))
        if marks:
            kind = next(kind for place, kind in _KIND_BY_PLACE if relative.startswith(place))
            yield MarkedTest(f"{relative}::{owner}{node.name}", kind, marks, digest)


_Found = tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, tuple[str, ...]]


def _tests_of(place: ast.Module | ast.ClassDef, owner: str = "", around: tuple[str, ...] = ()) -> Iterator[_Found]:
    """Every test function, with its class as pytest writes it before the name, and the marks of the class and module it is in."""
    around = (*around, *_marks_of(_assigned_marks(place)))
    for node in place.body:
        if isinstance(node, ast.ClassDef):
            yield from _tests_of(node, f"{owner}{node.name}::", (*around, *_marks_of(node.decorator_list)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield owner, node, around


def _assigned_marks(place: ast.Module | ast.ClassDef) -> list[ast.expr]:
    """What is assigned to `pytestmark` there, one mark or a list of them."""
    marks: list[ast.expr] = []
    for node in place.body:
        match node:
            case ast.Assign([ast.Name("pytestmark")], value) | ast.AnnAssign(ast.Name("pytestmark"), _, ast.expr() as value):
                marks = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    return marks


def _marks_of(expressions: Iterable[ast.expr]) -> Iterator[str]:
    for mark in expressions:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.hazard":
            for argument in mark.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value
