"""Writes the documents that say what the code says, from the code; with --check only says which are out of date (exit code 1)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from documents.command_line import bash_completion, manual_page
from documents.configuration import configuration_page
from documents.drawings import NAMES, drawing_page
from documents.events import events_page
from documents.failure_modes import failure_modes_page
from documents.inputs import inputs_page
from documents.prescription import prescription_page
from documents.states import states_page
from documents.treadmill_toml import treadmill_toml

ROOT = Path(__file__).resolve().parent.parent

DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/states.md": states_page,
    "docs/events.md": events_page,
    "docs/inputs.md": inputs_page,
    "docs/configuration.md": configuration_page,
    "docs/failure-modes.md": failure_modes_page,
    "docs/prescription.md": prescription_page,
    "config/treadmill.toml": treadmill_toml,
    "docs/sternway.1": manual_page,
    "config/sternway.bash-completion": bash_completion,
    **{f"docs/wiring/{name.replace('_', '-')}.svg": drawing_page(name) for name in NAMES},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or checks every document; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a document is out of date")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's directory")
    options = parser.parse_args(arguments)
    outdated = [path for path, page in DOCUMENTS.items() if _read(options.root / path) != page()]
    if options.check:
        for path in outdated:
            sys.stderr.write(f"{path} is out of date: run `make docs`\n")
        return 1 if outdated else 0
    for path in outdated:
        (options.root / path).parent.mkdir(parents=True, exist_ok=True)
        (options.root / path).write_text(DOCUMENTS[path](), encoding="utf-8")
        sys.stdout.write(f"written: {path}\n")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
