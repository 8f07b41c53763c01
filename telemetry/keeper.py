"""Feeds the journal from the event loop: collects, commits in its own thread, acknowledges, recovers.

An event is acknowledged only after the commit that holds it has returned, and only when no id below it is missing:
the acknowledgement says "every event up to here". The controller sends, in order, all that it still has whenever telemetry
connects; so at a gap telemetry asks for that once. When what lies above the gap comes again and the gap does not, the
controller's ring no longer has it: that is written down, said as an alarm, and passed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from messages.wire import EventRecord, SessionRecord
from settings_files.telemetry_table import TelemetrySettings
from telemetry.backoff import Backoff
from telemetry.journal import ConflictError, Journal, JournalError, NewerSchemaError, open_journal, put_aside
from telemetry.patients import Erasure, PatientFile, PatientsError, patients_path
from telemetry.payloads import Alarm
from telemetry.speed_blocks import SpeedBlock

MAXIMUM_PENDING_EVENTS = 1024
"""As many as the controller's ring holds. One more is turned away, and asked for again when there is room."""
MAXIMUM_PENDING_SESSIONS = 32
MAXIMUM_PENDING_SPEEDS = 8
"""Minutes of belt speed that wait for a journal that fails; then the oldest is lost."""
SPEEDS_SHARE = 4
"""Belt speeds take at most this part of what the journal may grow to; the oldest sessions' go first."""
SENDINGS_BEFORE_GIVING_UP = 2
STALLED_NS = 2_000_000_000
"""A journal thread that is inside one call for longer is not writable, whatever comes of the call."""
MAINTENANCE_S = 5.0
PRUNE_EVERY = 720
"""Maintenances between two prunings: an hour."""
RECOVERY_BACKOFF = Backoff(first_s=0.5, longest_s=5.0)

