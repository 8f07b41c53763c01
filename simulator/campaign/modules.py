"""Shipped modules run again over another kernel: the same source, with the names it takes from outside exchanged.

So the serial link, the socket's two ends and telemetry need no branch for the campaign, and none of their lines is left out of it.
A planted defect is one more exchange, of source text, in the copy alone.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

Change = tuple[str, str]
"""Source text that must be there exactly once, and what stands there instead."""


class NoSuchText(ValueError):
    """A change does not fit its source any more: the source has moved on, and the change must follow."""


def changed(source: str, changes: Sequence[Change], where: str) -> str:
    """Returns the source with each change made; raises NoSuchText for one that does not fit exactly once."""
    for old, new in changes:
        if source.count(old) != 1:
            raise NoSuchText(f"{where}: {source.count(old)} places instead of one read: {old}")
        source = source.replace(old, new)
    return source


def module_over(name: str, changes: Sequence[Change] = (), **exchanged: Any) -> ModuleType:
    """Returns a fresh copy of the module in which each name of `exchanged` means what is given here."""
    module = ModuleType(f"{name} (campaign)")
    module.__file__ = str(_path(name))
    sys.modules[module.__name__] = module  # msgspec looks its annotations up there
    exec(_compiled(name, tuple(changes)), module.__dict__)
    for key, value in exchanged.items():
        if key not in module.__dict__:
            raise NoSuchText(f"{name} knows no {key}")
        setattr(module, key, value)
    return module


@functools.cache
def _path(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise NoSuchText(f"there is no module {name}")
    return Path(found.origin)


@functools.lru_cache(maxsize=128)
def _compiled(name: str, changes: tuple[Change, ...]) -> CodeType:
    path = _path(name)
    return compile(changed(path.read_text(), changes, name), str(path), "exec")
