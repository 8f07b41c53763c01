"""Every topic, live, against the schemas that the AsyncAPI document carries."""

from __future__ import annotations

import json
import math
import signal
from typing import Any

import jsonschema
import pytest

from telemetry.asyncapi import QUALITY, document
from tests.telemetry import samples
from tests.telemetry.bench import BASE, Ear, Mosquitto, Peer, Telemetry, ear, until

DOCUMENT = document()


def check(topic: str, payload: Any) -> None:
    """Raises when the payload is not what the document says of the topic."""
    schema = DOCUMENT["channels"][topic]["messages"][topic]["payload"]
    resolved = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(resolved, format_checker=jsonschema.FormatChecker()).validate(payload)


async def test_every_topic_is_as_the_document_says(dashboard: Ear, peer: Peer, mosquitto: Mosquitto) -> None:
    peer.session(samples.session())
    peer.channel.publish(samples.snapshot(1, alarms=(("rail-released", "medium"),)))
    peer.emit(1)
    kinds = ("about", "state", "session", "telemetry", "event")
    await until(lambda: all(dashboard.bodies(kind) for kind in kinds), "one message of each kind")
    await until(lambda: any(a["alarms"] and a["highest"] == "medium" for a in dashboard.bodies("alarm")), "the alarm")

    for kind in (*kinds, "alarm"):
        for body in dashboard.bodies(kind):
            if body is not None:
                check(kind, body)
    for word in dashboard.words("availability"):
        check("availability", word.decode())
    # What is retained comes again to whoever subscribes later, and nothing else does.
    async with ear(mosquitto.port) as later:
        expected = {f"{BASE}/{kind}" for kind, (_, retained) in QUALITY.items() if retained}
        await until(lambda: {m.topic.value for m in later.heard if m.retain} == expected, "the retained topics, exactly")
    for message in dashboard.heard:
        quality, _ = QUALITY[message.topic.value.removeprefix(f"{BASE}/")]
        assert message.qos == quality


async def test_the_values_are_the_controllers(dashboard: Ear, peer: Peer) -> None:
    peer.channel.publish(samples.snapshot(7, measured_speed_m_s=None, load_n=math.nan))
    await until(lambda: bool(dashboard.bodies("telemetry")), "telemetry")
    body = dashboard.bodies("telemetry")[-1]
    assert body["measured_speed_m_s"] is None
    assert body["load_n"] is None, "NaN is unknown"
    assert (body["accepted_speed_m_s"], body["drive_current_a"], body["rail_right_held"]) == (0.38, 1.5, False)
    check("telemetry", body)

    record = samples.event(1)
    peer.emit_record(record)
    await until(lambda: bool(dashboard.bodies("event")), "the event")
    body = dashboard.bodies("event")[0]
    assert (body["id"], body["code"], body["detail"]) == (1, record.code, record.detail)

    await until(lambda: dashboard.last("state").get("state") == "exercising", "the state")
    state = dashboard.bodies("state")[-1]
    assert state["phase"] == "work"
    assert state["since"] < state["time"]


async def test_a_controller_that_falls_silent_is_said_to_be_unknown(dashboard: Ear, peer: Peer) -> None:
    peer.channel.publish(samples.snapshot(1))
    await until(lambda: dashboard.last("state").get("state") == "exercising", "the state")
    await until(lambda: dashboard.last("state").get("state") == "unknown", "unknown after two seconds of silence", 6.0)
    await until(lambda: dashboard.last("alarm").get("highest") == "high", "its alarm")
    assert dashboard.last("alarm")["alarms"][0]["code"] == "controller-lost"


async def test_session_is_cleared_at_cancel_and_after_a_restart_of_the_controller(dashboard: Ear, peer: Peer) -> None:
    peer.session(samples.session("prepared"))
    peer.channel.publish(samples.snapshot(1))
    await until(lambda: bool(dashboard.last("session")), "the session")
    assert dashboard.last("session")["plan"]["patient"] == "p-17"
    peer.session(samples.session("cancelled"))
    await until(lambda: dashboard.last("session") is None, "cleared at cancel")

    peer.session(samples.session("running", "s-2"))
    peer.channel.publish(samples.snapshot(2, session="s-2"))
    await until(lambda: bool(dashboard.last("session")), "the next session")
    peer.restart("boot-2")
    await until(lambda: dashboard.last("about").get("boot_id") == "boot-2", "the new life of the controller")
    await until(peer.present, "telemetry at the new controller")
    peer.channel.publish(samples.snapshot(1, session="", state="protective_stop"))
    await until(lambda: dashboard.last("session") is None, "cleared: the new life knows no session")
    await until(lambda: dashboard.last("state").get("state") == "protective_stop", "its state")


