"""`sternway patient`: profiles, findings, prescriptions, what was done elsewhere, and what is written down of a session."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from controller.session.record_file import load_profile, load_record
from controller.session.sense import judge_profile
from desk import profile_changes
from desk.patient_text import patient_lines
from desk.place import DONE, REFUSED, Place, free_text, known_profile, parser_of, pseudonym, run, say, say_aside, write_output
from messages.patient import Ending, PastSession, Profile, SessionKind
from settings_files.problems import Problem, ProblemsError, written
from telemetry.journal_reader import JournalReader
from telemetry.past_sessions import local_day
from telemetry.patient_records import Content, Entry, FallForm, Logged, Note, Numbers, PatientExport
from telemetry.patients import PatientFile, PatientsError, unknown_patient
from telemetry.utc import rfc3339

LARGEST_EXPORT_BYTES = 8 * 1024 * 1024
ERASED_WITHIN_S = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The program sternway-patient; returns its exit code."""
    options = build_parser().parse_args(arguments)
    return run(options.run, options)


def build_parser() -> argparse.ArgumentParser:
    """Returns the command's parser; manual page and shell completion are made from it."""
    parser = parser_of("patient", "Patients by pseudonym, never by name. Whoever decides signs with their own: --by.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, what: str, function: Any, *, by: bool = True, patient: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what)
        if patient:
            made.add_argument("patient")
        if by:
            made.add_argument(
                "--by", required=True, metavar="CLINICIAN", help="pseudonym of the clinician who decides or writes this"
            )
        made.set_defaults(run=function)
        return made

    _add_profiles(command)
    _add_findings(command)
    _add_records(command)
    _add_files(command)
    return parser


def _add_profiles(command: Any) -> None:
    command("add", "keep a new patient's profile", _add, patient=False).add_argument("file", type=Path, help="the profile, as JSON")
    command("list", "say who is known", _list, by=False, patient=False)
    show = command("show", "show a profile and what was before", _show, by=False)
    show.add_argument("--json", action="store_true", help="the profile alone, as JSON")
    change = command("set", "change measures, stages or limits", _set)
    change.add_argument("assignment", nargs="+", metavar="KEY=VALUE", help=", ".join(profile_changes.SETTABLE))


def _add_findings(command: Any) -> None:
    walk = command("walk-test", "note the 3 m backward walk test", _walk_test)
    walk.add_argument("time_s", type=float)
    flag = command("flag", "note a finding", _flag)
    flag.add_argument("name")
    flag.add_argument("grade", help="mild, moderate or severe; none: it is there no more")
    clear = command("clear", "mark a finding as compensated, off the treadmill; it lasts 30 days", _clear)
    clear.add_argument("name")
    clear.add_argument("--reason", required=True)
    prescribe = command("prescribe", "prescribe beyond the defaults, off the treadmill", _prescribe)
    prescribe.add_argument("kind", help="three_a_week or running")
    prescribe.add_argument("--until", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")
    prescribe.add_argument("--reason", required=True)
    for each in (walk, flag, clear, prescribe):
        each.add_argument("--on", type=date.fromisoformat, metavar="YYYY-MM-DD", help="the day; without it, today")


def _add_records(command: Any) -> None:
    log = command("log", "log a session that this treadmill did not record", _log)
    log.add_argument("kind", choices=[kind.value for kind in SessionKind])
    log.add_argument("minutes", type=float)
    log.add_argument("--on", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")
    note = command("note", "write a note on a session, 600 characters", _note)
    note.add_argument("session")
    note.add_argument("text")
    numbers = command("numbers", "enter what was said or measured in a session, after it", _numbers)
    numbers.add_argument("session")
    numbers.add_argument("file", type=Path, help='as JSON: {"question": "pain", "grade": 3}')
    fall = command("fall", "fill in the form after a fall or a loaded harness", _fall)
    fall.add_argument("session")
    fall.add_argument("file", type=Path, help="as JSON: head_hit, conscious, pain, systolic_mm_hg, diastolic_mm_hg, ...")


def _add_files(command: Any) -> None:
    command("export", "write all that is kept of a patient to a file", _export, by=False).add_argument("file", type=Path)
    command("import", "keep an exported patient", _import, patient=False).add_argument("file", type=Path)
    command(
        "prune",
        "delete what is older than the journal's retention; say who has not been here since",
        _prune,
        by=False,
        patient=False,
    )
    erase = command("erase", "erase everything of a patient, here, in the journal and at the broker", _erase)
    erase.add_argument("--yes", action="store_true", help="really")


# --- profiles ----------------------------------------------------------------------------------------------------------


def _add(options: argparse.Namespace, place: Place) -> int:
    profile = load_profile(options.file)
    return _keep(place, None, profile, options.by)


def _list(_options: argparse.Namespace, place: Place) -> int:
    with PatientFile(place.patients) as file:
        say([f"{name:<32} {_summary(known_profile(file, name))}" for name in file.patients()] or "nobody yet")
    return DONE


def _summary(profile: Profile) -> str:
    flags = ", ".join(f"{flag.name.value} {flag.grade.value}" for flag in profile.flags) or "no findings"
    return f"{profile.mass_kg:g} kg, {profile.height_m:g} m; {flags}"


def _show(options: argparse.Namespace, place: Place) -> int:
    with PatientFile(place.patients) as file:
        profile = known_profile(file, options.patient)
        if options.json:
            say(msgspec.json.format(msgspec.json.encode(profile), indent=2).decode())
            return DONE
        history = place.history(file, options.patient)
        say(patient_lines(profile, history, file.versions(options.patient), file.entries(options.patient)))
    return DONE


def _set(options: argparse.Namespace, place: Place) -> int:
    return _change(options, place, lambda profile, _on: profile_changes.set_fields(profile, options.assignment))


def _walk_test(options: argparse.Namespace, place: Place) -> int:
    return _change(options, place, lambda p, on: profile_changes.with_walk_test(p, options.time_s, on, options.by))


def _flag(options: argparse.Namespace, place: Place) -> int:
    if options.grade == "none":
        return _change(options, place, lambda profile, _on: profile_changes.without_flag(profile, options.name))
    return _change(options, place, lambda p, on: profile_changes.with_flag(p, options.name, options.grade, on, options.by))


def _clear(options: argparse.Namespace, place: Place) -> int:
    return _change(options, place, lambda p, on: profile_changes.with_clearance(p, options.name, on, options.by, options.reason))


def _prescribe(options: argparse.Namespace, place: Place) -> int:
    kind, until, reason = options.kind, options.until, options.reason
    return _change(options, place, lambda p, on: profile_changes.with_prescription(p, kind, on, until, options.by, reason))


def _change(options: argparse.Namespace, place: Place, change: Any) -> int:
    with PatientFile(place.patients) as file:
        before = known_profile(file, options.patient)
    on = getattr(options, "on", None) or today(place)
    return _keep(place, before, change(before, on), options.by)


def _keep(place: Place, before: Profile | None, after: Profile, by: str) -> int:
    """Judged as a whole before anything is written: a profile that makes no sense is not kept."""
    problems = judge_profile(after, today(place), place.configuration.clinical.screening)
    if problems:
        raise ProblemsError(after.patient, problems)
    changed = profile_changes.difference(before, after)
    if before == after:
        say(f"{after.patient}: nothing changed")
        return DONE
    with PatientFile(place.patients, write=True) as file:
        file.save(after, pseudonym(by, "--by"), changed, place.now(), seen=before)
    say(f"{after.patient}: {changed}")
    return DONE


def today(place: Place) -> date:
    """Returns the clinic's local day."""
    return local_day(rfc3339(place.now()), place.zone)


# --- what is written down ----------------------------------------------------------------------------------------------


def _log(options: argparse.Namespace, place: Place) -> int:
    seconds, day = options.minutes * 60, today(place)
    if not (0 < seconds <= 14400 and options.on <= day):
        problem = Problem(
            "minutes, --on", f"{options.minutes:g}, {options.on}", f"more than 0 to 240 min, up to {day}", "correct it"
        )
        raise ProblemsError("log", (problem,))
    kind = SessionKind(options.kind)
    belt_s = seconds if kind is not SessionKind.BALANCE else 0.0
    past = PastSession(on=options.on, kind=kind, belt_time_s=belt_s, work_time_s=belt_s, ending=Ending.COMPLETE)
    return _write(options, place, Logged(session=past), "")


def _note(options: argparse.Namespace, place: Place) -> int:
    text = free_text(options.text, "text", 600, "shorten it, or write two notes")
    return _write(options, place, Note(text=text), options.session)


def _numbers(options: argparse.Namespace, place: Place) -> int:
    return _write(options, place, load_record(Numbers, options.file), options.session)


def _fall(options: argparse.Namespace, place: Place) -> int:
    return _write(options, place, load_record(FallForm, options.file), options.session)


def _write(options: argparse.Namespace, place: Place, content: Content, session: str) -> int:
    if session:
        _must_be_theirs(place, session, options.patient)
    entry = Entry(time=rfc3339(place.now()), on=today(place), by=pseudonym(options.by, "--by"), session=session, content=content)
    with PatientFile(place.patients, write=True) as file:
        file.write_down(options.patient, entry)
    say(f"{options.patient}: written down")
    return DONE


def _must_be_theirs(place: Place, session: str, patient: str) -> None:
    journal = place.open_journal()
    found = None
    if journal is not None:
        with journal:
            found = journal.session(session)
            known = [entry.record.session for entry in journal.sessions_of(patient)][-5:]
    if found is None or found.record.patient != patient:
        allowed = "a session of this patient" + (f", the last: {', '.join(known)}" if journal is not None and known else "")
        raise ProblemsError("command", (Problem("session", written(session), allowed, "correct the session's name"),))


# --- to take along, and to forget --------------------------------------------------------------------------------------


def _export(options: argparse.Namespace, place: Place) -> int:
    with PatientFile(place.patients) as file:
        known_profile(file, options.patient)
        versions, entries = tuple(file.versions(options.patient)), tuple(file.entries(options.patient))
        logged = {entry.content.session for entry in entries if isinstance(entry.content, Logged)}
        recorded = tuple(past for past in place.history(file, options.patient) if past not in logged)
    export = PatientExport(versions=versions, entries=entries, recorded=recorded)
    write_output(options.file, msgspec.json.format(msgspec.json.encode(export), indent=2) + b"\n")
    say(f"{options.patient}: {len(versions)} versions, {len(entries)} entries, {len(recorded)} sessions written to {options.file}")
    return DONE


def _import(options: argparse.Namespace, place: Place) -> int:
    """What was recorded elsewhere is kept as logged: the week's rule and progression know it."""
    export = read_export(options.file)
    profile = export.versions[-1].profile
    if any(version.profile.patient != profile.patient for version in export.versions):
        problem = Problem("versions.profile.patient", "several", "one patient in a file", "export each patient anew")
        raise ProblemsError(str(options.file), (problem,))
    problems = judge_profile(profile, today(place), place.configuration.clinical.screening)
    if problems:
        raise ProblemsError(str(options.file), problems)
    by, time_text = pseudonym(options.by, "--by"), rfc3339(place.now())
    taken = tuple(Entry(time=time_text, on=past.on, by=by, content=Logged(session=past)) for past in export.recorded)
    with PatientFile(place.patients, write=True) as file:
        file.take_in(msgspec.structs.replace(export, entries=(*export.entries, *taken)), place.now())
    say(f"{profile.patient}: imported")
    return DONE


def read_export(path: Path) -> PatientExport:
    """Returns an exported patient; raises ProblemsError for what is none."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_EXPORT_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        problem = Problem(str(path), "", "a file that can be read", f"{reason}: correct the path or its permissions")
        raise ProblemsError(str(path), (problem,)) from None
    problem = Problem(
        str(path), "", f"at most {LARGEST_EXPORT_BYTES >> 20} MiB", "this is another kind of file: name the right one"
    )
    if len(content) > LARGEST_EXPORT_BYTES:
        raise ProblemsError(str(path), (problem,))
    try:
        return msgspec.json.decode(content, type=PatientExport)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = Problem(str(path), "", "a patient as `sternway patient export` writes it", str(error) or "too deeply nested")
        raise ProblemsError(str(path), (problem,)) from None


def _prune(_options: argparse.Namespace, place: Place) -> int:
    days = place.telemetry.telemetry.retention_days
    clock = place.clock()
    if clock.date is None or not (clock.trusted or place.configuration.commissioning.clock == "as_set"):
        say_aside(
            f"clock: {clock.date or 'no date'}; allowed is one kept right by a time server or by a battery, or one that a person "
            'vouches for (commissioning.clock = "as_set"). Nothing was deleted: let the clock synchronise, then say this again.'
        )
        return REFUSED
    with PatientFile(place.patients, write=True) as file:
        forgotten = file.prune(place.now(), days)
    say(
        [
            f"nothing was written of {name} for {days} days up to {clock.date}: erase with: sternway patient erase {name}"
            for name in forgotten
        ]
        or "done"
    )
    return DONE


def _erase(options: argparse.Namespace, place: Place) -> int:
    if not options.yes:
        say_aside(
            f"This erases everything of {options.patient} for good. Say so with --yes; `sternway patient export` keeps a copy."
        )
        return REFUSED
    _must_not_be_walking(place, pseudonym(options.patient, "patient"))
    with PatientFile(place.patients, write=True) as file:
        _must_be_known(place, file, options.patient)
        erasure = file.erase(options.patient, pseudonym(options.by, "--by"), place.now())
        deadline = time.monotonic() + ERASED_WITHIN_S
        while not _carried_out(place, erasure.request):
            if time.monotonic() > deadline:
                say_aside(
                    "Erased here. The recording (telemetry) or the broker has not answered yet: sessions and retained messages go "
                    "as soon as both run. Then say this command once more."
                )
                return REFUSED
            time.sleep(0.2)
        for done in file.erasures():
            if _carried_out(place, done.request):
                file.forget_erasure(done.request)
    aside = sorted(place.journal.parent.glob(f"{place.journal.name}.*.aside*"))
    for path in aside:
        say_aside(f"{path}: a damaged journal was put aside here and may still name the patient: delete it when you can spare it")
    say(f"{options.patient}: erased, in the patients' file, in the journal and at the broker")
    return DONE


def _must_not_be_walking(place: Place, patient: str) -> None:
    if not place.journal.exists():
        raise PatientsError(f"{place.journal}: no journal here; run this on the treadmill's own computer")
    with JournalReader(place.journal) as journal:
        for entry in journal.not_over(patient):
            raise PatientsError(f"patient {patient}: session {entry.record.session} is not over; end it first")


def _must_be_known(place: Place, file: PatientFile, patient: str) -> None:
    """Whoever mistypes must not believe that somebody was erased. Known is who has a profile, a session, or a request under way."""
    if file.profile(patient) is not None or any(each.patient == patient for each in file.erasures()):
        return
    with JournalReader(place.journal) as journal:
        if not journal.has_session_of(patient):
            raise PatientsError(f"{unknown_patient(patient, file.patients())}. Nothing is kept of them, and nothing was erased")


def _carried_out(place: Place, request: int) -> bool:
    with JournalReader(place.journal) as journal:
        return journal.erased(request)


if __name__ == "__main__":
    sys.exit(main())
