"""`sternway prepare PATIENT`: propose a session to the treadmill. Hands at the panel confirm it, and only they start it."""

from __future__ import annotations

import argparse
import os
import secrets
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from controller.command_client import ControllerClient
from controller.session.caps import judge_plan
from controller.session.patient_plan import judge_plan_for_patient
from controller.session.plan_file import load_plan
from controller.session.proposal import ProposedPlan
from controller.session.record_file import load_screening
from desk import today
from desk.place import DONE, REFUSED, Place, parser_of, run, say, say_aside
from desk.plan_command import plan_lines, refusal_lines
from desk.proposing import Case, open_case, propose
from messages.patient import Screening
from messages.plan import Plan
from messages.wire import MAXIMUM_MESSAGE_BYTES, Prepare, encode
from settings_files.problems import Problem, ProblemsError, written
from telemetry.patients import PatientFile, PatientsError


def main(arguments: Sequence[str] | None = None) -> int:
    """The program sternway-prepare; returns its exit code."""
    options = build_parser().parse_args(arguments)
    return run(_prepare if options.screening is None else _prepare_from_files, options)


def build_parser() -> argparse.ArgumentParser:
    """Returns the command's parser; manual page and shell completion are made from it."""
    parser = parser_of("prepare", "Propose a session. Exit codes: 0 prepared; 1 refused; 2 wrong file or command; 3 not reached.")
    parser.add_argument("patient")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--repeat", action="store_true", help="the last accepted plan again, within today's caps")
    which.add_argument("--plan", type=Path, metavar="FILE", help="the plan in a TOML file, instead of the proposed one")
    parser.add_argument("--screening", type=Path, metavar="FILE", help="with --plan: records as JSON, not the journal's")
    parser.add_argument("--socket", type=Path, help="the controller's socket; without it, the configuration's")
    today.add_arguments(parser)
    return parser


def _prepare(options: argparse.Namespace, place: Place) -> int:
    """Judged here first, for an answer at once; the controller judges again by what it runs with."""
    case = open_case(options, place, options.patient)
    if case.verdict.refusals:
        say_aside("\n".join(refusal_lines(case)))
        return REFUSED
    if options.plan is not None:
        proposed = ProposedPlan(load_plan(options.plan), (), (f"the plan of {options.plan}",))
    else:
        proposed = propose(case, place, repeat=options.repeat)
    plan, source = proposed.plan, str(options.plan or "plan")
    problems = (*_caps_broken(plan, place), *judge_plan_for_patient(plan, case.verdict, case.screening.profile))
    if problems:
        raise ProblemsError(source, tuple(dict.fromkeys(problems)))
    say(tuple(plan_lines(proposed, case)))
    code = _send(options, place, plan, case.screening, source)
    if code == DONE:
        _remember(place, case, plan)
    return code


def _prepare_from_files(options: argparse.Namespace, place: Place) -> int:
    """What no patient may do is said here, with the file's name in it; what this one may do today the controller says."""
    if options.plan is None:
        problem = Problem("--plan", "", "a plan's file together with --screening", "add it")
        raise ProblemsError("prepare", (problem,))
    plan, screening = load_plan(options.plan), load_screening(options.screening)
    problems = _caps_broken(plan, place)
    if problems:
        raise ProblemsError(str(options.plan), problems)
    if plan.patient != options.patient:
        problem = Problem("patient", written(plan.patient), written(options.patient), "name the patient of this plan")
        raise ProblemsError(str(options.plan), (problem,))
    return _send(options, place, plan, screening, str(options.screening))


def _caps_broken(plan: Plan, place: Place) -> tuple[Problem, ...]:
    configuration = place.configuration
    return judge_plan(plan, configuration.core, configuration.clinical.first_session.measured_ceiling_m_s)


def _send(options: argparse.Namespace, place: Place, plan: Plan, screening: Screening, source: str) -> int:
    request = Prepare(secrets.token_hex(8), f"command line, user {os.getuid()}", plan, screening)
    try:
        encode(request)
    except ValueError as error:
        allowed = f"records and plan of at most {MAXIMUM_MESSAGE_BYTES // 1024} KiB together"
        problem = Problem(source, str(error), allowed, "keep the newest sessions, and the prescriptions that still hold")
        raise ProblemsError(source, (problem,)) from None
    with ControllerClient(options.socket or place.configuration.paths.socket) as client:
        reply = client.ask(request)
    if not reply.accepted:
        say_aside(f"Refused: {reply.reason}")
        return REFUSED
    say(f"Session {reply.session} is prepared for {plan.patient}. Go on at the panel.")
    return DONE


def _remember(place: Place, case: Case, plan: Plan) -> None:
    """What a clinician proposed and the treadmill took is what can be repeated next time."""
    profile, by = case.screening.profile, case.screening.by
    accepted = msgspec.structs.replace(profile, accepted_plan=plan, accepted_by=by)
    if accepted != profile:
        try:
            with PatientFile(place.patients, write=True) as file:
                file.save(accepted, by, "accepted_plan: that of today's session", place.now(), seen=profile)
        except (PatientsError, sqlite3.Error, OSError) as error:  # the session is prepared all the same, and the exit code says so
            say_aside(f"Only this was not kept: that this plan is the one to repeat. {error}")


if __name__ == "__main__":
    sys.exit(main())
