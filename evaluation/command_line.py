"""`sternway evaluate [DIR] [--json]`, also `python -m evaluation`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation.others import print_directory
from evaluation.place import recordings_directory
from evaluation.recording import Calibration, RecordingError

_PROJECT = Path(__file__).resolve().parent.parent
_DOCUMENT = _PROJECT / "docs" / "balance-loss.md"
_FIGURES = _PROJECT / "docs" / "figures"


def main() -> int:
    """`sternway evaluate`: the same by its installed name."""
    return run(sys.argv[1:])


def run(argv: Sequence[str]) -> int:
    """Exit status 0: done, and every criterion with a limit was reached; 1: one was not, or a file could not be read."""
    options = _parser().parse_args(argv)
    if options.directory is not None:
        given = Calibration(
            options.zero_counts, options.newtons_per_count, options.body_weight_n, options.tare_n, options.maximum_n
        )
        return print_directory(options.directory, given, options.json)
    return _run_all(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sternway evaluate",
        description="Judges the balance-loss detector: with a DIRECTORY somebody's recordings, else recordings and made falls.",
    )
    parser.add_argument("directory", type=Path, nargs="?", help="CSV files in the form that evaluation.recording documents")
    parser.add_argument("--json", action="store_true", help="with a directory: one JSON line a file")
    for name, text in (
        ("zero-counts", "counts with nothing on the cell"),
        ("newtons-per-count", "span"),
        ("body-weight-n", "of the person on the strap, newtons (default 736)"),
        ("tare-n", "of the empty hook, newtons (default: median of the first second)"),
        ("maximum-n", "the cell's range, newtons (default 10000)"),
    ):
        parser.add_argument(f"--{name}", type=float, help=f"for files that do not say it: {text}")
    parser.add_argument(
        "--data", type=Path, default=recordings_directory(), help="recordings to evaluate with (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a short look; its figures say little")
    parser.add_argument("--write-docs", action="store_true", help="put tables and pictures into docs/")
    parser.add_argument("--output", type=Path, default=_PROJECT / "build" / "evaluation", help="where pictures go otherwise")
    return parser


def _run_all(options: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415  (judging a directory needs neither tables nor plots)
    from rich.progress import Progress  # noqa: PLC0415

    from evaluation.criteria import criteria  # noqa: PLC0415
    from evaluation.document import write_document, write_figures  # noqa: PLC0415
    from evaluation.gait import GaitRecordingError  # noqa: PLC0415
    from evaluation.report import tables  # noqa: PLC0415
    from evaluation.tables import show  # noqa: PLC0415
    from evaluation.whole import QUICK, Size, evaluate  # noqa: PLC0415

    console = Console()
    if not options.data.is_dir():
        console.print(f"{options.data} is not there: recordings are left out, only made falls are judged")
    size = QUICK if options.quick else Size()
    with Progress(console=Console(file=sys.stderr)) as bar:
        task = bar.add_task("evaluating", total=None)

        def tell(what: str, done: int, of: int) -> None:
            bar.update(task, completed=done, total=of, description=what)

        try:
            found = evaluate(options.data, size, tell)
        except (RecordingError, GaitRecordingError) as error:
            console.print(f"{options.data}: {error}", markup=False, soft_wrap=True)
            return 1
    made = tables(found)
    for table in made:
        show(console, table)
    folder = _FIGURES if options.write_docs else options.output
    for path in write_figures(found, folder):
        console.print(f"wrote {path}")
    if options.write_docs:
        write_document(_DOCUMENT, made)
        console.print(f"wrote {_DOCUMENT}")
    return 1 if any(one.holds is False for one in criteria(found)) else 0
