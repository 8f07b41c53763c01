"""Every call of telemetry that can fail fails once, in its own process with a real broker and the controller's real socket.

Whatever fails: every event is in the journal once and reaches the broker, a stop gets through, the error is said, and the process
goes on or ends with its reason and comes up again. `STERNWAY_EVERY_ERROR=1` (`make torture`): every plausible error of each site.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from telemetry.journal import open_journal
from telemetry.utc import rfc3339
from tests.seeds import draw_seed
from tests.telemetry import samples
from tests.telemetry.bench import ROOT, Ear, Mosquitto, Peer, Telemetry, ear, until
from tests.torture.call_sites import TELEMETRY_FILES, find_sites
from tests.torture.cases import EVERYTHING
from tests.torture.errors import plausible

AT_ONCE = 4
OLD = 3
EVENTS = 6
PATIENCE_S = 40.0
LIFE_BEGINS = "--- a life of telemetry begins\n"
SAID = ("<3>", "<4>", "Traceback")
"""How a line of an error or a warning begins, or what Python says of the error that ends a process."""
ORDINARY_WARNING = "the controller started anew"
"""Said in every run in which the journal holds a session that did not end, whatever fails."""
SITES = find_sites(TELEMETRY_FILES)
_ONLY_AFTER_ANOTHER = "only after another fault, whose call is a site of its own"
_NO_TLS = "this broker speaks no TLS"
_DAMAGED = "only with a damaged journal: tests/telemetry/test_journal.py"
_PROPOSED = "only when a session is proposed: tests/telemetry/test_commands.py"
_ERASURE = "only when a patient is erased: tests/telemetry/test_patients.py"
_ERASED_RECORDINGS = "only when a patient is erased: tests/telemetry/test_recordings.py"
_LATCHED_STOP = "only after a latched stop: tests/telemetry/test_recordings.py"
_STOP_BEFORE = "only after a latched stop, or with one from before this start: tests/telemetry/test_recordings.py"
UNREACHED = {
    "telemetry/broker_client.py _readable": _NO_TLS,
    "telemetry/broker_client.py _tls_context": _NO_TLS,
    "telemetry/broker_client.py make_client asyncio.to_thread #2": _NO_TLS,
    "telemetry/journal.py Journal.store self._connection.execute": "belt speeds: tests/telemetry/test_speed_blocks.py",
    "telemetry/journal.py Journal.declare_missing": "only after events are lost: tests/telemetry/test_journal.py",
    "telemetry/journal.py Journal.note_erased": _ERASURE,
    "telemetry/journal.py Journal.erase": _ERASURE,
    "telemetry/journal.py Journal._transaction self._connection.execute #3": _ONLY_AFTER_ANOTHER,
    "telemetry/journal.py put_aside": _DAMAGED,
    "telemetry/journal.py _connect connection.close": _ONLY_AFTER_ANOTHER,
    "telemetry/journal.py _migrate connection.execute #": "only with a journal of an older schema: tests/telemetry/test_journal.py",
    "telemetry/journal.py _fill_patients": "only with a journal of an older schema: tests/telemetry/test_journal.py",
    "telemetry/link.py ControllerLink._connect connection.close": _ONLY_AFTER_ANOTHER,
    "telemetry/link.py ControllerLink._flush loop.add_writer": "only with a full socket",
    "telemetry/patients.py": "the desk's file: tests/telemetry/test_patients.py",
    "telemetry/recordings.py RecordingSaver._copy unfinished.unlink": _ONLY_AFTER_ANOTHER,
    "telemetry/recordings.py RecordingSaver.erase": _ERASED_RECORDINGS,
    "telemetry/recordings.py RecordingSaver._save_name_alone": _ERASED_RECORDINGS,
    "telemetry/recordings.py RecordingSaver._remove_unfinished": _ERASED_RECORDINGS,
    "telemetry/recordings.py RecordingSaver._remove_oldest old.stat": _ERASED_RECORDINGS,
    "telemetry/recordings.py RecordingSaver._is_erased path.stat": _STOP_BEFORE,
    "telemetry/recordings.py RecordingSaver._is_named path.stat": _STOP_BEFORE,
    "telemetry/recordings.py _began_ns": _LATCHED_STOP,
    "telemetry/recordings.py _read_began_ns": _LATCHED_STOP,
    "telemetry/recordings.py _is_mentioned path.open": _ERASED_RECORDINGS,
    "telemetry/recordings.py _is_mentioned gzip.GzipFile": _ERASED_RECORDINGS,
    "telemetry/recordings.py _is_mentioned_in_ring": _ERASED_RECORDINGS,
    "telemetry/recordings.py _is_found": _ERASED_RECORDINGS,
    "telemetry/recordings.py _held": _STOP_BEFORE,
    "telemetry/recordings.py _empty": _ERASED_RECORDINGS,
    "telemetry/screening.py propose": _PROPOSED,
    "telemetry/service.py Service._screen": _PROPOSED,
    "telemetry/service.py main sys.stderr.write": "only with a wrong configuration; the exit code says the same",
}  # fmt: skip
"""What this run does not reach, by how the names begin, and why."""
FRESH = ("telemetry/journal.py _migrate", "telemetry/journal.py _fill_patients")
"""Reached only where there was no journal yet."""
_SERVICE_MANAGER = "a lost notice is the service manager's to notice"
SILENT = {
    "telemetry/link.py ControllerLink._connect connection.connect": "tried again at once; the status line says: not connected",
    "telemetry/notify.py Notifier.send socket.socket": _SERVICE_MANAGER,
    "telemetry/notify.py Notifier.send channel.setblocking": _SERVICE_MANAGER,
    "telemetry/notify.py Notifier.send channel.sendto": _SERVICE_MANAGER,
}  # fmt: skip
"""Where nobody needs to be told, and why."""
_ROOM_AFTER_PRUNING = "a full journal is pruned and tried once more; where that makes no room, the second failure is said"
SILENT_ERRORS = {
    ("telemetry/journal.py Journal.prove_room self._connection.execute", "disk full"): _ROOM_AFTER_PRUNING,
    ("telemetry/journal.py Journal.prove_room self._connection.execute #2", "disk full"): _ROOM_AFTER_PRUNING,
    ("telemetry/journal.py Journal._transaction self._connection.execute", "disk full"): _ROOM_AFTER_PRUNING,
    ("telemetry/journal.py Journal._transaction self._connection.execute #2", "disk full"): _ROOM_AFTER_PRUNING,
    ("telemetry/link.py ControllerLink.send self._socket.send", "EAGAIN"): "a full socket: a stop waits in its slot",
}  # fmt: skip


class _Case:
    """One telemetry with one fault, in a directory of its own."""

    def __init__(self, directory: Path, site: str, error: str) -> None:
        self.directory, self.site, self.error = directory, site, error
        self.notes = directory / "notes"
        self.wrong: list[str] = []
        self.codes: list[int] = []
        self.old = 0 if site.startswith(FRESH) else OLD

    def _prepare(self) -> None:
        """A journal of another year, full recordings, a flight that nobody has saved yet, and a password."""
        self.directory.mkdir(parents=True)
        self.notes.touch()
        if self.old:
            journal, _ = open_journal(self.directory / "journal.sqlite", 64, datetime(2020, 1, 1, tzinfo=UTC))
            session = msgspec.structs.replace(samples.session("running"), session="aa-1")
            weeks = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(weeks=index) for index in range(OLD)]
            journal.store([samples.event(index + 1, time=rfc3339(week)) for index, week in enumerate(weeks)], [session])
            journal.confirm(OLD)
            journal.close()
        (self.directory / "flight-aa.ring").write_bytes(bytes(1000))
        recordings = self.directory / "recordings"
        recordings.mkdir()
        for index in range(2):
            (recordings / f"2020010{index}T000000Z-life-x{index}.flight.gz").write_bytes(b"old")
        (self.directory / "password").write_text("secret\n")

    def _service(self, port: int) -> Telemetry:
        return Telemetry(
            self.directory, port,
            telemetry=f'recordings_directory = "{self.directory}/recordings"\nrecordings_kept = 1\nretention_days = 1',
            broker='user = "sternway"\ncredential_file = "password"',
            tables=f'[paths]\nruntime_directory = "{self.directory}"',
        )  # fmt: skip

    async def _start(self, service: Telemetry, site: str) -> None:
        with service.log.open("ab") as log:
            log.write(LIFE_BEGINS.encode())
            log.flush()
            service.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.torture.telemetry_under_fault", site, self.error, str(self.notes),
                "--config", str(service.config), cwd=ROOT, stderr=log,
                env={
                    "PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(self.directory),
                    "NOTIFY_SOCKET": str(self.directory / "none"),
                    "JOURNAL_STREAM": "1:1",  # so that each line says how bad it is
                },
            )  # fmt: skip

    async def _keep_alive(self, service: Telemetry) -> None:
        """As the service manager: starts again what has ended, without a fault."""
        while True:
            assert service.process is not None
            self.codes.append(await service.process.wait())
            await self._start(service, "")

    async def run(self) -> None:
        """Prepares, lives through it, and notes what is wrong."""
        self._prepare()
        mosquitto, peer = Mosquitto(self.directory), Peer(self.directory)
        peer.next_id = self.old + 1
        service = self._service(mosquitto.port)
        try:
            await mosquitto.start()
            async with ear(mosquitto.port) as dashboard:
                await self._start(service, self.site)
                keeping = asyncio.create_task(self._keep_alive(service))
                try:
                    await self._live(peer, dashboard)
                finally:
                    keeping.cancel()
                    await asyncio.gather(keeping, return_exceptions=True)
                code = await service.end(signal.SIGTERM)
                if code != 0 and self.site not in self.notes.read_text():
                    self.wrong.append(f"ended with {code}")
        except AssertionError as error:
            self.wrong.append(str(error))
        finally:
            if service.process is not None and service.process.returncode is None:
                service.process.kill()
                await service.process.wait()
            await peer.close()
            await mosquitto.stop()
        self._judge(service.log.read_text())

    async def _live(self, peer: Peer, dashboard: Ear) -> None:
        peer.session(msgspec.structs.replace(samples.session("running"), session="boot-1-1"))
        peer.emit(EVENTS - 1)
        started = msgspec.structs.replace(samples.event(peer.next_id, code="started"), detail={"boot_id": "boot-1", "unclean": 1})
        peer.emit_record(started)
        await until(lambda: peer.ring.acknowledged >= self.old + EVENTS, "all events are acknowledged", PATIENCE_S)
        await until(lambda: set(dashboard.event_ids()) >= self._told(), "all events reach the broker", PATIENCE_S)
        await until(lambda: b"online" in dashboard.words("availability")[-1:], "telemetry is online", PATIENCE_S)
        peer.channel.publish(samples.snapshot())
        await dashboard.send("stop", b"{}")
        with contextlib.suppress(AssertionError):
            await until(lambda: bool(peer.requests), "a stop gets through", 3.0)
        if not peer.requests:  # the fault may have hit that very message: whoever wants a stop asks again
            await dashboard.send("stop", b"{}")
            await until(lambda: bool(peer.requests), "a stop gets through", PATIENCE_S)
        await until(lambda: any((self.directory / "recordings").glob("*life-aa*")), "the recording is saved", PATIENCE_S)

    def _told(self) -> set[int]:
        return set(range(self.old + 1, self.old + EVENTS + 1))

    def _judge(self, log: str) -> None:
        with contextlib.closing(sqlite3.connect(self.directory / "journal.sqlite")) as journal:
            kept = [row[0] for row in journal.execute("SELECT id FROM events ORDER BY id")]
            statuses = dict(journal.execute("SELECT session, status FROM sessions").fetchall())
        if set(kept) - set(range(1, self.old + 1)) != self._told():
            self.wrong.append(f"the journal holds {kept}")
        if statuses.get("boot-1-1") != "running" or statuses.get("aa-1", "interrupted") != "interrupted":
            self.wrong.append(f"the sessions are {statuses}")
        if list(self.directory.glob("*.aside*")):
            self.wrong.append("the journal was put aside")
        fired = "FIRED" in self.notes.read_text()
        if self.site and not fired:
            self.wrong.append("the call was not reached")
        complaints = _complaints(log)
        if fired and not complaints and not (self.site in SILENT or (self.site, self.error) in SILENT_ERRORS):
            self.wrong.append("nothing was said")
        if not self.site and complaints:
            self.wrong.append(f"nothing failed, and yet it was said: {complaints}")
        if self.wrong:
            self.wrong.append(f"codes {self.codes}, log {log[-700:]}")


def _complaints(log: str) -> list[str]:
    """The errors and warnings of the life in which the call failed: what a later one says may have another reason."""
    _, first_life, *_ = log.split(LIFE_BEGINS)
    return [line for line in first_life.splitlines() if line.startswith(SAID) and ORDINARY_WARNING not in line]


async def _all(cases: list[_Case]) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(case: _Case) -> None:
        async with turn:
            await case.run()

    await asyncio.gather(*(one(case) for case in cases))


def test_silence_is_claimed_for_sites_that_are_there_only() -> None:
    claimed = {*SILENT, *(site for site, _ in SILENT_ERRORS)}
    assert claimed <= {site.name for site in SITES}
    assert not {name for name in claimed if name.startswith(tuple(UNREACHED))}, "what is not reached is not judged"


def test_neither_information_nor_what_every_run_says_nor_a_later_life_counts_as_said() -> None:
    ordinary = f"{LIFE_BEGINS}<6>telemetry.publisher: connected\n<4>telemetry.keeper: {ORDINARY_WARNING}: 1 session(s)\n"
    assert _complaints(f"{ordinary}{LIFE_BEGINS}<3>telemetry.keeper: the journal cannot be written\n") == []
    assert _complaints(f"{ordinary}<3>telemetry.link: no socket\nTraceback (most recent call last):\n") != []


async def test_each_call_of_telemetry_fails_once(tmp_path: Path) -> None:
    survey = _Case(tmp_path / "survey", "", "EIO")
    await survey.run()
    assert not survey.wrong, survey.wrong
    fresh = _Case(tmp_path / "fresh", "", "EIO")
    fresh.old = 0
    await fresh.run()
    assert not fresh.wrong, fresh.wrong
    reached = {*survey.notes.read_text().splitlines(), *fresh.notes.read_text().splitlines()}
    unreached = {site.name for site in SITES} - reached
    assert {name for name in unreached if not name.startswith(tuple(UNREACHED))} == set()
    assert [prefix for prefix in UNREACHED if not any(name.startswith(prefix) for name in unreached)] == [], "it is reached"
    cases = []
    seed = draw_seed("errors")
    for site in (site for site in SITES if site.name in reached):
        errors = plausible(site.kind, site.call, site.name)
        chance = random.Random(f"{seed} {site.name}")  # of its own for each site: what else is reached changes nothing
        chosen = errors if EVERYTHING else (chance.choice(errors),)
        cases += [_Case(tmp_path / f"case-{len(cases) + index}", site.name, error) for index, error in enumerate(chosen)]
    await _all(cases)
    again = [_Case(case.directory.with_suffix(".again"), case.site, case.error) for case in cases if case.wrong]
    for case in again:  # one after the other, should the machine have been too busy
        await case.run()
    wrong = [f"{case.site} {case.error}: {case.wrong}" for case in again if case.wrong]
    print(f"{len(cases)} failed calls at {len(reached & {site.name for site in SITES})} sites, {len(again)} run twice")
    assert not wrong, "\n".join(wrong)
