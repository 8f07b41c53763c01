"""What the live tests stand on: a Mosquitto, the controller's own socket, the telemetry process, a dashboard's ear.

The controller's end is its real Channel and EventRing, driven from here in place of its scan.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from controller.channel import Channel
from controller.event_ring import EventRing
from controller.peers import own_user_only
from messages.wire import EventRecord, Message, Refused, Reply, SessionRecord
from tests.telemetry import samples

ROOT = Path(__file__).parent.parent.parent
BASE = "sternway/v1/north/t-1"
PATIENCE_S = 15.0
STARTED: list[asyncio.subprocess.Process] = []
"""Every process of the running test, so that one that fails leaves none behind."""


async def until(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Waits until the condition holds; fails with what was waited for."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        await asyncio.sleep(0.005)


def free_port() -> int:
    """Returns a port of the loopback's that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A real broker on a loopback port."""

    def __init__(self, directory: Path, extra: str = "allow_anonymous true\n") -> None:
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if found is None:
            raise RuntimeError("these tests need a real broker: install the Debian package mosquitto")
        self._program = found
        self.port = free_port()
        self._configuration = directory / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self._configuration.write_text(f"listener {self.port} 127.0.0.1\npersistence false\n{user}{extra}")
        self._log = directory / "mosquitto.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(self._program, "-c", str(self._configuration), stderr=log)
        process = self._process
        STARTED.append(process)

        def listening() -> bool:
            if process.returncode is not None:
                raise AssertionError(f"mosquitto ended: {self._log.read_text()}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        await until(listening, "mosquitto listens")

    def read_rules_again(self) -> None:
        """Its access rules; connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    async def stop(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()


class Gate:
    """A way for telemetry to the broker that can be shut, and that can swallow what the broker answers."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.port = free_port()
        self.swallow_answers = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def shut(self) -> None:
        """Nobody comes in, and whoever is in is thrown out."""
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(far_writer)
        await asyncio.gather(self._copy(reader, far_writer, False), self._copy(far_reader, writer, True))
        self._writers -= {writer, far_writer}

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if not (answers and self.swallow_answers):
                    sink.write(data)
                    await sink.drain()
        sink.transport.abort()


class Peer:
    """The controller's end: its real channel, with this test in place of its scan."""

    def __init__(self, directory: Path, boot_id: str = "boot-1") -> None:
        self.path = directory / "controller.sock"
        self._directory = directory
        self.requests: list[Message] = []
        self.reply: Callable[[Any], Reply] | None = lambda asked: Reply(asked.request, True, "done", "s-9")
        self.frozen = False
        self.next_id = 1
        self._open(boot_id)
        self._task = asyncio.create_task(self._run())

    def _open(self, boot_id: str) -> None:
        self.ring = EventRing(self._directory / "ring")
        self.channel = Channel(self.path, self.ring, lambda: samples.about(boot_id), own_user_only())

    async def _run(self) -> None:
        while True:
            if not self.frozen:
                for request in self.channel.take(time.monotonic_ns()):
                    self.requests.append(request)
                    if self.reply is not None and not isinstance(request, Refused):
                        self.channel.answer(self.reply(request))
                self.channel.send_events()
            await asyncio.sleep(0.005)

    def present(self) -> bool:
        """Whether the controller would say that telemetry is there and its journal takes writes."""
        return self.channel.telemetry_present(time.monotonic_ns(), 2.0)

    def emit(self, count: int = 1, **fields: Any) -> list[int]:
        """Appends events to the ring; returns their ids."""
        ids = list(range(self.next_id, self.next_id + count))
        for event_id in ids:
            self.ring.append(samples.event(event_id, **fields))
        self.next_id += count
        return ids

    def emit_record(self, record: EventRecord) -> None:
        self.ring.append(record)

    def session(self, record: SessionRecord) -> None:
        self.channel.record_session(record)

    def restart(self, boot_id: str, forget: bool = False) -> None:
        """Another life of the controller; with `forget` one that lost its events and their numbering."""
        self.channel.close()
        self.ring.close()
        if forget:
            (self._directory / "ring").unlink()
            self.next_id = 1
        self._open(boot_id)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.channel.close()
        self.ring.close()


class Telemetry:
    """The telemetry process under test."""

    def __init__(self, directory: Path, port: int, telemetry: str = "", broker: str = "", tables: str = "") -> None:
        self.directory = directory
        self.journal = directory / "journal.sqlite"
        self.config = directory / "treadmill.toml"
        self.log = directory / "telemetry.log"
        self.config.write_text(
            f'[identity]\nclinic = "north"\ntreadmill = "t-1"\n[telemetry]\nsocket_path = "{directory}/controller.sock"\n'
            f'journal_path = "{self.journal}"\n{telemetry}\n[telemetry.broker]\nport = {port}\n{broker}\n{tables}\n'
        )
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, prelude: tuple[str, ...] = (), **environment: str) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *prelude,
                sys.executable,
                "-m",
                "telemetry.service",
                "--config",
                str(self.config),
                cwd=ROOT,
                stderr=log,
                env={**os.environ, **environment},
            )
        STARTED.append(self.process)

    async def end(self, number: int) -> int:
        """Sends a signal, waits for the end, returns the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


class Ear:
    """A dashboard's ear: hears everything below the treadmill's base, and may speak."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[aiomqtt.Message] = []
        self.deaf = asyncio.Event()
        """Set when the broker is gone."""
        self._questions = 0

    def bodies(self, topic: str) -> list[Any]:
        """The JSON payloads heard on a topic below the base; None for an empty one."""
        return [json.loads(m.payload) if m.payload else None for m in self.heard if m.topic.value == f"{BASE}/{topic}"]

    def last(self, topic: str) -> Any:
        """The last JSON payload heard on a topic; None for an empty one, {} when nothing was heard."""
        return (self.bodies(topic) or [{}])[-1]

    def words(self, topic: str) -> list[bytes]:
        return [bytes(m.payload) for m in self.heard if m.topic.value == f"{BASE}/{topic}"]

    def event_ids(self) -> list[int]:
        return [body["id"] for body in self.bodies("event")]

    async def listen(self) -> None:
        try:
            async for message in self.client.messages:
                self.heard.append(message)
        except aiomqtt.MqttError:
            self.deaf.set()

    async def rest(self) -> list[int]:
        """The ids of all events heard, once the broker is known to be gone."""
        await asyncio.wait_for(self.deaf.wait(), PATIENCE_S)
        while len(self.client.messages):
            self.heard.append(await anext(aiter(self.client.messages)))
        return self.event_ids()

    async def ask(self, name: str, payload: bytes, retain: bool = False, response: str | None = None) -> dict[str, Any]:
        """Sends a command; returns the answer that carries its correlation data."""
        self._questions += 1
        correlation = b"q%d" % self._questions
        topic = response or f"{BASE}/response/test"
        await self.send(name, payload, retain, topic, correlation)

        def answers() -> list[aiomqtt.Message]:
            return [
                m for m in self.heard if m.topic.value == topic and getattr(m.properties, "CorrelationData", None) == correlation
            ]

        await until(lambda: bool(answers()), f"an answer to {name}")
        return dict(json.loads(answers()[0].payload))

    async def send(
        self, name: str, payload: bytes, retain: bool = False, response: str | None = None, correlation: bytes | None = None
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        if response is not None:
            properties.ResponseTopic = response
        if correlation is not None:
            properties.CorrelationData = correlation
        await self.client.publish(f"{BASE}/command/{name}", payload, 1, retain, properties)


@contextlib.asynccontextmanager
async def ear(port: int, **options: Any) -> AsyncIterator[Ear]:
    """An Ear that listens."""
    made: Ear | None = None
    try:
        async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, **options) as client:
            made = Ear(client)
            await client.subscribe(f"{BASE}/#", qos=1)
            task = asyncio.create_task(made.listen())
            try:
                yield made
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
    except aiomqtt.MqttError:
        if made is None or not made.deaf.is_set():
            raise  # a goodbye to a broker that was killed may fail; nothing else may
