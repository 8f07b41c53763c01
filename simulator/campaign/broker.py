"""A broker in memory, and the client by which telemetry's publisher reaches it: present, slow, refusing or away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import aiomqtt
import msgspec
from paho.mqtt.properties import Properties

from telemetry.broker_client import MAXIMUM_QUEUED_COMMANDS, OPERATION_TIMEOUT_S, CommandQueue
from telemetry.payloads import EventPayload
from telemetry.publisher import EVENTS_AT_ONCE

_event_decoder = msgspec.json.Decoder(EventPayload)


class MemoryBroker:
    """Keeps every event that it got, in the order in which they came, and passes on what a dashboard says."""

    def __init__(self) -> None:
        self.present = True
        self.delay_s = 0.0
        self.events: list[EventPayload] = []
        self.told_again: list[str] = []
        """Events that came again though they were confirmed, or otherwise than before: in words."""
        self.responses: list[bytes] = []
        """Answers to commands."""
        self._known: dict[int, EventPayload] = {}
        self._unconfirmed: set[int] = set()
        """Ids that the broker has, and whose confirmation is on its way."""
        self._may_come_again: set[int] = set()
        """Ids whose confirmation was on its way, or not kept yet, when a connection or the process ended."""
        self._clients: set[MemoryClient] = set()

    def set_present(self, present: bool) -> None:
        """Away: every connection breaks, and none is taken."""
        self.present = present
        if not present:
            for client in tuple(self._clients):
                client.lose()

    def deliver(self, topic: str, payload: bytes, *, retained: bool = False, properties: Properties | None = None) -> int:
        """A dashboard publishes; returns how many connections get it."""
        hearing = [client for client in self._clients if client.subscribed] if self.present else []
        for client in hearing:
            client.hear(aiomqtt.Message(topic, payload, 1, retained, 0, properties))
        return len(hearing)

    def take(self, payload: bytes) -> int:
        """An event has come; returns its id. QoS 1: it may come again once, where its confirmation can have been lost."""
        event = _event_decoder.decode(payload)
        self.events.append(event)
        before = self._known.setdefault(event.id, event)
        if before is not event:
            if event.id not in self._may_come_again:
                self.told_again.append(f"event {event.id} ({event.code}) came again, and its confirmation was never lost")
            if event != before:
                self.told_again.append(f"event {event.id} came as {before.code} and again as another {event.code}")
        self._may_come_again.discard(event.id)
        self._unconfirmed.add(event.id)
        return event.id

    def confirmed(self, event_id: int) -> None:
        """The publisher has got the confirmation."""
        self._unconfirmed.discard(event_id)

    def connection_ended(self) -> None:
        """Confirmations that were on their way are lost."""
        self._may_come_again |= self._unconfirmed
        self._unconfirmed.clear()

    def process_ended(self, confirmed_id: int) -> None:
        """What the publisher knew is lost, but for what its journal had committed: every id up to this one is confirmed.

        No more than two helpings of events can wait for their commit: one that a full disk has refused, and the next.
        """
        self.connection_ended()
        newest = max(self._known, default=0)
        lost_after = max(confirmed_id, newest - 2 * EVENTS_AT_ONCE)
        self._may_come_again.update(event_id for event_id in self._known if event_id > lost_after)

    async def make_client(self, *_settings: Any) -> MemoryClient:
        """Stands for telemetry.broker_client.make_client."""
        return MemoryClient(self)


class MemoryClient:
    """One connection, as the publisher uses it."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._commands = CommandQueue(MAXIMUM_QUEUED_COMMANDS)
        self._came: asyncio.Future[None] | None = None
        self.subscribed = False

    def lose(self) -> None:
        """The connection breaks."""
        if not self._lost.done():
            self._lost.set_result(None)

    def hear(self, message: aiomqtt.Message) -> None:
        """A command has come; more than the client's queue holds are lost, as aiomqtt loses them."""
        with contextlib.suppress(asyncio.QueueFull):
            self._commands.put_nowait(message)
        if self._came is not None and not self._came.done():
            self._came.set_result(None)

    async def __aenter__(self) -> Self:
        if not self._broker.present:
            raise aiomqtt.MqttError("connection refused")
        self._broker._clients.add(self)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._broker._clients.discard(self)
        self._broker.connection_ended()

    @property
    async def messages(self) -> AsyncIterator[aiomqtt.Message]:
        """Commands, as they come; ends with the connection."""
        while True:
            while self._commands.empty():
                self._came = asyncio.get_running_loop().create_future()
                await asyncio.wait({self._lost, self._came}, return_when=asyncio.FIRST_COMPLETED)
                self._alive()
            yield self._commands.get_nowait()

    async def subscribe(self, _topic: str, options: Any = None) -> None:  # noqa: ARG002 (the client's signature)
        """Takes the time that the broker takes."""
        await self._answer()
        self.subscribed = True

    async def publish(self, _topic: str, _payload: bytes, qos: int = 0) -> None:  # noqa: ARG002 (the client's signature)
        """Quality 0: gone."""
        self._alive()

    async def publish_confirmed(self, topic: str, payload: bytes, _retain: bool = False, _properties: Any = None) -> None:
        """A slow broker has the message after half of the time: before it the message is lost with the connection, after it the
        confirmation. Raises aiomqtt.MqttError, too, when the confirmation takes longer than the client's patience.
        """
        deadline_s = asyncio.get_running_loop().time() + OPERATION_TIMEOUT_S
        await self._answer(0.5)
        event_id = self._broker.take(payload) if topic.endswith("/event") else None
        if "/response/" in topic:
            self._broker.responses.append(payload)
        await self._answer(0.5, deadline_s)
        if event_id is not None:
            self._broker.confirmed(event_id)

    async def _answer(self, share: float = 1.0, deadline_s: float | None = None) -> None:
        wait_s = share * self._broker.delay_s
        if wait_s:
            left_s = wait_s if deadline_s is None else min(wait_s, deadline_s - asyncio.get_running_loop().time())
            await asyncio.wait({self._lost}, timeout=left_s)
            self._alive()
            if left_s < wait_s:
                raise aiomqtt.MqttError("no confirmation in time")
        self._alive()

    def _alive(self) -> None:
        if self._lost.done() or not self._broker.present:
            raise aiomqtt.MqttError("disconnected")
