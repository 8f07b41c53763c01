"""`sternway symptom`: enter what a patient says, or what was measured by hand, into the running session."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from controller.command_client import ControllerClient
from desk.place import DONE, REFUSED, Place, parser_of, run, say, say_aside
from desk.today import pressure
from messages.wire import Symptom, decode_to_controller, encode
from settings_files.problems import Problem, ProblemsError

MEASURED = "measured"


def main(arguments: Sequence[str] | None = None) -> int:
    """The program sternway-symptom; returns its exit code."""
    return run(_symptom, build_parser().parse_args(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Returns the command's parser; manual page and shell completion are made from it."""
    parser = parser_of(
        "symptom", "Report a symptom, or what was measured, in the running session. Whatever it is, the belt gets no faster."
    )
    parser.add_argument(
        "kind", nargs="?", default=MEASURED, help="dizziness, nausea, pain, legs, effort, breath, spinning, giving_way"
    )
    parser.add_argument("grade", nargs="?", type=int, help="0-10; without it: reported")
    parser.add_argument("--heart-rate", type=int, metavar="PER_MIN")
    parser.add_argument("--pressure", metavar="SYS/DIA", help="blood pressure, mmHg")
    parser.add_argument("--socket", type=Path, help="the controller's socket; without it, the configuration's")
    return parser


def _symptom(options: argparse.Namespace, place: Place) -> int:
    request = _request(options)
    with ControllerClient(options.socket or place.configuration.paths.socket) as client:
        reply = client.ask(request)
    if not reply.accepted:
        say_aside(f"Refused: {reply.reason}")
        return REFUSED
    say("The controller has taken it. See to the patient.")
    return DONE


def _request(options: argparse.Namespace) -> Symptom:
    systolic, diastolic = pressure(options.pressure) if options.pressure else (None, None)
    if options.kind == MEASURED and options.heart_rate is None and systolic is None:
        problem = Problem("kind", "", "a symptom, --heart-rate or --pressure", "say what to report")
        raise ProblemsError("symptom", (problem,))
    request = Symptom(
        secrets.token_hex(8),
        f"command line, user {os.getuid()}",
        options.kind,
        options.grade,
        options.heart_rate,
        systolic,
        diastolic,
    )
    try:
        decode_to_controller(encode(request))
    except (msgspec.ValidationError, OverflowError) as error:  # OverflowError: a number that no message can carry
        problem = Problem("symptom", " ".join(sys.argv[1:])[:80], str(error), "correct the value")
        raise ProblemsError("symptom", (problem,)) from None
    return request


if __name__ == "__main__":
    sys.exit(main())
