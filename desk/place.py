"""Where the desk's commands work: configuration, the two files, the clock. What all of them share."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from pathlib import Path

import msgspec

from controller.command_client import ClientError
from controller.configuration import Configuration, load_configuration
from controller.local_clock import LocalClock
from controller.session.local_day import Clock
from controller.session.record_file import can_be_kept
from messages.patient import PastSession, Profile
from messages.plan import Pseudonym
from settings_files.problems import Problem, ProblemsError, written
from telemetry.journal import JournalError
from telemetry.journal_reader import JournalReader
from telemetry.patients import PatientFile, PatientsError, patients_path, unknown_patient
from telemetry.screening import history_of
from telemetry.settings import ServiceSettings, load_telemetry_settings
from telemetry.utc import utc_now

DONE, REFUSED, WRONG_INPUT, NOT_REACHED = 0, 1, 2, 3
PRIVATE_UMASK = 0o027
DEFAULT_CONFIGURATION = Path("/etc/sternway/treadmill.toml")


class OutputError(Exception):
    """A file that was asked for cannot be written; the text names it and says what to do."""


class Place(msgspec.Struct, frozen=True):
    """Everything outside that a command needs. zone: None is the machine's own time zone."""

    configuration: Configuration
    telemetry: ServiceSettings
    clock: Callable[[], Clock] = LocalClock(time.time)
    now: Callable[[], datetime] = utc_now
    zone: tzinfo | None = None

    @property
    def journal(self) -> Path:
        """The journal, which telemetry writes."""
        return Path(self.telemetry.telemetry.journal_path)

    @property
    def patients(self) -> Path:
        """The patients' file, which the desk writes."""
        return patients_path(self.journal)

    def open_journal(self) -> JournalReader | None:
        """Returns the journal to read, or None, said aloud, where there is none yet."""
        if not self.journal.exists():
            say_aside(f"{self.journal}: no journal yet, so no session is known here")
            return None
        return JournalReader(self.journal)

    def history(self, file: PatientFile, patient: str, after: str = "") -> tuple[PastSession, ...]:
        """Returns a patient's past sessions, recorded and logged, oldest first. after: those that began later (RFC 3339, UTC)."""
        journal = self.open_journal()
        if journal is None:
            return history_of(None, patient, file.entries(patient), self.zone, after)
        with journal:
            return history_of(journal, patient, file.entries(patient), self.zone, after)


def open_place(options: argparse.Namespace) -> Place:
    """Returns the place that the command line names; raises ProblemsError, SettingsError or OSError for a wrong configuration."""
    return Place(load_configuration(options.config), load_telemetry_settings(options.config))


def parser_of(program: str, description: str) -> argparse.ArgumentParser:
    """Returns a parser with what every command takes."""
    parser = argparse.ArgumentParser(prog=f"sternway {program}", description=description)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIGURATION, help="the treadmill's configuration file")
    return parser


def run(main: Callable[[argparse.Namespace, Place], int], options: argparse.Namespace) -> int:
    """Runs one command; every failure that people can mend becomes a text and an exit code. What it writes others cannot read."""
    before = os.umask(PRIVATE_UMASK)
    try:
        return main(options, open_place(options))
    except (ProblemsError, PatientsError, JournalError, ValueError) as error:
        say_aside(error)
        return WRONG_INPUT
    except (ClientError, OutputError) as error:
        say_aside(error)
        return NOT_REACHED
    except (sqlite3.Error, OSError) as error:
        say_aside(f"The patients' file or the journal cannot be used: {error}; run this as the user sternway-telemetry")
        return NOT_REACHED
    finally:
        os.umask(before)


def known_profile(file: PatientFile, patient: str) -> Profile:
    """Returns a profile; raises PatientsError for a pseudonym that is not known."""
    profile = file.profile(patient)
    if profile is None:
        raise PatientsError(unknown_patient(patient, file.patients()))
    return profile


def pseudonym(value: str, key: str) -> str:
    """Returns a pseudonym as given on the command line; raises ProblemsError for what is none."""
    try:
        return msgspec.convert(value, Pseudonym)
    except msgspec.ValidationError:
        allowed = "a pseudonym, never a name: 1 to 32 letters, digits, - and _"
        raise ProblemsError("command", (Problem(key, written(value), allowed, "use the clinic's list of pseudonyms"),)) from None


def free_text(value: str, key: str, longest: int, remedy: str) -> str:
    """Returns a text as given on the command line; raises ProblemsError for one that is empty, too long, or no UTF-8."""
    if not 1 <= len(value) <= longest:
        raise ProblemsError("command", (Problem(key, f"{len(value)} characters", f"1 to {longest} characters", remedy),))
    if not can_be_kept(value):
        raise ProblemsError("command", (Problem(key, written(value), "text in UTF-8", "let the terminal send UTF-8"),))
    return value


def write_output(path: Path, content: bytes) -> None:
    """Writes a file that was asked for; raises OutputError. The two files of the desk are not to blame for it."""
    try:
        path.write_bytes(content)
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        raise OutputError(
            f"{path.absolute()} may not be written here: {reason}. Name another file, or go to the directory that the clinic "
            "shares with the user sternway-telemetry (docs/desk.md)"
        ) from None


def say(lines: Sequence[str] | str) -> None:
    """Prints what was asked for."""
    sys.stdout.write((lines if isinstance(lines, str) else "\n".join(lines)) + "\n")


def say_aside(text: object) -> None:
    """Prints what people should know besides."""
    sys.stderr.write(f"{text}\n")
