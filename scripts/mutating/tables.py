"""Mutants of what stands outside functions: table rows, declared transitions, thresholds, the defaults of settings.

A number is doubled and halved, a truth is turned, a member of an enumeration becomes its neighbour, a collection loses one
element. Wording is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from mutating.mutant import ROOT, Mutant, numbered, one_line
from mutating.suites import Reach

SOURCES = ("controller/core", "controller/session")
_NOT_CELLS = {"Event", "Input", "Trigger", "Rule", "FlagName", "Step", "DriveState", "Action"}
"""Enumerations whose members name a row or a thing: a neighbour would be another row, not another value."""

Change = tuple[ast.expr, str]
"""An expression and the code that takes its place; empty: the element goes."""


def table_mutants() -> list[Mutant]:
    """Returns every mutant of every module-level table and default of the core and the session."""
    enumerations = _enumerations()
    found: list[Mutant] = []
    for folder in SOURCES:
        for path in sorted((ROOT / folder).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            found += mutants_of(text, path.relative_to(ROOT).as_posix(), enumerations)
    return found


def mutants_of(text: str, file: str, enumerations: dict[str, list[str]]) -> list[Mutant]:
    """Returns the mutants of one module. enumerations: class name to the names of its members, in order."""
    module = ast.parse(text)
    aliases = _aliases(module, enumerations)
    return numbered(
        _mutant(text, file, place, value, change)
        for place, value in _declarations(module)
        for change in _changes(value, enumerations, aliases)
    )


def tests_of(_: Mutant, reach: Reach) -> Sequence[str]:
    """Returns all tests: a table is read by whatever runs."""
    return list(reach.tests)


def _mutant(text: str, file: str, place: str, value: ast.expr, change: Change) -> Mutant:
    whole = _replaced(text, *change)
    before = _offset(text, value.lineno, value.col_offset)
    behind = len(text.encode()) - _offset(text, value.end_lineno or value.lineno, value.end_col_offset or 0)
    data = whole.encode()
    return Mutant("tables", file, place, *_lines(text, *change), text=whole, unit=data[before : len(data) - behind].decode())


def _enumerations() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder in (*SOURCES, "messages"):
        for path in sorted((ROOT / folder).glob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Enum") for base in node.bases):
                    names = [
                        target.id
                        for line in node.body
                        if isinstance(line, ast.Assign)
                        for target in line.targets
                        if isinstance(target, ast.Name)
                    ]
                    found[node.name] = names
    return found


def _aliases(module: ast.Module, enumerations: dict[str, list[str]]) -> dict[str, str]:
    """Short names that a table uses: `_E = Effect`, `_NC, _NO = Contact.NORMALLY_CLOSED, Contact.NORMALLY_OPEN`."""
    found: dict[str, str] = {}
    for node in module.body:
        if isinstance(node, ast.Assign):
            pairs = _pairs(node.targets[0], node.value)
            found |= {name: meant for name, meant in pairs if meant.partition(".")[0] in enumerations}
    return found


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[str, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return [(ast.unparse(name), ast.unparse(meant)) for name, meant in zip(target.elts, value.elts, strict=True)]
    return [(ast.unparse(target), ast.unparse(value))]


def _declarations(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Every module-level value and every default of a class, with a name that people find it by."""
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if not isinstance(target, ast.Tuple):
                yield from _rows(ast.unparse(target), node.value)
            elif isinstance(node.value, ast.Tuple) and not all(_is_member(meant) for meant in node.value.elts):
                yield from zip((ast.unparse(name) for name in target.elts), node.value.elts, strict=True)
        elif isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and line.value is not None:
                    yield f"{node.name}.{ast.unparse(line.target)}", line.value


def _rows(name: str, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """A table's rows one by one, named by their first cell."""
    if isinstance(value, ast.Tuple) and all(isinstance(row, ast.Tuple | ast.Call) for row in value.elts):
        for row in value.elts:
            cells = row.elts if isinstance(row, ast.Tuple) else row.args if isinstance(row, ast.Call) else []
            first = ast.unparse(cells[0]) if cells else "row"
            yield f"{name} {first if len(first) <= 60 else first[:57] + '...'}", row
    else:
        yield name, value


def _changes(value: ast.expr, enumerations: dict[str, list[str]], aliases: dict[str, str]) -> Iterator[Change]:
    for node in _cells(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node, str(not node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield from ((node, number) for number in _numbers(node.value))
        elif isinstance(node, ast.Tuple | ast.Set) and len(node.elts) > 1 and all(_is_member(e) for e in node.elts):
            yield from ((element, "") for element in node.elts)
        elif isinstance(node, ast.Name) and (node.id.endswith("_STATES") or node.id == "_UNLATCHED"):
            yield from ((node, f"{node.id}{slice_}") for slice_ in ("[1:]", "[:-1]"))
        elif isinstance(node, ast.Attribute | ast.Name):
            yield from ((node, other) for other in _neighbours(ast.unparse(node), enumerations, aliases))


def _cells(value: ast.expr) -> Iterator[ast.expr]:
    """The expressions of a value in which a mutant can stand; not the keys of a dictionary, nor elements of pure collections."""
    yield value
    children: list[ast.AST] = list(ast.iter_child_nodes(value))
    if isinstance(value, ast.Dict):
        children = list(value.values)
    elif isinstance(value, ast.Tuple | ast.Set) and len(value.elts) > 1 and all(_is_member(e) for e in value.elts):
        children = []
    for child in children:
        if isinstance(child, ast.expr):
            yield from _cells(child)
        elif isinstance(child, ast.keyword):
            yield from _cells(child.value)


def _is_member(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute | ast.Starred)


def _numbers(value: float) -> tuple[str, ...]:
    if value == 0:
        return ("1",) if isinstance(value, int) else ("1.0",)
    half = value // 2 if isinstance(value, int) else value / 2
    return (repr(value * 2), repr(half))


def _neighbours(code: str, enumerations: dict[str, list[str]], aliases: dict[str, str]) -> Iterator[str]:
    owner, _, member = code.partition(".")
    kind, _, meant = aliases.get(owner, owner).partition(".")
    members = enumerations.get(kind, [])
    member = member or meant
    if kind in _NOT_CELLS or member not in members:
        return
    at = members.index(member)
    for other in (at - 1, at + 1):
        if 0 <= other < len(members):
            yield f"{kind}.{members[other]}"


def _offset(text: str, line: int, column: int) -> int:
    """ast counts columns in bytes of UTF-8."""
    lines = text.encode().split(b"\n")
    return len(b"\n".join(lines[: line - 1])) + (1 if line > 1 else 0) + column


def _replaced(text: str, node: ast.expr, code: str) -> str:
    data = text.encode()
    start = _offset(text, node.lineno, node.col_offset)
    end = _offset(text, node.end_lineno or node.lineno, node.end_col_offset or 0)
    if not code:  # an element goes, with the comma behind it
        while data[end : end + 1] in {b",", b" ", b"\n"}:
            end += 1
            if data[end - 1 : end] == b",":
                break
        rest = data[end:].lstrip(b" \n")
        lost_comma = data[:start].rstrip().endswith(b",") or rest[:1] not in {b")", b"}"}
        return (data[:start] + (b"" if lost_comma else b",") + rest).decode()
    return (data[:start] + code.encode() + data[end:]).decode()


def _lines(text: str, node: ast.expr, code: str) -> tuple[str, str]:
    return one_line(ast.get_source_segment(text, node) or ""), code or "(gone)"
