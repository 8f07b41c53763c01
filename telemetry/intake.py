"""Takes commands from the broker to the controller, and the answers back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

from messages.wire import Cancel, Prepare, Refused, Reply, Stop, ToController
from telemetry.commands import (
    EXPIRED,
    MAXIMUM_CORRELATION_BYTES,
    MAXIMUM_REASON_CHARACTERS,
    CommandJudge,
    Forward,
    Incoming,
    PrepareCommand,
    Refusal,
    origin_of,
    printable,
)
from telemetry.payloads import ResponsePayload
from telemetry.rate_limit import RateLimit
from telemetry.screening import Proposed
from telemetry.topics import Topics
from telemetry.utc import rfc3339

MAXIMUM_UNANSWERED = 64
ANSWER_WITHIN_NS = 5_000_000_000
MAXIMUM_NAME_CHARACTERS = 64
NOT_LISTENING = "the controller is not listening; nothing was done"
WITHDRAWN = "withdrawn"

_log = logging.getLogger(__name__)


class NetworkMessage(msgspec.Struct, frozen=True):
    """A command with what MQTT says of it."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


class Response(msgspec.Struct, frozen=True):
    """An answer to publish."""

    topic: str
    payload: bytes
    correlation: bytes | None


class Controller(Protocol):
    """Where commands go (telemetry.link.ControllerLink)."""

    def send(self, message: ToController) -> bool:
        """Returns whether it went."""

    def send_stop(self, stop: Stop) -> bool:
        """Returns whether it went; one that did not is kept and goes first."""


Propose = Callable[[PrepareCommand, Callable[[Proposed | str], None]], None]
"""Asks for plan and screening of a wish to prepare; calls back, in the event loop, with them or with why there are none."""


class _Asked(msgspec.Struct, frozen=True):
    message: NetworkMessage
    id: str
    deadline_ns: int
    is_screened: bool = False
    """The controller has not heard of it yet."""


