"""Judges the balance-loss detector: recordings that others made, falls made from mechanics, undisturbed gait.

For development only; nothing that ships imports it. `python -m evaluation` runs all of it; with a directory it judges
somebody else's recordings (evaluation.recording documents their form).
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """The command line's entry; returns the exit status."""
    from evaluation.command_line import run  # noqa: PLC0415  (whoever only wants a module should not load the plots)

    return run(argv)
