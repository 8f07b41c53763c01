"""Runs telemetry's main with one call that fails once.

`python -m tests.torture.telemetry_under_fault SITE ERROR NOTES --config FILE`.

NOTES gets the name of each site when it is first reached, and `FIRED` when the call has failed. An empty SITE: nothing fails.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tests.torture.call_sites import TELEMETRY_FILES, instrument
from tests.torture.errors import ERRORS


class _Injector:
    def __init__(self, site: str, error: str, notes: str) -> None:
        self._site, self._error = site, error
        self._notes = open(notes, "a", buffering=1)  # noqa: SIM115  as long as the process
        self._seen: set[str] = set()

    def __call__(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """What `__at_site__` does."""
        first = name not in self._seen
        if first:
            self._seen.add(name)
            self._notes.write(f"{name}\n")
        if first and name == self._site:
            self._notes.write("FIRED\n")
            return ERRORS[self._error](call)
        return call


def main() -> int:
    """The exit code is telemetry's."""
    site, error, notes, *arguments = sys.argv[1:]
    instrument(TELEMETRY_FILES, _Injector(site, error, notes))
    from telemetry import service

    return service.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
