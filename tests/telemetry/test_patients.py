"""The patients' file: versions, entries, two processes at once, and nothing left after an erasure."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from messages.figures import Question
from messages.patient import PastSession, SessionKind
from messages.wire import encode
from telemetry import journal as journal_module
from telemetry.journal import encode_session, open_journal
from telemetry.journal_age import KEPT_LONGER_DAYS
from telemetry.journal_reader import JournalReader
from telemetry.patient_records import Entry, Logged, Note, Numbers, PatientExport, ProfileVersion
from telemetry.patients import PatientFile, PatientsError, patients_path
from telemetry.screening import propose
from telemetry.utc import rfc3339
from tests.telemetry import samples
from tests.telemetry.bench import ROOT, Ear, Mosquitto, Peer, Telemetry, ear, until

NOW = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
PROFILE = samples.PROFILE


def entry(content: object, session: str = "", time: str = "2026-03-09T12:00:00.000Z") -> Entry:
    return Entry(time=time, on=date(2026, 3, 9), by="doc-1", session=session, content=content)


def kept(path: Path) -> PatientFile:
    file = PatientFile(path, write=True)
    file.save(PROFILE, "doc-1", "new patient", NOW, seen=None)
    return file


def test_every_version_is_kept_with_who_and_what(tmp_path: Path) -> None:
    heavier = msgspec.structs.replace(PROFILE, mass_kg=75.0)
    with kept(tmp_path / "p.sqlite") as file:
        file.save(heavier, "doc-2", "mass_kg: 71.5 -> 75.0", NOW, seen=PROFILE)
    with PatientFile(tmp_path / "p.sqlite") as file:
        assert file.profile("p-17") == heavier
        assert [(version.by, version.change, version.profile) for version in file.versions("p-17")] == [
            ("doc-1", "new patient", PROFILE),
            ("doc-2", "mass_kg: 71.5 -> 75.0", heavier),
        ]
        assert file.patients() == ["p-17"]
        assert file.profile("p-18") is None
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            file.save(PROFILE, "doc-2", "x", NOW, seen=heavier)


def test_nobodys_decision_is_overwritten_unseen(tmp_path: Path) -> None:
    with kept(tmp_path / "p.sqlite") as file:
        one, other = (msgspec.structs.replace(PROFILE, mass_kg=mass) for mass in (72.0, 73.0))
        file.save(one, "doc-1", "x", NOW, seen=PROFILE)
        with pytest.raises(PatientsError, match="was changed in the meantime"):
            file.save(other, "doc-2", "y", NOW, seen=PROFILE)
        with pytest.raises(PatientsError, match="exists already"):
            file.save(other, "doc-2", "y", NOW, seen=None)
        assert file.profile("p-17") == one


def test_entries_belong_to_known_patients(tmp_path: Path) -> None:
    with kept(tmp_path / "p.sqlite") as file:
        file.write_down("p-17", entry(Note(text="slept badly"), "s-1"))
        with pytest.raises(PatientsError, match="p-18: no profile; known are p-17"):
            file.write_down("p-18", entry(Note(text="x")))
        assert [each.content for each in file.entries("p-17")] == [Note(text="slept badly")]


def test_a_file_that_is_not_there_or_is_newer_is_said(tmp_path: Path) -> None:
    with pytest.raises(PatientsError, match="no patients' file yet"):
        PatientFile(tmp_path / "p.sqlite")
    kept(tmp_path / "p.sqlite").__exit__(None, None, None)
    connection = sqlite3.connect(tmp_path / "p.sqlite")
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    for write in (True, False):
        with pytest.raises(PatientsError, match="schema 9"):
            PatientFile(tmp_path / "p.sqlite", write=write)


def test_export_and_import_carry_everything(tmp_path: Path) -> None:
    with kept(tmp_path / "a.sqlite") as file:
        file.write_down("p-17", entry(Note(text="x"), "s-1"))
        export = PatientExport(versions=tuple(file.versions("p-17")), entries=tuple(file.entries("p-17")))
    again = msgspec.json.decode(msgspec.json.encode(export), type=PatientExport)
    with PatientFile(tmp_path / "b.sqlite", write=True) as other:
        other.take_in(again, NOW)
        assert (other.versions("p-17"), other.entries("p-17")) == (list(export.versions), list(export.entries))
        with pytest.raises(PatientsError, match="exists already"):
            other.take_in(again, NOW)
        assert len(other.versions("p-17")) == 1


def weekly(file: PatientFile, first: datetime, weeks: int) -> None:
    """One note a week from a day on, each with the number of its week."""
    for week in range(weeks):
        file.write_down("p-17", entry(Note(text=f"{week}"), time=rfc3339(first + timedelta(weeks=week))))


def notes(file: PatientFile) -> list[int]:
    return [int(each.content.text) for each in file.entries("p-17") if isinstance(each.content, Note)]


def test_retention_takes_old_entries_and_names_who_has_not_been_here(tmp_path: Path) -> None:
    with kept(tmp_path / "p.sqlite") as file:
        weekly(file, NOW - timedelta(weeks=100), 101)
        assert file.prune(NOW, 365) == []
        oldest = min(notes(file))
        assert timedelta(days=365) <= timedelta(weeks=100 - oldest) <= timedelta(days=365 + KEPT_LONGER_DAYS)
        assert notes(file) == list(range(oldest, 101)), "what is younger stays, whole"
        assert file.prune(NOW, 365) == []
        assert min(notes(file)) == oldest
    with PatientFile(tmp_path / "other.sqlite", write=True) as file:
        file.save(PROFILE, "doc-1", "new patient", NOW - timedelta(days=366), seen=None)
        assert file.prune(NOW, 365) == ["p-17"]


@pytest.mark.parametrize("leap_days", [-20000, -400, 400, 20000])
def test_a_clock_that_leaps_deletes_no_entry(tmp_path: Path, leap_days: int) -> None:
    with kept(tmp_path / "p.sqlite") as file:
        weekly(file, NOW - timedelta(weeks=50), 51)
        file.prune(NOW + timedelta(days=leap_days), 365)
        assert notes(file) == list(range(51))


def test_what_was_written_while_the_clock_was_wrong_is_no_older_for_it(tmp_path: Path) -> None:
    """Without a clock chip the desk writes as of 1970 until the network has set the clock."""
    with kept(tmp_path / "p.sqlite") as file:
        weekly(file, NOW - timedelta(weeks=5), 5)
        file.write_down("p-17", entry(Note(text="5"), time="1970-01-01T00:05:00.000Z"))
        file.write_down("p-17", entry(Note(text="6"), time=rfc3339(NOW)))
        file.prune(NOW, 365)
        assert notes(file) == list(range(7))


def test_a_history_that_was_imported_makes_nothing_older_and_stays_for_the_retention(tmp_path: Path) -> None:
    with kept(tmp_path / "p.sqlite") as file:
        weekly(file, NOW - timedelta(weeks=5), 6)
        old = tuple(entry(Note(text="9"), time=rfc3339(NOW - timedelta(weeks=week))) for week in range(150, 2, -1))
        arrived = msgspec.structs.replace(PROFILE, patient="p-18")
        version = ProfileVersion(time=rfc3339(NOW), by="doc-1", change="new patient", profile=arrived)
        file.take_in(PatientExport(versions=(version,), entries=old), NOW)
        file.prune(NOW, 365)
        assert notes(file) == list(range(6))
        assert len(file.entries("p-18")) == len(old)


# --- together with the journal ---------------------------------------------------------------------------------------


def test_a_proposal_carries_recorded_and_logged_sessions_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal, _ = open_journal(path, 64, NOW)
    for name, time_text in (("s-1", "2026-03-03T08:00:00.000Z"), ("s-2", "2026-03-07T08:00:00.000Z")):
        journal.store((), [samples.session("running", name, time_text)])
        journal.store((), [msgspec.structs.replace(samples.session("complete", name, time_text), ended_by="session-complete")])
    journal.store((), [msgspec.structs.replace(samples.session("complete", "other", "2026-03-08T08:00:00.000Z"), patient="p-18")])
    journal.close()
    walked = PastSession(on=date(2026, 3, 5), kind=SessionKind.FORWARD, belt_time_s=1200.0)
    with kept(patients_path(path)) as file:
        file.write_down("p-17", entry(Logged(session=walked)))
        file.write_down("p-17", entry(Numbers(question=Question.PAIN, grade=5), "s-2"))
    proposed = propose(patients_path(path), path, "p-17", samples.PLAN, samples.TODAY, UTC)
    history = proposed.screening.history
    assert [past.on for past in history] == [date(2026, 3, 3), date(2026, 3, 5), date(2026, 3, 7)]
    assert history[1] == walked
    assert [past.worst_pain for past in history] == [0, 0, 5], "numbers that came later count"
    assert (proposed.screening.profile, proposed.screening.today) == (PROFILE, samples.TODAY)


def test_a_long_history_is_cut_to_what_a_message_carries(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with kept(patients_path(path)) as file:
        for number in range(100):
            day = date(2026, 1, 1) + timedelta(days=number % 60)
            file.write_down("p-17", entry(Logged(session=PastSession(on=day, worst_pain=number % 10))))
    phases = samples.PLAN.phases * 30
    plan = msgspec.structs.replace(samples.PLAN, phases=phases)
    screening = propose(patients_path(path), path, "p-17", plan, samples.TODAY, UTC).screening
    assert 20 <= len(screening.history) <= 60
    assert screening.history[-1].on == date(2026, 3, 1), "the newest stay"


def test_an_old_journal_learns_whose_its_sessions_were(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(journal_module.MIGRATIONS[0] + ";PRAGMA user_version = 1;")
    for name, belt_time_s in (("s-1", 30.0), ("s-2", 0.0)):
        record = msgspec.structs.replace(samples.session("complete", name), belt_time_s=belt_time_s)
        values = (name, "2026-02-01T10:00:00.000Z", "2026-02-01T10:20:00.000Z", "complete", encode_session(record))
        connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", values)
    broken = ("s-3", "2026-02-01T10:00:00.000Z", "2026-02-01T10:20:00.000Z", "complete", b"\xc1")
    connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", broken)
    connection.commit()
    connection.close()
    journal, aside = open_journal(path, 64, NOW)
    assert aside is None
    journal.store([samples.event(1)], [])
    journal.close()
    with JournalReader(path) as reader:
        (only,) = reader.sessions_of("p-17")
        assert (only.record.session, only.started_time) == ("s-1", "2026-02-01T10:00:00.000Z")


WRITER = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from telemetry.patient_records import Entry, Note
from telemetry.patients import PatientFile
for number in range(150):
    with PatientFile(Path(sys.argv[1]), write=True) as file:
        note = Note(text=f"note {number}")
        file.write_down("p-17", Entry(time="2026-03-09T12:00:00.000Z", on=date(2026, 3, 9), by="doc-1", content=note))
"""


