"""Mutants of functions, as mutmut makes them; each is judged by the tests that ran through its function."""

from __future__ import annotations

import ast
import difflib
import functools
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents

from mutating.mutant import FOLDER, ROOT, Mutant, numbered, one_line
from mutating.suites import Reach

SOURCES = ("controller/core/*.py", "controller/session/*.py", "firmware_bridge/codec.py")
_ORIGINAL = "__mutmut_orig"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def function_mutants() -> list[Mutant]:
    """Returns every mutant of every function of the core, the session and the codec."""
    return [mutant for pattern in SOURCES for path in sorted(ROOT.glob(pattern)) for mutant in _mutants_of(path)]


def mutants_of(text: str, file: str) -> list[Mutant]:
    """Returns the mutants of one module's functions, each as the whole module with one function changed."""
    made = mutate_file_contents(file, text)
    mutated, lines = made.code.splitlines(), text.splitlines()
    functions = dict(_functions(ast.parse(text)))
    found = []
    for name in made.mutant_names:
        place = place_of(name)
        changed = [line.replace(name, place.rpartition(".")[2]) for line in _lines_of(made, mutated, name)]
        original_name = name.partition("__mutmut_")[0] + _ORIGINAL
        original = [line.replace(original_name, place.rpartition(".")[2]) for line in _lines_of(made, mutated, original_name)]
        node = functions[place]
        old, new = _difference(original, changed)
        if not _is_no_mistake(file, old, new):
            unit = "\n".join(changed)
            found.append(Mutant("functions", file, place, old, new, text=_whole(lines, node, unit), unit=unit))
    return numbered(found)


def place_of(name: str) -> str:
    """Returns the function or Class.method that mutmut's name of a mutant stands for."""
    return name.partition("__mutmut_")[0].replace("xǁ", "").replace("ǁ", ".").removeprefix("x_")


def tests_of(mutant: Mutant, reach: Reach) -> list[str]:
    """Returns the tests that ran through the mutant's function; all of its file's where it runs while the module is loaded."""
    if mutant.place in _called_by_module(mutant.file):
        return list(reach.tests)
    first, last = _spans(mutant.file)[mutant.place]
    return [
        test for test, watched in reach.tests.items() if any(first <= line <= last for line in watched.lines.get(mutant.file, ()))
    ]


def _mutants_of(path: Path) -> list[Mutant]:
    """Returns a file's mutants: as an earlier run made them while the file is the same, since making them takes minutes."""
    text, file = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
    digest = hashlib.sha256(Path(__file__).read_bytes() + text.encode()).hexdigest()[:16]
    kept = FOLDER / f"functions-{file.replace('/', '-')}-{digest}.json"
    if not kept.exists():
        sys.stderr.write(f"making the mutants of {file}\n")
        FOLDER.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(msgspec.json.encode([msgspec.structs.replace(mutant, text="") for mutant in mutants_of(text, file)]))
    lines, nodes = text.splitlines(), dict(_functions(ast.parse(text)))
    made = msgspec.json.decode(kept.read_bytes(), type=list[Mutant])
    return [msgspec.structs.replace(one, text=_whole(lines, nodes[one.place], one.unit)) for one in made]


def _whole(lines: Sequence[str], node: Function, unit: str) -> str:
    """Returns the file with this text in the place of the function."""
    return "\n".join([*lines[: node.lineno - 1], unit, *lines[node.end_lineno :]]) + "\n"


def _is_no_mistake(file: str, old: str, new: str) -> bool:
    """A billionth more in a conversion to nanoseconds; and in the session, other letters in a sentence for people."""
    if "1000000001.0" in new:
        return True
    same_words = new.replace("XX", "").casefold() == old.replace("XX", "").casefold() and old != new
    return same_words and file.startswith("controller/session/") and _changes_prose(old, new)


def _changes_prose(old: str, new: str) -> bool:
    parts = zip(old.split('"'), new.split('"'), strict=False)
    changed = [before for at, (before, after) in enumerate(parts) if at % 2 and before != after]
    return bool(changed) and all(" " in text for text in changed)


def _lines_of(made: MutatedFile, lines: Sequence[str], name: str) -> list[str]:
    span = made.line_span_by_function_name[name]
    found = lines[span.start - 1 : span.end]
    while found and not found[0].strip():
        found = found[1:]
    return list(found)


def _functions(module: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in module.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{inner.name}", inner) for inner in node.body if isinstance(inner, Function))


@functools.cache
def _spans(file: str) -> dict[str, tuple[int, int]]:
    """First and last line of each function's body: its first line runs when the module is loaded."""
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {name: (node.body[0].lineno, node.end_lineno or 0) for name, node in _functions(module)}


@functools.cache
def _called_by_module(file: str) -> frozenset[str]:
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    statements = (node for node in module.body if not isinstance(node, ast.FunctionDef | ast.ClassDef))
    calls = (call.func for node in statements for call in ast.walk(node) if isinstance(call, ast.Call))
    return frozenset(called.id for called in calls if isinstance(called, ast.Name))


def _difference(original: list[str], mutated: list[str]) -> tuple[str, str]:
    changes = [line for line in difflib.ndiff(original, mutated) if line[:2] in {"- ", "+ "}]
    old, new = (one_line(" ".join(line[2:] for line in changes if line[0] == sign)) for sign in "-+")
    return old, new or "(gone)"
