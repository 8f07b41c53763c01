"""The configuration file's tables: which there are, and those that no part of the controller owns by itself.

One fact stands in one key. The load cell's calibration and the rails' grace are needed in several places, so they are read from
[calibration] and [rails] alone, and `DERIVED` says where else they go.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from controller.commissioning.settings import CommissioningSettings
from controller.core.balance import BalanceSettings
from controller.core.load_chain import LoadChainSettings
from controller.core.settings import CoreSettings
from controller.hardware.settings import (
    DisplaySettings,
    LoadCellSettings,
    PinSettings,
    RailClockSettings,
    RailLeftCellSettings,
    RailRightCellSettings,
)
from controller.peers import AccessSettings
from controller.session.settings import ClinicalSettings
from firmware_bridge.drive import Mounting

NamePart = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{1,32}\Z", description="1 to 32 of a-z, 0-9 and the hyphen")]
DevicePath = Annotated[
    str,
    msgspec.Meta(pattern=r"\A/[^\x00]{1,254}\Z", description="an absolute path; take the one in /dev/serial/by-id, which stays"),
]
DriverName = Annotated[
    str, msgspec.Meta(pattern=r"\A[a-z0-9_-]{1,32}\Z", description="a drive's name: 1 to 32 of a-z, 0-9, hyphen, underscore")
]


def _built_in(lowest: int, highest: int, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=lowest, le=highest, description=description)


class IdentitySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the treadmill stands and how it is mounted. Clinic and treadmill are part of every MQTT topic."""

    clinic: NamePart
    treadmill: NamePart
    mounting: Annotated[Mounting, msgspec.Meta(description="whether the belt runs reversed, or the patient stands turned on it")]


class SerialSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line to the drive."""

    device: DevicePath
    driver: DriverName = "reference"


class PathSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the controller keeps its files. The socket is telemetry's and the command line's way in."""

    runtime_directory: Annotated[Path, msgspec.Meta(description="emptied by a reboot: event ring, flight recorder")] = Path(
        "/run/sternway"
    )
    state_directory: Annotated[Path, msgspec.Meta(description="kept: latch, clean-stop marker, next event id")] = Path(
        "/var/lib/sternway/controller"
    )
    socket: Annotated[Path, msgspec.Meta(description="at most 107 bytes long")] = Path("/run/sternway/controller.sock")


class FirmwareSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits that were built into the drive's firmware. It announces them, and a drive that announces others is refused.

    The ranges are what the reference firmware can be built with (`firmware_bridge/firmware/core/limits.h`). The lease is
    `drive.lease_ms`.
    """

    max_speed_mm_s: Annotated[int, _built_in(100, 2000, "absolute speed ceiling")] = 1600
    max_acceleration_mm_s2: Annotated[int, _built_in(30, 150, "absolute acceleration ceiling, upward")] = 150
    max_deceleration_mm_s2: Annotated[int, _built_in(300, 1500, "absolute deceleration ceiling: more tips the patient")] = 1500
    first_speed_mm_s: Annotated[int, _built_in(10, 100, "what START grants")] = 100
    increment_low_mm_s: Annotated[int, _built_in(5, 50, "what FASTER grants below 0.5 m/s")] = 50
    increment_high_mm_s: Annotated[int, _built_in(5, 100, "what FASTER grants from 0.5 m/s")] = 100


CORE_TABLES: dict[str, type[msgspec.Struct]] = {field.name: field.type for field in msgspec.structs.fields(CoreSettings)}
"""The core's own sections, each a table of the file."""

CLINICAL_TABLES: dict[str, type[msgspec.Struct]] = {field.name: field.type for field in msgspec.structs.fields(ClinicalSettings)}
"""Screening, prescription and progression: likewise."""

TABLES: dict[str, type[msgspec.Struct]] = {
    "identity": IdentitySettings,
    "serial": SerialSettings,
    "paths": PathSettings,
    "firmware": FirmwareSettings,
    **CORE_TABLES,
    **CLINICAL_TABLES,
    "load_chain": LoadChainSettings,
    "balance": BalanceSettings,
    "pins": PinSettings,
    "load_cell": LoadCellSettings,
    "rail_cells": RailClockSettings,
    "rail_left_cell": RailLeftCellSettings,
    "rail_right_cell": RailRightCellSettings,
    "display": DisplaySettings,
    "commissioning": CommissioningSettings,
    "access": AccessSettings,
}
"""Every table that the controller reads, in the order of the file."""

FOREIGN_TABLES = frozenset({"telemetry"})
"""Tables of the same file that another process reads and checks."""

DERIVED: dict[str, dict[str, str]] = {
    "load_chain": {
        "zero_counts": "calibration.zero_counts",
        "newtons_per_count": "calibration.newtons_per_count",
        "maximum_n": "calibration.maximum_n",
    },
    "load_cell": {
        "counts_zero": "calibration.zero_counts",
        "newtons_per_count": "calibration.newtons_per_count",
    },
    "balance": {"rails": "rails"},
}
"""Fields that are no keys of their table, and the key or table from which each is taken."""