def test_the_desk_never_keeps_the_journal_waiting(tmp_path: Path) -> None:
    """Two processes, each with a file of its own to write: while the desk writes, and even while it holds its lock."""
    path = tmp_path / "journal.sqlite"
    kept(patients_path(path)).__exit__(None, None, None)
    journal, _ = open_journal(path, 64, NOW)
    desk = subprocess.Popen([sys.executable, "-c", WRITER, str(patients_path(path))], cwd=ROOT)
    event_id, slowest_s = 0, 0.0
    while desk.poll() is None:
        event_id += 1
        began_s = time.monotonic()
        journal.store([samples.event(event_id)], [])
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        propose(patients_path(path), path, "p-17", samples.PLAN, samples.TODAY, UTC)
    assert desk.returncode == 0
    print(f"{event_id} commits beside 150 of the desk's, slowest {slowest_s * 1000:.0f} ms")
    with PatientFile(patients_path(path)) as file:
        assert len(file.entries("p-17")) == 150
    holder = sqlite3.connect(patients_path(path), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    journal.store([samples.event(event_id + 1)], [])
    propose(patients_path(path), path, "p-17", samples.PLAN, samples.TODAY, UTC)
    holder.close()
    journal.close()


def test_two_desks_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    kept(path).__exit__(None, None, None)

    def write() -> None:
        for _ in range(20):
            with PatientFile(path, write=True) as file:
                file.write_down("p-17", entry(Note(text="x")))

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with PatientFile(path) as file:
        assert len(file.entries("p-17")) == 60


# --- erasure ---------------------------------------------------------------------------------------------------------


def all_bytes(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.glob("*.sqlite*")))


