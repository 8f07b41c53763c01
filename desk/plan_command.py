"""`sternway plan PATIENT`: what may be done today, why, and the plan that follows from it, as a table and a curve."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import msgspec

from controller.session.plan_text import phase_rows, plan_curve, plan_rows
from controller.session.proposal import ProposedPlan
from desk import today
from desk.place import DONE, REFUSED, Place, parser_of, run, say
from desk.proposing import Case, open_case, propose


def main(arguments: Sequence[str] | None = None) -> int:
    """The program sternway-plan; returns its exit code."""
    return run(_plan, build_parser().parse_args(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Returns the command's parser; manual page and shell completion are made from it."""
    parser = parser_of("plan", "Show what a patient may do today, and a plan within it. Prepares nothing.")
    parser.add_argument("patient")
    parser.add_argument("--repeat", action="store_true", help="the last accepted plan again, within today's caps")
    parser.add_argument("--json", action="store_true", help="the plan alone, as JSON")
    today.add_arguments(parser)
    return parser


def _plan(options: argparse.Namespace, place: Place) -> int:
    case = open_case(options, place, options.patient)
    if case.verdict.refusals:
        say(tuple(refusal_lines(case)))
        return REFUSED
    proposed = propose(case, place, repeat=options.repeat)
    if options.json:
        say(msgspec.json.format(msgspec.json.encode(proposed.plan), indent=2).decode())
    else:
        say(tuple(plan_lines(proposed, case)))
    return DONE


def refusal_lines(case: Case) -> Iterator[str]:
    """Yields why there is no session today."""
    yield f"No session for {case.screening.profile.patient} today:"
    for refusal in case.verdict.refusals:
        yield f"  {refusal.problem}"
        if refusal.rule:
            yield f"    (rule: {refusal.rule})"


def plan_lines(proposed: ProposedPlan, case: Case) -> Iterator[str]:
    """Yields the plan: its curve, its phases, each number with the rule that made it so, and what people should know."""
    yield f"Plan for {proposed.plan.patient}"
    yield ""
    yield from plan_curve(proposed.plan)
    yield ""
    yield from aligned((("from", "what", "how long", "how fast"), *phase_rows(proposed.plan)))
    if proposed.rows:
        yield ""
        yield from aligned((("number", "value", "because"), *plan_rows(proposed)))
    for note in dict.fromkeys((*proposed.notes, *(note.text for note in case.verdict.notes))):
        yield f"Note: {note}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields the rows with their columns under each other."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
