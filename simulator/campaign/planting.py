"""Plants a defect: in functions of the core for as long as it is asked for, in a copy of the shell's modules, in a copy of the C.

Nothing that ships is touched: the core's functions get their own code back, the copies are the campaign's.
"""

from __future__ import annotations
import __future__

import hashlib
import importlib
import inspect
import shutil
import subprocess
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any

from simulator.campaign.modules import Change, NoSuchText, changed
from simulator.drive_build import BUILD, BUILD_TIMEOUT_S, FIRMWARE, PROJECT_ROOT, DriveBuildError

_FLAGS = __future__.annotations.compiler_flag


@contextmanager
def functions_changed(changes: Mapping[str, Sequence[Change]]) -> Iterator[None]:
    """Runs functions, by "module:name", otherwise than they are written. Every importer sees it: the function stays one object.

    Raises NoSuchText when a change does not fit.
    """
    kept = []
    try:
        for where, edits in changes.items():
            function = _function(where)
            code = _compiled(function, edits, where)
            kept.append((function, function.__code__))
            function.__code__ = code
        yield
    finally:
        for function, code in reversed(kept):
            function.__code__ = code


def _function(where: str) -> FunctionType:
    module_name, _, name = where.partition(":")
    found: Any = importlib.import_module(module_name)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, FunctionType):
        raise NoSuchText(f"{where} is no function")
    return found


def _compiled(function: FunctionType, edits: Sequence[Change], where: str) -> Any:
    source = changed(textwrap.dedent(inspect.getsource(function)), edits, where)
    names = dict(function.__globals__)
    exec(compile(source, f"planted {where}", "exec", flags=_FLAGS, dont_inherit=True), names)
    return names[function.__name__].__code__


def firmware_changed(changes: Mapping[str, Sequence[Change]]) -> Path:
    """Builds the drive's library from a copy of its C in which these files are changed; returns it. Built once for each change.

    Raises NoSuchText, or DriveBuildError with what the compiler said.
    """
    files = [
        *sorted((FIRMWARE / "core").glob("*.[ch]")),
        *sorted((PROJECT_ROOT / "simulator").glob("*.[ch]")),
        FIRMWARE / "Makefile",
    ]
    texts = {path.relative_to(PROJECT_ROOT): path.read_text() for path in files}
    for name, edits in changes.items():
        path = (FIRMWARE / "core" / name).relative_to(PROJECT_ROOT)
        texts[path] = changed(texts[path], edits, name)
    digest = hashlib.sha256("".join(f"{path}\0{text}\0" for path, text in texts.items()).encode()).hexdigest()[:16]
    library = BUILD / f"planted-{digest}.so"
    if not library.exists():
        _build(texts, BUILD / f"planted-{digest}", library)
    return library


def _build(texts: Mapping[Path, str], tree: Path, library: Path) -> None:
    for path, text in texts.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    made = tree / "made.so"
    command = ["make", "--no-print-directory", "-C", str(tree / FIRMWARE.relative_to(PROJECT_ROOT)), "native"]
    # A defect may leave a value without a reader: that is no reason not to build it.
    options = [f"NATIVE_LIBRARY={made}", "WARNINGS="]
    result = subprocess.run([*command, *options], capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
    if result.returncode != 0:
        raise DriveBuildError(f"the planted defect does not compile:\n{result.stdout}{result.stderr}")
    made.rename(library)
    shutil.rmtree(tree)