async def test_what_an_earlier_life_retained_is_cleared(mosquitto: Mosquitto, peer: Peer, telemetry: Telemetry) -> None:
    async with ear(mosquitto.port) as before:
        peer.session(samples.session())
        peer.channel.publish(samples.snapshot(1))
        await until(lambda: bool(before.last("session")), "the session")
        await telemetry.end(signal.SIGKILL)
        await until(lambda: before.words("availability")[-1] == b"offline", "the last will")
        await telemetry.start()
        await until(lambda: before.words("availability")[-1] == b"online", "online again")
        peer.channel.publish(samples.snapshot(2, session="", state="standby"))
        await until(lambda: before.last("session") is None, "the old session is cleared")


async def test_a_restarted_telemetry_knows_the_running_session_from_its_journal(
    mosquitto: Mosquitto, peer: Peer, telemetry: Telemetry
) -> None:
    async with ear(mosquitto.port) as heard:
        peer.session(samples.session())
        peer.channel.publish(samples.snapshot(1))
        await until(lambda: bool(heard.last("session")), "the session")
        await telemetry.end(signal.SIGKILL)
        peer.restart("boot-1")  # the same controller would send the record again: this one has none to send
        await telemetry.start()
        await until(lambda: heard.words("availability")[-1] == b"online", "online again")
        count = len(heard.bodies("session"))
        await until(peer.present, "telemetry greets the controller")
        peer.channel.publish(samples.snapshot(2))
        await until(lambda: len(heard.bodies("session")) > count, "the session again")
        assert heard.last("session").get("session") == "s-1"


async def test_a_restarted_telemetry_knows_the_words_of_a_standing_alarm_from_its_journal(
    mosquitto: Mosquitto, peer: Peer, telemetry: Telemetry
) -> None:
    alarmed = samples.snapshot(1, alarms=(("rail-released", "medium"),))
    async with ear(mosquitto.port) as heard:
        peer.emit(1)
        await until(lambda: peer.ring.acknowledged == 1, "the event is kept, and will not be sent again")
        await telemetry.end(signal.SIGKILL)
        await telemetry.start()
        await until(lambda: heard.words("availability")[-1:] == [b"online"], "online again")
        await until(peer.present, "telemetry greets the controller")

        def is_told() -> bool:
            """As a controller does, again and again: one state may go to a connection whose end is not noticed yet."""
            peer.channel.publish(alarmed)
            return heard.last("alarm").get("highest") == "medium"

        await until(is_told, "the alarm")
        (alarm,) = heard.last("alarm")["alarms"]
        assert (alarm["text"], alarm["remedy"]) == ("A rail was let go", "Hold both rails")


async def test_goodbye_is_said_and_the_journal_closed(dashboard: Ear, peer: Peer, telemetry: Telemetry) -> None:
    peer.emit(3)
    await until(lambda: peer.ring.acknowledged == 3, "the events are kept")
    assert await telemetry.end(signal.SIGTERM) == 0
    await until(lambda: dashboard.words("availability")[-1] == b"offline", "offline")
    assert not telemetry.journal.with_name("journal.sqlite-wal").exists(), "SQLite leaves a log only when it was not closed"


def test_the_document_in_docs_is_what_the_types_say(tmp_path: Any) -> None:
    from telemetry.asyncapi import DOCUMENT as PATH
    from telemetry.asyncapi import main

    assert json.loads(PATH.read_text()) == DOCUMENT
    stale = tmp_path / "asyncapi.json"
    stale.write_text("{}")
    assert main(["--check", "--file", str(stale)]) == 1
    assert main(["--file", str(stale)]) == 0
    assert main(["--check", "--file", str(stale)]) == 0


@pytest.mark.parametrize("kind", ["about", "state", "session", "telemetry", "event", "alarm"])
def test_the_schemas_refuse_what_is_not_theirs(kind: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(kind, {"time": "2026-03-01T12:00:00Z", "seq": 1, "patient_name": "somebody"})
