"""The names of the MQTT topics."""

from __future__ import annotations

import re

import msgspec

from telemetry.settings import IdentitySettings

_RESPONSE_SUFFIX = r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,3}"


class Topics(msgspec.Struct, frozen=True):
    """The topics of one treadmill."""

    base: str

    @classmethod
    def of(cls, identity: IdentitySettings) -> Topics:
        """Returns the topics of the treadmill so named."""
        return cls(f"sternway/v1/{identity.clinic}/{identity.treadmill}")

    def of_kind(self, kind: str) -> str:
        """Returns the outgoing topic `availability`, `about`, `state`, `session`, `telemetry`, `event` or `alarm`."""
        return f"{self.base}/{kind}"

    @property
    def command_filter(self) -> str:
        """What to subscribe to: every command, known or not, so that an unknown one is answered."""
        return f"{self.base}/command/#"

    def command_name(self, topic: str) -> str:
        """Returns a command topic's name, such as `session/prepare`."""
        return topic.removeprefix(f"{self.base}/command/")

    def is_response_topic(self, topic: str) -> bool:
        """Returns whether an answer may go there: only below `response/`, so nobody makes us speak as a commander."""
        return re.fullmatch(re.escape(self.base) + "/response/" + _RESPONSE_SUFFIX, topic) is not None