class CommandIntake:
    """One for the life of the process. Every method returns at once."""

    def __init__(
        self,
        topics: Topics,
        controller: Controller,
        respond: Callable[[Response], None],
        propose: Propose,
        life: str,
        utc_now: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
    ) -> None:
        """`life` makes request names of this process differ from those of any other."""
        self._topics = topics
        self._controller = controller
        self._respond = respond
        self._propose = propose
        self._life = life
        self._utc_now = utc_now
        self._monotonic_ns = monotonic_ns
        self._judge = CommandJudge()
        self._refusal_events = RateLimit(burst=10, per_second=0.1)
        self._unanswered: dict[str, _Asked] = {}
        self._requests = 0
        self._responses = 0

    def take(self, message: NetworkMessage) -> None:
        """Obeys or refuses one message of the command topics."""
        self._requests += 1
        request = f"{self._life}-{self._requests}"
        allowed = message.response_topic is None or self._topics.is_response_topic(message.response_topic)
        name = self._topics.command_name(message.topic)
        correlation_bytes = len(message.correlation or b"")
        incoming = Incoming(name, message.payload, message.retained, allowed, correlation_bytes)
        verdict = self._judge.judge(incoming, request, self._utc_now())
        if isinstance(verdict, Refusal):
            self._refuse(message, verdict)
            return
        if isinstance(verdict.message, Cancel):
            self._withdraw_screened()
        if isinstance(verdict.message, Stop):
            self._forward_stop(message, verdict, verdict.message)
        elif len(self._unanswered) >= MAXIMUM_UNANSWERED:
            self._refuse(message, Refusal(verdict.id, f"{MAXIMUM_UNANSWERED} commands wait for their answers"))
        elif isinstance(verdict.message, PrepareCommand):
            self._screen(request, message, verdict, verdict.message)
        elif self._controller.send(verdict.message):
            self._await_answer(request, message, verdict)
        else:
            self._refuse(message, Refusal(verdict.id, NOT_LISTENING))

    def take_reply(self, reply: Reply) -> None:
        """Passes the controller's answer on to whoever asked."""
        asked = self._unanswered.pop(reply.request, None)
        if asked is not None:
            self._answer(asked.message, asked.id, reply.accepted, reply.reason, reply.session)

    def expire(self) -> None:
        """Tells those whose command the controller has not answered in time. Nothing is sent again."""
        now_ns = self._monotonic_ns()
        for request in [name for name, asked in self._unanswered.items() if asked.deadline_ns <= now_ns]:
            asked = self._unanswered.pop(request)
            self._answer(asked.message, asked.id, False, "the controller did not answer; whether it was done is unknown")

    def _screen(self, request: str, message: NetworkMessage, verdict: Forward, wish: PrepareCommand) -> None:
        """Adds what the journal knows of the patient, in a thread of its own; whatever comes of it, there is one answer."""
        self._await_answer(request, message, verdict, is_screened=True)

        def go_on(proposed: Proposed | str) -> None:
            if self._unanswered.pop(request, None) is None:
                return  # it took too long or was withdrawn, and that was said
            if isinstance(proposed, str):
                self._refuse(message, Refusal(verdict.id, proposed))
                return
            if wish.expires <= self._utc_now():  # a slow disk must not make a late session of it
                self._refuse(message, Refusal(verdict.id, EXPIRED))
                return
            prepare = Prepare(request, origin_of(verdict.id), proposed.plan, proposed.screening)
            if self._controller.send(prepare):
                self._await_answer(request, message, verdict)
            else:
                self._refuse(message, Refusal(verdict.id, NOT_LISTENING))

        self._propose(wish, go_on)

    def _withdraw_screened(self) -> None:
        """Takes back what is still being screened: sent later, it would overtake the cancel that was meant for it."""
        for request in [name for name, asked in self._unanswered.items() if asked.is_screened]:
            asked = self._unanswered.pop(request)
            self._refuse(asked.message, Refusal(asked.id, WITHDRAWN))

    def _forward_stop(self, message: NetworkMessage, verdict: Forward, stop: Stop) -> None:
        # A stop goes out even when no answer can be awaited: the oldest question makes room.
        if len(self._unanswered) >= MAXIMUM_UNANSWERED:
            self._unanswered.pop(next(iter(self._unanswered)))
        self._await_answer(stop.request, message, verdict)
        if not self._controller.send_stop(stop):
            _log.warning("a stop waits for the controller to listen")

    def _await_answer(self, request: str, message: NetworkMessage, verdict: Forward, is_screened: bool = False) -> None:
        self._unanswered[request] = _Asked(message, verdict.id, self._monotonic_ns() + ANSWER_WITHIN_NS, is_screened)

    def _refuse(self, message: NetworkMessage, refusal: Refusal) -> None:
        reason = printable(refusal.reason, MAXIMUM_REASON_CHARACTERS)
        self._answer(message, refusal.id, False, reason)
        if not self._refusal_events.allows(self._monotonic_ns()):
            return
        held_back = self._refusal_events.take_held_back()
        suffix = f" ({held_back} more refused before)" if held_back else ""
        event = Refused(
            origin=f"mqtt {refusal.id}".strip(),
            command=printable(self._topics.command_name(message.topic), MAXIMUM_NAME_CHARACTERS),
            reason=reason[: MAXIMUM_REASON_CHARACTERS - len(suffix)] + suffix,
        )
        _log.warning("refused command %s: %s", event.command, event.reason)
        self._controller.send(event)

    def _answer(self, message: NetworkMessage, command_id: str, accepted: bool, reason: str, session: str = "") -> None:
        topic = message.response_topic
        if topic is None or not self._topics.is_response_topic(topic):
            return
        if len(message.correlation or b"") > MAXIMUM_CORRELATION_BYTES:
            return
        self._responses += 1
        payload = ResponsePayload(
            time=rfc3339(self._utc_now()),
            seq=self._responses,
            command=printable(self._topics.command_name(message.topic), MAXIMUM_NAME_CHARACTERS),
            id=command_id,
            accepted=accepted,
            reason=reason,
            session=session,
        )
        self._respond(Response(topic, msgspec.json.encode(payload), message.correlation))
