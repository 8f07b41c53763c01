"""Puts a mutant of a function into a process that has loaded the project: what every other module holds is that same function.

A fresh import for each mutant would be most of its time. It is needed only where the original has already left something behind:
where the function ran while the project was loaded (a table made by it, a test's parameters), or is wrapped in something else.
"""

from __future__ import annotations
import __future__

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, FunctionType

import msgspec


class Patch(msgspec.Struct, frozen=True):
    """file: below the project's root. place: the function or Class.method. unit: its whole text with the mistake in it."""

    file: str
    place: str
    unit: str


Place = tuple[str, str]
"""File and qualified name of a function."""


def called_while(load: Callable[[], object], root: Path) -> frozenset[Place]:
    """Returns which functions of files below root ran while this loaded the project."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    sys.setprofile(note)
    try:
        load()
    finally:
        sys.setprofile(None)
    return frozenset(
        (Path(code.co_filename).relative_to(root).as_posix(), code.co_qualname)
        for code in seen
        if Path(code.co_filename).is_relative_to(root)
    )


def replacement(patch: Patch, called: frozenset[Place]) -> tuple[FunctionType, FunctionType] | None:
    """Returns the loaded function and the one with the mistake; None where only a fresh import shows the mutant."""
    module = sys.modules.get(patch.file.removesuffix(".py").replace("/", "."))
    if module is None or (patch.file, patch.place) in called:
        return None
    *holders, name = patch.place.split(".")
    namespace = vars(module)
    for holder in holders:
        namespace = vars(namespace[holder])
    loaded, mutated = namespace.get(name), _made(patch, vars(module), name)
    if not (isinstance(loaded, FunctionType) and isinstance(mutated, FunctionType)):
        return None
    is_itself = (loaded.__module__, loaded.__code__.co_qualname) == (module.__name__, patch.place)
    is_alike = (mutated.__code__.co_name, mutated.__code__.co_freevars) == (name, loaded.__code__.co_freevars)
    return (loaded, mutated) if is_itself and is_alike else None


def _made(patch: Patch, module: dict[str, object], name: str) -> object:
    flags = __future__.annotations.compiler_flag
    made: dict[str, object] = {}
    try:
        exec(compile(textwrap.dedent(patch.unit), patch.file, "exec", flags, dont_inherit=True), module, made)
    except Exception:  # a mistake in a default or a decorator may raise anything; a fresh import shows it to the tests
        return None
    return made.get(name)


def put_in(loaded: FunctionType, mutated: FunctionType) -> None:
    """From now on whoever calls the loaded function runs the other's code."""
    loaded.__code__ = mutated.__code__
    loaded.__defaults__ = mutated.__defaults__
    loaded.__kwdefaults__ = mutated.__kwdefaults__
