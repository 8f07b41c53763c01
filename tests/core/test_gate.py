"""The gate alone: denies by default, one reason at a time, and always lets a stop pass."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.commands import NOTHING, Action, DriveCommand
from controller.core.gate import GateFacts, GateLimits, pass_gate
from controller.core.inputs import ALL_INPUTS_MASK, Input

NOW = 5_000_000_000
LIMITS = GateLimits(
    ceiling_mm_s=1200,
    acceleration_mm_s2=150,
    deceleration_mm_s2=1500,
    status_limit_ns=80_000_000,
    load_limit_n=250.0,
    load_age_limit_ns=150_000_000,
    denied_deceleration_mm_s2=500,
)
FACTS = GateFacts(
    closed=ALL_INPUTS_MASK,
    edges=0,
    drive_received_at_ns=NOW - 10_000_000,
    drive_state=2,
    drive_nonce=77,
    drive_tick_ms=1234,
    granted_mm_s=300,
    stop_input_closed=True,
    load_n=12.0,
    load_measured_at_ns=NOW - 20_000_000,
    lateness_ns=0,
)
RUN = DriveCommand(Action.RUN, target_mm_s=250, rate_mm_s2=100, nonce=77, tick_ms=1234)


def judge(command: DriveCommand = RUN, previous: int = 240, **changes: object) -> tuple[DriveCommand, str]:
    return pass_gate(command, previous, msgspec.structs.replace(FACTS, **changes), LIMITS, NOW)


def test_a_good_run_passes_unchanged() -> None:
    assert judge() == (RUN, "")


MUST_BE_CLOSED = {
    Input.EMERGENCY_A: "emergency stop A open",
    Input.EMERGENCY_B: "emergency stop B open",
    Input.LANYARD: "lanyard open",
    Input.CLIP: "harness clip open",
    Input.DECK_FRONT: "front of the deck open",
    Input.DECK_REAR: "rear of the deck open",
    Input.OVERLOAD: "harness overload open",
    Input.STOP: "STOP open",
    Input.SYMPTOM: "symptom button open",
}


@pytest.mark.parametrize("name", MUST_BE_CLOSED)
@pytest.mark.parametrize("how", ["open", "edge"])
@pytest.mark.hazard("H-01", "C-GATE")
def test_an_open_input_denies(name: Input, how: str) -> None:
    changes = {"closed": ALL_INPUTS_MASK & ~name.bit} if how == "open" else {"edges": name.bit}
    command, reason = judge(**changes)
    assert command == DriveCommand(Action.STOP, rate_mm_s2=500)
    assert reason == MUST_BE_CLOSED[name]


@pytest.mark.parametrize("name", [name for name in Input if name not in MUST_BE_CLOSED])
def test_other_inputs_are_not_the_gates_business(name: Input) -> None:
    assert judge(closed=ALL_INPUTS_MASK & ~name.bit, edges=name.bit)[1] == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"drive_received_at_ns": -1}, "drive not heard"),
        ({"drive_received_at_ns": NOW - 80_000_001}, "drive not heard"),
        ({"drive_received_at_ns": NOW + 1}, "drive not heard"),
        ({"drive_state": 0}, "drive not granted"),
        ({"drive_state": 3}, "drive not granted"),
        ({"drive_state": 4}, "drive not granted"),
        ({"drive_state": 5}, "drive not granted"),
        ({"stop_input_closed": False}, "drive's STOP input open"),
        ({"drive_nonce": 78}, "no proof of life"),
        ({"drive_tick_ms": 1235}, "no proof of life"),
        ({"granted_mm_s": 249}, "target above what hands granted"),
        ({"load_n": 250.001}, "harness loaded, or load unknown"),
        ({"load_n": math.nan}, "harness loaded, or load unknown"),
        ({"load_n": math.inf}, "harness loaded, or load unknown"),
        ({"load_measured_at_ns": NOW - 150_000_001}, "harness load too old"),
        ({"load_measured_at_ns": NOW + 1}, "harness load too old"),
        ({"lateness_ns": 150_000_001}, "scan too late"),
    ],
)
@pytest.mark.hazard("H-01", "H-04", "C-GATE")
def test_each_fact_denies_alone(changes: dict[str, object], reason: str) -> None:
    command, said = judge(**changes)
    assert (command.action, said) == (Action.STOP, reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"drive_received_at_ns": NOW - 80_000_000},
        {"drive_received_at_ns": NOW},
        {"drive_state": 1},
        {"granted_mm_s": 250},
        {"load_n": 250.0},
        {"load_n": -500.0},
        {"load_measured_at_ns": NOW - 150_000_000},
        {"load_measured_at_ns": NOW},
        {"load_measured_at_ns": NOW - 1},
        {"lateness_ns": 150_000_000},
    ],
)
def test_the_limit_itself_passes(changes: dict[str, object]) -> None:
    assert judge(**changes)[1] == ""


@pytest.mark.parametrize(
    ("command", "previous", "reason"),
    [
        (msgspec.structs.replace(RUN, target_mm_s=-1), 240, "target above the ceiling"),
        (msgspec.structs.replace(RUN, target_mm_s=1201), 240, "target above the ceiling"),
        (msgspec.structs.replace(RUN, rate_mm_s2=0), 240, "rate out of range"),
        (msgspec.structs.replace(RUN, rate_mm_s2=151), 240, "rate out of range"),
        (msgspec.structs.replace(RUN, rate_mm_s2=151), 249, "rate out of range"),
        (msgspec.structs.replace(RUN, rate_mm_s2=1501), 260, "rate out of range"),
        (msgspec.structs.replace(RUN, rate_mm_s2=151), 250, ""),
        (msgspec.structs.replace(RUN, rate_mm_s2=1500), 260, ""),
        (msgspec.structs.replace(RUN, rate_mm_s2=150), 240, ""),
        (msgspec.structs.replace(RUN, rate_mm_s2=1), 240, ""),
        (msgspec.structs.replace(RUN, target_mm_s=0), 0, ""),
    ],
)
@pytest.mark.hazard("H-04", "H-07", "C-GATE")
def test_targets_and_rates(command: DriveCommand, previous: int, reason: str) -> None:
    granted = max(300, command.target_mm_s)
    assert judge(command, previous, granted_mm_s=granted)[1] == reason


def test_what_was_heard_at_the_clocks_zero_was_heard() -> None:
    young = msgspec.structs.replace(FACTS, drive_received_at_ns=0, load_measured_at_ns=0)
    assert pass_gate(RUN, 240, young, LIMITS, 50_000_000)[1] == ""


def test_an_action_that_nobody_knows_becomes_a_stop() -> None:
    unknown = DriveCommand(99, target_mm_s=250, rate_mm_s2=100, nonce=77, tick_ms=1234)  # type: ignore[arg-type]
    command, reason = judge(unknown)
    assert (command, reason) == (DriveCommand(Action.STOP, rate_mm_s2=500), "unknown action")


def test_the_ceiling_itself_passes() -> None:
    assert judge(msgspec.structs.replace(RUN, target_mm_s=1200), 1150, granted_mm_s=1600)[1] == ""


@pytest.mark.parametrize("action", [Action.STOP, Action.POWER_OFF, Action.CLEAR])
@given(closed=st.integers(0, ALL_INPUTS_MASK), late=st.integers(0, 10**10), load=st.floats())
@pytest.mark.hazard("H-11", "C-GATE")
def test_a_stop_always_passes(action: Action, closed: int, late: int, load: float) -> None:
    command = DriveCommand(action, rate_mm_s2=300)
    assert judge(command, closed=closed, lateness_ns=late, load_n=load, drive_received_at_ns=-1) == (command, "")
    assert judge(NOTHING, closed=closed) == (NOTHING, "")


@given(
    target=st.integers(-5, 70_000),
    rate=st.integers(-5, 70_000),
    granted=st.integers(0, 70_000),
    previous=st.integers(0, 1600),
    closed=st.integers(0, ALL_INPUTS_MASK),
    load=st.floats(),
)
@pytest.mark.hazard("H-04", "H-23", "C-GATE")
def test_whatever_passes_is_within_every_limit(
    target: int, rate: int, granted: int, previous: int, closed: int, load: float
) -> None:
    command, reason = judge(
        DriveCommand(Action.RUN, target, rate, 77, 1234), previous, granted_mm_s=granted, closed=closed, load_n=load
    )
    if reason:
        assert command.action is Action.STOP
        return
    assert 0 <= target <= min(granted, 1200)
    assert 0 < rate <= (150 if target > previous else 1500)
    assert load <= 250.0
    assert all(closed & name.bit for name in MUST_BE_CLOSED)
