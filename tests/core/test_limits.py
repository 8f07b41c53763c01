"""What a patient may do is obeyed by the scan, whatever plan, hands or numbers say: caps, stages, bouts, time and distance."""

from __future__ import annotations

import math
import os
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.chart import MOVING_STATES, State
from controller.core.events import Event
from controller.core.exercise import prescribed_distance_m
from controller.core.inputs import Input
from controller.core.patient import acceleration_m_s2, belt_time_limit_s, ceiling_m_s
from controller.core.preparation import Step
from controller.core.stages import stricter_attendant, stricter_rails
from controller.core.step import step
from exploration.limits import treadmill_limits
from messages.plan import AttendantStage, Phase, PhaseKind, Plan, RailStage
from tests.core.machine import CORE, PLAN, Machine
from tests.seeds import draw_seed

pytestmark = pytest.mark.hazard("H-23", "C-CAPS")
LIMITS = treadmill_limits(PLAN, CORE)
FLAT = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 20, 0.1), Phase(PhaseKind.WORK, 100, 0.1)))
SCAN_S = 0.010


@given(number=st.floats(allow_nan=True, allow_infinity=True), first=st.booleans())
def test_no_limit_raises_what_plan_and_treadmill_allow(number: float, first: bool) -> None:
    plan = msgspec.structs.replace(PLAN, first_session=first)
    limits = msgspec.structs.replace(LIMITS, ceiling_m_s=number, acceleration_m_s2=number, belt_time_s=number)
    for found, highest in (
        (ceiling_m_s(plan, CORE, limits), CORE.speed.ceiling_m_s),
        (acceleration_m_s2(plan, None, CORE, limits), acceleration_m_s2(plan, None, CORE)),
        (belt_time_limit_s(plan, CORE, limits), belt_time_limit_s(plan, CORE)),
    ):
        assert found <= highest
        assert found == 0.0 if math.isnan(number) else found <= number


@given(plan=st.sampled_from(RailStage), profile=st.sampled_from(RailStage))
def test_of_two_rail_stages_the_hold_satisfies_both(plan: RailStage, profile: RailStage) -> None:
    satisfied = {
        RailStage.BOTH: {(True, True)},
        RailStage.LEFT: {(True, True), (True, False)},
        RailStage.RIGHT: {(True, True), (False, True)},
        RailStage.ONE: {(True, True), (True, False), (False, True)},
    }
    assert satisfied[stricter_rails(plan, profile)] == satisfied[plan] & satisfied[profile]


@pytest.mark.parametrize("plan", AttendantStage)
@pytest.mark.parametrize("profile", AttendantStage)
def test_of_two_attendant_stages_the_closer_holds(plan: AttendantStage, profile: AttendantStage) -> None:
    order = [AttendantStage.SUPERVISION, AttendantStage.STAND_BY, AttendantStage.CONTACT_GUARD]
    assert order.index(stricter_attendant(plan, profile)) == max(order.index(plan), order.index(profile))


def test_a_plan_that_is_laxer_than_the_profile_is_enforced_as_the_profile_has_it() -> None:
    lax = msgspec.structs.replace(FLAT, rails=RailStage.ONE, attendant=AttendantStage.SUPERVISION)
    machine = Machine()
    machine.to_walking(lax, rails=RailStage.BOTH, attendant=AttendantStage.CONTACT_GUARD)
    machine.open(Input.RAIL_LEFT)
    machine.run(1.5)
    assert Event.RAIL_SLOW in machine.events
    machine.close(Input.RAIL_LEFT)
    machine.open(Input.ATTENDANT)
    machine.run(1)
    assert Event.ATTENDANT_GONE in machine.events


def test_the_ceiling_of_the_limits_holds_whatever_is_pressed() -> None:
    machine = Machine()
    fast = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 10, 0.1), Phase(PhaseKind.WORK, 100, 0.5)))
    machine.to_walking(fast, ceiling_m_s=0.17)
    for _ in range(60):
        machine.press(Input.FASTER)
        machine.run(0.5)
        assert machine.state.ramp.set_point_m_s <= 0.17
    assert machine.belt_m_s > 0.15, "the rises up to it were accepted"


def test_a_gentler_acceleration_is_kept() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare(FLAT, acceleration_m_s2=0.03)
    machine.run(1)
    machine.press(Input.START, 0.3)
    steepest = 0.0
    for _ in range(500):
        before = machine.state.ramp.set_point_m_s
        machine.scan()
        steepest = max(steepest, (machine.state.ramp.set_point_m_s - before) / SCAN_S)
    assert steepest == pytest.approx(0.03, rel=0.02)


