"""Events, from the controller's ring over the journal to the broker: none lost, none told twice, none changed on the way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from messages.wire import EventRecord
from simulator.campaign.observation import Violation
from simulator.campaign.system import WholeSystem
from telemetry.backoff import BROKER_BACKOFF
from telemetry.payloads import EventPayload

NAME = "no event lost or told twice"
REASON = (
    "15 s after the last fault, or 32 s later where the broker was lost, ring, journal and broker have the same; a gap after a "
    "kill is said"
)
RECONNECTED_NS = int(BROKER_BACKOFF.longest_s * 1e9) + 2_000_000_000
"""How long after the run's last fault the broker may have to wait for telemetry, which may have found it away again and again."""

UNDERWAY_NS = 3_000_000_000
"""An event of the run's last moments may still be on its way when the run is judged."""


def have_arrived(system: WholeSystem) -> bool:
    """Whether the broker has every event that was told more than a few seconds ago."""
    return _due(system) <= {event.id for event in system.broker.events}


def _due(system: WholeSystem) -> set[int]:
    return {event_id for event_id, at_ns, _ in system.appended if at_ns <= system.now_ns - UNDERWAY_NS}


def judge_events(system: WholeSystem, at_s: float) -> list[Violation]:
    """Compares what controllers appended, what the journal holds and what the broker confirmed.

    QoS 1: a broker may get an event again under the same id when the confirmation was on its way, or not yet in the journal, when
    the connection or the process ended, and only then. The broker counts those that come again without such a reason.
    """
    told = system.appended
    kept = system.telemetry.journalled()
    published = system.broker.events
    at_broker: dict[int, tuple[int | None, str]] = {event.id: (None, event.code) for event in published}
    due = _due(system)
    texts = [
        *_doubled_ids([event_id for event_id, _, _ in told], "the controller gave out"),
        *_different(dict_of(told), due, dict_of(kept), "the journal"),
        *_different(dict_of(told), due, at_broker, "the broker"),
        *_otherwise_worded(system.records, published),
        *_out_of_order([event.id for event in published]),
        *system.broker.told_again[:3],
    ]
    texts += [f"telemetry: {complaint}" for complaint in system.telemetry.complaints[:3]]
    return [Violation(NAME, at_s, text) for text in texts]


def dict_of(rows: list[tuple[int, int, str]]) -> dict[int, tuple[int | None, str]]:
    """By id."""
    return {event_id: (at_ns, code) for event_id, at_ns, code in rows}


def _doubled_ids(ids: list[int], who: str) -> list[str]:
    doubled = [event_id for event_id, count in Counter(ids).items() if count > 1]
    return [f"{who} id {doubled[0]} {len(doubled)} times over"] if doubled else []


def _different(
    told: dict[int, tuple[int | None, str]], due: set[int], there: dict[int, tuple[int | None, str]], who: str
) -> list[str]:
    lost = sorted(due - set(there))
    invented = sorted(set(there) - set(told))
    changed = [key for key in told.keys() & there.keys() if not _same(told[key], there[key])]
    texts = []
    if lost:
        texts.append(f"{who} lacks {len(lost)} of {len(told)} events, the first is {lost[0]} ({told[lost[0]][1]})")
    if invented:
        texts.append(f"{who} has {len(invented)} events that nobody told, the first is {invented[0]}")
    if changed:
        texts.append(f"{who} has event {changed[0]} as {there[changed[0]]}, told was {told[changed[0]]}")
    return texts


def _same(told: tuple[int | None, str], there: tuple[int | None, str]) -> bool:
    return told[1] == there[1] and there[0] in (None, told[0])


_AS_TOLD = ("time", "code", "severity", "effect", "priority", "state", "text", "remedy", "session")
"""What the broker gets of an event word for word."""


def _otherwise_worded(told: Mapping[int, EventRecord], published: Sequence[EventPayload]) -> list[str]:
    """An event that says something else at the broker than in the ring. Of its details those are compared that are finite."""
    for event in published:
        record = told.get(event.id)
        if record is None:
            continue  # that nobody told it is said already
        for name in _AS_TOLD:
            if getattr(event, name) != getattr(record, name):
                return [f"the broker has {name} {getattr(event, name)!r} of event {event.id}, told was {getattr(record, name)!r}"]
        finite = {key: value for key, value in record.detail.items() if not isinstance(value, float) or math.isfinite(value)}
        if {key: event.detail.get(key) for key in finite} != finite or event.detail.keys() != record.detail.keys():
            return [f"the broker has {event.detail} of event {event.id}, told was {record.detail}"]
    return []


def _out_of_order(ids: list[int]) -> list[str]:
    """New ids must grow; an old one may come again."""
    highest = 0
    seen: set[int] = set()
    for event_id in ids:
        if event_id < highest and event_id not in seen:
            return [f"the broker got event {event_id} after {highest}"]
        highest = max(highest, event_id)
        seen.add(event_id)
    return []
