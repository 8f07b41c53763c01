"""A mutant of a function in a process that has loaded the project: seen by whoever holds the function, or not put in at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mutating.patching import Patch, called_while, put_in, replacement

MODULE = """
from __future__ import annotations
import contextlib, functools

def double(value: NotLoaded, more: int = 0, *, less: int = 0) -> int:
    return 2 * value + more - less

def tabled(value):
    return inner(value)

def inner(value):
    return value + 1

TABLE = (tabled(1), double)

@functools.cache
def cached(value):
    return value

@contextlib.contextmanager
def managed():
    yield 1

class Shape:
    def area(self):
        return 1

    @property
    def side(self):
        return 1

    def name(self):
        return super().__repr__()
"""
FILE = "sample_of_patching.py"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[tuple[Any, frozenset[tuple[str, str]]]]:
    """The module, and which of its functions ran while it was loaded."""
    path = tmp_path / FILE
    path.write_text(MODULE)
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    called = called_while(lambda: exec(compile(MODULE, str(path), "exec"), vars(module)), tmp_path)
    yield module, called
    del sys.modules[path.stem]


def test_whoever_holds_the_function_runs_the_mistake(sample: tuple[Any, frozenset[tuple[str, str]]]) -> None:
    module, called = sample
    held = module.TABLE[1]
    unit = "def double(value: NotLoaded, more: int = 1, *, less: int = 3) -> int:\n    return 2 * value + more + less\n"
    functions = replacement(Patch(FILE, "double", unit), called)
    assert functions is not None
    assert held(5) == 10, "nothing is changed before it is put in"
    put_in(*functions)
    assert held(5) == 14
    assert held is module.double


def test_a_method_is_changed_in_what_is_already_made(sample: tuple[Any, frozenset[tuple[str, str]]]) -> None:
    module, called = sample
    made = module.Shape()
    functions = replacement(Patch(FILE, "Shape.area", "    def area(self):\n        return 2\n"), called)
    assert functions is not None
    put_in(*functions)
    assert made.area() == 2


@pytest.mark.parametrize(
    ("place", "unit"),
    [
        ("tabled", "def tabled(value):\n    return inner(value) + 1\n"),
        ("inner", "def inner(value):\n    return value + 2\n"),
        ("cached", "@functools.cache\ndef cached(value):\n    return value + 1\n"),
        ("managed", "@contextlib.contextmanager\ndef managed():\n    yield 2\n"),
        ("Shape.side", "    @property\n    def side(self):\n        return 2\n"),
        ("Shape.name", "    def name(self):\n        return super().__str__()\n"),
        ("double", "def double(value, more=1 / 0):\n    return value\n"),
        ("double", "@functools.cache\ndef double(value):\n    return value\n"),
    ],
)
def test_what_a_patch_would_not_show_needs_a_fresh_import(
    sample: tuple[Any, frozenset[tuple[str, str]]], place: str, unit: str
) -> None:
    assert replacement(Patch(FILE, place, unit), sample[1]) is None


def test_a_module_that_no_test_has_loaded_is_not_patched(sample: tuple[Any, frozenset[tuple[str, str]]]) -> None:
    assert replacement(Patch("no_such_module.py", "double", "def double():\n    return 1\n"), sample[1]) is None
