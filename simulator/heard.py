"""An event as somebody outside the controller heard of it."""

from __future__ import annotations

from dataclasses import dataclass

from messages.wire import EventRecord


@dataclass(frozen=True)
class HeardEvent:
    """at_ns: on the world's clock."""

    id: int
    at_ns: int
    code: str
    effect: str
    text: str


def heard_event(record: EventRecord) -> HeardEvent:
    """What the socket's record says."""
    return HeardEvent(record.id, record.at_ns, record.code, record.effect, record.text)
