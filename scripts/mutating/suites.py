"""Which tests judge which mutants, and what each test reaches: found once, by running all of them without a mutant."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import Queue

import msgspec

from mutating.borrowing import borrowed
from mutating.mutant import FOLDER, ROOT
from mutating.watched_tests import Watched
from mutating.workspace import MutationError, Tree

_HERE = Path(__file__).parent
_FILES_AT_A_TIME = 6


class Suite(msgspec.Struct, frozen=True):
    """options: of pytest, for every run. places: files and folders of tests. of_python: it judges Python, by the lines reached."""

    name: str
    options: tuple[str, ...]
    places: tuple[str, ...]
    of_python: bool
    dear: tuple[str, ...] = ()
    """Files whose tests build programs of their own for every mutant: they come last."""


PYTHON = Suite(
    "python",
    ("-m", "not real_time", "--hypothesis-seed=0"),
    (
        *("tests/core", "tests/balance", "tests/session", "tests/wiring", "tests/configuration"),
        *("tests/bridge/test_drive_codec.py", "tests/bridge/test_drive_vectors.py"),
        "--ignore=tests/configuration/test_shipped_files.py",  # a document made from the code differs from any mutant
    ),
    True,
)
C = Suite(
    "c",
    ("-m", "not real_time", "--hypothesis-seed=0", "-k", "not avr"),
    ("hil_tests/conformance", "tests/firmware", "tests/bridge/test_driver_against_firmware.py"),
    False,
    tuple(f"tests/firmware/test_{name}.py" for name in ("framing_properties", "hostile_frames", "vectors")),
)


class Reach(msgspec.Struct):
    """tests: by name. digests: of the files that they stand in, when they were watched."""

    tests: dict[str, Watched]
    digests: dict[str, str]


def reach_of(suite: Suite, trees: Sequence[Tree]) -> Reach:
    """Returns what each test reaches; only files of tests that are new or have changed are run, in as many at a time as trees.

    After a change elsewhere this may be old: a mutant is then shown to too few tests and survives, it is never killed by that.
    Raises MutationError when a test fails: with a red test nothing can be judged.
    """
    kept = FOLDER / f"reach-{suite.name}.json"
    known = msgspec.json.decode(kept.read_bytes(), type=Reach) if kept.exists() else Reach({}, {})
    digests = {name: digest_of_file(name) for name in _files(suite, trees[0])}
    changed = [name for name, digest in digests.items() if known.digests.get(name) != digest]
    same = set(digests) - set(changed)
    tests = {test: watched for test, watched in known.tests.items() if file_of(test) in same}
    if changed:
        sys.stderr.write(f"{len(changed)} files of tests are run without a mutant, to see what each test reaches\n")
    reach = Reach(tests, {name: digests[name] for name in sorted(same)})
    free: Queue[Tree] = Queue()
    for tree in trees:
        free.put(tree)
    with ThreadPoolExecutor(len(trees)) as pool:
        watches = {pool.submit(_watch_in, free, suite, files): files for files in _groups(changed)}
        for number, watch in enumerate(as_completed(watches), 1):
            files = watches[watch]
            sys.stderr.write(f"\r{number} of {len(watches)}: {files[0]}{' and more' if len(files) > 1 else ''}".ljust(90))
            sys.stderr.flush()
            if watch.exception():
                pool.shutdown(cancel_futures=True)
            reach.tests |= watch.result()
            reach.digests |= {name: digests[name] for name in files}
            kept.write_bytes(msgspec.json.encode(reach))
    return reach


def _groups(files: Sequence[str]) -> list[list[str]]:
    """A few files at a time: what is known is kept, so that a run that is broken off goes on from there."""
    ordered = sorted(files)
    return [ordered[at : at + _FILES_AT_A_TIME] for at in range(0, len(ordered), _FILES_AT_A_TIME)]


def known_costs() -> dict[str, float]:
    """Returns the processor time in s of every test that any suite has watched."""
    kept = [FOLDER / f"reach-{suite.name}.json" for suite in (PYTHON, C)]
    reaches = [msgspec.json.decode(path.read_bytes(), type=Reach) for path in kept if path.exists()]
    return {test: watched.cpu_s for reach in reaches for test, watched in reach.tests.items()}


def _watch_in(free: Queue[Tree], suite: Suite, files: Iterable[str]) -> dict[str, Watched]:
    with borrowed(free) as tree:
        return _watch(suite, tree, files)


def _watch(suite: Suite, tree: Tree, files: Iterable[str]) -> dict[str, Watched]:
    result = FOLDER / f"watched-in-{tree.path.name}.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, str(_HERE / "watched_tests.py"), str(result), *(["--lines"] if suite.of_python else [])]
    done = subprocess.run(
        [*command, *suite.options, *sorted(files)], cwd=tree.path, env=os.environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or not result.exists():
        raise MutationError(f"the tests fail without any mutant; put that right first:\n{done.stdout[-2000:]}{done.stderr[-500:]}")
    return msgspec.json.decode(result.read_bytes(), type=dict[str, Watched])


def _files(suite: Suite, tree: Tree) -> list[str]:
    ignored = {place.partition("=")[2] for place in suite.places if place.startswith("--ignore=")}
    found: set[str] = set()
    for place in suite.places:
        path = tree.path / place
        files = path.rglob("test_*.py") if path.is_dir() else [path] if path.is_file() else []
        found |= {file.relative_to(tree.path).as_posix() for file in files}
    return sorted(found - ignored)


def file_of(test: str) -> str:
    """Returns the file that a test stands in."""
    return test.partition("::")[0]


def digest_of_file(name: str) -> str:
    """Returns a digest of one of the project's files; empty when there is none."""
    path = ROOT / name
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""
