"""A dashboard's ears: subscribes to the treadmill's topics on the broker, in a thread of its own.

Its session outlives a broken connection, so that what it is owed is not lost by its own absence.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from datetime import datetime
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulator.heard import HeardEvent, detail_text

_RETRY_S = 0.2
MAXIMUM_EVENTS = 4096


class Listener:
    """Hears events and counts messages by topic."""

    def __init__(self, port: int, base: str) -> None:
        """base: the treadmill's topic, without a slash at its end."""
        self._port = port
        self._base = base
        self._lock = threading.Lock()
        self._events: list[HeardEvent] = []
        self.counts: dict[str, int] = {}
        self.availability = ""
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._run())
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._work, name="listener", daemon=True)
        self._thread.start()

    def wait_connected(self, timeout_s: float) -> bool:
        """Waits until it is subscribed."""
        return self._connected.wait(timeout_s)

    def events(self) -> list[HeardEvent]:
        """All events so far, in the order in which they came."""
        with self._lock:
            return list(self._events)

    def close(self) -> None:
        """Ends the thread."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(timeout=3.0)
        self._loop.close()

    def _work(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                await self._listen()
            self._connected.clear()
            await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        async with aiomqtt.Client(
            "127.0.0.1",
            self._port,
            identifier="simulator-listener",
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=_session_expiry(),
            timeout=2.0,
        ) as client:
            await client.subscribe(f"{self._base}/#", qos=1)
            self._connected.set()
            await self._receive(client)

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            kind = str(message.topic).removeprefix(f"{self._base}/")
            self.counts[kind] = self.counts.get(kind, 0) + 1
            payload = message.payload
            if not isinstance(payload, bytes | bytearray):
                continue
            if kind == "availability":
                self.availability = bytes(payload).decode("ascii", errors="replace")
            elif kind == "event":
                self._keep(json.loads(payload))

    def _keep(self, event: dict[str, Any]) -> None:
        happened = datetime.fromisoformat(event["time"]).timestamp()
        at_ns = time.monotonic_ns() - int((time.time() - happened) * 1e9)
        with self._lock:
            if len(self._events) < MAXIMUM_EVENTS:
                why = detail_text(event["detail"])
                self._events.append(HeardEvent(event["id"], at_ns, event["code"], event["effect"], event["text"], why))


def _session_expiry() -> Any:
    """MQTT 5: the broker keeps the session for ten minutes."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 600
    return properties
