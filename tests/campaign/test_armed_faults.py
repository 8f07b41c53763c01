"""An armed fault waits for a belt that moves, one after the other; what a run counts can be played again at its times."""

from __future__ import annotations

import dataclasses

from simulator.campaign.fault import Fault
from simulator.campaign.injection import LOOK_MS, Group
from simulator.campaign.run import play, write_script
from tests.campaign.played import script_with

LATE = Fault(2000, "scan-late", 10, 0.3, 1)
SLOW = Fault(500, "broker-slow", 3000, 0.3, 1)
STOP = Fault(700, "motor-runaway", 400, 0.3, 1)


def test_each_meets_a_moving_belt_and_waits_for_the_one_before() -> None:
    result = play(script_with(armed=(Group((SLOW, LATE)), Group((STOP,)), Group((LATE,))), lasts_s=120.0))
    assert not result.violations, result.violations
    assert [one.name for one in result.begun] == ["broker-slow", "scan-late", "motor-runaway", "scan-late"]
    times_ms = [one.at_ms for one in result.begun]
    assert times_ms[1] - times_ms[0] == LATE.at_ms - SLOW.at_ms
    assert times_ms[2] >= times_ms[0] + SLOW.lasts_ms + STOP.at_ms
    assert times_ms[3] >= times_ms[2] + 15_000, "after a runaway it takes a while until somebody walks again"
    assert result.in_motion == result.injected == {"broker-slow": 1, "scan-late": 2, "motor-runaway": 1}
    assert 3.0 <= result.under_fault_s <= 4.0
    assert 2.9 <= result.moving_by_fault["broker-slow"] <= 3.1


def test_at_its_times_a_run_is_the_same_again() -> None:
    """So that its fault list can be shortened."""
    script = write_script("3/92", 200.0)
    first = play(script)
    assert len(first.begun) > len(script.faults) + 3
    again = play(dataclasses.replace(script, faults=first.begun, armed=()))
    assert again.trace == first.trace
    assert (again.injected, again.in_motion, again.under_fault_s) == (first.injected, first.in_motion, first.under_fault_s)


def test_none_begins_when_all_must_be_mended() -> None:
    result = play(script_with(armed=(Group((Fault(LOOK_MS, "load-drift", 20_000, 0.5, 1),)),) * 9, lasts_s=60.0))
    assert result.begun
    assert result.begun[-1].at_ms <= 35_000


def test_one_that_wants_a_faster_belt_waits_for_it() -> None:
    """The plan's warm-up takes 19 s; its first bout is at 0.15 m/s."""
    for least_m_s, earliest_ms, latest_ms in ((0.0, 15_000, 20_000), (0.14, 35_000, 40_000), (0.25, 0, 0)):
        begun = play(script_with(armed=(Group((LATE,), least_m_s),), lasts_s=80.0)).begun
        assert bool(begun) == bool(latest_ms)
        assert all(earliest_ms < one.at_ms < latest_ms for one in begun)


def test_in_three_runs_of_ten_faults_wait_for_the_speed_that_the_plan_is_about() -> None:
    """By the run's number: so that every hour has some."""
    scripts = [write_script(f"9/{number}") for number in range(40)]
    fast = [script for script in scripts if script.armed[0].least_m_s]
    assert [script.seed[-1] for script in fast] == ["1", "4", "7"] * 4
    for script in fast:
        fastest_m_s = max(phase.speed_m_s for phase in script.plan.phases)
        assert all(0.39 * fastest_m_s < group.least_m_s < 0.96 * fastest_m_s for group in script.armed)
    assert max(group.least_m_s for script in fast for group in script.armed) > 0.6


def test_a_fault_on_a_fast_belt_is_counted_as_such() -> None:
    script = write_script("9/4")
    result = play(dataclasses.replace(script, faults=(), armed=(Group((SLOW,), 0.31),), lasts_s=180.0))
    assert not result.violations, result.violations
    assert (result.in_fast, result.injected) == (1, {"broker-slow": 1})
    assert 30.0 < result.fast_s < result.moving_s - 30.0
