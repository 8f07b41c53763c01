"""What is known of the machine, and what the retained topics say about it. Pure: time comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import cast

import msgspec

from messages.wire import About, EventRecord, Health, SessionRecord, Snapshot
from telemetry.patients import Erasure
from telemetry.payloads import (
    OUTGOING,
    AboutPayload,
    Alarm,
    AlarmPayload,
    HealthPayload,
    Payload,
    Priority,
    SessionPayload,
    StatePayload,
    TelemetryPayload,
    Value,
    finite,
    finite_values,
)
from telemetry.utc import rfc3339

CONTROLLER_SILENT_NS = 2_000_000_000
"""Twenty snapshots: after that what the retained topics say of the belt would be a guess."""
SESSION_PROGRESS_NS = 1_000_000_000
"""Progress alone republishes the session no more often than this."""
MAXIMUM_REMEMBERED_TEXTS = 256
PRIORITY_ORDER = {"high": 0, "medium": 1, "low": 2}

CONTROLLER_LOST = Alarm(
    "controller-lost", "high", "The controller is not heard: state unknown", "Go to the treadmill; see to the patient"
)
CLEARED = "cleared"
"""Stands for an empty retained message, which removes the topic's value from the broker."""


class View:
    """Takes in what the controller says; gives out payloads, and which retained ones have changed."""

    def __init__(self) -> None:
        self._about: About | None = None
        self._snapshot: Snapshot | None = None
        self._snapshot_ns = 0
        self._session: SessionRecord | None = None
        self._erasing: frozenset[str] = frozenset()
        self._forgotten_sessions: set[str] = set()
        self.forgetting: frozenset[int] = frozenset()
        """Requests to erase for which the session topic says nothing of the patient any more, once it is published."""
        self._own_alarms: tuple[Alarm, ...] = ()
        self._texts: dict[str, tuple[str, str]] = {}
        self._sequences: dict[str, int] = {}
        self._since: tuple[int, str] = (-1, "")
        self._published: dict[str, Payload | str] = {}
        self._again_ns: dict[str, int] = {}
        """When a topic is due again that the broker did not take."""
        self._session_published_ns = 0

    # --- what comes in -----------------------------------------------------------------------------------------------

    def take_about(self, about: About) -> None:
        """Notes who the controller is. Of another life of it nothing is known yet."""
        if self._about is not None and about.boot_id != self._about.boot_id:
            self._snapshot = None
            self._since = (-1, "")
        self._about = about

    def take_snapshot(self, snapshot: Snapshot, now: datetime, now_ns: int) -> None:
        """Notes the machine at one instant, heard at `now` (UTC) and now_ns (telemetry's monotonic clock)."""
        self._snapshot = snapshot
        self._snapshot_ns = now_ns
        if self._since[0] != snapshot.since_ns:
            age = timedelta(microseconds=max(0, snapshot.at_ns - snapshot.since_ns) // 1000)
            self._since = (snapshot.since_ns, rfc3339(now - age))

    def take_session(self, record: SessionRecord) -> None:
        """Notes a session's record."""
        self._session = record
        self._forget_session()

    def restore_session(self, record: SessionRecord) -> None:
        """Takes up a record from the journal, unless the controller has sent one since."""
        if self._session is None:
            self.take_session(record)

    def take_event(self, event: EventRecord) -> None:
        """Remembers an event's operator text, so that the alarm of the same code can carry it."""
        if len(self._texts) >= MAXIMUM_REMEMBERED_TEXTS and event.code not in self._texts:
            self._texts.pop(next(iter(self._texts)))
        self._texts[event.code] = (event.text, event.remedy)

    def restore_words(self, words: Mapping[str, tuple[str, str]]) -> None:
        """Takes up text and remedy of each code from the journal: the event of a standing alarm may be older than this process."""
        known = {**words, **self._texts}
        self._texts = dict(list(known.items())[-MAXIMUM_REMEMBERED_TEXTS:])

    def forget_patients(self, erasures: Iterable[Erasure]) -> None:
        """Notes who is being erased: their session is dropped, and its topic cleared, whether it is known here or not.

        Afterwards the session stays forgotten, should the controller tell of it again. The pseudonym may be given anew.
        """
        asked = tuple(erasures)
        requests = frozenset(erasure.request for erasure in asked)
        if not requests <= self.forgetting:
            self._published.pop("session", None)
        self._erasing = frozenset(erasure.patient for erasure in asked)
        self.forgetting = requests
        self._forget_session()

    def _forget_session(self) -> None:
        if self._session is not None and self._session.patient in self._erasing:
            self._forgotten_sessions.add(self._session.session)

    def set_own_alarms(self, alarms: Iterable[Alarm]) -> None:
        """Notes telemetry's own alarms: its journal's state."""
        self._own_alarms = tuple(alarms)

    def forget_published(self) -> None:
        """A new connection: every retained topic is due again."""
        self._published.clear()
        self._again_ns.clear()

    def not_taken(self, kind: str, again_ns: int) -> None:
        """The broker refused a topic and keeps an older message: changed or not, it is due again at again_ns, and not before."""
        self._again_ns[kind] = again_ns

    # --- what goes out -----------------------------------------------------------------------------------------------

    def due(self, now: datetime, now_ns: int) -> list[tuple[str, bytes]]:
        """Returns topic kind and payload of every retained topic that has changed or was not taken; an empty payload clears it."""
        contents = {
            "about": self._about_content(),
            "state": self._state_content(now_ns, now),
            "session": self._session_content(now_ns),
            "alarm": self._alarm_content(now_ns),
        }
        changed = []
        for kind, content in contents.items():
            if content is not None and self._is_due(kind, content, now_ns):
                self._published[kind] = content
                self._again_ns.pop(kind, None)
                changed.append((kind, self._encoded(kind, content, now)))
        return changed

    def _is_due(self, kind: str, content: Payload | str, now_ns: int) -> bool:
        again_ns = self._again_ns.get(kind)
        return self._published.get(kind) != content if again_ns is None else now_ns >= again_ns

    def telemetry(self) -> bytes | None:
        """Returns the latest snapshot as payload, or None before the first."""
        snapshot = self._snapshot
        if snapshot is None:
            return None
        return msgspec.json.encode(
            TelemetryPayload(
                time=snapshot.time,
                seq=self._next("telemetry"),
                snapshot_sequence=snapshot.sequence,
                snapshots_lost=snapshot.lost,
                asked_speed_m_s=finite(snapshot.asked_speed_m_s),
                accepted_speed_m_s=finite(snapshot.accepted_speed_m_s),
                measured_speed_m_s=finite(snapshot.measured_speed_m_s),
                granted_speed_m_s=finite(snapshot.granted_speed_m_s),
                distance_m=finite(snapshot.distance_m),
                load_n=finite(snapshot.load_n),
                load_body_weight_percent=finite(snapshot.load_body_weight_percent),
                rail_left_held=snapshot.rails[0],
                rail_right_held=snapshot.rails[1],
                rail_left_load_n=finite(snapshot.rail_left_load_n),
                rail_right_load_n=finite(snapshot.rail_right_load_n),
                attendant_present=snapshot.attendant,
                scan_lateness_s=finite(snapshot.lateness_ms / 1000),
                drive_state=snapshot.drive_state,
                drive_current_a=snapshot.drive_current_ma / 1000,
                health=_health(snapshot.health),
            )
        )

    # --- the contents: payloads whose time and sequence are still blank, so that they can be compared ----------------

    def _about_content(self) -> AboutPayload | None:
        about = self._about
        if about is None:
            return None
        return AboutPayload(
            time="",
            seq=0,
            version=about.version,
            boot_id=about.boot_id,
            clinic=about.clinic,
            treadmill=about.treadmill,
            drive=finite_values(about.drive),
            limits=finite_values(cast("Mapping[str, Value]", about.limits)),
            schemas={kind: f"docs/asyncapi.json#/components/schemas/{OUTGOING[kind].__name__}" for kind in OUTGOING},
        )

    def _heard(self, now_ns: int) -> Snapshot | None:
        return self._snapshot if now_ns - self._snapshot_ns <= CONTROLLER_SILENT_NS else None

    def _state_content(self, now_ns: int, now: datetime) -> StatePayload:
        snapshot = self._heard(now_ns)
        if snapshot is None:
            return self._unknown_state(now)
        return StatePayload(
            time="",
            seq=0,
            state=snapshot.state,
            phase=snapshot.phase,
            since=self._since[1],
            cause=snapshot.cause,
            cause_text=snapshot.cause_text,
            remedy=snapshot.remedy,
            display=snapshot.display,
            unready=snapshot.unready,
        )

    def _unknown_state(self, now: datetime) -> StatePayload:
        """A retained "exercising" of a controller that died would stay a lie until somebody corrects it."""
        published = self._published.get("state")
        if isinstance(published, StatePayload) and published.cause == CONTROLLER_LOST.code:
            return published
        return StatePayload(
            time="",
            seq=0,
            state="unknown",
            phase="",
            since=rfc3339(now),
            cause=CONTROLLER_LOST.code,
            cause_text=CONTROLLER_LOST.text,
            remedy=CONTROLLER_LOST.remedy,
            display=("", "", "", ""),
            unready=(),
        )

    def _alarm_content(self, now_ns: int) -> AlarmPayload:
        alarms = list(self._own_alarms)
        snapshot = self._heard(now_ns)
        if snapshot is None:
            alarms.append(CONTROLLER_LOST)
        else:
            alarms.extend(self._named_alarm(code, priority) for code, priority in snapshot.alarms)
        alarms.sort(key=lambda alarm: (PRIORITY_ORDER[alarm.priority], alarm.code))
        return AlarmPayload(time="", seq=0, highest=alarms[0].priority if alarms else "none", alarms=tuple(alarms))

    def _named_alarm(self, code: str, priority: str) -> Alarm:
        text, remedy = self._texts.get(code, ("", ""))
        # A priority that is not known here counts as the highest: unknown is never harmless.
        known = cast("Priority", priority if priority in PRIORITY_ORDER else "high")
        return Alarm(code, known, text, remedy)

    def _session_content(self, now_ns: int) -> SessionPayload | str | None:
        snapshot, record = self._snapshot, self._session
        if record is not None and record.session in self._forgotten_sessions:
            record = None
        if snapshot is None:
            return CLEARED if record is None and self.forgetting else None
        if record is None or record.status in ("cancelled", "lapsed") or record.session != snapshot.session:
            return CLEARED
        content = SessionPayload(
            time="",
            seq=0,
            session=record.session,
            status=record.status,
            patient=record.patient,
            plan=record.plan,
            phase_index=snapshot.phase_index,
            phase_remaining_s=finite(snapshot.phase_remaining_s),
            session_remaining_s=finite(snapshot.session_remaining_s),
            belt_time_s=finite(record.belt_time_s),
            work_time_s=finite(record.work_time_s),
            distance_m=finite(snapshot.distance_m),
            balance_losses=snapshot.balance_losses,
            stops=record.stops,
            ended_by=record.ended_by,
        )
        previous = self._published.get("session")
        too_early = now_ns - self._session_published_ns < SESSION_PROGRESS_NS
        if isinstance(previous, SessionPayload) and too_early and _same_but_for_progress(previous, content):
            return previous
        self._session_published_ns = now_ns
        return content

    def _encoded(self, kind: str, content: Payload | str, now: datetime) -> bytes:
        if isinstance(content, str):
            return b""
        return msgspec.json.encode(msgspec.structs.replace(content, time=rfc3339(now), seq=self._next(kind)))

    def _next(self, kind: str) -> int:
        self._sequences[kind] = self._sequences.get(kind, 0) + 1
        return self._sequences[kind]


def _health(health: Health) -> HealthPayload:
    return HealthPayload(
        under_voltage=health.under_voltage,
        under_voltage_seen=health.under_voltage_seen,
        throttled=health.throttled,
        temperature_c=finite(health.temperature_c),
        disk_free_mb=finite(health.disk_free_mb),
        clock_known=health.clock_known,
    )


def _same_but_for_progress(one: SessionPayload, other: SessionPayload) -> bool:
    def key(payload: SessionPayload) -> tuple[object, ...]:
        return payload.session, payload.status, payload.phase_index, payload.balance_losses, payload.stops

    return key(one) == key(other)
