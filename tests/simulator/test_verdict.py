"""What a verdict makes of what was seen."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from messages.plan import Phase, PhaseKind, Plan
from messages.wire import Snapshot
from simulator.drive import NativeDrive
from simulator.heard import HeardEvent
from simulator.play import Player
from simulator.scenarios import Action, Expected, Scenario, Step, When
from simulator.therapist import Therapist
from simulator.verdict import LATE_STOP_MS, LEASE_MS, SUSPECT_STALL_MS, judge
from simulator.world import World

PLAN = Plan(patient="P-1", mass_kg=75.0, phases=(Phase(PhaseKind.WORK, 10.0, 0.1),))


class NoMachinery:
    """Nothing befalls machines here."""

    def befall(self, action: Action) -> None:
        raise AssertionError(action)


def make_player(expected: Expected, steps: tuple[Step, ...] = ()) -> Player:
    world = World(NativeDrive(1), Random(1), 0)
    scenario = Scenario("made", "made for a test", PLAN, steps, When(), expected)
    return Player(scenario, world, Therapist(world, Random(1)), NoMachinery())


def seen(state: str, cause: str = "") -> Snapshot:
    return Snapshot(
        at_ns=0, time="", sequence=1, lost=0, state=state, phase="", since_ns=0, cause=cause, cause_text="", remedy="",
        display=("", "", "", ""), asked_speed_m_s=0.0, accepted_speed_m_s=0.0, measured_speed_m_s=0.0, granted_speed_m_s=0.0,
        distance_m=0.0, load_n=0.0, load_body_weight_percent=0.0, rails=(False, False), attendant=False, inputs_closed={},
        lamps={}, alarms=(), lateness_ms=0.0, drive_state="idle", drive_current_ma=0, session="", patient="", phase_index=0,
        phase_remaining_s=0.0, session_remaining_s=0.0, balance_losses=0,
    )  # fmt: skip


def events(*ids: int) -> list[HeardEvent]:
    return [HeardEvent(event_id, 0, f"code-{event_id}", "record", "") for event_id in ids]


def outcome(player: Player, final: Snapshot | None, heard: list[HeardEvent], stall_ms: float = 0.0) -> str:
    return judge(player, final, heard, now_ns=1, stall_ms=stall_ms, seed=1).outcome


def test_the_expected_state_and_cause_pass_and_no_other() -> None:
    player = make_player(Expected(("fault",), ("load-stuck", "load-gap")))
    assert outcome(player, seen("fault", "load-gap"), []) == "passed"
    assert outcome(player, seen("fault", "clip-open"), []) == "failed"
    assert outcome(player, seen("paused", "load-gap"), []) == "failed"
    assert outcome(player, None, []) == "failed"


def test_a_stall_longer_than_the_lease_makes_any_run_void() -> None:
    player = make_player(Expected(("standby",)))
    assert outcome(player, seen("standby"), [], LEASE_MS + 0.1) == "void"
    assert outcome(player, seen("standby"), [], LEASE_MS) == "passed"
    assert outcome(player, seen("fault"), [], SUSPECT_STALL_MS + 0.1) == "void", "a late scan may have been the cause"
    assert outcome(player, seen("fault"), [], SUSPECT_STALL_MS) == "failed"
    assert outcome(player, seen("standby"), [], LATE_STOP_MS + 0.1) == "passed"
    assert not judge(player, seen("standby"), [], now_ns=1, stall_ms=151.0, seed=1).passed


@pytest.mark.parametrize(
    ("ids", "expected"), [((4, 5, 6), "passed"), ((4, 6), "failed"), ((4, 5, 5), "failed"), ((5, 4), "failed"), ((), "failed")]
)
def test_events_must_come_each_once_and_in_order(ids: tuple[int, ...], expected: str) -> None:
    player = make_player(Expected(("standby",), all_events_once=True))
    assert outcome(player, seen("standby"), events(*ids)) == expected


def test_a_limit_that_was_never_measured_is_not_kept() -> None:
    cause = Step(When(), (Action.MUSHROOM,), is_cause=True)
    player = make_player(Expected(("standby",), stop_within_ms=10.0), (cause,))
    summary = judge(player, seen("standby"), [], now_ns=1, stall_ms=0.0, seed=1)
    assert summary.outcome == "failed"
    assert "what should have happened never did" in summary.reasons
    player.measured.cause_ns, player.measured.trip_ns, player.measured.stop_ns = 1, 1_000_000, 12_000_000
    assert outcome(player, seen("standby"), []) == "failed", "11 ms are over 10"
    player.measured.stop_ns = 10_000_000
    assert outcome(player, seen("standby"), []) == "passed"


@pytest.mark.parametrize(
    ("shown", "what"),
    [({"patient": "P-1"}, "patient P-1"), ({"distance_m": 3.0}, "distance"), ({"alarms": (("rail-slow", "low"),)}, "rail-slow")],
)
def test_what_is_left_of_the_patient_before_fails_the_run(shown: dict[str, object], what: str) -> None:
    player = make_player(Expected(("standby",)))
    player.look(seen("complete"), ("",) * 4)
    player.look(msgspec.structs.replace(seen("standby"), **shown), ("",) * 4)
    reasons = judge(player, seen("standby"), [], now_ns=1, stall_ms=0.0, seed=1).reasons
    assert any("left over" in reason and what in reason for reason in reasons), reasons
