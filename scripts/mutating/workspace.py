"""Copies of the project in which mutants live: the one that people work in is never touched."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mutating.mutant import ROOT

_ANOTHER_TIME_NS = 1_000_000_000_000


class MutationError(Exception):
    """The run cannot go on; the text says why and what to do."""


def project_files() -> list[Path]:
    """Returns every file that git knows or would take, relative to the root."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return [Path(name) for name in names if name and (ROOT / name).is_file()]


def copy_project(tree: Path) -> None:
    """Makes `tree` the same as the project; what is the same already keeps its time, so that caches hold."""
    files = project_files()
    for name in files:
        source, target = ROOT / name, tree / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    known = set(files)
    for top in {name.parts[0] for name in files if len(name.parts) > 1}:
        for path in (tree / top).rglob("*"):
            if path.is_file() and path.suffix != ".pyc" and path.relative_to(tree) not in known:
                path.unlink()
    recordings = ROOT.parent / "shared"
    link = tree.parent / "shared"
    if recordings.exists() and not link.exists():
        link.symlink_to(recordings)


def digest_of(names: Iterable[Path]) -> str:
    """Returns a digest of these files of the project, names and contents."""
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(str(name).encode() + b"\0" + (ROOT / name).read_bytes())
    return digest.hexdigest()


class Tree:
    """One copy of the project, one mutant at a time. tests: what pytest will be asked for; their bytecode is made beforehand."""

    def __init__(self, path: Path, tests: Sequence[str] = ()) -> None:
        self.path = path
        copy_project(path)
        self._compile(tests)
        self._built = frozenset((path / "build").glob("*"))

    def _compile(self, tests: Sequence[str]) -> None:
        """Writes the bytecode that Python and pytest read: no fork has to. While a mutant stands none is written."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        folders = sorted({name.parts[0] for name in project_files() if name.suffix == ".py" and len(name.parts) > 1})
        commands = [["compileall", "-q", *folders]]
        if tests:
            commands.append(["pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *tests])
        for command in commands:
            subprocess.run([sys.executable, "-m", *command], cwd=self.path, env=environment, capture_output=True, check=False)

    @contextmanager
    def holding(self, file: str, text: str) -> Iterator[None]:
        """While it is entered, the file has other content. Afterwards it is as it was, to the second: what was compiled holds."""
        target = self.path / file
        original, times = target.read_bytes(), target.stat()
        try:
            target.write_text(text, encoding="utf-8")
            os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns + _ANOTHER_TIME_NS))
            yield
        finally:
            target.write_bytes(original)
            os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
            for built in frozenset((self.path / "build").glob("*")) - self._built:
                if built.is_file():
                    built.unlink()
