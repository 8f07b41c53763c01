"""The connection to the broker: a fresh client each time, everything retained on every connect, events in order.

Runs for ever. On one connection several pumps share the client; when one fails, all end, and the next connection begins
with clean hands after a wait that grows and is spread at random.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from messages.wire import EventRecord
from settings_files.telemetry_table import BrokerSettings
from telemetry.backoff import BROKER_BACKOFF
from telemetry.broker_client import BrokerClient, PublishRefused, make_client
from telemetry.cancelling import cancel_all
from telemetry.intake import NetworkMessage, Response
from telemetry.keeper import JournalKeeper
from telemetry.payloads import EventPayload, finite_values
from telemetry.rate_limit import RateLimit
from telemetry.topics import Topics
from telemetry.view import View

STEADY_S = 10.0
"""A connection that lived so long was a good one: the next wait starts small again."""
EVENTS_AT_ONCE = 16
"""Events published before their confirmation is committed: the most that a crash in between can publish twice."""
REFUSED_RETRY_S = 5.0
FAREWELL_S = 2.0
MAXIMUM_QUEUED_RESPONSES = 64

_log = logging.getLogger(__name__)


class Publisher:
    """Publishes the view and the journal's events; hands commands to the intake."""

    def __init__(
        self,
        settings: BrokerSettings,
        topics: Topics,
        identifier: str,
        view: View,
        keeper: JournalKeeper,
        on_command: Callable[[NetworkMessage], None],
        utc_now: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
        random_unit: Callable[[], float],
    ) -> None:
        """`identifier` is the MQTT client's; random_unit returns numbers in [0, 1] and spreads the waits."""
        self._settings = settings
        self._topics = topics
        self._identifier = identifier
        self._view = view
        self._keeper = keeper
        self._on_command = on_command
        self._utc_now = utc_now
        self._monotonic_ns = monotonic_ns
        self._random_unit = random_unit
        self._responses: deque[Response] = deque(maxlen=MAXIMUM_QUEUED_RESPONSES)
        self._view_changed = asyncio.Event()
        self._snapshot_came = asyncio.Event()
        self._events_came = asyncio.Event()
        self._response_came = asyncio.Event()
        self._complaints = RateLimit(burst=5, per_second=0.05)
        self.online = False
        """Whether the broker has our birth message."""

    def view_changed(self) -> None:
        """Something that a retained topic tells may have changed."""
        self._view_changed.set()

    def snapshot_came(self) -> None:
        """A new snapshot is in the view; one that has not been published yet is overtaken by it."""
        self._snapshot_came.set()
        self._view_changed.set()

    def events_came(self) -> None:
        """The journal has committed events."""
        self._events_came.set()

    def respond(self, response: Response) -> None:
        """Queues an answer; of more than MAXIMUM_QUEUED_RESPONSES the oldest gives way."""
        self._responses.append(response)
        self._response_came.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Connects, and connects again, until `stop` is set; then says goodbye."""
        failures = 0
        while not stop.is_set():
            began_s = asyncio.get_running_loop().time()
            try:
                await self._one_connection(stop)
            except (aiomqtt.MqttError, OSError, ValueError) as error:  # OSError: certificates; ValueError: a bad host
                self._complain("broker %s:%d: %s", self._settings.host, self._settings.port, error)
            finally:
                self.online = False
            failures = 1 if asyncio.get_running_loop().time() - began_s > STEADY_S else failures + 1
            await _wait_for_event(stop, BROKER_BACKOFF.delay_s(failures, self._random_unit()))

    async def _one_connection(self, stop: asyncio.Event) -> None:
        client = await make_client(self._settings, self._identifier, self._topics.of_kind("availability"))
        async with client:
            # Retain Handling 2: nothing kept is sent to us. Retain As Published: what is sent with the flag shows it.
            options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2)
            await client.subscribe(self._topics.command_filter, options=options)
            # After the subscription: who sees "online" may rely on being heard.
            self.online = await self._say_whether_there(client, b"online")
            _log.info("connected to the broker %s:%d", self._settings.host, self._settings.port)
            self._view.forget_published()
            await _until_first_ends(
                stop.wait(),
                self._repeat_online(client),
                self._pump_commands(client),
                self._pump_retained(client),
                self._pump_telemetry(client),
                self._pump_events(client),
                self._pump_responses(client),
            )
            async with asyncio.timeout(FAREWELL_S):
                await self._say_whether_there(client, b"offline")

    async def _say_whether_there(self, client: BrokerClient, word: bytes) -> bool:
        return await self._publish(client, self._topics.of_kind("availability"), word, retain=True)

    async def _repeat_online(self, client: BrokerClient) -> None:
        """Until the broker has taken it: what it keeps meanwhile is "offline", the will of the connection before."""
        while True:
            await asyncio.sleep(REFUSED_RETRY_S)
            self.online = self.online or await self._say_whether_there(client, b"online")

    # --- the pumps ---------------------------------------------------------------------------------------------------

    async def _pump_commands(self, client: BrokerClient) -> None:
        async for message in client.messages:
            properties = message.properties
            self._on_command(
                NetworkMessage(
                    topic=message.topic.value,
                    payload=message.payload if isinstance(message.payload, bytes) else b"",
                    retained=message.retain,
                    response_topic=getattr(properties, "ResponseTopic", None),
                    correlation=getattr(properties, "CorrelationData", None),
                )
            )

    async def _pump_retained(self, client: BrokerClient) -> None:
        while True:
            self._view_changed.clear()
            forgetting = self._view.forgetting
            for kind, payload in self._view.due(self._utc_now(), self._monotonic_ns()):
                if not await self._publish(client, self._topics.of_kind(kind), payload, retain=True):
                    self._view.not_taken(kind, self._monotonic_ns() + int(REFUSED_RETRY_S * 1e9))
                elif kind == "session" and forgetting:
                    await self._keeper.finish_erasures(forgetting)
            await self._view_changed.wait()

    async def _pump_telemetry(self, client: BrokerClient) -> None:
        topic = self._topics.of_kind("telemetry")
        self._snapshot_came.clear()
        while True:
            await self._snapshot_came.wait()
            self._snapshot_came.clear()
            payload = self._view.telemetry()
            if payload is not None:
                # Returns once it has left for the kernel, so no second one ever waits behind it.
                await client.publish(topic, payload, qos=0)

    async def _pump_events(self, client: BrokerClient) -> None:
        while True:
            self._events_came.clear()
            journal_number = self._keeper.journal_number
            events = await self._keeper.unconfirmed(EVENTS_AT_ONCE)
            if not events:
                await self._events_came.wait()
            elif not await self._publish_events(client, events, journal_number):
                await asyncio.sleep(REFUSED_RETRY_S)

    async def _publish_events(self, client: BrokerClient, events: list[EventRecord], journal_number: int) -> bool:
        """Publishes in order; notes those confirmed, whatever ends it. Returns whether all were."""
        confirmed_id = 0
        try:
            for event in events:
                payload = msgspec.json.encode(event_payload(event))
                if not await self._publish(client, self._topics.of_kind("event"), payload):
                    return False
                confirmed_id = event.id
        finally:
            if confirmed_id:
                await self._keeper.confirm(confirmed_id, journal_number)
        return True

    async def _pump_responses(self, client: BrokerClient) -> None:
        while True:
            self._response_came.clear()
            while self._responses:
                response = self._responses.popleft()
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                if response.correlation is not None:
                    properties.CorrelationData = response.correlation
                await self._publish(client, response.topic, response.payload, properties=properties)
            await self._response_came.wait()

    async def _publish(
        self,
        client: BrokerClient,
        topic: str,
        payload: bytes,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> bool:
        """Publishes with QoS 1; returns whether the broker took it. Its refusal of one topic ends no connection:
        commands, above all a stop, must still come in.
        """
        try:
            await client.publish_confirmed(topic, payload, retain, properties)
        except PublishRefused as error:
            self._complain("the broker refuses %s", error)
            return False
        return True

    def _complain(self, text: str, *values: object) -> None:
        if self._complaints.allows(self._monotonic_ns()):
            _log.warning(text, *values)


def event_payload(event: EventRecord) -> EventPayload:
    """Returns an event as it is published: the same bytes each time, should it be published twice."""
    return EventPayload(
        time=event.time,
        seq=event.id,
        id=event.id,
        code=event.code,
        severity=event.severity,
        effect=event.effect,
        priority=event.priority,
        state=event.state,
        text=event.text,
        remedy=event.remedy,
        detail=finite_values(event.detail),
        session=event.session,
    )


async def _until_first_ends(*coroutines: Coroutine[Any, Any, Any]) -> None:
    """Runs all until one ends; ends the others; raises what the first raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_all(tasks)
        failures = [task.exception() for task in tasks if not task.cancelled()]
    for task in done:
        task.result()
    for failure in failures:
        if failure is not None:
            raise failure


async def _wait_for_event(event: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
