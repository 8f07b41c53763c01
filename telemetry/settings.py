"""What telemetry can be told, and the check that reports every mistake at once.

Of the configuration file, the table [telemetry], the names in [identity] and the runtime directory in [paths] are read; the rest
belongs to the controller, which checks it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec

NamePart = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{1,32}\Z", description="1 to 32 of a-z, 0-9 and the hyphen")]
AbsolutePath = Annotated[str, msgspec.Meta(pattern=r"\A/[^\x00]*\Z", description="an absolute path")]
OptionalPath = Annotated[str, msgspec.Meta(pattern=r"\A(/[^\x00]*)?\Z", description="an absolute path, or empty")]


class IdentitySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the treadmill stands; both are part of every MQTT topic."""

    clinic: NamePart
    treadmill: NamePart


class TlsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TLS towards the broker. Certificate and key are for a broker that asks clients to prove themselves."""

    enabled: bool = False
    ca_file: OptionalPath = ""
    """Empty: the system's certificate authorities."""
    certificate_file: OptionalPath = ""
    key_file: OptionalPath = ""


class BrokerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The MQTT 5 broker."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253, description="a host name or address")] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    user: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """Empty: anonymous."""
    credential_file: Annotated[str, msgspec.Meta(max_length=4096, description="a path, or a LoadCredential= name")] = ""
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
    """Older events and sessions are deleted, but never an event that the broker has not confirmed."""
    recordings_directory: AbsolutePath = "/var/lib/sternway/telemetry/recordings"
    """Where the flight recording of each latched stop is saved."""
    recordings_kept: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    """So many stay, of about 0.5 MB each; the oldest go."""
    broker: BrokerSettings = BrokerSettings()


class PathSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the controller keeps what telemetry reads: its flight recorder."""

    runtime_directory: AbsolutePath = "/run/sternway"


class ServiceSettings(msgspec.Struct, frozen=True):
    """Everything the telemetry process needs."""

    identity: IdentitySettings
    telemetry: TelemetrySettings
    paths: PathSettings = PathSettings()


class SettingsError(ValueError):
    """The configuration is wrong; `problems` names each key, its value, what is allowed and what to do."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_telemetry_settings(path: Path) -> ServiceSettings:
    """Reads what the file says to telemetry; raises SettingsError, or OSError when it cannot be read."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError((f"{path}: not a TOML file: {error}; correct that line",)) from error
    return parse_telemetry_settings(document)


def parse_telemetry_settings(document: Mapping[str, Any]) -> ServiceSettings:
    """Returns the settings of a parsed configuration file; raises SettingsError with all problems at once."""
    tables = {
        "identity": _known_keys(document.get("identity", {}), IdentitySettings),
        "telemetry": document.get("telemetry", {}),
        "paths": _known_keys(document.get("paths", {}), PathSettings),
    }
    problems = [
        *_problems(IdentitySettings, tables["identity"], "identity"),
        *_problems(PathSettings, tables["paths"], "paths"),
        *_problems(TelemetrySettings, tables["telemetry"], "telemetry"),
    ]
    if problems:
        raise SettingsError(tuple(problems))
    settings = msgspec.convert(tables, ServiceSettings)
    problems = list(_contradictions(settings.telemetry.broker))
    if problems:
        raise SettingsError(tuple(problems))
    return settings


def _known_keys(table: object, struct: type[msgspec.Struct]) -> object:
    """Returns what concerns telemetry of a table that is the controller's."""
    if not isinstance(table, Mapping):
        return table
    return {key: table[key] for key in struct.__struct_fields__ if key in table}


def read_password(settings: BrokerSettings, environment: Mapping[str, str] = os.environ) -> str | None:
    """Returns the password, or None when no credential file is configured; raises OSError when it cannot be read."""
    if not settings.credential_file:
        return None
    directory = environment.get("CREDENTIALS_DIRECTORY", "")
    return (Path(directory) / settings.credential_file).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")


def _problems(table_type: type[msgspec.Struct], table: object, where: str) -> Iterator[str]:
    if not isinstance(table, Mapping):
        yield f"{where} = {table!r}: allowed is a table; write it as [{where}]"
        return
    types = get_type_hints(table_type, include_extras=True)
    for key, value in table.items():
        if key not in types:
            yield _unknown_key(f"{where}.{key}", value, key, sorted(types))
        elif isinstance(types[key], type) and issubclass(types[key], msgspec.Struct):
            yield from _problems(types[key], value, f"{where}.{key}")
        else:
            yield from _wrong_value(f"{where}.{key}", value, types[key])
    for field in msgspec.structs.fields(table_type):
        if field.required and field.name not in table:
            yield f"{where}.{field.name}: missing; allowed is {_allowed(types[field.name])}; add it to [{where}]"


def _unknown_key(name: str, value: object, key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    remedy = f"perhaps {near[0]!r} was meant" if near else "remove it"
    return f"{name} = {value!r}: unknown key; allowed are {', '.join(known)}; {remedy}"


def _wrong_value(name: str, value: object, value_type: Any) -> Iterator[str]:
    try:
        msgspec.convert(value, value_type)
    except msgspec.ValidationError as error:
        yield f"{name} = {value!r}: {error}; allowed is {_allowed(value_type)}; correct the value"


def _allowed(value_type: Any) -> str:
    base = getattr(value_type, "__origin__", value_type)
    meta = next((item for item in getattr(value_type, "__metadata__", ()) if isinstance(item, msgspec.Meta)), None)
    if meta is None:
        return "true or false" if base is bool else f"any {base.__name__}"
    if meta.description:
        return meta.description
    if meta.ge is not None:
        return f"{base.__name__} from {meta.ge} to {meta.le}"
    return f"text of at most {meta.max_length} characters"


def _contradictions(broker: BrokerSettings) -> Iterator[str]:
    tls = broker.tls
    if bool(tls.certificate_file) != bool(tls.key_file):
        yield (
            f"telemetry.broker.tls.certificate_file = {tls.certificate_file!r} with key_file = {tls.key_file!r}: "
            "allowed are both or neither; give the missing one"
        )
    if not tls.enabled and (tls.ca_file or tls.certificate_file):
        yield (
            "telemetry.broker.tls.enabled = False: allowed is true when ca_file or certificate_file is given; "
            "enable TLS or remove them"
        )
    if broker.credential_file and not broker.user:
        yield (
            "telemetry.broker.user = '': allowed is a user name when credential_file is given; "
            "name the user or remove credential_file"
        )
