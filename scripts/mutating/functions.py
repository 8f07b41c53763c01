"""Mutants of functions, by mutmut, in a copy of the project; each is judged by the tests that reach its function."""

from __future__ import annotations

import ast
import difflib
import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from mutating.mutant import FOLDER, ROOT, Judged, Mutant, Outcome, numbered, one_line
from mutating.workspace import MutationError, copy_project, digest_of, project_files

PLACE = FOLDER / "functions"
_MUTANTS = PLACE / "mutants"
_KILLED = {1, 3}
_TIMED_OUT = {-24, 24, 36, 152, 255}
_AS_BAD_AS_KILLED = {-11, -9, -6}
"""The mutant made the interpreter itself end: no test passed."""


def prepare(jobs: int) -> list[Mutant]:
    """Makes the copy and lets mutmut make its mutants and learn which test reaches what; returns the mutants."""
    copy_project(PLACE)
    recordings = PLACE / "shared"
    if (ROOT.parent / "shared").exists() and not recordings.exists():
        recordings.symlink_to(ROOT.parent / "shared")
    _bring_along()
    # mutmut first makes mutants, then runs: a name that fits nothing leaves it at the first.
    _mutmut("run", "--max-children", str(jobs), "nothing.x_nothing__mutmut_*")
    return [mutant for path in _mutated_files() for mutant in _mutants_of(path)]


def judge_functions(mutants: Sequence[Mutant], jobs: int) -> list[Judged]:
    """Returns the verdicts; a mutant that no test reaches has survived, one that timed out is run again."""
    _run([mutant.handle for mutant in mutants], jobs)
    again = [mutant.handle for mutant in mutants if _exit_codes().get(mutant.handle) in _TIMED_OUT]
    if again:
        sys.stderr.write(f"{len(again)} timed out and are run again, one at a time\n")
        _run(again, 1)
    codes = _exit_codes()
    return [Judged(mutant, _outcome(codes.get(mutant.handle))) for mutant in mutants]


def run_at_import(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Returns those whose function runs while its module is loaded, as files: mutmut turns a mutant on only after that."""
    return [
        msgspec.structs.replace(mutant, text=_whole_file(mutant))
        for mutant in mutants
        if mutant.place in _called_by_module(mutant.file)
    ]


@functools.cache
def _called_by_module(file: str) -> frozenset[str]:
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    statements = (node for node in module.body if not isinstance(node, ast.FunctionDef | ast.ClassDef))
    calls = (call.func for node in statements for call in ast.walk(node) if isinstance(call, ast.Call))
    return frozenset(called.id for called in calls if isinstance(called, ast.Name))


def _whole_file(mutant: Mutant) -> str:
    """Returns the module with the mutated function in the original's place."""
    lines = (ROOT / mutant.file).read_text(encoding="utf-8").splitlines()
    defined = (node for node in ast.parse("\n".join(lines)).body if isinstance(node, ast.FunctionDef))
    original = next(node for node in defined if node.name == mutant.place)
    name = mutant.handle.rpartition(".")[2]
    first, last = json.loads((_MUTANTS / f"{mutant.file}.spans").read_text(encoding="utf-8"))["spans"][name]
    mutated = [line.replace(name, mutant.place) for line in _mutated_lines(mutant.file)[first - 1 : last]]
    return "\n".join([*lines[: original.lineno - 1], *mutated, *lines[original.end_lineno :]]) + "\n"


def _mutated_lines(file: str) -> list[str]:
    return (_MUTANTS / file).read_text(encoding="utf-8").splitlines()


def _run(handles: Sequence[str], jobs: int) -> None:
    if handles:
        _mutmut("run", "--max-children", str(jobs), *handles)


def _outcome(code: int | None) -> Outcome:
    if code in _KILLED or code in _AS_BAD_AS_KILLED:
        return "killed"
    return "timed out" if code in _TIMED_OUT else "survived"


def _mutmut(*arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    if subprocess.run(command, cwd=PLACE, check=False).returncode != 0:
        raise MutationError("mutmut has failed; what it said stands above")


def _bring_along() -> None:
    """Copies what is not mutated: mutmut keeps old copies of it, and does not see that a test or the C has changed."""
    others = [name for name in project_files() if not _is_mutated(name)]
    for name in others:
        target = _MUTANTS / name
        if not target.exists() or target.read_bytes() != (PLACE / name).read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PLACE / name, target)
    digest, kept = digest_of(name for name in others if name.parts[0] not in {"docs", "scripts"}), PLACE / "others.digest"
    if not kept.exists() or kept.read_text(encoding="utf-8") != digest:
        shutil.rmtree(_MUTANTS / "tests", ignore_errors=True)  # mutmut copies them anew
        (_MUTANTS / "mutmut-stats.json").unlink(missing_ok=True)
        kept.write_text(digest, encoding="utf-8")


def _is_mutated(name: Path) -> bool:
    return name.suffix == ".py" and (
        name.parts[:2] in {("controller", "core"), ("controller", "session")} or name.name == "codec.py"
    )


def _mutated_files() -> Iterable[Path]:
    for meta in sorted(_MUTANTS.rglob("*.py.meta")):
        source = meta.with_suffix("").relative_to(_MUTANTS)
        if (PLACE / source).exists():
            yield source


def _exit_codes() -> dict[str, int | None]:
    return {
        name: code
        for path in _mutated_files()
        for name, code in json.loads((_MUTANTS / f"{path}.meta").read_text(encoding="utf-8"))["exit_code_by_key"].items()
    }


def _mutants_of(path: Path) -> list[Mutant]:
    names = json.loads((_MUTANTS / f"{path}.meta").read_text(encoding="utf-8"))["exit_code_by_key"]
    spans = json.loads((_MUTANTS / f"{path}.spans").read_text(encoding="utf-8"))["spans"]
    lines = _mutated_lines(path.as_posix())
    found = []
    for handle in names:
        mutated = handle.rpartition(".")[2]
        original = mutated.partition("__mutmut_")[0] + "__mutmut_orig"
        old, new = _difference(
            *([line.replace(name, "") for line in lines[spans[name][0] - 1 : spans[name][1]]] for name in (original, mutated))
        )
        place = original.removesuffix("__mutmut_orig").replace("xǁ", "").replace("ǁ", ".").removeprefix("x_")
        found.append(Mutant("functions", path.as_posix(), place, old, new, handle=handle))
    return numbered(found)


def _difference(original: list[str], mutated: list[str]) -> tuple[str, str]:
    changes = [line for line in difflib.ndiff(original, mutated) if line[:2] in {"- ", "+ "}]
    old, new = (one_line(" ".join(line[2:] for line in changes if line[0] == sign)) for sign in "-+")
    return old, new or "(gone)"
