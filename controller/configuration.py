"""Reads the treadmill's configuration: one TOML file, refused as a whole while anything in it is wrong, with all mistakes named.

Unknown keys are mistakes too: a misspelt limit would otherwise be its default without anybody knowing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from controller.commissioning.settings import CommissioningSettings
from controller.configuration_rules import judge_values
from controller.configuration_tables import (
    CLINICAL_TABLES,
    CORE_TABLES,
    DERIVED,
    FOREIGN_TABLES,
    TABLES,
    FirmwareSettings,
    IdentitySettings,
    PathSettings,
    SerialSettings,
)
from controller.core.balance import BalanceSettings
from controller.core.gate_limits import make_gate_limits
from controller.core.load_chain import LoadChainSettings
from controller.core.settings import CoreSettings
from controller.core.state import Settings
from controller.hardware.settings import (
    DisplaySettings,
    LoadCellSettings,
    PinSettings,
    RailCells,
    RailClockSettings,
    RailLeftCellSettings,
    RailRightCellSettings,
)
from controller.peers import AccessSettings
from controller.session.settings import ClinicalSettings
from firmware_bridge.drive import DriveLimits
from settings_files.problems import Problem, ProblemsError
from settings_files.telemetry_table import TABLE as TELEMETRY_TABLE
from settings_files.telemetry_table import read_telemetry
from settings_files.toml_tables import read_table, read_toml, unknown_key

MAXIMUM_BYTES = 256 * 1024


class ConfigurationError(ProblemsError):
    """The configuration is wrong; `problems` has every mistake of the file, and so has the text."""


class Configuration(msgspec.Struct, frozen=True):
    """Everything the controller is told. Each part is one table of the file; `core` and `clinical` hold several each."""

    identity: IdentitySettings
    serial: SerialSettings
    paths: PathSettings
    firmware: FirmwareSettings
    core: CoreSettings
    clinical: ClinicalSettings
    load_chain: LoadChainSettings
    balance: BalanceSettings
    pins: PinSettings
    load_cell: LoadCellSettings
    rail_cells: RailClockSettings
    rail_left_cell: RailLeftCellSettings
    rail_right_cell: RailRightCellSettings
    display: DisplaySettings
    commissioning: CommissioningSettings
    access: AccessSettings

    @property
    def core_settings(self) -> Settings:
        """What `step` is given: the core's sections, its two rule sets, and the gate's limits made from them."""
        return Settings(self.core, self.load_chain, self.balance, make_gate_limits(self.core))

    @property
    def rails(self) -> RailCells:
        """The cells at the rails, fitted or not, with their clock."""
        return RailCells(self.rail_cells.pd_sck, self.rail_left_cell, self.rail_right_cell)

    @property
    def drive_limits(self) -> DriveLimits:
        """What the drive's firmware must announce."""
        return DriveLimits(lease_ms=self.core.drive.lease_ms, **msgspec.structs.asdict(self.firmware))


def load_configuration(path: Path) -> Configuration:
    """Returns the configuration in the file; raises ConfigurationError with every mistake, an unreadable file among them."""
    document, problems = read_toml(path, MAXIMUM_BYTES)
    if problems:
        raise ConfigurationError(str(path), problems)
    return parse_configuration(document, str(path))


def check_configuration(path: Path) -> Configuration:
    """As `load_configuration`, but with telemetry's table judged, too: what a person asks before starting either process."""
    document, problems = read_toml(path, MAXIMUM_BYTES)
    _, problems_of_telemetry = read_telemetry(document.get(TELEMETRY_TABLE, {}))
    if problems:
        raise ConfigurationError(str(path), problems)
    try:
        configuration = parse_configuration(document, str(path))
    except ConfigurationError as error:
        raise ConfigurationError(str(path), (*error.problems, *problems_of_telemetry)) from error
    if problems_of_telemetry:
        raise ConfigurationError(str(path), problems_of_telemetry)
    return configuration


# Control C-CONFIGURATION.
def parse_configuration(document: dict[str, Any], source: str = "configuration") -> Configuration:
    """Returns the configuration in a parsed document; raises ConfigurationError, whose text begins with `source`."""
    problems: list[Problem] = []
    tables: dict[str, dict[str, Any]] = {}
    for name, struct in TABLES.items():
        reading = read_table(struct, document.get(name, {}), name, DERIVED.get(name, ()))
        tables[name] = reading.values
        problems += reading.problems
    known = (*TABLES, *sorted(FOREIGN_TABLES))
    problems += [unknown_key("", key, _shown(value), known) for key, value in document.items() if key not in known]
    problems += judge_values(_flat(tables, document))
    if problems:
        raise ConfigurationError(source, tuple(problems))
    return _compose(tables)


def _shown(value: object) -> object:
    return "[table]" if isinstance(value, dict) else value


def _flat(tables: dict[str, dict[str, Any]], document: dict[str, Any]) -> dict[str, Any]:
    """All values by `table.key`. The telemetry's socket is among them: both processes must mean the same one."""
    values = {f"{table}.{key}": value for table, keys in tables.items() for key, value in keys.items()}
    telemetry = document.get("telemetry")
    if isinstance(telemetry, dict) and "socket_path" in telemetry:
        values["telemetry.socket_path"] = telemetry["socket_path"]
    return values


def _compose(tables: dict[str, dict[str, Any]]) -> Configuration:
    """Puts the parts together; every value has been judged before."""
    core = CoreSettings(**_sections(CORE_TABLES, tables))
    values = _flat(tables, {})
    parts: dict[str, Any] = {"core": core, "clinical": ClinicalSettings(**_sections(CLINICAL_TABLES, tables))}
    for name, struct in TABLES.items():
        if name not in CORE_TABLES and name not in CLINICAL_TABLES:
            derived = {
                field: values[source] if "." in source else getattr(core, source) for field, source in DERIVED.get(name, {}).items()
            }
            parts[name] = struct(**tables[name], **derived)
    return Configuration(**parts)


def _sections(structs: dict[str, type[msgspec.Struct]], tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: struct(**tables[name]) for name, struct in structs.items()}
