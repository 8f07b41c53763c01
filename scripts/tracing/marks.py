"""Finds the marks: `Control C-NAME.` in comments of the code, `pytest.mark.hazard("H-01", "C-NAME")` where pytest finds it: at a
test, at its class, and as `pytestmark` of class or module, there or under a name that the module gives it. Runs nothing.

What marks in any other way is complained of: pytest would take it for evidence where the gate sees none.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeGuard

import msgspec

_CODE = ("controller", "firmware_bridge", "messages", "telemetry", "desk", "systemd", "docs/wiring.md", "docs/self-test.md")
_SUFFIXES = {".py", ".c", ".h", ".service", ".md"}
_TEST_FOLDERS = ("tests", "hil_tests")
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
    for path, tree in _files_with_marks(root, "test_*.py"):
        found += _marked_in(tree, path.relative_to(root).as_posix(), digest_of(path))
    return sorted(found)


def unread_marks(root: Path) -> list[str]:
    """Returns a line for each place below tests/ and hil_tests/ that sets a mark in a way by which no test is read to have it."""
    return [
        f"{path.relative_to(root).as_posix()}:{line}: no test is read to have this hazard mark; scripts/tracing/marks.py says how"
        for path, tree in _files_with_marks(root, "*.py")
        for line in _unread_lines(tree)
    ]


def _files_with_marks(root: Path, pattern: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in _TEST_FOLDERS:
        for path in sorted((root / folder).rglob(pattern)):
            text = path.read_text(encoding="utf-8")
            if "mark.hazard" in text:
                yield path, ast.parse(text)


def _marked_in(tree: ast.Module, relative: str, digest: str) -> Iterator[MarkedTest]:
    named = _named_marks(tree)
    for owner, node, around in _tests_of(tree):
        marks = tuple(dict.fromkeys(mark for expression in around for mark in _ids_of(_mark_call(expression, named))))
        if marks:
            kind = next(kind for place, kind in _KIND_BY_PLACE if relative.startswith(place))
            yield MarkedTest(f"{relative}::{owner}{node.name}", kind, marks, digest)


def _unread_lines(tree: ast.Module) -> list[int]:
    """The lines that speak of a mark, or of the name of one, where no test is read to have it."""
    named = _named_marks(tree)
    read: set[ast.expr] = set()
    for _, _, around in _tests_of(tree):
        for expression in around:
            call = _mark_call(expression, named)
            read |= {expression, call.func} if call else set()
    return sorted({node.lineno for node in ast.walk(tree) if _speaks_of_mark(node, named) and node not in read})


def _speaks_of_mark(node: ast.AST, named: Mapping[str, ast.Call]) -> TypeGuard[ast.expr]:
    match node:
        case ast.Attribute(attr="hazard"):
            return ast.unparse(node).endswith("mark.hazard")
        case ast.Name(name, ast.Load()):
            return name in named
    return False


_Found = tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, tuple[ast.expr, ...]]


def _tests_of(place: ast.Module | ast.ClassDef, owner: str = "", around: tuple[ast.expr, ...] = ()) -> Iterator[_Found]:
    """Every test function, with its class as pytest writes it before the name, and all that marks it, module and class first."""
    around = (*around, *_assigned_marks(place))
    for node in place.body:
        if isinstance(node, ast.ClassDef):
            yield from _tests_of(node, f"{owner}{node.name}::", (*around, *node.decorator_list))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield owner, node, (*around, *node.decorator_list)


def _assigned_marks(place: ast.Module | ast.ClassDef) -> list[ast.expr]:
    """What is assigned to `pytestmark` there, one mark or a list of them."""
    marks: list[ast.expr] = []
    for name, value in _assignments(place):
        if name == "pytestmark":
            marks = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    return marks


def _named_marks(tree: ast.Module) -> dict[str, ast.Call]:
    """The marks that the module gives a name, which nothing in the file gives to anything else."""
    times = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    named = {name: _mark_call(value, {}) for name, value in _assignments(tree) if times[name] == 1}
    return {name: call for name, call in named.items() if call and name != "pytestmark"}


def _assignments(place: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for node in place.body:
        match node:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                yield name, value


def _mark_call(expression: ast.expr, named: Mapping[str, ast.Call]) -> ast.Call | None:
    """The hazard mark that the expression is or names; None for anything else, and for a mark whose ids are not written out."""
    match expression:
        case ast.Name(name):
            return named.get(name)
        case ast.Call(func, arguments, []) if ast.unparse(func) == "pytest.mark.hazard":
            return expression if all(_is_text(argument) for argument in arguments) else None
    return None


def _is_text(argument: ast.expr) -> bool:
    return isinstance(argument, ast.Constant) and isinstance(argument.value, str)


def _ids_of(call: ast.Call | None) -> list[str]:
    return [str(ast.literal_eval(argument)) for argument in call.args] if call else []
