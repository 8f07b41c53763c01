"""Builds the native drive library on first use, once for each state of its C sources."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = PROJECT_ROOT / "firmware_bridge" / "firmware"
BUILD = PROJECT_ROOT / "build"
BUILD_TIMEOUT_S = 120


@dataclass(frozen=True)
class MakeTarget:
    """`make -C folder goal variable=<path> settings` makes one file, named after `product`."""

    folder: Path
    goal: str
    variable: str
    product: str
    settings: tuple[str, ...] = ()


class DriveBuildError(RuntimeError):
    """The drive's C sources could not be built here; the message names what is missing or what the compiler said."""


@functools.cache  # once a process: a campaign makes thousands of drives
def native_library() -> Path:
    """Path of the native drive library, built first if its sources have changed.

    Raises DriveBuildError when `make` or a C compiler is missing or the build fails.
    """
    return build_once(MakeTarget(FIRMWARE, "native", "NATIVE_LIBRARY", "libsternway_drive.so"), native_sources())


def native_sources() -> list[Path]:
    """What the native drive library is made of."""
    return [
        FIRMWARE / "Makefile",
        *sorted((FIRMWARE / "core").glob("*.[ch]")),
        *sorted((PROJECT_ROOT / "simulator").glob("*.[ch]")),
    ]


def build_once(target: MakeTarget, sources: Sequence[Path], tools: Mapping[str, str] | None = None) -> Path:
    """Makes the target's product unless a file made from the same sources is there already; returns that file.

    `tools`: programs it needs beside make, each with the Debian package that has it; by default the C compiler.

    The sources' hash is part of the file's name and it appears in one rename: processes that build at the same time
    never load each other's half-written library.
    """
    name = Path(target.product)
    product = BUILD / f"{name.stem}-{_hash_of(sources)}{name.suffix}"
    if product.exists():
        return product
    needed = {"make": "make"} | dict(tools or {os.environ.get("CC", "cc").split()[0]: "gcc"})
    for tool, package in needed.items():
        if shutil.which(tool) is None:
            raise DriveBuildError(
                f"{tool!r} is not installed; {name.name} is built from C on first use (Debian: apt-get install {package})"
            )
    BUILD.mkdir(exist_ok=True)
    unfinished = product.with_name(f"{product.stem}.{os.getpid()}.partial{product.suffix}")
    command = [
        "make",
        "--no-print-directory",
        "-C",
        str(target.folder),
        target.goal,
        f"{target.variable}={unfinished}",
        *target.settings,
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
    if result.returncode != 0:
        unfinished.unlink(missing_ok=True)
        raise DriveBuildError(f"building {name.name} failed:\n{result.stdout}{result.stderr}")
    unfinished.rename(product)
    return product


def _hash_of(sources: Sequence[Path]) -> str:
    digest = hashlib.sha256(os.environ.get("CC", "cc").encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]
