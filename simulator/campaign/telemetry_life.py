"""The telemetry process: the shipped service, link, keeper, journal and publisher, over a virtual loop and sockets in memory.

It may be killed and started again; what its journal had committed is still there, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

from settings_files.telemetry_table import TelemetrySettings
from simulator.campaign.broker import MemoryBroker
from simulator.campaign.disk import Disk
from simulator.campaign.kernel import Sockets
from simulator.campaign.modules import Change, module_over
from simulator.campaign.virtual_loop import VirtualLoop
from telemetry.settings import IdentitySettings, PathSettings, ServiceSettings

LOOK_NS = 100_000_000
"""Telemetry gets the processor so often, at least: what has come since is handled at once."""
IDENTITY = IdentitySettings("campaign", "simulated")
_WALL_CLOCK_START = datetime(2026, 1, 1, tzinfo=UTC)


class TelemetryLife:
    """One process after the other. defects: source changes by module name, for planted bugs."""

    def __init__(
        self,
        directory: Path,
        sockets: Sockets,
        broker: MemoryBroker,
        seed: str,
        start_ns: int,
        defects: Mapping[str, Sequence[Change]],
    ) -> None:
        self.journal_path = directory / "journal.sqlite"
        self._sockets = sockets
        self._broker = broker
        self._random = Random(seed)
        self._defects = defects
        self._now_ns = self._start_ns = start_ns
        self._look_ns = start_ns
        self._loop: VirtualLoop | None = None
        self._service: Any = None
        self._task: asyncio.Task[None] | None = None
        self.clock_offset_s = 0.0
        """How far the wall clock is off, which the controller's records show too."""
        self.frozen = False
        self.disk = Disk()
        self.complaints: list[str] = []
        self.start()

    @property
    def lives(self) -> bool:
        """Whether there is a process."""
        return self._loop is not None

    @property
    def way(self) -> tuple[object, object] | None:
        """The present way of a command from the broker to the controller; another object when it was broken in between, None
        while there is none.
        """
        link = self._service._link if self._service is not None and not self.frozen else None
        return (self._service, link._socket) if link is not None and link.connected else None

    def wall_clock(self) -> datetime:
        """What people's clocks show."""
        return _WALL_CLOCK_START + timedelta(seconds=(self._now_ns - self._start_ns) / 1e9 + self.clock_offset_s)

    def start(self) -> None:
        """A new process, unless there is one."""
        if self.lives:
            return
        self._loop = VirtualLoop(self._now_ns)
        service = self._build()
        settings = ServiceSettings(
            IDENTITY,
            TelemetrySettings(
                socket_path=str(self.journal_path.with_name("controller.sock")),
                journal_path=str(self.journal_path),
                journal_reserve_mb=0,
                recordings_directory=str(self.journal_path.with_name("recordings")),
            ),
            PathSettings(str(self.journal_path.parent)),
        )

        async def run() -> None:
            self._service = service.Service(settings, SimpleNamespace(send=lambda _text: None))
            await self._service.run()

        self._task = self._loop.create_task(run())

    def _build(self) -> ModuleType:
        """The shipped modules, put together anew with their clocks, dice and sockets exchanged."""
        defects = self._defects
        journal = module_over("telemetry.journal", defects.get("journal", ()), sqlite3=self.disk)
        keeper = module_over(
            "telemetry.keeper",
            defects.get("keeper", ()),
            **{name: getattr(journal, name) for name in ("ConflictError", "Journal", "JournalError", "NewerSchemaError")},
            open_journal=journal.open_journal,
            put_aside=journal.put_aside,
        )
        link = module_over("telemetry.link", defects.get("link", ()), socket=self._sockets)
        publisher = module_over("telemetry.publisher", defects.get("publisher", ()), make_client=self._broker.make_client)
        return module_over(
            "telemetry.service",
            ControllerLink=link.ControllerLink,
            JournalKeeper=keeper.JournalKeeper,
            Publisher=publisher.Publisher,
            NewerSchemaError=journal.NewerSchemaError,
            time=SimpleNamespace(monotonic_ns=lambda: self._now_ns),
            random=SimpleNamespace(random=self._random.random),
            uuid=SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=f"{self._random.getrandbits(128):032x}")),
            utc_now=self.wall_clock,
        )

    def kill(self) -> None:
        """As SIGKILL: no line of it runs any more. The sockets end, as the kernel ends them."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        journal = self._journal()
        self.complaints += loop.complaints
        loop.complaints.clear()
        if self._service is not None and self._service._link._socket is not None:
            self._service._link._socket.close()
        if journal is not None:
            journal.close()
        _bury(loop)
        self._broker.process_ended(self._confirmed_id())
        self._service = self._task = None

    def advance(self, now_ns: int) -> None:
        """Lets it do what is due."""
        self._now_ns = now_ns
        loop = self._loop
        if loop is None or self.frozen or now_ns < self._look_ns:
            return
        self._look_ns = now_ns + LOOK_NS
        loop.disk_delay_s = self.disk.delay_s
        loop.advance(now_ns)
        if self._task is not None and self._task.done():
            error = None if self._task.cancelled() else self._task.exception()
            self.complaints.append(f"telemetry ended by itself: {error!r}")
            self.kill()

    def journalled(self) -> list[tuple[int, int, str]]:
        """Id, time and code of every event in the journal, in the order of the ids."""
        journal = self._journal()
        if journal is None:
            return []
        rows = journal._connection.execute("SELECT id, at_ns, code FROM events ORDER BY id")
        return [(int(event_id), int(at_ns), str(code)) for event_id, at_ns, code in rows]

    def missing(self) -> list[tuple[int, int]]:
        """Ranges of ids that the journal itself has given up."""
        journal = self._journal()
        if journal is None:
            return []
        return [(int(first), int(last)) for first, last in journal._connection.execute("SELECT first_id, last_id FROM missing")]

    def _journal(self) -> Any:
        return self._service._keeper._journal if self._service is not None else None

    def _confirmed_id(self) -> int:
        """Up to where the journal's file says that the broker has confirmed everything; 0 without a journal."""
        if not self.journal_path.exists():
            return 0
        with contextlib.closing(sqlite3.connect(self.journal_path)) as file:
            try:
                return int(file.execute("SELECT id FROM positions WHERE name = 'confirmed'").fetchone()[0])
            except sqlite3.OperationalError:  # the process was killed before it had made the tables
                return 0


def _bury(loop: VirtualLoop) -> None:
    """Ends a dead loop's tasks without letting any of their lines run: each is closed where it waits, its errors unheard."""
    loop.set_exception_handler(lambda _loop, _context: None)
    for task in asyncio.all_tasks(loop):
        # asyncio's own switch, without a public name: it would log every task of a killed process as destroyed while pending.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        coroutine = task.get_coro()
        try:
            if coroutine is not None:
                coroutine.close()
        except RuntimeError:  # it awaits in its own `finally`: a process that is killed never gets so far
            pass
    loop.close()
