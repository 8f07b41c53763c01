"""The telemetry process: its parts put together, its life under systemd."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import signal
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from messages.journal import JournalPriority, goes_to_journal, journal_text
from messages.wire import About, EventRecord, FromController, Heartbeat, Reply, SessionRecord, Snapshot
from telemetry.cancelling import cancel_all
from telemetry.commands import PrepareCommand
from telemetry.intake import CommandIntake, NetworkMessage
from telemetry.journal import JournalError, NewerSchemaError
from telemetry.journal_formatter import JournalFormatter
from telemetry.journal_reader import JournalReader
from telemetry.keeper import JournalKeeper
from telemetry.link import ControllerLink
from telemetry.notify import Notifier
from telemetry.patients import PatientsError, patients_path
from telemetry.publisher import Publisher
from telemetry.recordings import RecordingSaver
from telemetry.screening import Proposed, propose
from telemetry.settings import ServiceSettings, SettingsError, load_telemetry_settings
from telemetry.speed_blocks import SpeedBlock, SpeedCollector
from telemetry.topics import Topics
from telemetry.utc import utc_now
from telemetry.view import View

TICK_S = 0.25
FAREWELL_S = 4.0
"""The broker may take so long to hear that we go offline; after that its will says so."""
STATUS_EVERY_TICKS = 20
MAXIMUM_EVENTS_BEFORE = 1024
"""As many as the controller's ring holds; a stop that lies further back is long out of the flight recorder."""
EXIT_CONFIGURATION = 2
"""As the controller's: the unit does not start it again after this."""

_log = logging.getLogger(__name__)


