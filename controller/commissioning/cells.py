"""The cells that are calibrated, and what differs between them: their place, their table and file, the weights they need."""

from __future__ import annotations

from typing import Literal

import msgspec

from controller.commissioning.certificate import (
    CALIBRATION_FILE,
    RAIL_LEFT_CALIBRATION_FILE,
    RAIL_RIGHT_CALIBRATION_FILE,
)
from controller.hardware.settings import RAIL_LEFT, RAIL_RIGHT


class CalibratedCell(msgspec.Struct, frozen=True):
    """One cell. place: where it is, in words; least_heaviest_kg: what the heaviest weight must reach, and why it must.

    needed: whether the treadmill takes no patient without its calibration.
    """

    name: Literal["harness", "rail-left", "rail-right"]
    place: str
    table: str
    file: str
    least_heaviest_kg: float
    why_heaviest: str
    needed: bool


HARNESS = CalibratedCell(
    name="harness",
    place="hook",
    table="calibration",
    file=CALIBRATION_FILE,
    least_heaviest_kg=20.0,  # reaches the loads that are judged: 0.3 of the body weight of 65 kg [O]
    why_heaviest="a fall is judged at such loads and above",
    needed=True,
)


def _rail(name: Literal["rail-left", "rail-right"], place: str, table: str, file: str) -> CalibratedCell:
    return CalibratedCell(
        name=name,
        place=place,
        table=table,
        file=file,
        least_heaviest_kg=10.0,  # [O]
        why_heaviest="a patient leans on one hand with as much",
        needed=False,
    )


CELLS: dict[str, CalibratedCell] = {
    cell.name: cell
    for cell in (
        HARNESS,
        _rail(RAIL_LEFT, "left rail", "rail_left_cell", RAIL_LEFT_CALIBRATION_FILE),
        _rail(RAIL_RIGHT, "right rail", "rail_right_cell", RAIL_RIGHT_CALIBRATION_FILE),
    )
}
"""By the name that the command line takes."""
