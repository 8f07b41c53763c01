"""Scripts with the faults that a test wants, and no others."""

from __future__ import annotations

import dataclasses

from simulator.campaign.fault import Fault
from simulator.campaign.injection import Group
from simulator.campaign.run import Script, write_script


def script_with(*faults: Fault, armed: tuple[Group, ...] = (), seed: str = "3/92", lasts_s: float = 90.0) -> Script:
    """In run 3/92 somebody walks after 15 s, and for longer than 90."""
    return dataclasses.replace(write_script(seed, lasts_s), faults=faults, armed=armed)
