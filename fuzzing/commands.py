"""The broker's commands: one judge, a sequence of messages. It lets through each right command once, and nothing else but stops.

The input is a row of steps. A made step is four bytes: which command and whether retained, which id, when it expires, how much
time passes before it. What such a command deserves is known without the judge. A raw step takes the rest as the body, and sends it
twice.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import msgspec

from fuzzing.finding import FindingError, must_be_finite
from messages.wire import encode
from telemetry.commands import COMMANDS, MAXIMUM_AHEAD, STOP, CommandJudge, Forward, Incoming, PrepareCommand, Refusal

_BEGIN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_NAMES = (STOP, *COMMANDS, "start", "faster")
_STEP = struct.Struct("<BBbB")
_RETAINED, _RAW, _NAME = 0x80, 0x40, 0x0F
_TENTH = timedelta(seconds=0.1)
_IDS = 8
_BODIES: dict[str, dict[str, object]] = {
    "session/prepare": {
        "patient": "p-017",
        "today": {
            "on": "2026-01-01",
            "by": "d-1",
            "systolic_mm_hg": 120,
            "diastolic_mm_hg": 80,
            "heart_rate_per_min": 66,
            "new_symptoms": False,
            "falls_since": False,
            "pain": 1,
            "next_day": "good",
        },
    },
    "symptom": {"kind": "dizziness"},
}


def command(data: bytes) -> None:
    """A row of messages of the broker's to one judge: retained, expired and repeated ones never pass, and a stop always does."""
    judged = _Judged()
    at = 0
    while at < len(data):
        name = _NAMES[(data[at] & _NAME) % len(_NAMES)]
        retained = bool(data[at] & _RETAINED)
        if data[at] & _RAW:
            judged.raw(name, data[at + 1 :], retained)
            judged.raw(name, data[at + 1 :], retained)
            return
        if at + _STEP.size > len(data):
            return
        _, number, expiry, passed = _STEP.unpack_from(data, at)
        judged.now += passed * _TENTH
        judged.made(name, f"id-{number % _IDS}", judged.now + expiry * _TENTH, retained)
        at += _STEP.size


class _Judged:
    """The judge, and what is known of what it has let through."""

    def __init__(self) -> None:
        self.now = _BEGIN
        self._judge = CommandJudge()
        self._passed: set[str] = set()

    def raw(self, name: str, payload: bytes, retained: bool) -> None:
        """A body that may be anything."""
        verdict = self._judge.judge(Incoming(name=name, payload=payload, retained=retained), "r-1", self.now)
        self._must_be_allowed(name, verdict, retained)
        if isinstance(verdict, Forward) and name != STOP:
            document = msgspec.json.decode(payload)
            self._must_be_due(msgspec.convert(document["expires"], datetime))
            self._must_be_new(document["id"])

    def made(self, name: str, command_id: str, expires: datetime, retained: bool) -> None:
        """A body that is right: whether it passes is decided by the rest alone."""
        payload = msgspec.json.encode({"id": command_id, "expires": expires, **_BODIES.get(name, {})})
        verdict = self._judge.judge(Incoming(name=name, payload=payload, retained=retained), "r-1", self.now)
        self._must_be_allowed(name, verdict, retained)
        if name not in COMMANDS or retained:
            return
        if isinstance(verdict, Forward):
            self._must_be_due(expires)
            self._must_be_new(command_id)
        elif self.now < expires <= self.now + MAXIMUM_AHEAD and command_id not in self._passed:
            raise FindingError(f"a right command was refused: {verdict.reason}")

    def _must_be_allowed(self, name: str, verdict: Forward | Refusal, retained: bool) -> None:
        if isinstance(verdict, Refusal):
            if name == STOP and not retained:
                raise FindingError("a stop was refused")
            if not verdict.reason:
                raise FindingError("refused without saying why")
            msgspec.json.encode(verdict)
            return
        if retained:
            raise FindingError("a retained message was let through")
        if name not in (STOP, *COMMANDS):
            raise FindingError(f"{name} is no command, and was let through")
        if isinstance(verdict.message, PrepareCommand):
            must_be_finite(msgspec.to_builtins(verdict.message))
            msgspec.json.encode(verdict.message)
        else:
            encode(verdict.message)

    def _must_be_due(self, expires: datetime) -> None:
        if not self.now < expires <= self.now + MAXIMUM_AHEAD:
            raise FindingError(f"let through at {self.now}, and it expires at {expires}")

    def _must_be_new(self, command_id: str) -> None:
        if command_id in self._passed:
            raise FindingError(f"{command_id} was let through twice")
        self._passed.add(command_id)
