"""Commands: every row of refusals, by the judge alone and live, and every way a stop comes through."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from messages import wire
from messages.patient import Screening
from messages.wire import Cancel, Prepare, Refused, Reply, Silence, Stop, Symptom, ToController
from telemetry.broker_client import MAXIMUM_QUEUED_COMMANDS, CommandQueue
from telemetry.commands import MAXIMUM_KNOWN_IDS, CommandJudge, Forward, Incoming, PrepareCommand, Refusal
from telemetry.intake import ANSWER_WITHIN_NS, MAXIMUM_UNANSWERED, CommandIntake, NetworkMessage, Response
from telemetry.patients import PatientFile, patients_path
from telemetry.screening import Proposed
from telemetry.topics import Topics
from tests.telemetry import samples
from tests.telemetry.bench import BASE, Ear, Mosquitto, Peer, Telemetry, ear, until
from tests.telemetry.test_topics_live import check

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
PLAN = msgspec.to_builtins(samples.PLAN)
WISH = {"patient": "p-17", "today": msgspec.to_builtins(samples.TODAY)}


def body(now: datetime, **fields: Any) -> dict[str, Any]:
    return {"id": "c-1", "expires": (now + timedelta(seconds=5)).isoformat().replace("+00:00", "Z"), **fields}


def later(now: datetime, seconds: float) -> str:
    return (now + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def plan(**changes: Any) -> dict[str, Any]:
    return {**PLAN, **changes}


def refused_rows(now: datetime) -> list[tuple[str, str, bytes, str]]:
    """Name of the row, command, payload, what the reason must say."""

    def row(label: str, name: str, content: Any, reason: str) -> tuple[str, str, bytes, str]:
        return label, name, content if isinstance(content, bytes) else json.dumps(content).encode(), reason

    cancel = "session/cancel"
    prepare = "session/prepare"
    phases = PLAN["phases"]
    return [
        row("unknown", "start", body(now), "unknown command"),
        row("faster", "faster", body(now), "unknown command"),
        row("nearly stop", "stop/", body(now), "unknown command"),
        row("upper case", "STOP", body(now), "unknown command"),
        row("strange name", "\u202e\x07bell", body(now), "unknown command"),
        row("empty", cancel, b"", "truncated"),
        row("no JSON", cancel, b"{", "truncated"),
        row("not UTF-8", cancel, b'{"id": "\xff\xfe"}', "utf-8"),
        row("a list", cancel, [], "Expected `object`"),
        row("deep", cancel, b"[" * 4000, "got `array`"),
        row("oversized", cancel, body(now, id="x" * 9000), "allowed are 8192"),
        row("one byte over", cancel, json.dumps(body(now)).encode().ljust(8193), "8193 bytes"),
        row("no id", cancel, {"expires": later(now, 5)}, "`id`"),
        row("no expiry", cancel, {"id": "c-1"}, "`expires`"),
        row("empty id", cancel, body(now, id=""), "$.id"),
        row("long id", cancel, body(now, id="x" * 65), "$.id"),
        row("id with line feed", cancel, body(now, id="abc\n"), "$.id"),
        row("id is a number", cancel, body(now, id=7), "$.id"),
        row("unknown key", cancel, body(now, speed_m_s=1.0), "speed_m_s"),
        row("expired", cancel, body(now, expires=later(now, -0.1)), "expired"),
        row("too far ahead", cancel, body(now, expires=later(now, 15)), "10 s ahead"),
        row("no time zone", cancel, body(now, expires=later(now, 5).removesuffix("Z")), "timezone"),
        row("other time zone", cancel, body(now, expires="9999-12-31T23:59:59-23:59"), "not in UTC"),
        row("no time", cancel, body(now, expires="soon"), "$.expires"),
        row("no patient", prepare, body(now), "`patient`"),
        row("no check today", prepare, body(now, patient="p-17"), "`today`"),
        row("a profile", prepare, body(now, **WISH, profile={"mass_kg": 70}), "unknown field `profile`"),
        row(
            "no blood pressure", prepare, body(now, patient="p-17", today={**WISH["today"], "systolic_mm_hg": 0}), "systolic_mm_hg"
        ),
        row("a day that is none", prepare, body(now, patient="p-17", today={**WISH["today"], "on": "2026-02-30"}), "on"),
        row("another's plan", prepare, body(now, **WISH, plan=plan(patient="p-18")), "p-18"),
        row("a grade of 11", "symptom", body(now, kind="pain", grade=11), "grade"),
        row("NaN speed", prepare, json.dumps(body(now, plan=plan(mass_kg=float("nan")))).encode(), "malformed"),
        row(
            "infinite mass",
            prepare,
            json.dumps(body(now, plan=plan(mass_kg=1))).replace('"mass_kg": 1', '"mass_kg": 1e999').encode(),
            "mass_kg",
        ),
        row("light patient", prepare, body(now, plan=plan(mass_kg=19.9)), "mass_kg"),
        row("heavy patient", prepare, body(now, plan=plan(mass_kg=201)), "mass_kg"),
        row("negative speed", prepare, body(now, plan=plan(phases=[{**phases[0], "speed_m_s": -0.1}])), "speed_m_s"),
        row("too fast", prepare, body(now, plan=plan(phases=[{**phases[0], "speed_m_s": 5.1}])), "speed_m_s"),
        row("too long", prepare, body(now, plan=plan(phases=[{**phases[0], "duration_s": 7201}])), "duration_s"),
        row("no phases", prepare, body(now, plan=plan(phases=[])), "phases"),
        row("61 phases", prepare, body(now, plan=plan(phases=[{"kind": "rest", "duration_s": 1}] * 61)), "phases"),
        row("unknown phase", prepare, body(now, plan=plan(phases=[{**phases[0], "kind": "sprint"}])), "sprint"),
        row("unknown key in plan", prepare, body(now, plan=plan(override=True)), "override"),
        row("a name", prepare, body(now, plan=plan(patient="Jane Doe")), "patient"),
        row("no kind", "symptom", body(now), "`kind`"),
        row("strange kind", "symptom", body(now, kind="Dizzy!"), "kind"),
        row("long kind", "symptom", body(now, kind="a" * 65), "kind"),
        row("kind with line feed", "symptom", body(now, kind="dizzy\n"), "kind"),
        row("silence with more", "alarm/silence", body(now, priority="high"), "priority"),
    ]


ROWS = refused_rows(NOW)


@pytest.mark.parametrize(("name", "payload", "reason"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
@pytest.mark.hazard("H-19", "H-33", "C-COMMAND-INTAKE", "C-PSEUDONYMS")
def test_refused(name: str, payload: bytes, reason: str) -> None:
    verdict = CommandJudge().judge(Incoming(name, payload, False), "r-1", NOW)
    assert isinstance(verdict, Refusal)
    assert reason.lower() in verdict.reason.lower()
    assert verdict.reason


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("session/cancel", {}, Cancel("r-1", "mqtt c-1")),
        ("symptom", {"kind": "dizzy"}, Symptom("r-1", "mqtt c-1", "dizzy")),
        ("symptom", {"kind": "pain", "grade": 4}, Symptom("r-1", "mqtt c-1", "pain", 4)),
        (
            "symptom",
            {"kind": "measured", "heart_rate_per_min": 131, "systolic_mm_hg": 150, "diastolic_mm_hg": 85},
            Symptom("r-1", "mqtt c-1", "measured", None, 131, 150, 85),
        ),
        ("alarm/silence", {}, Silence("r-1", "mqtt c-1")),
    ],
)
@pytest.mark.hazard("H-19", "C-COMMAND-INTAKE")
def test_let_through_once(name: str, fields: dict[str, Any], expected: ToController) -> None:
    judge = CommandJudge()
    incoming = Incoming(name, json.dumps(body(NOW, **fields)).encode(), False)
    assert judge.judge(incoming, "r-1", NOW) == Forward("c-1", expected)
    assert wire.decode_to_controller(wire.encode(expected)) == expected
    again = judge.judge(incoming, "r-2", NOW)
    assert isinstance(again, Refusal)
    assert "used before" in again.reason
    for refused in (
        msgspec.structs.replace(incoming, retained=True),
        msgspec.structs.replace(incoming, response_allowed=False),
        msgspec.structs.replace(incoming, correlation_bytes=257),
    ):
        assert isinstance(CommandJudge().judge(refused, "r-1", NOW), Refusal)


def test_expiry_at_its_limits() -> None:
    for seconds, passes in ((0.0, False), (0.001, True), (10.0, True), (10.001, False)):
        payload = json.dumps(body(NOW, expires=later(NOW, seconds))).encode()
        verdict = CommandJudge().judge(Incoming("session/cancel", payload, False), "r-1", NOW)
        assert isinstance(verdict, Forward) is passes, seconds


def test_the_memory_of_ids_is_bounded_and_cannot_be_flushed() -> None:
    judge = CommandJudge()

    def cancel(number: int, now: datetime) -> Forward | Refusal:
        payload = json.dumps({"id": f"c-{number}", "expires": later(now, 10)}).encode()
        return judge.judge(Incoming("session/cancel", payload, False), "r-1", now)

    for number in range(MAXIMUM_KNOWN_IDS):
        assert isinstance(cancel(number, NOW), Forward)
    flood = cancel(MAXIMUM_KNOWN_IDS, NOW)
    assert isinstance(flood, Refusal), "an id that could still be replayed is not forgotten for a new one"
    assert isinstance(cancel(0, NOW), Refusal)
    after = NOW + timedelta(seconds=10)
    assert isinstance(cancel(MAXIMUM_KNOWN_IDS, after), Forward)
    assert len(judge._known) == MAXIMUM_KNOWN_IDS


STOP_BODIES = [
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"7",
    b"[" * 4000,
    b"x" * 20000,
    b'{"id": 7}',
    json.dumps(body(NOW, expires=later(NOW, -86400))).encode(),
    json.dumps(body(NOW, expires=later(NOW, 86400))).encode(),
    json.dumps(body(NOW, anything={"deep": [1]})).encode(),
]


@pytest.mark.parametrize("payload", STOP_BODIES, ids=range(len(STOP_BODIES)))
@pytest.mark.hazard("H-19", "C-COMMAND-INTAKE")
def test_a_stop_is_a_stop(payload: bytes) -> None:
    judge = CommandJudge()
    for _ in range(2):  # a repeated one as well
        verdict = judge.judge(Incoming("stop", payload, False, response_allowed=False, correlation_bytes=9999), "r-1", NOW)
        assert isinstance(verdict, Forward)
        assert isinstance(verdict.message, Stop)
        assert wire.decode_to_controller(wire.encode(verdict.message)) == verdict.message
    assert isinstance(judge.judge(Incoming("stop", payload, True), "r-1", NOW), Refusal), "a retained one is not"


@given(st.binary(max_size=200))
def test_any_bytes_stop(payload: bytes) -> None:
    verdict = CommandJudge().judge(Incoming("stop", payload, False), "r-1", NOW)
    assert isinstance(verdict, Forward)
    assert isinstance(wire.decode_to_controller(wire.encode(verdict.message)), Stop)


@given(st.sampled_from(["session/prepare", "session/cancel", "symptom", "alarm/silence", "run", ""]), st.binary(max_size=200))
@pytest.mark.hazard("H-19", "C-COMMAND-INTAKE")
def test_no_bytes_pass_as_another_command(name: str, payload: bytes) -> None:
    assert isinstance(CommandJudge().judge(Incoming(name, payload, False), "r-1", NOW), Refusal)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        (f"{BASE}/response/a", True),
        (f"{BASE}/response/a/b-1/c_2/d", True),
        (f"{BASE}/response/a/b/c/d/e", False),
        (f"{BASE}/response", False),
        (f"{BASE}/response/", False),
        (f"{BASE}/response/a\n", False),
        (f"{BASE}/response/../command/stop", False),
        (f"{BASE}/response/+", False),
        (f"{BASE}/response/#", False),
        (f"{BASE}/command/stop", False),
        ("sternway/v1/north/t-2/response/a", False),
        ("sternway/v1/north/t-1x/response/a", False),
        ("$SYS/x", False),
        ("", False),
    ],
)
def test_where_answers_may_go(topic: str, allowed: bool) -> None:
    assert Topics(BASE).is_response_topic(topic) is allowed


# --- the intake, with its clocks in hand -----------------------------------------------------------------------------


class Bench:
    """An intake whose controller listens or not, and whose clocks stand still."""

    def __init__(self, listens: bool = True) -> None:
        self.listens = listens
        self.sent: list[ToController] = []
        self.responses: list[Response] = []
        self.wishes: list[tuple[PrepareCommand, Callable[[Proposed | str], None]]] = []
        self.now, self.now_ns = NOW, 0
        self.intake = CommandIntake(
            Topics(BASE), self, self.responses.append, self.propose, "life", lambda: self.now, lambda: self.now_ns
        )

    def send(self, message: ToController) -> bool:
        if self.listens:
            self.sent.append(message)
        return self.listens

    def send_stop(self, stop: Stop) -> bool:
        return self.send(stop)

    def propose(self, wish: PrepareCommand, go_on: Callable[[Proposed | str], None]) -> None:
        self.wishes.append((wish, go_on))

    def take(self, name: str, payload: bytes = b"", **more: Any) -> None:
        fields = {"retained": False, "response_topic": f"{BASE}/response/x", "correlation": b"k", **more}
        self.intake.take(NetworkMessage(f"{BASE}/command/{name}", payload, **fields))

    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(response.payload) for response in self.responses]


PROPOSED = Proposed(samples.PLAN, Screening(by="doc-1", profile=samples.PROFILE, today=samples.TODAY))


def test_a_session_is_proposed_with_what_the_journal_knows_of_the_patient() -> None:
    bench = Bench()
    bench.take("session/prepare", json.dumps(body(NOW, **WISH, plan=PLAN)).encode())
    ((wish, go_on),) = bench.wishes
    assert (wish.patient, wish.plan, wish.today) == ("p-17", samples.PLAN, samples.TODAY)
    assert bench.sent == []
    go_on(PROPOSED)
    (sent,) = bench.sent
    assert sent == Prepare("life-1", "mqtt c-1", samples.PLAN, PROPOSED.screening)
    assert wire.decode_to_controller(wire.encode(sent)) == sent
    assert bench.answers() == [], "the controller's answer is the answer"
    bench.intake.take_reply(Reply("life-1", True, "", "s-1"))
    assert [answer["session"] for answer in bench.answers()] == ["s-1"]


def test_without_a_profile_the_wish_is_refused_with_the_reason() -> None:
    bench = Bench()
    bench.take("session/prepare", json.dumps(body(NOW, **WISH)).encode())
    bench.wishes[0][1]("patient p-17: no profile")
    assert [(answer["accepted"], answer["reason"]) for answer in bench.answers()] == [(False, "patient p-17: no profile")]
    assert [type(message) for message in bench.sent] == [Refused]


def test_a_journal_that_takes_too_long_prepares_nothing_afterwards() -> None:
    bench = Bench()
    bench.take("session/prepare", json.dumps(body(NOW, **WISH, plan=PLAN)).encode())
    bench.now_ns = ANSWER_WITHIN_NS
    bench.intake.expire()
    bench.wishes[0][1](PROPOSED)
    assert len(bench.answers()) == 1
    assert bench.sent == []


def ask_for_session(bench: Bench, command_id: str = "c-1") -> Callable[[Proposed | str], None]:
    bench.take("session/prepare", json.dumps(body(NOW, **WISH, plan=PLAN, id=command_id)).encode())
    return bench.wishes[-1][1]


def test_a_wish_that_expires_while_the_journal_is_read_is_refused() -> None:
    for elapsed_s, is_sent in ((4.999, True), (5.0, False)):
        bench = Bench()
        go_on = ask_for_session(bench)
        bench.now += timedelta(seconds=elapsed_s)
        go_on(PROPOSED)
        assert [type(message) for message in bench.sent] == [Prepare if is_sent else Refused]
        assert [(answer["id"], answer["reason"]) for answer in bench.answers()] == ([] if is_sent else [("c-1", "expired")])


def test_a_cancel_withdraws_a_wish_whose_journal_is_still_being_read() -> None:
    bench = Bench()
    go_on = ask_for_session(bench)
    bench.take("session/cancel", json.dumps(body(NOW, id="c-2")).encode())
    go_on(PROPOSED)
    assert [type(message) for message in bench.sent] == [Refused, Cancel], "the cancel goes on, the wish does not"
    assert [(answer["id"], answer["accepted"], answer["reason"]) for answer in bench.answers()] == [("c-1", False, "withdrawn")]
    bench.intake.take_reply(Reply("life-2", False, "there is nothing to cancel"))
    assert [answer["id"] for answer in bench.answers()] == ["c-1", "c-2"]
    ask_for_session(bench, "c-3")(PROPOSED)
    assert isinstance(bench.sent[-1], Prepare), "a later wish is another one"


def test_a_cancel_that_is_refused_withdraws_nothing_and_one_too_late_is_the_controllers() -> None:
    bench = Bench()
    go_on = ask_for_session(bench)
    bench.take("session/cancel", json.dumps(body(NOW, id="c-2", expires=later(NOW, -1))).encode())
    go_on(PROPOSED)
    bench.take("session/cancel", json.dumps(body(NOW, id="c-3")).encode())
    assert [type(message) for message in bench.sent] == [Refused, Prepare, Cancel]
    assert [answer["id"] for answer in bench.answers()] == ["c-2"], "the controller answers what it has heard of"


def test_a_cancel_comes_through_a_flood_of_wishes() -> None:
    bench = Bench()
    for number in range(MAXIMUM_UNANSWERED):
        ask_for_session(bench, f"p-{number}")
    bench.take("session/cancel", json.dumps(body(NOW, id="c-2")).encode())
    assert isinstance(bench.sent[-1], Cancel)
    assert {answer["reason"] for answer in bench.answers()} == {"withdrawn"}
    assert len(bench.responses) == MAXIMUM_UNANSWERED


def test_refusals_become_events_but_not_a_flood_of_them() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.take("start")
    refused = [message for message in bench.sent if isinstance(message, Refused)]
    assert len(refused) == 10
    assert len(bench.responses) == 1000
    bench.now_ns = 60_000_000_000
    bench.take("\u202e" + "x" * 300, b"")
    last = bench.sent[-1]
    assert isinstance(last, Refused)
    assert last.command == "?" + "x" * 63
    assert "990 more" in last.reason
    assert wire.decode_to_controller(wire.encode(last)) == last, "within the socket's contract"


def test_a_command_is_not_kept_for_a_controller_that_does_not_listen() -> None:
    bench = Bench(listens=False)
    bench.take("session/cancel", json.dumps(body(NOW)).encode())
    (answer,) = bench.answers()
    assert not answer["accepted"]
    assert "not listening" in answer["reason"]


def test_an_unanswered_command_is_answered_in_time_and_sent_once() -> None:
    bench = Bench()
    bench.take("session/cancel", json.dumps(body(NOW)).encode())
    bench.now_ns = ANSWER_WITHIN_NS - 1
    bench.intake.expire()
    assert bench.responses == []
    bench.now_ns += 1
    bench.intake.expire()
    bench.intake.expire()
    (answer,) = bench.answers()
    assert "unknown" in answer["reason"]
    (request,) = bench.sent
    bench.intake.take_reply(Reply("life-1", True, "late"))
    assert len(bench.responses) == 1
    assert isinstance(request, Cancel)


def test_a_stop_goes_out_when_too_many_wait_for_answers() -> None:
    bench = Bench()
    for number in range(MAXIMUM_UNANSWERED + 1):
        bench.take("session/cancel", json.dumps(body(NOW, id=f"c-{number}")).encode())
    assert "wait for their answers" in bench.answers()[-1]["reason"]
    bench.take("stop")
    assert isinstance(bench.sent[-1], Stop)


def test_no_answer_goes_where_it_could_command() -> None:
    bench = Bench()
    for topic in (f"{BASE}/command/stop", "somewhere/else"):
        bench.take("stop", response_topic=topic)
        bench.intake.take_reply(Reply(bench.sent[-1].request, True, ""))  # type: ignore[union-attr]
        bench.take("session/cancel", json.dumps(body(NOW)).encode(), response_topic=topic)
    bench.take("stop", correlation=b"x" * 257)
    bench.intake.take_reply(Reply(bench.sent[-1].request, True, ""))  # type: ignore[union-attr]
    assert bench.responses == []


async def test_a_full_queue_lets_a_stop_in_first() -> None:
    def message(name: str, retain: bool = False) -> aiomqtt.Message:
        return aiomqtt.Message(f"{BASE}/command/{name}", b"", 1, retain, 1, Properties(PacketTypes.PUBLISH))

    queue = CommandQueue(maxsize=MAXIMUM_QUEUED_COMMANDS)
    for _ in range(MAXIMUM_QUEUED_COMMANDS):
        queue.put_nowait(message("symptom"))
    for other in ("symptom", "session/cancel"):
        with pytest.raises(asyncio.QueueFull):
            queue.put_nowait(message(other))
    with pytest.raises(asyncio.QueueFull):
        queue.put_nowait(message("stop", retain=True))
    for _ in range(3 * MAXIMUM_QUEUED_COMMANDS):
        queue.put_nowait(message("stop"))
        assert queue.qsize() == MAXIMUM_QUEUED_COMMANDS
    assert queue.get_nowait().topic.value.endswith("/command/stop")


# --- live ------------------------------------------------------------------------------------------------------------


async def test_refused_live_each_with_reason_and_event(dashboard: Ear, peer: Peer) -> None:
    rows = refused_rows(datetime.now(UTC))
    for label, name, payload, reason in rows:
        if label == "strange name":
            continue  # the broker refuses to carry control characters in a topic
        answer = await dashboard.ask(name, payload)
        check("response", answer)
        assert not answer["accepted"], label
        assert reason.lower() in answer["reason"].lower(), label
        assert answer["command"] == name
    answer = await dashboard.ask("session/cancel", json.dumps(body(datetime.now(UTC))).encode(), retain=True)
    assert "retained" in answer["reason"]
    await until(lambda: sum(isinstance(r, Refused) for r in peer.requests) >= 10, "the refusals at the controller")
    assert all(isinstance(request, Refused) for request in peer.requests), "nothing else reached it"
    assert [request.command for request in peer.requests[:3]] == ["start", "faster", "stop/"]


async def test_commands_live(dashboard: Ear, peer: Peer, telemetry: Telemetry) -> None:
    with PatientFile(patients_path(telemetry.journal), write=True) as file:
        file.save(samples.PROFILE, "doc-1", "add", NOW, seen=None)
    peer.reply = lambda asked: Reply(asked.request, not isinstance(asked, Silence), "because", "s-9")
    expected = {"session/prepare": Prepare, "session/cancel": Cancel, "symptom": Symptom, "alarm/silence": Silence}
    fields: dict[str, dict[str, Any]] = {"session/prepare": WISH | {"plan": PLAN}, "symptom": {"kind": "dizzy"}}
    for name, kind in expected.items():
        payload = json.dumps(body(datetime.now(UTC), id=name, **fields.get(name, {}))).replace("/", "-").encode()
        answer = await dashboard.ask(name, payload)
        check("response", answer)
        assert answer["accepted"] is (kind is not Silence), answer
        assert (answer["reason"], answer["session"], answer["command"]) == ("because", "s-9", name)
        assert type(peer.requests[-1]) is kind
        again = await dashboard.ask(name, payload)
        assert "used before" in again["reason"]
    (prepared,) = [request for request in peer.requests if isinstance(request, Prepare)]
    assert prepared.plan == samples.PLAN
    assert prepared.screening == Screening(by="doc-1", profile=samples.PROFILE, today=samples.TODAY)


async def test_a_patient_without_profile_or_plan_is_refused_live(dashboard: Ear, peer: Peer, telemetry: Telemetry) -> None:
    async def ask(number: int) -> str:
        answer = await dashboard.ask("session/prepare", json.dumps(body(datetime.now(UTC), **WISH, id=f"p-{number}")).encode())
        assert not answer["accepted"]
        return str(answer["reason"])

    assert "there is no patients' file yet" in await ask(1)
    with PatientFile(patients_path(telemetry.journal), write=True) as file:
        file.save(msgspec.structs.replace(samples.PROFILE, patient="p-18"), "doc-1", "add", NOW, seen=None)
        refusal = await ask(2)
        assert "patient p-17: no profile" in refusal
        assert "p-18" not in refusal, "nobody on the network is told who is a patient here"
        file.save(samples.PROFILE, "doc-1", "add", NOW, seen=None)
    assert "no plan was accepted yet" in await ask(3)
    assert not any(isinstance(request, Prepare) for request in peer.requests)


async def test_stops_live(dashboard: Ear, peer: Peer) -> None:
    for payload in STOP_BODIES:
        before = sum(isinstance(request, Stop) for request in peer.requests)
        answer = await dashboard.ask("stop", payload)
        assert answer["accepted"], payload[:40]
        assert sum(isinstance(request, Stop) for request in peer.requests) == before + 1
    count = len(peer.requests)
    answer = await dashboard.ask("stop", b"", retain=True)
    assert "retained" in answer["reason"]
    await until(lambda: len(peer.requests) > count, "the refusal at the controller")
    assert isinstance(peer.requests[-1], Refused)
    await dashboard.send("stop", b"", response=f"{BASE}/command/session/cancel", correlation=b"x")
    await until(lambda: isinstance(peer.requests[-1], Stop), "a stop stops whatever answer it asks for")


async def test_a_stop_kept_by_the_broker_is_not_delivered_at_connect(mosquitto: Mosquitto, tmp_path: Path, peer: Peer) -> None:
    async with ear(mosquitto.port) as dashboard:
        await dashboard.send("stop", b"{}", retain=True)  # an empty one would be kept by no broker
        telemetry = Telemetry(tmp_path, mosquitto.port)
        await telemetry.start()
        await until(lambda: b"online" in dashboard.words("availability"), "online")
        answer = await dashboard.ask("stop", b'{"id": "second"}')
        assert answer["accepted"]
        assert [getattr(request, "origin", "") for request in peer.requests] == ["mqtt second"]
        assert "refused" not in telemetry.log.read_text(), "it was not even offered"
        await telemetry.end(signal.SIGKILL)


async def test_a_stop_reaches_a_controller_that_comes_later(dashboard: Ear, peer: Peer) -> None:
    peer.channel.close()
    await until(lambda: dashboard.last("state").get("state") == "unknown", "nobody is there")
    await dashboard.send("stop", b"")
    answer = await dashboard.ask("session/cancel", json.dumps(body(datetime.now(UTC))).encode())
    assert "not listening" in answer["reason"]
    peer.restart("boot-2")
    await until(lambda: any(isinstance(request, Stop) for request in peer.requests), "the stop")
    assert [type(request) for request in peer.requests] == [Stop]
