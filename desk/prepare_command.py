"""`sternway prepare PATIENT`: propose a session to the treadmill. Hands at the panel confirm it, and only they start it."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from controller.command_client import ControllerClient
from controller.problems import ProblemsError
from controller.session.caps import judge_plan
from controller.session.patient_plan import judge_plan_for_patient
from desk import today
from desk.place import DONE, REFUSED, Place, parser_of, run, say, say_aside
from desk.plan_command import plan_lines, refusal_lines
from desk.proposing import Case, open_case, propose
from messages.plan import Plan
from messages.wire import Prepare
from telemetry.patients import PatientFile


def main(arguments: Sequence[str] | None = None) -> int:
    """The program sternway-prepare; returns its exit code."""
    parser = parser_of("prepare", "Propose a session. Exit codes: 0 prepared; 1 refused; 2 wrong file or command; 3 not reached.")
    parser.add_argument("patient")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--repeat", action="store_true", help="the last accepted plan again, within today's caps")
    which.add_argument("--plan", type=Path, metavar="FILE", help="the plan in a TOML file, instead of the proposed one")
    parser.add_argument(
        "--screening", type=Path, metavar="FILE", help="profile, check and history as JSON, instead of the journal's"
    )
    parser.add_argument("--socket", type=Path, help="the controller's socket; without it, the configuration's")
    today.add_arguments(parser)
    return run(_prepare, parser.parse_args(arguments))


def _prepare(options: argparse.Namespace, place: Place) -> int:
    """Judged here first, for an answer at once; the controller judges again by what it runs with."""
    case = open_case(options, place, options.patient, options.screening)
    if case.verdict.refusals:
        say_aside("\n".join(refusal_lines(case)))
        return REFUSED
    proposed = propose(case, place, repeat=options.repeat, plan_file=options.plan)
    _judge(proposed.plan, case, place, str(options.plan or "plan"))
    say(tuple(plan_lines(proposed, case)))
    with ControllerClient(options.socket or place.configuration.paths.socket) as client:
        request = Prepare(secrets.token_hex(8), f"command line, user {os.getuid()}", proposed.plan, case.screening)
        reply = client.ask(request)
    if not reply.accepted:
        say_aside(f"Refused: {reply.reason}")
        return REFUSED
    if options.screening is None:
        _remember(place, case, proposed.plan)
    say(f"Session {reply.session} is prepared for {proposed.plan.patient}. Go on at the panel.")
    return DONE


def _judge(plan: Plan, case: Case, place: Place, source: str) -> None:
    configuration = place.configuration
    problems = (
        *judge_plan(plan, configuration.core, configuration.clinical.first_session.measured_ceiling_m_s),
        *judge_plan_for_patient(plan, case.verdict, case.screening.profile),
    )
    if problems:
        raise ProblemsError(source, tuple(dict.fromkeys(problems)))


def _remember(place: Place, case: Case, plan: Plan) -> None:
    """What a clinician proposed and the treadmill took is what can be repeated next time."""
    profile, by = case.screening.profile, case.screening.by
    accepted = msgspec.structs.replace(profile, accepted_plan=plan, accepted_by=by)
    if accepted != profile:
        with PatientFile(place.patients, write=True) as file:
            file.save(accepted, by, "accepted_plan: that of today's session", place.now(), seen=profile)


if __name__ == "__main__":
    sys.exit(main())
