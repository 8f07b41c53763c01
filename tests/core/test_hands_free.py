"""Hands-free windows on the whole core: who opens them, what holds in them, and how they end."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import MOVING_STATES, State
from controller.core.events import Event
from controller.core.inputs import Input
from messages.figures import Question
from messages.plan import Phase, PhaseKind
from tests.core.machine import PLAN, Machine

pytestmark = pytest.mark.hazard("H-14", "C-RAILS")
STEADY = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 60, 0.1), Phase(PhaseKind.WORK, 60, 0.1)))
BOTH = (Input.RAIL_LEFT, Input.RAIL_RIGHT)


def walking(**limits: object) -> Machine:
    machine = Machine()
    machine.to_walking(STEADY, **{"hands_free": True, **limits})
    machine.run(2.5)
    return machine


def opened(**limits: object) -> Machine:
    machine = walking(**limits)
    machine.press(Input.OK, 2.1)
    assert machine.state.exercise.hands_free.open, machine.where()
    return machine


def test_ok_held_for_two_seconds_lets_both_hands_go_for_ten() -> None:
    machine = opened()
    machine.open(*BOTH)
    machine.run(6.5)
    assert Event.RAIL_RELEASED not in machine.events
    assert "HANDS FREE" in machine.lines()[2] or "HOLD THE RAILS" in machine.lines()[2]
    machine.run(1.0)
    assert machine.lines()[2].startswith("HOLD THE RAILS")
    machine.close(*BOTH)
    machine.run(4)
    assert Event.RAILS_GRABBED not in machine.events, "back to the rails when asked is no escape"
    assert Event.HANDS_FREE_ENDED in machine.events
    assert machine.chart is State.WARM_UP
    done = machine.state.exercise.hands_free
    assert done.free_ns == pytest.approx(7.5e9, abs=0.1e9)
    assert done.windows == 1


def test_both_rails_grabbed_in_the_window_is_the_escape() -> None:
    machine = opened()
    machine.open(*BOTH)
    machine.run(4)
    machine.close(*BOTH)
    machine.run(0.2)
    assert Event.RAILS_GRABBED in machine.events
    assert machine.chart is State.PAUSED


def test_who_is_not_back_when_it_closes_is_slowed_then_paused() -> None:
    machine = opened()
    machine.open(*BOTH)
    machine.run_until(lambda m: Event.HANDS_FREE_ENDED in m.events, 11)
    ended_ns = machine.now_ns
    machine.run_until(lambda m: m.chart is State.PAUSED, 5)
    assert (
        machine.events.index(Event.RAIL_RELEASED) < machine.events.index(Event.RAIL_SLOW) < machine.events.index(Event.RAIL_PAUSE)
    )
    assert machine.now_ns - ended_ns < 3e9


def test_without_the_profile_nothing_opens() -> None:
    machine = walking(hands_free=False)
    machine.press(Input.OK, 2.5)
    assert not machine.state.exercise.hands_free.open
    machine.open(*BOTH)
    machine.run(0.5)
    assert Event.RAIL_SLOW in machine.events


def test_a_short_press_or_a_loose_rail_opens_nothing() -> None:
    machine = walking()
    machine.press(Input.OK, 1.8)
    machine.open(Input.RAIL_LEFT)
    machine.run(0.2)
    machine.press(Input.OK, 2.3)
    assert Event.HANDS_FREE_BEGUN not in machine.events


def test_one_press_opens_one_window() -> None:
    machine = opened()
    machine.run(11)
    assert machine.events.count(Event.HANDS_FREE_BEGUN) == 1
    machine.press(Input.OK, 2.2)
    assert machine.events.count(Event.HANDS_FREE_BEGUN) == 2


def test_the_press_that_answers_a_check_opens_nothing() -> None:
    machine = walking(questions=(Question.PAIN,), check_interval_s=10.0)
    machine.asked(within_s=15)
    machine.press(Input.OK, 3.0)
    assert Event.HANDS_FREE_BEGUN not in machine.events


def test_an_attendant_who_goes_closes_the_window() -> None:
    machine = opened()
    machine.open(Input.ATTENDANT)
    machine.run(1)
    assert Event.ATTENDANT_GONE in machine.events
    assert not machine.state.exercise.hands_free.open


@pytest.mark.parametrize("event", [Event.HARNESS_LOADED, Event.DECK_REAR])
def test_falls_and_deck_ends_stop_the_belt_in_the_window_too(event: Event) -> None:
    machine = opened()
    machine.open(*BOTH)
    machine.run(1)
    if event is Event.DECK_REAR:
        machine.open(Input.DECK_REAR)
    else:
        machine.load_n = 400.0
    machine.run(0.2)
    assert event in machine.events
    assert machine.chart is State.PROTECTIVE_STOP


@pytest.mark.parametrize("cause", [Input.STOP, Input.CLIP, Input.DECK_REAR, Input.EMERGENCY_A])
def test_the_window_closes_with_the_belt(cause: Input) -> None:
    machine = opened()
    machine.open(*BOTH)
    machine.run(1)
    if machine.closed & cause.bit:
        machine.open(cause)
    else:
        machine.press(cause)
    machine.run(0.1)
    assert machine.chart not in MOVING_STATES, machine.where()
    assert not machine.state.exercise.hands_free.open


@pytest.mark.parametrize("following", [(), (Phase(PhaseKind.REST, 30, 0.0), Phase(PhaseKind.WORK, 60, 0.1))])
def test_the_window_closes_with_the_phases_end(following: tuple[Phase, ...]) -> None:
    machine = Machine()
    plan = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 8, 0.1), *following))
    machine.to_walking(plan, hands_free=True)
    machine.run(2.5)
    machine.press(Input.OK, 2.1)
    assert machine.state.exercise.hands_free.open, machine.where()
    machine.run_until(lambda m: m.chart not in MOVING_STATES, 10)
    assert machine.chart is (State.REST if following else State.COMPLETE)
    assert not machine.state.exercise.hands_free.open


@pytest.mark.parametrize(("free_s", "left_s"), [(1.0, 3.0), (6.0, 3.0), (8.0, 1.7)])
def test_slower_asks_the_hands_back_and_leaves_the_windows_last_seconds(free_s: float, left_s: float) -> None:
    """free_s: of the ten seconds, walked before the press; what is left then is never more than before it."""
    machine = opened()
    machine.open(*BOTH)
    machine.run(free_s)
    machine.close(Input.SLOWER)
    machine.run_until(lambda m: Event.SLOWER_PRESSED in m.events, 0.1)
    assert machine.lines()[2].startswith("HOLD THE RAILS")
    assert machine.state.exercise.hands_free.open
    pressed_ns = machine.now_ns
    machine.open(Input.SLOWER)
    machine.run_until(lambda m: Event.HANDS_FREE_ENDED in m.events, 4)
    assert (machine.now_ns - pressed_ns) / 1e9 == pytest.approx(left_s, abs=0.15)
    machine.run_until(lambda m: Event.RAIL_PAUSE in m.events, 3)


def test_slower_in_a_window_beeps_for_the_hands_and_their_grip_is_no_escape() -> None:
    machine = opened()
    machine.open(*BOTH)
    machine.run(2)
    machine.close(Input.SLOWER)
    machine.run_until(lambda m: Event.SLOWER_PRESSED in m.events, 0.1)
    assert machine.outputs.buzzer
    machine.open(Input.SLOWER)
    machine.close(*BOTH)
    machine.run(4)
    assert Event.RAILS_GRABBED not in machine.events
    assert machine.chart is State.WARM_UP