async def test_nothing_of_an_erased_patient_is_left_anywhere(mosquitto: Mosquitto, peer: Peer, telemetry: Telemetry) -> None:
    """Files, retained messages, and what the controller sends again: a pseudonym of its own, so that its bytes can be sought."""
    name = "p-to-be-forgotten"
    record = msgspec.structs.replace(samples.session("complete", "s-77"), patient=name, ended_by="session-complete")
    path = patients_path(telemetry.journal)
    async with ear(mosquitto.port) as dashboard:
        with PatientFile(path, write=True) as file:
            for patient in (name, "p-stays"):
                file.save(msgspec.structs.replace(PROFILE, patient=patient), "doc-1", "new", NOW, seen=None)
                file.write_down(patient, entry(Note(text=f"about {patient}"), "s-77"))
        peer.session(record)
        prepared = samples.event(1, code="session-prepared", session="s-77")
        prepared.detail["patient"] = name
        peer.emit_record(prepared)
        peer.emit_record(samples.event(2, session="s-77"))
        peer.emit_record(samples.event(3, session="s-78"))
        peer.next_id = 4
        peer.channel.publish(samples.snapshot(1, session="s-77", patient=name, state="complete"))
        await until(lambda: (dashboard.last("session") or {}).get("patient") == name, "the session is retained")
        await until(lambda: peer.ring.acknowledged == 3, "the events are kept")
        await until(lambda: name.encode() in all_bytes(telemetry.directory), "it is written")

        with PatientFile(path, write=True) as file:
            erasure = file.erase(name, "doc-1", NOW)
        await until(lambda: _erased(telemetry.journal, erasure.request), "telemetry has carried it out")
        await until(lambda: dashboard.last("session") is None, "the retained session is cleared")
        async with ear(mosquitto.port) as later:
            await until(lambda: bool(later.words("availability")), "what is retained")
            await until(lambda: bool(later.bodies("state")), "the state")
            assert not [m for m in later.heard if name.encode() in bytes(m.payload)], "nothing retained names it"

        with PatientFile(path, write=True) as file:
            file.forget_erasure(erasure.request)
            assert file.patients() == ["p-stays"]
            assert len(file.entries("p-stays")) == 1
        with JournalReader(telemetry.journal) as reader:
            assert reader.sessions_of(name) == []
            assert [(event.id, event.session, bool(event.detail)) for event in reader.events()] == [
                (1, "", False),
                (2, "", False),
                (3, "s-78", True),
            ]
        peer.session(record)  # the controller says again what it still knows
        peer.emit(1)
        await until(lambda: peer.ring.acknowledged == 4, "later events are kept")
        with JournalReader(telemetry.journal) as reader:
            assert reader.session("s-77") is None
        await telemetry.end(15)
    assert name.encode() not in all_bytes(telemetry.directory)
    assert encode(record).count(name.encode()) == 1


