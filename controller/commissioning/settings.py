"""How often the machine is calibrated and tested, and how far its clock is trusted."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class CommissioningSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The dates that stand between the machine and a patient. Overdue means that no session is prepared."""

    calibration_interval_days: Annotated[
        int, msgspec.Meta(ge=1, le=366, description="the harness cell's calibration is good for so long [O]")
    ] = 180
    self_test_interval_days: Annotated[
        int, msgspec.Meta(ge=1, le=366, description="the walk through every input and output is good for so long [O]")
    ] = 30
    clock: Annotated[
        Literal["synchronised", "as_set"],
        msgspec.Meta(description="as_set: a person vouches for the clock of a Pi without network time and without RTC"),
    ] = "synchronised"
