"""Mutants of the firmware's C, made by universalmutator; what compiles to the object code of another is none of its own."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from mutating.mutant import FOLDER, ROOT, Mutant, numbered, one_line
from mutating.suites import Reach
from mutating.workspace import MutationError

CORE = ROOT / "firmware_bridge" / "firmware" / "core"
HEADER = CORE / "limits.h"

_COMPILE = ("-std=c99", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wstrict-prototypes", "-x", "c", "-c")
"""As the native library is built: what the build refuses is killed by the compiler."""
_FUNCTION = re.compile(r"^[A-Za-z_].*?(\w+)\([^;]*$")
_NAMED_LINE = re.compile(r"^\s*#define (\w+)")
_REFUSED = ""


class Made(msgspec.Struct, frozen=True):
    """What was made: all candidates, and those that remain. made: how many texts; refused: by the compiler; same: object code."""

    mutants: tuple[Mutant, ...]
    made: int
    refused: int
    same: int


def c_mutants(jobs: int) -> Made:
    """Returns the mutants of every C file of the core and of the header of limits; only of a file that has changed anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        parts = [_of_file(path, pool) for path in [*sorted(CORE.glob("*.c")), HEADER]]
    return Made(
        tuple(numbered(mutant for part in parts for mutant in part.mutants)),
        sum(part.made for part in parts),
        sum(part.refused for part in parts),
        sum(part.same for part in parts),
    )


def tests_of(_: Mutant, reach: Reach) -> Sequence[str]:
    """Returns all that know the firmware: the conformance suite on the native drive, the frames with sanitizers."""
    return list(reach.tests)


def _of_file(path: Path, pool: ThreadPoolExecutor) -> Made:
    """Returns a file's mutants: as an earlier run made them while nothing has changed that they are compiled from."""
    compiled_from = [Path(__file__), path, *sorted(CORE.glob("*.[ch]" if path == HEADER else "*.h"))]
    digest = hashlib.sha256(b"".join(one.read_bytes() for one in compiled_from)).hexdigest()[:16]
    kept = FOLDER / f"c-{path.name}-{digest}.json"
    if kept.exists():
        return msgspec.json.decode(kept.read_bytes(), type=Made)
    made = _compile(path, pool)
    kept.write_bytes(msgspec.json.encode(made))
    return made


def _compile(path: Path, pool: ThreadPoolExecutor) -> Made:
    sys.stderr.write(f"compiling the mutants of {path.name}\n")
    original = path.read_text(encoding="utf-8")
    texts = [text for text in _texts(path) if path != HEADER or _is_definition(original, text)]
    compiled = [path] if path != HEADER else sorted(CORE.glob("*.c"))
    seen = {_object_code(path, original, compiled)}
    if _REFUSED in seen:
        raise MutationError(f"{path.name} itself does not compile with {' '.join(_COMPILE)}")
    kept: list[Mutant] = []
    refused = same = 0
    for text, code in zip(texts, pool.map(lambda text: _object_code(path, text, compiled), texts), strict=True):
        if code == _REFUSED:
            refused += 1
        elif code in seen:
            same += 1
        else:
            seen.add(code)
            kept.append(_named(path, original, text))
    return Made(tuple(kept), len(texts), refused, same)


def _texts(path: Path) -> list[str]:
    mutate = Path(sys.executable).with_name("mutate")
    with tempfile.TemporaryDirectory() as folder:
        command = [str(mutate), str(path), "c", "--noCheck", "--mutantDir", folder]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        made = sorted(Path(folder).glob(f"{path.stem}.mutant.*"), key=lambda name: int(name.suffixes[-2][1:]))
        if done.returncode != 0 or not made:
            raise MutationError(f"universalmutator made nothing of {path.name}: {done.stdout[-500:]}{done.stderr[-500:]}")
        return list(dict.fromkeys(name.read_text(encoding="utf-8") for name in made))


def _is_definition(original: str, text: str) -> bool:
    old, _, _ = _difference(original, text)
    return bool(_NAMED_LINE.match(old))


def _object_code(path: Path, text: str, compiled: Iterable[Path]) -> str:
    """Returns a digest of the object code of the files with this text in the place of `path`; empty when it does not compile."""
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / path.name).write_text(text, encoding="utf-8")
        for source in compiled:
            content = text if source == path else source.read_text(encoding="utf-8")
            product = Path(folder) / "object.o"
            command = ["cc", *_COMPILE, "-", "-o", str(product), "-iquote", folder, "-I", str(CORE)]
            if subprocess.run(command, input=content, capture_output=True, text=True, check=False).returncode != 0:
                return _REFUSED
            digest.update(product.read_bytes())
    return digest.hexdigest()


def _named(path: Path, original: str, text: str) -> Mutant:
    old, new, line = _difference(original, text)
    if path == HEADER:
        found = _NAMED_LINE.match(old)
        place, unit = found.group(1) if found else "limits", new
    else:
        place, unit = _function_around(text.splitlines(), original.splitlines(), line)
    return Mutant("C", path.relative_to(ROOT).as_posix(), place, one_line(old), one_line(new) or "(gone)", text=text, unit=unit)


def _function_around(mutated: Sequence[str], original: Sequence[str], line: int) -> tuple[str, str]:
    """Returns the name of the function in which a line (counted from 0) stands, and its mutated text; empty outside of any."""
    for first in range(min(line, len(original) - 1), -1, -1):
        if found := _FUNCTION.match(original[first]):
            last = next((at for at in range(line, len(mutated)) if mutated[at] == "}"), len(mutated) - 1)
            return found.group(1), "\n".join(mutated[first : last + 1])
    return "file", ""


def _difference(original: str, text: str) -> tuple[str, str, int]:
    """Returns the old lines, the new lines and the number of the first, counted from 0."""
    before, after = original.splitlines(), text.splitlines()
    first = next((i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), min(len(before), len(after)))
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    old, new = before[first : len(before) - last], after[first : len(after) - last]
    if not old and first < len(before):  # a line was put in: it is named by the line that it precedes
        old, new = [before[first]], [*new, before[first]]
    return " ".join(old), " ".join(new), first
