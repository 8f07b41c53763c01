"""An event as somebody outside the controller heard of it."""

from __future__ import annotations

from collections.abc import Mapping
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
    detail: str = ""
    """The numbers and words that say why, as `name=value`."""


def detail_text(detail: Mapping[str, object]) -> str:
    """An event's detail on one line."""
    return ", ".join(f"{name}={value}" for name, value in detail.items())


def heard_event(record: EventRecord) -> HeardEvent:
    """What the socket's record says."""
    return HeardEvent(record.id, record.at_ns, record.code, record.effect, record.text, detail_text(record.detail))
