"""Copies of the project in which mutants live: the one that people work in is never touched."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from mutating.mutant import ROOT

TEST_TIMEOUT_S = 1200
"""Far beyond what any stage of tests takes on a busy machine."""


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
    """One copy of the project, one mutant at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        copy_project(path)
        subprocess.run([sys.executable, "-m", "compileall", "-q", "-x", "/build/", str(path)], capture_output=True, check=False)

    def write(self, file: str, text: str) -> None:
        """Puts other content into a file, and forgets what was compiled from it."""
        target = self.path / file
        target.write_text(text, encoding="utf-8")
        for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
            compiled.unlink()

    def restore(self, file: str) -> None:
        """Takes the mutant out again."""
        self.write(file, (ROOT / file).read_text(encoding="utf-8"))
        for built in (self.path / "build").glob("*"):
            if built.is_file():
                built.unlink()

    def run_tests(self, arguments: Sequence[str], *, compile_first: bool = False) -> int:
        """Runs pytest until the first failure and returns its exit code; raises subprocess.TimeoutExpired."""
        environment = dict(os.environ) | ({} if compile_first else {"PYTHONDONTWRITEBYTECODE": "1"})
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "--tb=line", "-p", "no:cacheprovider", *arguments]
        with (self.path / "last_tests.log").open("w", encoding="utf-8") as log:
            return subprocess.run(
                command, cwd=self.path, env=environment, stdout=log, stderr=log, timeout=TEST_TIMEOUT_S, check=False
            ).returncode

    def last_words(self) -> str:
        """Returns the end of what the last tests said."""
        return "\n".join((self.path / "last_tests.log").read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
