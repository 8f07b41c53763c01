"""An asyncio event loop in virtual time, over sockets in memory: it does what is due and returns.

A thread pool is not simulated: what telemetry hands to its journal's thread is done at once, or, on a slow disk, later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from simulator.campaign.kernel import MemorySocket

TURNS_AT_MOST = 10_000
"""Turns of the loop at one instant; more is a loop that never comes to rest."""


class _NoSelector:
    def select(self, _timeout: float | None = None) -> list[object]:
        """Sockets are looked at before each turn, in `advance`."""
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """`advance` stands for the passing of time. `complaints` has whatever no task caught."""

    _ready: deque[Any]
    _scheduled: list[Any]
    _run_once: Callable[[], None]

    def __init__(self, now_ns: int) -> None:
        super().__init__()
        self._now_ns = now_ns
        self._selector = _NoSelector()
        self._readers: dict[MemorySocket, Callable[[], None]] = {}
        self._writers: dict[MemorySocket, Callable[[], None]] = {}
        self.disk_delay_s = 0.0
        """How long each call into the journal's thread takes."""
        self.complaints: list[str] = []
        self.set_exception_handler(
            lambda _loop, context: self.complaints.append(str(context.get("exception") or context["message"]))
        )

    def time(self) -> float:
        """Virtual seconds."""
        return self._now_ns / 1e9

    def advance(self, now_ns: int) -> None:
        """Does everything that is due at now_ns; raises RuntimeError when that never ends."""
        self._now_ns = now_ns
        asyncio.events._set_running_loop(self)
        try:
            for _ in range(TURNS_AT_MOST):
                self._call_ready_sockets()
                if not self._ready and not (self._scheduled and self._scheduled[0]._when <= self.time()):
                    return
                self._run_once()
        finally:
            asyncio.events._set_running_loop(None)
        raise RuntimeError("telemetry never comes to rest")

    def _call_ready_sockets(self) -> None:
        for connection, callback in tuple(self._readers.items()):
            if connection.readable:
                self.call_soon(callback)
        for connection, callback in tuple(self._writers.items()):
            if connection.writable:
                self.call_soon(callback)

    # --- what BaseEventLoop leaves to a real one -----------------------------------------------------------------------

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    # Narrower than asyncio's declarations on purpose (override): callers here hand over sockets in memory and no loop arguments.

    def add_reader(self, connection: Any, callback: Any, *_args: Any) -> None:  # type: ignore[override]
        """Calls back while the socket has something to read."""
        self._readers[connection] = callback

    def remove_reader(self, connection: Any) -> bool:
        """Returns whether there was one."""
        return self._readers.pop(connection, None) is not None

    def add_writer(self, connection: Any, callback: Any, *_args: Any) -> None:  # type: ignore[override]
        """Calls back while the socket takes something."""
        self._writers[connection] = callback

    def remove_writer(self, connection: Any) -> bool:
        """Returns whether there was one."""
        return self._writers.pop(connection, None) is not None

    def add_signal_handler(self, _number: int, _callback: Any, *_args: Any) -> None:  # type: ignore[override]
        """Nobody sends signals here; a kill does not ask."""

    def run_in_executor(self, _executor: Any, call: Any, *args: Any) -> Any:  # type: ignore[override]
        """The call is made when its time is over: what it holds up is held up for so long."""
        answer = self.create_future()

        def work() -> None:
            if answer.cancelled():
                return
            try:
                answer.set_result(call(*args))
            except Exception as error:
                answer.set_exception(error)

        if self.disk_delay_s:
            self.call_later(self.disk_delay_s, work)
        else:
            work()
        return answer
