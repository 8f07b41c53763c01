"""aiomqtt's client, made to say what the broker answered, and to let a stop through a full queue.

Rests on aiomqtt 2.5's inside at two places (docs/decisions/0001-aiomqtt.md): `_client` and `_on_publish`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from pathlib import Path
from typing import Any

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from settings_files.telemetry_table import BrokerSettings, TlsSettings
from telemetry.settings import credential_path, read_password

OPERATION_TIMEOUT_S = 5.0
MAXIMUM_QUEUED_COMMANDS = 64
MAXIMUM_PACKET_BYTES = 128 * 1024
"""Told to the broker: with the queue's length it bounds what a hostile publisher can make us hold."""


class PublishRefused(Exception):
    """The broker took the message and said no (its access rules, its quota). The connection is sound."""


class CommandQueue(asyncio.Queue[aiomqtt.Message]):
    """Incoming messages. A stop goes before all others, and when the queue is full, in the place of one."""

    def _init(self, maxsize: int) -> None:  # noqa: ARG002
        self._queue: deque[aiomqtt.Message] = deque()

    def _put(self, item: aiomqtt.Message) -> None:
        if _is_stop(item):
            self._queue.appendleft(item)
        else:
            self._queue.append(item)

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Queues a message; raises QueueFull when there is no place, but never for a stop."""
        if self.full() and _is_stop(item):
            self._queue.pop()
        super().put_nowait(item)


class BrokerClient(aiomqtt.Client):
    """A client for one connection."""

    def __init__(self, hostname: str, port: int, **options: Any) -> None:
        """Options are aiomqtt's."""
        super().__init__(hostname, port, **options)
        self._awaited: dict[int, asyncio.Future[ReasonCode]] = {}

    async def publish_confirmed(
        self, topic: str, payload: bytes, retain: bool = False, properties: Properties | None = None
    ) -> None:
        """Publishes with QoS 1; returns when the broker has confirmed it.

        Raises PublishRefused when the broker says no, aiomqtt.MqttError when it says nothing. aiomqtt's own publish
        returns in both of the first two cases alike, and an event that the broker threw away would count as delivered.
        """
        sent = self._client.publish(topic, payload, 1, retain, properties)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(sent.rc, f"could not publish to {topic}")
        answer: asyncio.Future[ReasonCode] = asyncio.get_running_loop().create_future()
        self._awaited[sent.mid] = answer
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT_S):
                reason = await answer
        except TimeoutError:
            raise aiomqtt.MqttError(f"no confirmation for {topic} within {OPERATION_TIMEOUT_S} s") from None
        finally:
            self._awaited.pop(sent.mid, None)
        if reason.is_failure:
            raise PublishRefused(f"{topic}: {reason}")

    def _on_publish(self, client: PahoClient, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties) -> None:
        answer = self._awaited.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)


async def make_client(settings: BrokerSettings, identifier: str, availability_topic: str) -> BrokerClient:
    """Returns a client that is not connected yet. Reads certificates and password anew: they may have been renewed.

    Raises OSError or ssl.SSLError when one of them cannot be read.
    """
    password = await asyncio.to_thread(read_password, settings)
    context = await asyncio.to_thread(_tls_context, settings.tls) if settings.tls.enabled else None
    connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    connect.SessionExpiryInterval = 0
    connect.MaximumPacketSize = MAXIMUM_PACKET_BYTES
    return BrokerClient(
        settings.host,
        settings.port,
        username=settings.user or None,
        password=password,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5,
        will=aiomqtt.Will(availability_topic, b"offline", qos=1, retain=True),
        clean_start=True,
        keepalive=settings.keep_alive_s,
        timeout=OPERATION_TIMEOUT_S,
        properties=connect,
        tls_context=context,
        queue_type=CommandQueue,
        max_queued_incoming_messages=MAXIMUM_QUEUED_COMMANDS,
    )


def _tls_context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=_readable(settings.ca_file) if settings.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # What Python 3.13 checks by itself: an authority without keyUsage is refused on every version alike.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if settings.certificate_file:
        context.load_cert_chain(_readable(settings.certificate_file), _readable(settings.key_file))
    return context


def _readable(name: str) -> Path:
    """Where it lies. Raises OSError with the path when it cannot be read: that of the ssl module names none."""
    path = credential_path(name)
    path.open("rb").close()
    return path


def _is_stop(message: aiomqtt.Message) -> bool:
    return message.topic.value.endswith("/command/stop") and not message.retain
