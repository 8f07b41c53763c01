"""What the field knows of backward walking, line by line, on the whole core with the real firmware in virtual time.

One row or more for each line of the exercise's table that the running session keeps; who may walk at all is screening's.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from controller.core.chart import State
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.preparation import Step
from controller.snapshot import session_record
from messages.figures import Question
from messages.plan import AttendantStage, Phase, PhaseKind, RailStage
from tests.core.machine import PLAN, WEIGHT_N, Machine

Row = Callable[[Machine], None]
ROWS: dict[str, Row] = {}
STEADY = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 60, 0.1), Phase(PhaseKind.WORK, 120, 0.1)))
FIRST = msgspec.structs.replace(STEADY, first_session=True)
BOTH = (Input.RAIL_LEFT, Input.RAIL_RIGHT)


def row(line: str) -> Callable[[Row], Row]:
    def register(function: Row) -> Row:
        ROWS[line] = function
        return function

    return register


@row("lumbar: leg symptoms end the session")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY, questions=(Question.LEGS,), check_interval_s=10.0, legs_end=True)
    machine.asked()
    machine.press(Input.SLOWER)
    assert machine.state.exercise.over == "leg-symptoms"


@row("lumbar: lower speed, gentler ramp, shorter work")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY, ceiling_m_s=0.08, acceleration_m_s2=0.04, bout_s=10.0)
    machine.run(6)
    assert 0.06 < machine.belt_m_s < 0.09
    machine.run_until(lambda m: Event.BOUT_TOO_LONG in m.events, 10)


@row("mild knee: pain as before the session is no reason to slow")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY, questions=(Question.PAIN,), pain_today=3)
    machine.report("pain", grade=3)
    assert Event.PAIN_RAISED not in machine.events
    machine.run(1.2)
    machine.report("pain", grade=4)
    assert Event.PAIN_RAISED in machine.events


@row("sight: the list asks for glasses")
def _(machine: Machine) -> None:
    machine.to_standby()
    machine.prepare(FIRST, ask_glasses=True)
    assert any(dict(happening.detail).get("step") == Step.GLASSES.value for happening in machine.happenings)


@row("spatial perception: an arrow before the belt moves, also after a rest")
def _(machine: Machine) -> None:
    machine.to_walking(PLAN)
    machine.run_until(lambda m: m.chart is State.REST, 70)
    machine.to_rest()
    machine.run_until(lambda m: m.state.preparation.step is not None, 10)
    assert machine.lines()[0].startswith("ARROW")
    assert "<===" in machine.lines()[3]


@row("spatial perception: asked at intervals, answered at the panel")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY, questions=tuple(Question), check_interval_s=10.0)
    machine.asked()
    for _ in Question:
        machine.press(Input.OK)
    assert len(machine.state.exercise.done.symptoms) == len(Question)


@row("spatial perception: the patient's button at any time")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY)
    machine.open(Input.SYMPTOM)
    machine.to_rest()
    assert machine.chart is State.PAUSED


@row("spatial perception: drift is caught at the deck's ends")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY)
    machine.open(Input.DECK_REAR)
    machine.run(0.1)
    assert machine.chart is State.PROTECTIVE_STOP


@row("breathing: no full sentence slows")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY, questions=(Question.BREATH,), check_interval_s=10.0)
    machine.asked()
    machine.press(Input.SLOWER)
    assert Event.BREATH_SHORT in machine.events


@row("start slow and short: a first session's speed, ramp and time")
def _(machine: Machine) -> None:
    fast = msgspec.structs.replace(FIRST, phases=(Phase(PhaseKind.WARM_UP, 10, 0.1), Phase(PhaseKind.WORK, 200, 0.5)))
    machine.to_walking(fast, belt_time_s=60.0)
    while machine.chart is not State.COMPLETE:
        machine.press(Input.FASTER)
        assert machine.state.ramp.set_point_m_s <= 0.25
    assert machine.state.exercise.belt_time_ns <= 60.01e9


@row("wall support: both rails")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY)
    machine.open(Input.RAIL_RIGHT)
    machine.run(1.2)
    assert Event.RAIL_SLOW in machine.events


@row("wall support: one rail, whichever")
def _(machine: Machine) -> None:
    machine.to_walking(msgspec.structs.replace(STEADY, rails=RailStage.ONE))
    machine.open(Input.RAIL_RIGHT)
    machine.run(4)
    assert Event.RAIL_SLOW not in machine.events


@row("wall support: the usable hand of a hemiplegic patient")
def _(machine: Machine) -> None:
    machine.to_standby()
    left = msgspec.structs.replace(STEADY, rails=RailStage.LEFT)
    machine.prepare(left)
    machine.open(Input.RAIL_RIGHT)
    machine.start()
    machine.run(4)
    assert Event.RAIL_RELEASED not in machine.events
    machine.open(Input.RAIL_LEFT)
    machine.close(Input.RAIL_RIGHT)
    machine.run(1.2)
    assert Event.RAIL_SLOW in machine.events, "the other hand is no hold"


@row("wall support: hands-free windows, where the profile has them")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY, hands_free=True)
    machine.run(2)
    machine.press(Input.OK, 2.2)
    machine.open(*BOTH)
    machine.run(5)
    assert machine.chart is State.WARM_UP
    assert Event.RAIL_RELEASED not in machine.events


@row("a partner at first: contact guard")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY)
    machine.open(Input.ATTENDANT)
    machine.run(0.7)
    assert Event.ATTENDANT_GONE in machine.events
    machine.run(3.2)
    assert machine.chart is State.PAUSED


@row("a partner at first: stand-by, then supervision")
def _(machine: Machine) -> None:
    longer = msgspec.structs.replace(STEADY, phases=(Phase(PhaseKind.WARM_UP, 600, 0.1), Phase(PhaseKind.WORK, 10, 0.1)))
    machine.to_walking(msgspec.structs.replace(longer, attendant=AttendantStage.SUPERVISION), attendant=AttendantStage.STAND_BY)
    machine.open(Input.ATTENDANT)
    machine.run(50)
    assert Event.ATTENDANT_GONE not in machine.events
    machine.run(15)
    assert Event.ATTENDANT_GONE in machine.events, "the plan's supervision is no laxer than the profile's stand-by"


@row("safe surroundings and shoes: each line confirmed by a hand")
def _(machine: Machine) -> None:
    machine.to_standby()
    machine.prepare(FIRST)
    said = [dict(happening.detail).get("step") for happening in machine.happenings]
    assert {Step.AREA.value, Step.SHOES.value, Step.HARNESS.value, Step.LANYARD.value} <= set(said)


@row("warm up hips and ankles, before and after, off the belt")
def _(machine: Machine) -> None:
    short = (Phase(PhaseKind.WARM_UP, 3, 0.1), Phase(PhaseKind.WORK, 3, 0.1), Phase(PhaseKind.COOL_DOWN, 3, 0.1))
    machine.to_walking(msgspec.structs.replace(FIRST, phases=short))
    machine.run_until(lambda m: m.chart is State.COMPLETE, 15)
    machine.to_rest()
    machine.press(Input.OK)
    machine.press(Input.OK)
    said = [dict(happening.detail).get("step") for happening in machine.happenings]
    assert {Step.HIPS.value, Step.ANKLES.value, Step.AFTER_HIPS.value, Step.AFTER_ANKLES.value} <= set(said)


@row("at most half the usual session: belt time ends it, whatever the plan has left")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY, belt_time_s=20.0)
    machine.run_until(lambda m: m.chart is State.COMPLETE, 20)
    assert machine.state.exercise.belt_time_ns <= 20.01e9


@row("balance training: hands-free time and recovered losses are in the record")
def _(machine: Machine) -> None:
    machine.to_walking(STEADY, hands_free=True)
    machine.run(2)
    machine.press(Input.OK, 2.2)
    machine.open(*BOTH)
    machine.run(3)
    machine.load_n = 0.05 * WEIGHT_N
    machine.run(0.2)
    machine.load_n = 0.0
    machine.run(1)
    record = session_record(machine.state, "now")
    assert record.balance_losses == 1
    assert record.figures.hands_free_windows == 1
    assert record.figures.hands_free_s == pytest.approx(4.2, abs=0.1)


@pytest.mark.parametrize("line", ROWS)
def test_the_running_session_keeps_what_the_field_knows(line: str) -> None:
    ROWS[line](Machine())
