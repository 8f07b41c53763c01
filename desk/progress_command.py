"""`sternway progress PATIENT`: the one change that the last sessions speak for, and what a named clinician makes of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from controller.session.patient_plan import judge_plan_for_patient
from controller.session.plan_file import load_plan
from controller.session.progression import apply_decision, propose_progression
from controller.session.sense import judge_profile
from desk import today
from desk.patient_text import decision_words
from desk.place import DONE, Place, free_text, parser_of, pseudonym, run, say
from desk.plan_command import plan_lines
from desk.profile_changes import difference
from desk.proposing import Case, open_case, propose
from messages.plan import Plan
from messages.progression import Accepted, Changed, Decision, Proposal, Rejected, Variable
from settings_files.problems import Problem, ProblemsError
from telemetry.patient_records import Decided, Entry
from telemetry.patients import PatientFile
from telemetry.utc import rfc3339


def main(arguments: Sequence[str] | None = None) -> int:
    """The program sternway-progress; returns its exit code."""
    return run(_progress, build_parser().parse_args(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Returns the command's parser; manual page and shell completion are made from it."""
    parser = parser_of(
        "progress", "Show the one change that is due. A clinician accepts, changes or rejects it; nothing goes by itself."
    )
    parser.add_argument("patient")
    decide = parser.add_mutually_exclusive_group()
    decide.add_argument("--accept", action="store_true", help="take the proposal as it is")
    decide.add_argument("--change", type=Path, metavar="PLAN", help="take the plan in this TOML file instead")
    decide.add_argument("--reject", action="store_true", help="leave everything as it was")
    parser.add_argument("--reason", help="why, for --change and --reject")
    parser.add_argument("--decided-by", metavar="CLINICIAN", help="who decides; needed for a decision")
    today.add_arguments(parser)
    return parser


def _progress(options: argparse.Namespace, place: Place) -> int:
    case = open_case(options, place, options.patient)
    core, clinical = place.configuration.core, place.configuration.clinical
    proposal = propose_progression(case.screening, case.verdict, core, clinical, case.since_change)
    if not (options.accept or options.change or options.reject):
        say(tuple(_proposal_lines(proposal, case, place)))
        return DONE
    decision = _decision(options, proposal, case.screening.today.on)
    plan = _new_plan(decision, case, place)
    before = case.screening.profile
    after = apply_decision(before, decision, plan)
    problems = judge_profile(after, case.screening.today.on, clinical.screening)
    if problems:
        raise ProblemsError(before.patient, problems)
    entry = Entry(time=rfc3339(place.now()), on=decision.on, by=decision.by, content=Decided(decision=decision))
    with PatientFile(place.patients, write=True) as file:
        if after != before:
            file.save(after, decision.by, difference(before, after), place.now(), seen=before)
        file.write_down(before.patient, entry)
    say(f"{before.patient}: {decision_words(decision)}")
    return DONE


def _proposal_lines(proposal: Proposal, case: Case, place: Place) -> Iterator[str]:
    if proposal.variable is Variable.NOTHING:
        yield f"Nothing to change: {proposal.reason}"
        return
    yield f"Proposed: {proposal.variable.value.replace('_', ' ')} {proposal.before} -> {proposal.after}"
    yield f"Because: {proposal.reason}"
    if not case.verdict.refusals:
        yield ""
        yield from plan_lines(propose(case, place, change=proposal), case)
    yield ""
    yield "A clinician decides: --accept, --change PLAN, or --reject, with --decided-by"


def _decision(options: argparse.Namespace, proposal: Proposal, on: date) -> Decision:
    if options.decided_by is None:
        problem = Problem("--decided-by", "", "the pseudonym of the clinician who decides", "add it: the machine decides nothing")
        raise ProblemsError("decision", (problem,))
    by, patient = pseudonym(options.decided_by, "--decided-by"), options.patient
    if options.accept:
        return Accepted(patient=patient, proposal=proposal, on=on, by=by)
    reason = free_text(options.reason or "", "--reason", 300, "say why, for who comes after you")
    if options.reject:
        return Rejected(patient=patient, proposal=proposal, on=on, by=by, reason=reason)
    return Changed(patient=patient, proposal=proposal, plan=load_plan(options.change), on=on, by=by, reason=reason)


def _new_plan(decision: Decision, case: Case, place: Place) -> Plan | None:
    """The plan that goes with the decision; a clinician's own is judged like any other before it is kept."""
    if isinstance(decision, Changed):
        problems = judge_plan_for_patient(decision.plan, case.verdict, case.screening.profile)
        if problems:
            raise ProblemsError("plan", problems)
        return decision.plan
    if isinstance(decision, Rejected) or decision.proposal.variable is Variable.NOTHING or case.verdict.refusals:
        return None
    return propose(case, place, change=decision.proposal).plan


if __name__ == "__main__":
    sys.exit(main())
