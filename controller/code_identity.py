"""Names the code that decides, by a hash over the sources of all that `step` runs, and the Python under it."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import controller.core
import messages

_DIGITS = 16


def code_identity() -> str:
    """Returns 16 hexadecimal digits that change with any source file of `controller/core` and `messages`."""
    digest = hashlib.sha256()
    for package in (controller.core, messages):
        for place in package.__path__:
            for source in sorted(Path(place).glob("*.py")):
                content = source.read_bytes()
                digest.update(f"{package.__name__}/{source.name} {len(content)}\n".encode())
                digest.update(content)
    return digest.hexdigest()[:_DIGITS]


def python_version() -> str:
    """Returns implementation and version, as `CPython 3.11.7`."""
    return f"{platform.python_implementation()} {platform.python_version()}"
