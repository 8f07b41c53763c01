"""A broker in memory, and the client by which telemetry's publisher reaches it: present, slow, refusing or away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import aiomqtt
import msgspec

from telemetry.payloads import EventPayload

_event_decoder = msgspec.json.Decoder(EventPayload)


class MemoryBroker:
    """Keeps every event that it confirmed, in the order in which they came."""

    def __init__(self) -> None:
        self.present = True
        self.delay_s = 0.0
        self.events: list[EventPayload] = []
        self._clients: set[MemoryClient] = set()

    def go_away(self) -> None:
        """Every connection breaks, and none is taken."""
        self.present = False
        for client in tuple(self._clients):
            client.lose()

    def come_back(self) -> None:
        """Connections are taken again."""
        self.present = True

    async def make_client(self, *_settings: Any) -> MemoryClient:
        """Stands for telemetry.broker_client.make_client."""
        return MemoryClient(self)


class MemoryClient:
    """One connection, as the publisher uses it."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def lose(self) -> None:
        """The connection breaks."""
        if not self._lost.done():
            self._lost.set_result(None)

    async def __aenter__(self) -> Self:
        if not self._broker.present:
            raise aiomqtt.MqttError("connection refused")
        self._broker._clients.add(self)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._broker._clients.discard(self)

    @property
    async def messages(self) -> AsyncIterator[aiomqtt.Message]:
        """No command ever comes; ends with the connection."""
        await self._lost
        raise aiomqtt.MqttError("disconnected")
        yield

    async def subscribe(self, _topic: str, options: Any = None) -> None:  # noqa: ARG002 (the client's signature)
        """Takes the time that the broker takes."""
        await self._answer()

    async def publish(self, _topic: str, _payload: bytes, qos: int = 0) -> None:  # noqa: ARG002 (the client's signature)
        """Quality 0: gone."""
        self._alive()

    async def publish_confirmed(self, topic: str, payload: bytes, _retain: bool = False, _properties: Any = None) -> None:
        """A slow broker has the message after half of the time: before it the message is lost with the connection, after it the
        confirmation."""
        await self._answer(0.5)
        if topic.endswith("/event"):
            self._broker.events.append(_event_decoder.decode(payload))
        await self._answer(0.5)

    async def _answer(self, share: float = 1.0) -> None:
        if self._broker.delay_s:
            await asyncio.wait({self._lost}, timeout=share * self._broker.delay_s)
        self._alive()

    def _alive(self) -> None:
        if self._lost.done() or not self._broker.present:
            raise aiomqtt.MqttError("disconnected")
