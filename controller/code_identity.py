"""Names the code that decides, without a version control system: a hash over the sources of everything that `step` runs."""

from __future__ import annotations

import hashlib
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