def test_the_longest_bout_ends_in_a_pause_and_a_rest() -> None:
    machine = Machine()
    machine.to_walking(FLAT, bout_s=15.0)
    machine.run_until(lambda m: m.chart is State.PAUSED, 16)
    assert machine.state.exercise.bout_ns == pytest.approx(15e9, abs=0.02e9)
    machine.to_rest()
    machine.press(Input.OK)
    machine.run(1)
    machine.press(Input.START, 0.3)
    assert "rest" in dict(machine.happenings[-1].detail)["missing"]
    machine.run(60)
    machine.start()
    assert machine.state.exercise.bout_ns < 3e9
    assert machine.chart in MOVING_STATES


class LateScans(Machine):
    """Each scan is late by a time of its own, below 1.5 ms; the grid stays."""

    def __init__(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._chance, self._late_ns, self._monkeypatch = random.Random(seed), 0, monkeypatch
        super().__init__()

    def scan(self) -> None:
        late_ns = self._chance.randrange(1_500_000)
        self._monkeypatch.setattr("tests.core.machine.PERIOD_NS", 10_000_000 + late_ns - self._late_ns)
        self._late_ns = late_ns
        super().scan()


@pytest.mark.parametrize("seed", range(6))
def test_stretches_as_long_as_the_longest_bout_end_in_their_rests_however_late_the_scans(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five phases a stretch: each ends in a scan that comes late, and all of them together not a scan later than the bout."""
    stretch = tuple(Phase(PhaseKind.WORK, duration_s, 0.10) for duration_s in (4, 4.3, 3.1, 0.3, 0.3))
    plan = msgspec.structs.replace(FLAT, phases=(*stretch, Phase(PhaseKind.REST, 60), *stretch))
    machine = LateScans(seed, monkeypatch)
    machine.to_walking(plan, bout_s=12.0)
    machine.run_until(lambda m: m.chart not in MOVING_STATES, 20)
    assert machine.chart is State.REST, machine.where()
    assert 0 <= machine.state.exercise.bout_ns - 12 * 10**9 < 12_000_000
    machine.run_until(lambda m: m.state.preparation.step is Step.ARROW, 61)
    machine.press(Input.OK)
    machine.start()
    machine.run_until(lambda m: m.chart not in MOVING_STATES, 20)
    assert machine.state.exercise.over == Event.SESSION_COMPLETE.value, machine.where()
    assert Event.BOUT_TOO_LONG not in machine.events


@pytest.mark.parametrize(("rest_s", "rested"), [(1.0, False), (30.0, False), (60.0, True)])
def test_a_planned_rest_counts_when_it_is_as_long_as_the_rest_after_a_bout(rest_s: float, rested: bool) -> None:
    """Whoever wrote the plan may not cancel the longest bout by resting for a second."""
    machine = Machine()
    work = Phase(PhaseKind.WORK, 10, 0.1)
    machine.to_walking(msgspec.structs.replace(FLAT, phases=(work, Phase(PhaseKind.REST, rest_s), work)), bout_s=15.0)
    machine.run_until(lambda m: m.chart is State.REST, 20)
    machine.to_rest()
    machine.run_until(lambda m: m.state.preparation.step is Step.ARROW, 70)
    machine.press(Input.OK)
    machine.start()
    machine.run_until(lambda m: m.chart not in MOVING_STATES, 20)
    assert (Event.BOUT_TOO_LONG in machine.events) is not rested


def test_a_short_pause_is_no_rest() -> None:
    machine = Machine()
    machine.to_walking(FLAT, bout_s=15.0)
    machine.run(8)
    machine.open(Input.STOP)
    machine.to_rest()
    machine.close(Input.STOP)
    machine.run(0.5)
    machine.press(Input.OK)
    machine.start()
    machine.run_until(lambda m: Event.BOUT_TOO_LONG in m.events, 8)


def test_belt_time_ends_the_session_at_the_limit_of_the_patient() -> None:
    machine = Machine()
    machine.to_walking(FLAT, belt_time_s=12.0)
    machine.run_until(lambda m: m.chart is State.COMPLETE, 13)
    assert machine.state.exercise.belt_time_ns <= 12e9 + SCAN_S * 1e9
    assert machine.state.exercise.over == "session-complete"


def random_plan(chance: random.Random) -> Plan:
    speeds = (0.10, 0.15, 0.20, 0.30)
    phases = [Phase(PhaseKind.WARM_UP, chance.randint(3, 15), 0.10)]
    for _ in range(chance.randint(1, 3)):
        phases.append(Phase(PhaseKind.WORK, chance.randint(3, 30), chance.choice(speeds)))
    phases.append(Phase(PhaseKind.COOL_DOWN, chance.randint(3, 10), 0.10))
    return msgspec.structs.replace(PLAN, phases=tuple(phases))


@pytest.mark.parametrize("run", range(1 if "STERNWAY_SEED" in os.environ else 6))
def test_time_and_distance_never_exceed_the_prescription_by_more_than_one_scan(run: int) -> None:
    """Random plans and limits, with a hand that accepts every rise and now and then stops and starts again."""
    chance = random.Random(draw_seed(f"run {run}"))
    plan = random_plan(chance)
    belt_time_s = chance.choice((8.0, 20.0, 600.0))
    prescribed_s = min(belt_time_s, sum(phase.duration_s for phase in plan.phases))
    machine = Machine()
    machine.to_walking(plan, belt_time_s=belt_time_s)
    for _ in range(600):
        if machine.chart is State.COMPLETE:
            break
        if machine.chart in MOVING_STATES and chance.random() < 0.02:
            machine.open(Input.STOP)
            machine.to_rest()
            machine.close(Input.STOP)
            machine.run(0.5)
            machine.press(Input.OK)
            machine.run(1)
            machine.press(Input.START, 0.3)
        elif machine.state.exercise.offered_until_ns:
            machine.press(Input.FASTER)
        machine.run(0.5)
        done = machine.state.exercise
        assert done.belt_time_ns <= (prescribed_s + SCAN_S) * 1e9
        assert done.distance_m <= prescribed_distance_m(plan) + SCAN_S * 0.5
        assert machine.state.ramp.set_point_m_s <= max(phase.speed_m_s for phase in plan.phases) + 1e-9
    assert machine.chart is State.COMPLETE


@pytest.mark.hazard("H-23", "C-CAPS")
def test_the_prescribed_distance_ends_the_session_and_says_so() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(3)
    short = msgspec.structs.replace(machine.state.exercise, prescribed_m=machine.state.exercise.distance_m + 0.05)
    machine.state = msgspec.structs.replace(machine.state, exercise=short)
    machine.run_until(lambda m: m.chart is State.COMPLETE, 3)
    done = next(happening for happening in machine.happenings if happening.event is Event.SESSION_COMPLETE)
    assert dict(done.detail) == {"reason": "distance", "distance_m": pytest.approx(short.prescribed_m, abs=0.01)}
    machine.to_rest()


def test_the_session_ends_in_the_scan_that_reaches_the_distance_and_not_in_the_one_before() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(3)
    before = machine.state
    machine.scan()
    reached_m = machine.state.exercise.distance_m
    for prescribed_m, ends in ((reached_m, True), (math.nextafter(reached_m, math.inf), False)):
        exercise = msgspec.structs.replace(before.exercise, prescribed_m=prescribed_m)
        _, outputs = step(msgspec.structs.replace(before, exercise=exercise), machine.inputs, machine.settings, machine.now_ns)
        assert (Event.SESSION_COMPLETE in [happening.event for happening in outputs.happenings]) is ends


def test_a_rest_that_a_pause_interrupted_is_a_rest_to_the_bout() -> None:
    """The rest is kept to its end all the same: the stretch after it is as long as the longest bout again."""
    machine = Machine()
    walk = Phase(PhaseKind.WORK, 20, 0.1)
    plan = msgspec.structs.replace(FLAT, phases=(Phase(PhaseKind.WARM_UP, 20, 0.1), Phase(PhaseKind.REST, 60), walk))
    machine.to_walking(plan, bout_s=20.0)
    machine.run_until(lambda m: m.chart is State.REST, 30)
    machine.run(55)
    machine.open(Input.STOP)
    machine.run(0.2)
    machine.close(Input.STOP)
    machine.run(6)
    assert machine.chart is State.PAUSED
    machine.press(Input.OK)
    machine.start()
    assert machine.chart is State.WORK, machine.where()
    assert Event.BOUT_TOO_LONG not in machine.events
    machine.run_until(lambda m: m.chart is State.COMPLETE, 25)
    assert machine.state.exercise.over == "session-complete"


def test_a_latch_in_the_rest_after_a_bout_asks_for_no_second_rest() -> None:
    machine = Machine()
    machine.to_walking(FLAT, bout_s=15.0)
    machine.run_until(lambda m: Event.BOUT_TOO_LONG in m.events, 20)
    machine.open(Input.DECK_REAR)
    machine.run(40)
    machine.close(Input.DECK_REAR)
    machine.run(0.2)
    machine.press(Input.RESET)
    assert machine.chart is State.PAUSED, machine.where()
    machine.harness_check()
    machine.run(15)
    machine.start()
    machine.run(2)
    assert machine.chart in MOVING_STATES, machine.where()
    assert machine.events.count(Event.BOUT_TOO_LONG) == 1
