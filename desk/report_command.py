"""`sternway report SESSION`: the session as one HTML file to print, or as a table of numbers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from desk.place import DONE, Place, parser_of, run, say, write_output
from desk.report_csv import report_csv
from desk.report_data import read_report
from desk.report_page import report_page


def main(arguments: Sequence[str] | None = None) -> int:
    """The program sternway-report; returns its exit code."""
    return run(_report, build_parser().parse_args(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Returns the command's parser; manual page and shell completion are made from it."""
    parser = parser_of("report", "Write the report of a session: plan against done, symptoms, balance, stops, steps, energy.")
    parser.add_argument("session", help="its identifier, or `last`")
    parser.add_argument("--output", type=Path, metavar="FILE", help="without it: SESSION.html, or SESSION.csv, in this directory")
    parser.add_argument("--csv", action="store_true", help="speeds and load as a table, with units in the headings")
    return parser


def _report(options: argparse.Namespace, place: Place) -> int:
    report = read_report(place, options.session)
    text = report_csv(report) if options.csv else report_page(report, place.zone)
    path = options.output or Path(f"{report.entry.record.session}.{'csv' if options.csv else 'html'}")
    write_output(path, text.encode())
    say(f"{path}: {len(text) / 1024:.0f} KiB, session {report.entry.record.session} of {report.entry.record.patient}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
