"""The patients' file: profiles, each version of them, and what the desk wrote down. SQLite, beside the journal.

It has one writer, the desk; telemetry only reads it. The journal likewise has one writer, telemetry. So neither ever waits for the
other's disk (docs/decisions/0011-patients-file.md). All methods block for as long as a small file takes.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from messages.patient import Profile
from telemetry.journal_age import KEPT_LONGER_DAYS, newest_beyond
from telemetry.patient_records import Entry, PatientExport, ProfileVersion
from telemetry.row_moments import moments_of
from telemetry.utc import rfc3339

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE profiles (
        patient TEXT NOT NULL, version INTEGER NOT NULL, time TEXT NOT NULL, by TEXT NOT NULL, change TEXT NOT NULL,
        profile TEXT NOT NULL, PRIMARY KEY (patient, version)
    );
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY, patient TEXT NOT NULL, session TEXT NOT NULL, time TEXT NOT NULL, entry TEXT NOT NULL
    );
    CREATE INDEX entries_by_patient ON entries (patient, id);
    CREATE TABLE erasures (request INTEGER PRIMARY KEY AUTOINCREMENT, patient TEXT NOT NULL, time TEXT NOT NULL, by TEXT NOT NULL);
    """,
)
"""Each script takes the file from the version of its index to the next one."""
BUSY_S = 5.0
_profile = msgspec.json.Decoder(Profile)
_entry = msgspec.json.Decoder(Entry)


class PatientsError(Exception):
    """The patients' file cannot be used as asked; the text names cause and remedy."""


class Erasure(msgspec.Struct, frozen=True):
    """A request that everything of a patient be erased, for telemetry to carry out on its side."""

    request: int
    patient: str


def patients_path(journal_path: str | Path) -> Path:
    """Returns where the patients' file lies: beside the journal."""
    return Path(journal_path).with_name("patients.sqlite")


