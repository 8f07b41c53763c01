"""The table [telemetry]: what the telemetry process can be told, and what must hold between its keys.

It stands here, and not with its process, so that `sternway check-config` can judge the whole file: the controller's package never
imports telemetry.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from settings_files.problems import Problem, written
from settings_files.toml_tables import read_nested

TABLE = "telemetry"

AbsolutePath = Annotated[str, msgspec.Meta(pattern=r"\A/[^\x00]*\Z", description="an absolute path")]
CredentialName = Annotated[str, msgspec.Meta(max_length=4096, description="a path, or a LoadCredential= name")]


class TlsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TLS towards the broker. Certificate and key are for a broker that asks clients to prove themselves."""

    enabled: bool = False
    ca_file: CredentialName = ""
    """Empty: the system's certificate authorities."""
    certificate_file: CredentialName = ""
    key_file: CredentialName = ""


class BrokerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The MQTT 5 broker."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253, description="a host name or address")] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    user: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """Empty: anonymous."""
    credential_file: CredentialName = ""
    """File whose first line is the password. A relative name is looked up in $CREDENTIALS_DIRECTORY (systemd)."""
    keep_alive_s: Annotated[int, msgspec.Meta(ge=2, le=300)] = 10
    """The broker publishes the will 1.5 times this long after the last sign of life."""
    tls: TlsSettings = TlsSettings()


class TelemetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table [telemetry]."""

    socket_path: AbsolutePath = "/run/sternway/controller.sock"
    journal_path: AbsolutePath = "/var/lib/sternway/telemetry/journal.sqlite"
    journal_limit_mb: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 512
    """The journal's file grows no further; the machine then prepares no new session until there is room."""
    journal_reserve_mb: Annotated[int, msgspec.Meta(ge=0, le=65536)] = 16
    """With less than this free on the disk the journal says that it cannot be written."""
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=36500)] = 730
    """Events and sessions older than this and two weeks are deleted, but never an event that the broker has not confirmed. A
    stretch without events counts for a week at most, so that a clock that leaps makes nothing old."""
    recordings_directory: AbsolutePath = "/var/lib/sternway/telemetry/recordings"
    """Where the flight recording of each latched stop is saved."""
    recordings_kept: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    """So many stay, of about 0.5 MB each; the oldest go."""
    broker: BrokerSettings = BrokerSettings()


def read_telemetry(table: object) -> tuple[TelemetrySettings | None, tuple[Problem, ...]]:
    """Returns the settings in a parsed table, or None and everything that is wrong with it."""
    reading = read_nested(TelemetrySettings, table, TABLE)
    if reading.problems:
        return None, tuple(reading.problems)
    settings = TelemetrySettings(**reading.values)
    problems = tuple(_contradictions(settings.broker))
    return (None if problems else settings), problems


def _contradictions(broker: BrokerSettings) -> Iterator[Problem]:
    tls, where = broker.tls, f"{TABLE}.broker"
    if bool(tls.certificate_file) != bool(tls.key_file):
        value = written(tls.certificate_file)
        allowed = f"both or neither (key_file = {written(tls.key_file)})"
        yield Problem(f"{where}.tls.certificate_file", value, allowed, "give the missing one")
    if not tls.enabled and (tls.ca_file or tls.certificate_file):
        allowed = "true when ca_file or certificate_file is given"
        yield Problem(f"{where}.tls.enabled", "false", allowed, "enable TLS or remove them")
    if broker.credential_file and not broker.user:
        allowed = "a user name when credential_file is given"
        yield Problem(f"{where}.user", '""', allowed, "name the user or remove credential_file")
