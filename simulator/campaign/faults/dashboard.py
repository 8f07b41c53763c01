"""What a dashboard says over the broker: through telemetry's shipped intake, which obeys or refuses it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulator.campaign.fault import UNFELT, Fault, Unfelt, fault
from simulator.campaign.stage import Stage
from simulator.campaign.telemetry_life import IDENTITY
from telemetry.commands import STOP, CancelCommand, Command, PrepareCommand, SilenceCommand, SymptomCommand
from telemetry.patients import PatientFile, patients_path
from telemetry.topics import Topics

GROUP = "dashboard"
UNDERWAY_MS = 150
"""From the broker to the controller: telemetry looks every 100 ms, the controller every 10 ms; and some."""
_TOPICS = Topics.of(IDENTITY)
_SYMPTOMS = ("dizziness", "pain", "nausea", "no-such-symptom")


def _publish(stage: Stage, name: str, payload: bytes, *, retained: bool = False) -> int:
    """Returns how many connections got it."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's class has no types
    properties.ResponseTopic = f"{_TOPICS.base}/response/dashboard"
    properties.CorrelationData = b"campaign"
    return stage.system.broker.deliver(f"{_TOPICS.base}/command/{name}", payload, retained=retained, properties=properties)


def _say(stage: Stage, name: str, command: Command) -> int:
    return _publish(stage, name, msgspec.json.encode(command))


def _name(one: Fault) -> str:
    return f"c-{one.at_ms}-{one.pick}"


def _expiry(stage: Stage, expires_s: float = 5.0) -> datetime:
    return stage.system.telemetry.wall_clock() + timedelta(seconds=expires_s)


def stop(stage: Stage, payload: bytes = b"{}") -> int:
    """A stop. It is due as soon as it must have arrived, if its way was whole all the time until then."""
    system = stage.system
    heard, way, life = _publish(stage, STOP, payload), system.telemetry.way, system.lives
    if heard and way is not None and system.controller is not None:

        def claim() -> None:
            if system.telemetry.way == way and system.lives == life and system.controller is not None:
                stage.network_stop_ns = stage.now_ns

        stage.later(UNDERWAY_MS, claim)
    return heard


def _prepare(stage: Stage, one: Fault) -> int:
    """Proposes the session that everybody proposes here; its patient is known at the desk."""
    profile, today = stage.screening.profile, stage.screening.today
    path = patients_path(stage.system.telemetry.journal_path)
    if not path.exists():
        with PatientFile(path, write=True) as file:
            file.save(profile, "campaign", "added", stage.system.telemetry.wall_clock(), seen=None)
    command = PrepareCommand(id=_name(one), expires=_expiry(stage), patient=profile.patient, today=today, plan=stage.plan)
    return _say(stage, "session/prepare", command)


def _cancel(stage: Stage, one: Fault, expires_s: float = 5.0) -> int:
    return _say(stage, "session/cancel", CancelCommand(id=_name(one), expires=_expiry(stage, expires_s)))


def _symptom(stage: Stage, one: Fault) -> int:
    kind = _SYMPTOMS[one.pick // 64 % len(_SYMPTOMS)]
    grade = int(10 * one.amount)
    return _say(stage, "symptom", SymptomCommand(id=_name(one), expires=_expiry(stage), kind=kind, grade=grade))


def _silence(stage: Stage, one: Fault) -> int:
    return _say(stage, "alarm/silence", SilenceCommand(id=_name(one), expires=_expiry(stage)))


def _twice(stage: Stage, one: Fault) -> int:
    """QoS 1 may bring a command twice; so may whoever listens and repeats."""
    return _cancel(stage, one) + _cancel(stage, one)


def _retained(stage: Stage, one: Fault) -> int:
    """A broker that keeps commands: nobody knows when they were meant."""
    return _publish(stage, STOP, b"{}", retained=True) + _publish(stage, "session/cancel", b"{}", retained=bool(one.pick & 64))


def _junk(stage: Stage, one: Fault) -> int:
    name = ("session/prepare", "session/cancel", "symptom", "alarm/silence", "speed/faster", "start", "")[one.pick // 64 % 7]
    return _publish(stage, name, (b"", b"{", b"[" * 900, b"\xff\x00", b"{}" + b" " * 9000)[one.pick // 8 % 5])


_SAID: tuple[Callable[[Stage, Fault], int], ...] = (
    lambda stage, _one: stop(stage),
    lambda stage, one: stop(stage, (b"", b"junk", b'{"id": "\\u0000"}', b"x" * 9000)[one.pick // 64 % 4]),
    lambda stage, _one: sum(stop(stage) for _ in range(100)),
    _prepare,
    _cancel,
    _symptom,
    _silence,
    _twice,
    _retained,
    _junk,
    lambda stage, one: _cancel(stage, one, -1.0),
    lambda stage, one: _cancel(stage, one, 3600.0),
)


@fault("dashboard-command", GROUP, 10, 10, 3.0)
def command(stage: Stage, one: Fault) -> Unfelt | None:
    """Over the broker: stop (with junk, or a hundred), prepare, cancel, symptom, silence; repeated, retained, late, or junk."""
    return None if _SAID[one.pick % len(_SAID)](stage, one) else UNFELT
