"""What telemetry takes from the configuration file: the table [telemetry], the names in [identity] and the runtime directory.

The rest belongs to the controller, which checks it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from settings_files.problems import ProblemsError
from settings_files.telemetry_table import TABLE, AbsolutePath, BrokerSettings, TelemetrySettings, read_telemetry
from settings_files.toml_tables import read_table, read_toml

MAXIMUM_BYTES = 256 * 1024
NamePart = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{1,32}\Z", description="1 to 32 of a-z, 0-9 and the hyphen")]


class IdentitySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the treadmill stands; both are part of every MQTT topic."""

    clinic: NamePart
    treadmill: NamePart


class PathSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the controller keeps what telemetry reads: its flight recorder."""

    runtime_directory: AbsolutePath = "/run/sternway"


class ServiceSettings(msgspec.Struct, frozen=True):
    """Everything the telemetry process needs."""

    identity: IdentitySettings
    telemetry: TelemetrySettings
    paths: PathSettings = PathSettings()


class SettingsError(ProblemsError):
    """The configuration is wrong; `problems` names each key, its value, what is allowed and what to do."""


def load_telemetry_settings(path: Path) -> ServiceSettings:
    """Reads the tables [identity] and [telemetry]; raises SettingsError with every mistake, an unreadable file among them."""
    document, problems = read_toml(path, MAXIMUM_BYTES)
    if problems:
        raise SettingsError(str(path), problems)
    return parse_telemetry_settings(document, str(path))


def parse_telemetry_settings(document: Mapping[str, Any], source: str = "configuration") -> ServiceSettings:
    """Returns the settings of a parsed configuration file; raises SettingsError, whose text begins with `source`."""
    names = read_table(IdentitySettings, _known_keys(document.get("identity", {}), IdentitySettings), "identity")
    paths = read_table(PathSettings, _known_keys(document.get("paths", {}), PathSettings), "paths")
    telemetry, problems = read_telemetry(document.get(TABLE, {}))
    if names.problems or paths.problems or telemetry is None:
        raise SettingsError(source, (*names.problems, *paths.problems, *problems))
    return ServiceSettings(IdentitySettings(**names.values), telemetry, PathSettings(**paths.values))


def _known_keys(table: object, struct: type[msgspec.Struct]) -> object:
    """Returns what concerns telemetry of a table that is the controller's."""
    return {key: table[key] for key in struct.__struct_fields__ if key in table} if isinstance(table, dict) else table


def read_password(settings: BrokerSettings, environment: Mapping[str, str] = os.environ) -> str | None:
    """Returns the password, or None when no credential file is configured; raises OSError when it cannot be read."""
    if not settings.credential_file:
        return None
    return credential_path(settings.credential_file, environment).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")


def credential_path(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Returns where a secret or certificate lies: an absolute path as it is, a name in the service manager's directory."""
    return Path(environment.get("CREDENTIALS_DIRECTORY", "")) / name