_log = logging.getLogger(__name__)
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class JournalKeeper:
    """The journal as the event loop sees it."""

    def __init__(
        self,
        settings: TelemetrySettings,
        utc_now: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
        on_committed: Callable[[int], None],
        send_again: Callable[[], None],
    ) -> None:
        """Both are called in the event loop: on_committed with the id up to which everything is on the disk, send_again
        to have the controller send everything above that once more.
        """
        self._path = Path(settings.journal_path)
        self._settings = settings
        self._utc_now = utc_now
        self._monotonic_ns = monotonic_ns
        self._on_committed = on_committed
        self._send_again = send_again
        self._turned_away = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._journal: Journal | None = None  # touched in the thread alone
        self._call_started_ns: int | None = None
        self._events: dict[int, EventRecord] = {}
        self._sessions: dict[str, SessionRecord] = {}
        self._speeds: deque[SpeedBlock] = deque(maxlen=MAXIMUM_PENDING_SPEEDS)
        self._erased_here: set[int] = set()
        self.erasures: tuple[Erasure, ...] = ()
        """Patients whose erasure is not finished: the broker may still retain a message of theirs."""
        self._boot_id = self._interrupted_for = ""
        self._wake = asyncio.Event()
        self._failing = True
        self._short_of_space = False
        self._alarms: dict[str, Alarm] = {}
        self._received = 0
        self._blocked_at: int | None = None
        self._sendings = 0
        self.confirmed = 0
        """The highest event id that the broker has confirmed."""
        self.journal_number = 0
        """Grows each time a journal was put aside for a new one."""
        self.restored_session: SessionRecord | None = None
        self.restored_words: dict[str, tuple[str, str]] = {}
        """Text and remedy of the newest event of each code."""
        self.opened = asyncio.Event()
        """Set after the first attempt to open the journal, whatever came of it."""

    @property
    def writable(self) -> bool:
        """Whether the journal takes writes: the last one went well, there is space, and none is stuck."""
        started_ns = self._call_started_ns
        stalled = started_ns is not None and self._monotonic_ns() - started_ns > STALLED_NS
        return not (self._failing or self._short_of_space or stalled)

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What is wrong with the journal, for the alarm topic."""
        return tuple(self._alarms.values())

    def take_event(self, event: EventRecord) -> None:
        """Takes an event as it came over the socket: new, or sent again; the journal knows, and it is acknowledged anew."""
        if event.id == self._blocked_at:
            self._sendings += 1
        if event.id in self._events or len(self._events) < MAXIMUM_PENDING_EVENTS:
            self._events[event.id] = event
            self._wake.set()
        else:
            self._turned_away = True

    def take_session(self, record: SessionRecord) -> None:
        """Takes a session's record; of one session only the newest matters."""
        if record.session in self._sessions or len(self._sessions) < MAXIMUM_PENDING_SESSIONS:
            self._sessions[record.session] = record
            self._wake.set()

    def take_speeds(self, block: SpeedBlock) -> None:
        """Takes a minute of belt speeds; it is kept with the next commit, and lost with this process."""
        self._speeds.append(block)
        self._wake.set()

    async def finish_erasures(self, requests: frozenset[int]) -> None:
        """Notes that the broker no longer retains anything of the patients of these requests."""
        try:
            await self._in_thread(self._note_erased, requests)
        except sqlite3.Error as error:
            self._fail(error)

    def take_boot(self, boot_id: str) -> None:
        """Notes which life of the controller it is: sessions of other lives that had not ended never will."""
        self._boot_id = boot_id
        self._wake.set()

    async def unconfirmed(self, limit: int) -> list[EventRecord]:
        """Returns the next events that the broker has not confirmed, in order; none while the journal fails."""
        if self._failing:
            return []
        try:
            return await self._in_thread(self._read_unconfirmed, self.confirmed, limit)
        except sqlite3.Error as error:
            self._fail(error)
            return []

    async def confirm(self, up_to_id: int, journal_number: int) -> None:
        """Notes the broker's confirmation and returns when that is on the disk, or the disk has failed.

        journal_number is what it was when the events were read: ids of a journal put aside since mean nothing now.
        """
        if journal_number != self.journal_number:
            return
        self.confirmed = max(self.confirmed, up_to_id)
        try:
            await self._in_thread(self._write_confirmed, self.confirmed)
        except sqlite3.Error as error:
            self._fail(error)

    async def run(self) -> None:
        """Keeps the journal until cancelled. Raises NewerSchemaError: no retry makes an old program read a new file."""
        failures = 0
        while True:
            try:
                await self._in_thread(self._open)
                self._failing = False
                failures = 0
                self._alarms.pop("journal-unwritable", None)
                self.opened.set()
                self._on_committed(self._received)
                await self._work()
            except NewerSchemaError:
                raise
            except (sqlite3.Error, OSError, JournalError) as error:
                self._fail(error)
                self.opened.set()
                await self._in_thread(self._let_go, error)
            failures += 1
            await asyncio.sleep(RECOVERY_BACKOFF.delay_s(failures))

    async def close(self) -> None:
        """Commits what is pending, closes the file and ends the thread."""
        try:
            if not self._failing:
                await self._commit()
        except (sqlite3.Error, JournalError) as error:
            _log.error("the journal lost its last commit: %s", error)
        finally:
            await self._in_thread(self._let_go, None)
            self._thread.shutdown()

    # --- in the event loop -------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        maintenances, due_s = 0, loop.time()
        while not self._failing:
            self._wake.clear()
            if self._interrupted_for != self._boot_id:
                await self._interrupt(self._boot_id)
            if self._events or self._sessions or self._speeds:
                await self._commit()
            if loop.time() >= due_s:
                await self._in_thread(self._maintain, maintenances % PRUNE_EVERY == 0)
                maintenances, due_s = maintenances + 1, loop.time() + MAINTENANCE_S
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due_s):
                    await self._wake.wait()

    async def _interrupt(self, boot_id: str) -> None:
        count = await self._in_thread(lambda: self._opened_journal().interrupt_sessions(boot_id))
        self._interrupted_for = boot_id
        if count:
            _log.warning("the controller started anew: %d session(s) that had not ended are marked as interrupted", count)

    async def _commit(self) -> None:
        events, sessions, speeds = list(self._events.values()), list(self._sessions.values()), list(self._speeds)
        give_up_below = self._blocked_at if self._sendings >= SENDINGS_BEFORE_GIVING_UP else None
        received = await self._in_thread(self._write, events, sessions, speeds, give_up_below)
        for event in events:
            self._events.pop(event.id, None)
        for session in sessions:
            if self._sessions.get(session.session) is session:
                del self._sessions[session.session]
        for block in speeds:
            if block in self._speeds:
                self._speeds.remove(block)
        self._note_progress(received, [event.id for event in events])
        self._on_committed(received)

    def _note_progress(self, received: int, stored_ids: list[int]) -> None:
        if received > self._received:
            self._received = received
            self._sendings = 0
            self._blocked_at = None
        above = [event_id for event_id in stored_ids if event_id > received]
        if above:
            lowest = min(above)
            if self._blocked_at is None or lowest < self._blocked_at:
                self._blocked_at, self._sendings = lowest, 1
                self._turned_away = True
        if self._turned_away:
            self._turned_away = False
            self._send_again()

    def _fail(self, error: Exception) -> None:
        if "journal-unwritable" not in self._alarms:  # a first opening that fails is said, too; its repetitions are not
            _log.error("the journal cannot be written: %s", error)
        self._failing = True
        self._wake.set()
        at_its_limit = _is_full(error) and not self._short_of_space
        remedy = "Raise telemetry.journal_limit_mb, or lower telemetry.retention_days" if at_its_limit else "See to the disk"
        self._alarms["journal-unwritable"] = Alarm(
            "journal-unwritable", "medium", f"The journal cannot be written: {error}", remedy
        )

    async def _in_thread(
        self, call: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> _Result:
        def timed() -> _Result:
            self._call_started_ns = self._monotonic_ns()
            try:
                return call(*args, **kwargs)
            finally:
                self._call_started_ns = None

        return await asyncio.get_running_loop().run_in_executor(self._thread, timed)

    # --- in the journal's thread -------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._journal is None:
            self._journal, aside = open_journal(self._path, self._settings.journal_limit_mb, self._utc_now())
            if aside is not None:
                self._say_put_aside("journal-damaged", f"The journal was damaged and put aside as {aside}")
            self._received = self._journal.position("received")
            self.confirmed = max(self._journal.position("confirmed"), self.confirmed if aside is None else 0)
            self.restored_session = self._restore_session(self._journal)
            self.restored_words = self._journal.newest_words()
        self._check_space()
        try:
            self._journal.prove_room()
        except sqlite3.Error as error:
            if not _is_full(error):
                raise
            self._prune(self._journal)  # a full journal would never come to its hourly pruning, whatever its limits are now
            self._journal.prove_room()

    def _restore_session(self, journal: Journal) -> SessionRecord | None:
        try:
            return journal.latest_session()
        except msgspec.DecodeError as error:
            _log.warning("the last session's record is of another version: %s", error)
            return None

    def _write(
        self, events: list[EventRecord], sessions: list[SessionRecord], speeds: list[SpeedBlock], give_up_below: int | None
    ) -> int:
        journal = self._opened_journal()
        try:
            received = journal.store(events, sessions, speeds)
        except ConflictError as error:
            self._replace(journal, error)
            raise
        if give_up_below is not None and received < give_up_below:
            gap = journal.declare_missing(self._utc_now())
            if gap is not None:
                _log.error("events %d to %d never came", *gap)
                self._alarms["events-missing"] = Alarm(
                    "events-missing", "low", f"Events {gap[0]} to {gap[1]} never came", "Look at the controller's log"
                )
                received = journal.position("received")
        return received

    def _replace(self, journal: Journal, error: ConflictError) -> None:
        journal.close()
        self._journal = None
        aside = put_aside(self._path, self._utc_now())
        self._received = self.confirmed = 0
        self._blocked_at = None
        self._say_put_aside("journal-of-another", f"{error}: the journal was put aside as {aside}")

    def _say_put_aside(self, code: str, text: str) -> None:
        self.journal_number += 1
        _log.error("%s", text)
        self._alarms[code] = Alarm(code, "medium", text, "Save that file; events in it may not have reached the broker")

    def _maintain(self, prune: bool) -> None:
        self._check_space()
        self._erase()
        if prune:
            self._prune(self._opened_journal())

    def _prune(self, journal: Journal) -> None:
        journal.prune(self._utc_now(), self._settings.retention_days)
        journal.prune_speeds(self._settings.journal_limit_mb * 1024 * 1024 // SPEEDS_SHARE)

    def _erase(self) -> None:
        """Carries out what the desk asked to be erased. A patients' file that cannot be read is said, and fails nothing here."""
        path, journal = patients_path(self._path), self._opened_journal()
        if not path.exists():
            return
        try:
            with PatientFile(path) as file:
                asked = file.erasures()
        except (PatientsError, sqlite3.Error) as error:
            _log.warning("requests to erase cannot be read: %s", error)
            return
        waiting = tuple(erasure for erasure in asked if not journal.erased(erasure.request))
        for erasure in waiting:
            if erasure.request not in self._erased_here:
                journal.erase(erasure.patient)
                self._erased_here.add(erasure.request)
        self.erasures = waiting

    def _note_erased(self, requests: frozenset[int]) -> None:
        if self._journal is None:
            return
        for request in requests:
            self._journal.note_erased(request)
        self.erasures = tuple(erasure for erasure in self.erasures if erasure.request not in requests)

    def _check_space(self) -> None:
        disk = os.statvfs(self._path.parent)
        free_bytes = disk.f_bavail * disk.f_frsize
        self._short_of_space = free_bytes < self._settings.journal_reserve_mb * 1024 * 1024
        if self._short_of_space:
            self._alarms["journal-space"] = Alarm(
                "journal-space", "medium", f"{free_bytes >> 20} MiB are free for the journal", "Make room on the disk"
            )
        else:
            self._alarms.pop("journal-space", None)

    def _read_unconfirmed(self, after_id: int, limit: int) -> list[EventRecord]:
        return [] if self._journal is None else self._journal.unconfirmed(after_id, limit)

    def _write_confirmed(self, up_to_id: int) -> None:
        if self._journal is not None:
            self._journal.confirm(up_to_id)

    def _opened_journal(self) -> Journal:
        if self._journal is None:
            raise JournalError(f"{self._path}: not open")
        return self._journal

    def _let_go(self, error: Exception | None) -> None:
        """Closes the file, unless it is merely full: then it is whole, and opening it would check it all again."""
        if self._journal is None or _is_full(error):
            return
        journal, self._journal = self._journal, None
        try:
            journal.close()
        except sqlite3.Error as failure:
            _log.error("closing the journal: %s", failure)


def _is_full(error: Exception | None) -> bool:
    """Whether the disk is full, or the journal at its limit."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
