"""Faults of the load cell come together: none may end another, which its judge goes on believing in."""

from __future__ import annotations

import pytest

from simulator.campaign.fault import Fault
from simulator.campaign.run import play
from tests.campaign.played import script_with

GAP = Fault(40_000, "load-gap", 900, 0.27, 27714)
GLITCH = Fault(40_000, "load-glitch", 700, 0.52, 9649)


@pytest.mark.parametrize("faults", [(GAP, GLITCH), (GLITCH, GAP)], ids=["gap first", "glitch first"])
def test_a_glitch_in_a_gap_brings_no_sample(faults: tuple[Fault, Fault]) -> None:
    result = play(script_with(*faults))
    assert result.moving_s > 5.0, "somebody walked"
    assert result.injected == {"load-gap": 1, "load-glitch": 1}
    assert not result.violations, result.violations