def test_a_request_of_a_file_begun_anew_is_not_taken_for_one_that_was_carried_out(tmp_path: Path) -> None:
    """The patients' file was lost and begun anew; the journal stayed, and knows the requests of the first one as done."""
    journal, _ = open_journal(tmp_path / "journal.sqlite", 64, NOW)
    for name in ("first.sqlite", "second.sqlite"):
        with kept(tmp_path / name) as file:
            requests = [file.erase("p-17", "doc-1", NOW).request for _ in range(3)]
        assert [request for request in requests if journal.erased(request)] == []
        for request in requests:
            journal.note_erased(request)
    journal.close()


@pytest.mark.parametrize(
    ("detail", "is_theirs"),
    [
        ({"reason": "patient p-17: no plan was accepted yet"}, True),
        ({"reason": "plan.patient is p-18, patient is p-17; allowed is the same"}, True),
        ({"origin": "mqtt p-17"}, True),
        ({"patient": "p-17"}, True),
        ({"patient": "p-171", "origin": "mqtt xp-17", "reason": "p-17-b"}, False),
        ({"p-17": 17}, False),
    ],
)
def test_an_erasure_takes_the_pseudonym_from_the_words_of_every_event(
    tmp_path: Path, detail: dict[str, str | int], is_theirs: bool
) -> None:
    journal, _ = open_journal(tmp_path / "journal.sqlite", 64, NOW)
    journal.store([msgspec.structs.replace(samples.event(1, code="request-refused"), detail=detail)], [])
    journal.erase("p-17")
    journal.close()
    with JournalReader(tmp_path / "journal.sqlite") as reader:
        (event,) = reader.events()
    assert event.detail == ({} if is_theirs else detail)


async def test_an_erasure_waits_for_the_broker(peer: Peer, telemetry: Telemetry, mosquitto: Mosquitto, dashboard: Ear) -> None:
    """With nobody to clear the retained message, the request stays open; the journal is erased at once."""
    await mosquitto.stop()
    peer.session(samples.session("complete"))
    path = patients_path(telemetry.journal)
    await until(lambda: _sessions(telemetry.journal, "p-17") == 0 and peer.present(), "telemetry runs")
    with kept(path) as file:
        erasure = file.erase("p-17", "doc-1", NOW)
    await until(lambda: _sessions(telemetry.journal, "p-17") == 0, "the session is erased")
    assert not _erased(telemetry.journal, erasure.request)
    await mosquitto.start()
    await until(lambda: _erased(telemetry.journal, erasure.request), "carried out once the broker is back", 40.0)


def _erased(path: Path, request: int) -> bool:
    with JournalReader(path) as reader:
        return reader.erased(request)


def _sessions(path: Path, patient: str) -> int:
    if not path.exists():
        return 0
    try:
        with JournalReader(path) as reader:
            return len(reader.sessions_of(patient))
    except sqlite3.OperationalError:  # the file is there before its tables
        return 0