class PatientFile:
    """The open file. Use it as a context manager."""

    def __init__(self, path: Path, *, write: bool = False) -> None:
        """Opens it, and with `write` makes or migrates it; raises PatientsError, or sqlite3.Error when it cannot be read."""
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise PatientsError(f"{path}: there is no patients' file yet; add a patient with: sternway patient add")
        mode = "rwc" if write else "ro"
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None
        )
        try:
            self._prepare(path, write)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path, write: bool) -> None:
        if write:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS) or (version < len(MIGRATIONS) and not write):
            raise PatientsError(
                f"{path}: schema {version}; this program reads {len(MIGRATIONS)}; install the program that wrote it"
            )
        for number in range(version, len(MIGRATIONS)):
            script = f"BEGIN IMMEDIATE;{MIGRATIONS[number]};PRAGMA user_version = {number + 1};COMMIT;"
            self._connection.executescript(script)

    def __enter__(self) -> PatientFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._connection.close()

    # --- profiles ------------------------------------------------------------------------------------------------------

    def patients(self) -> list[str]:
        """Returns every pseudonym, sorted."""
        return [name for (name,) in self._connection.execute("SELECT DISTINCT patient FROM profiles ORDER BY patient")]

    def profile(self, patient: str) -> Profile | None:
        """Returns the profile as it stands, or None."""
        row = self._connection.execute(
            "SELECT profile FROM profiles WHERE patient = ? ORDER BY version DESC LIMIT 1", (patient,)
        ).fetchone()
        return None if row is None else _profile.decode(row[0])

    def versions(self, patient: str) -> list[ProfileVersion]:
        """Returns all of a patient's profiles, oldest first."""
        rows = self._connection.execute(
            "SELECT time, by, change, profile FROM profiles WHERE patient = ? ORDER BY version", (patient,)
        )
        return [ProfileVersion(time=t, by=by, change=change, profile=_profile.decode(text)) for t, by, change, text in rows]

    def save(self, profile: Profile, by: str, change: str, now: datetime, *, seen: Profile | None) -> None:
        """Keeps a new version. seen: the profile that the change was made from, None for a new patient.

        Raises PatientsError when another has been kept since: nobody's decision is overwritten unseen.
        """
        with self._transaction():
            if self.profile(profile.patient) != seen:
                state = "exists already" if seen is None else "was changed in the meantime"
                raise PatientsError(f"patient {profile.patient} {state}; look at it with: sternway patient show {profile.patient}")
            self._insert_version(ProfileVersion(time=rfc3339(now), by=by, change=change[:200], profile=profile))

    # --- what was written down -----------------------------------------------------------------------------------------

    def entries(self, patient: str) -> list[Entry]:
        """Returns everything written down of a patient, oldest first."""
        rows = self._connection.execute("SELECT entry FROM entries WHERE patient = ? ORDER BY id", (patient,))
        return [_entry.decode(text) for (text,) in rows]

    def write_down(self, patient: str, entry: Entry) -> None:
        """Keeps one entry; raises PatientsError when the patient is not known."""
        with self._transaction():
            if self.profile(patient) is None:
                raise PatientsError(unknown_patient(patient, self.patients()))
            self._insert_entry(patient, entry, entry.time)

    # --- to take along, and to forget ----------------------------------------------------------------------------------

    def take_in(self, export: PatientExport, now: datetime) -> None:
        """Keeps an exported patient, whole; raises PatientsError when the pseudonym is known here, and keeps nothing then.

        Its entries are as old here as their arrival: see `prune`.
        """
        patient = export.versions[-1].profile.patient
        with self._transaction():
            if self.profile(patient) is not None:
                raise PatientsError(f"patient {patient} exists already; erase it first, or leave it as it is")
            for version in export.versions:
                self._insert_version(version)
            for entry in export.entries:
                self._insert_entry(patient, entry, rfc3339(now))

    def erase(self, patient: str, by: str, now: datetime) -> Erasure:
        """Deletes everything of a patient here, and asks telemetry to do the same with sessions, speeds and retained messages."""
        with self._transaction():
            self._connection.execute("DELETE FROM profiles WHERE patient = ?", (patient,))
            self._connection.execute("DELETE FROM entries WHERE patient = ?", (patient,))
            # By chance, not by count: of another patients' file (restored, begun anew) the journal knows the low numbers as done.
            erasure = Erasure(secrets.randbits(62), patient)
            self._connection.execute("INSERT INTO erasures VALUES (?, ?, ?, ?)", (erasure.request, patient, rfc3339(now), by))
        self._fold()
        return erasure

    def erasures(self) -> list[Erasure]:
        """Returns the requests to erase that are not known to be carried out."""
        return [Erasure(*row) for row in self._connection.execute("SELECT request, patient FROM erasures ORDER BY request")]

    def forget_erasure(self, request: int) -> None:
        """Drops a request that telemetry has carried out, and with it the last mention of the pseudonym."""
        with self._transaction():
            self._connection.execute("DELETE FROM erasures WHERE request = ?", (request,))
        self._fold()

    def prune(self, now: datetime, retention_days: int) -> list[str]:
        """Deletes entries older than the retention and two weeks; returns the patients of whom nothing was written that long.

        Age is counted over the entries in the order in which they were written, so that a wall clock that leaps deletes nothing
        that is young: see telemetry.journal_age. Who is returned is only as right as the wall clock, and nothing of theirs goes.
        """
        cutoff = rfc3339(now - timedelta(days=retention_days))
        with self._transaction():
            beyond_id = self._newest_beyond(now, retention_days + KEPT_LONGER_DAYS)
            if beyond_id is not None:
                self._connection.execute("DELETE FROM entries WHERE id <= ?", (beyond_id,))
        self._fold()
        rows = self._connection.execute(
            "SELECT patient FROM profiles GROUP BY patient HAVING MAX(time) < ?1 AND patient NOT IN (SELECT patient FROM entries)",
            (cutoff,),
        )
        return [patient for (patient,) in rows]

    def _newest_beyond(self, now: datetime, limit_days: float) -> int | None:
        oldest_id = self._connection.execute("SELECT MIN(id) FROM entries").fetchone()[0]
        if oldest_id is None:
            return None
        (now_day,) = self._connection.execute("SELECT julianday(?)", (rfc3339(now),)).fetchone()
        return newest_beyond(moments_of(self._connection, "entries"), oldest_id, now_day, limit_days)

    def _insert_version(self, version: ProfileVersion) -> None:
        self._connection.execute(
            "INSERT INTO profiles SELECT ?1, COALESCE(MAX(version), 0) + 1, ?2, ?3, ?4, ?5 FROM profiles WHERE patient = ?1",
            (version.profile.patient, version.time, version.by, version.change, _text(version.profile)),
        )

    def _insert_entry(self, patient: str, entry: Entry, written_time: str) -> None:
        self._connection.execute(
            "INSERT INTO entries (patient, session, time, entry) VALUES (?, ?, ?, ?)",
            (patient, entry.session, written_time, _text(entry)),
        )

    def _fold(self) -> None:
        """Empties the write-ahead log, where deleted rows would linger; a reader may keep that from happening until it is done."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def unknown_patient(patient: str, known: list[str]) -> str:
    """Returns what to say of a pseudonym that has no profile."""
    shown = ", ".join(known[:12]) + (" ..." if len(known) > 12 else "") if known else "nobody yet"
    return f"patient {patient}: no profile; known are {shown}; add one with: sternway patient add"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