class Service:
    """All parts of one process."""

    def __init__(self, settings: ServiceSettings, notifier: Notifier) -> None:
        """Must be made inside the event loop."""
        self._notifier = notifier
        topics = Topics.of(settings.identity)
        self._view = View()
        self._link = ControllerLink(
            settings.telemetry.socket_path, self._on_message, self._heartbeat, time.monotonic_ns, random.random
        )
        self._keeper = JournalKeeper(settings.telemetry, utc_now, time.monotonic_ns, self._on_committed, self._link.reconnect)
        self._recordings = RecordingSaver(
            Path(settings.paths.runtime_directory),
            Path(settings.telemetry.recordings_directory),
            settings.telemetry.recordings_kept,
            utc_now,
            time.monotonic_ns,
        )
        self._publisher = Publisher(
            settings.telemetry.broker,
            topics,
            f"sternway-{settings.identity.clinic}-{settings.identity.treadmill}",
            self._view,
            self._keeper,
            self._on_command,
            utc_now,
            time.monotonic_ns,
            random.random,
        )
        self._journal_path = Path(settings.telemetry.journal_path)
        self._speeds = SpeedCollector()
        self._proposals: set[asyncio.Task[None]] = set()
        self._intake = CommandIntake(
            topics, self._link, self._publisher.respond, self._propose, uuid.uuid4().hex[:12], utc_now, time.monotonic_ns
        )

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT. Raises what ended a part that should have gone on."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        running = (self._publisher.run(stop), self._keeper.run(), self._link.run(), self._save_recordings(), self._tick())
        parts = [asyncio.create_task(part) for part in running]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*parts, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._notifier.send("STOPPING=1")
            stop.set()
            await self._end(parts)
        for part in parts:
            if not part.cancelled():
                part.result()  # raises what ended it

    async def _end(self, parts: list[asyncio.Task[None]]) -> None:
        """The farewell to the broker first, then the journal: nothing is taken after its last commit. The recordings last, which
        take the longest."""
        publishing = parts[0]
        await asyncio.wait([publishing], timeout=FAREWELL_S)
        await cancel_all([*parts, *self._proposals])
        self._keep_speeds(self._speeds.finish())
        await self._keeper.close()
        await self._recordings.finish()

    async def _save_recordings(self) -> None:
        """From the stops on that came before this process and that its predecessor may not have saved."""
        await self._keeper.opened.wait()
        await self._recordings.take_up(await asyncio.to_thread(self._newest_events))
        await self._recordings.run()

    def _newest_events(self) -> list[EventRecord]:
        try:
            with JournalReader(self._journal_path) as reader:
                return reader.newest_events(MAXIMUM_EVENTS_BEFORE)
        except (JournalError, sqlite3.Error, OSError) as error:
            _log.error("whether a stop before this start is recorded cannot be told, the journal cannot be read: %s", error)
            return []

    async def _tick(self) -> None:
        await self._keeper.opened.wait()
        if self._keeper.restored_session is not None:
            self._view.restore_session(self._keeper.restored_session)
        self._view.restore_words(self._keeper.restored_words)
        self._notifier.send("READY=1")
        ticks = 0
        while True:
            self._view.set_own_alarms((*self._keeper.alarms, *self._recordings.alarms))
            self._recordings.forget(self._keeper.erasures)
            # The broker is last: once it has cleared what it retains, the request counts as carried out.
            forgotten = self._recordings.forgotten
            self._view.forget_patients(erasure for erasure in self._keeper.erasures if erasure.request in forgotten)
            self._publisher.view_changed()
            self._intake.expire()
            self._notifier.send("WATCHDOG=1")
            if ticks % STATUS_EVERY_TICKS == 0:
                self._notifier.send(f"STATUS={self._status()}")
            ticks += 1
            await asyncio.sleep(TICK_S)

    def _status(self) -> str:
        controller = "connected" if self._link.connected else "not connected"
        journal = "writable" if self._keeper.writable else "NOT writable"
        broker = "online" if self._publisher.online else "offline"
        return f"controller {controller}, journal {journal}, broker {broker}"

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(role="telemetry", journal_writable=self._keeper.writable)

    def _on_committed(self, up_to_id: int) -> None:
        self._link.acknowledge(up_to_id)
        self._publisher.events_came()

    def _on_command(self, message: NetworkMessage) -> None:
        self._intake.take(message)

    def _propose(self, wish: PrepareCommand, go_on: Callable[[Proposed | str], None]) -> None:
        task = asyncio.create_task(self._screen(wish, go_on))
        self._proposals.add(task)
        task.add_done_callback(self._proposals.discard)

    async def _screen(self, wish: PrepareCommand, go_on: Callable[[Proposed | str], None]) -> None:
        """Reads the journal in another thread: a slow disk must not keep a stop waiting."""
        journal = self._journal_path
        found: Proposed | str
        try:
            found = await asyncio.to_thread(propose, patients_path(journal), journal, wish.patient, wish.plan, wish.today)
        except (PatientsError, JournalError, sqlite3.Error, ValueError, OSError) as error:
            found = str(error)
        go_on(found)

    def _keep_speeds(self, block: SpeedBlock | None) -> None:
        if block is not None:
            self._keeper.take_speeds(block)

    def _on_message(self, message: FromController) -> None:
        match message:
            case Snapshot():
                self._view.take_snapshot(message, utc_now(), time.monotonic_ns())
                self._publisher.snapshot_came()
                self._keep_speeds(self._speeds.take(message))
            case EventRecord():
                self._view.take_event(message)
                self._keeper.take_event(message)
                self._recordings.take_event(message)
            case SessionRecord():
                self._view.take_session(message)
                self._keeper.take_session(message)
                self._publisher.view_changed()
            case About():
                self._view.take_about(message)
                self._keeper.take_boot(message.boot_id)
                self._publisher.view_changed()
            case Reply():
                self._intake.take_reply(message)


async def _serve(settings: ServiceSettings) -> None:
    await Service(settings, Notifier()).run()


def main(arguments: list[str] | None = None) -> int:
    """The program sternway-telemetry; returns its exit code."""
    parser = argparse.ArgumentParser(prog="sternway-telemetry", description="Journal and MQTT side of a treadmill")
    parser.add_argument("--config", type=Path, default=Path("/etc/sternway/treadmill.toml"))
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(JournalFormatter(prefixed=goes_to_journal(os.environ)))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        asyncio.run(_serve(load_telemetry_settings(options.config)))
    except (SettingsError, NewerSchemaError) as error:
        lines = str(error).splitlines()
        sys.stderr.write(journal_text(JournalPriority.ERROR, lines, prefixed=goes_to_journal(os.environ)))
        return EXIT_CONFIGURATION
    return 0


if __name__ == "__main__":
    sys.exit(main())
