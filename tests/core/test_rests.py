"""A planned rest lasts as long as it says, whatever hands do in it: steps may be done meanwhile, START waits."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from controller.core.chart import MOVING_STATES, State
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.preparation import Step
from controller.core.readings import DriveState
from messages.plan import Phase, PhaseKind
from messages.wire import Stop
from tests.core.machine import PLAN, WEIGHT_N, Machine, S

REST_S = 60
WALK = Phase(PhaseKind.WORK, 20, 0.1)
RESTS = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 5, 0.1), Phase(PhaseKind.REST, REST_S), WALK))


class Resting(Machine):
    """The belt is proven at rest, in the planned rest."""

    def __init__(self) -> None:
        super().__init__()
        self.to_walking(RESTS)
        self.run_until(lambda m: m.chart is State.REST, 15)
        self.rest_began_ns = self.now_ns
        self.to_rest()

    @property
    def rested_s(self) -> float:
        return (self.now_ns - self.rest_began_ns) / S

    def refused(self) -> str:
        """Presses START; returns what the refusal names."""
        self.run(1.0)
        self.happenings.clear()
        self.press(Input.START, 0.3)
        self.run(0.6)
        (refusal,) = [dict(happening.detail)["missing"] for happening in self.happenings if happening.event is Event.START_REFUSED]
        assert self.belt_m_s == 0.0
        assert self.chart not in MOVING_STATES
        return str(refusal)


def nothing(_machine: Machine) -> None:
    pass


def open_and_close_the_clip(machine: Machine) -> None:
    machine.open(Input.CLIP)
    machine.run(0.3)
    machine.harness_check()


def stop_and_face_the_arrow(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.run(0.2)
    machine.close(Input.STOP)
    machine.run(0.5)
    machine.press(Input.OK)
    assert machine.state.preparation.step is Step.READY, machine.where()


@pytest.mark.parametrize("meanwhile", [nothing, open_and_close_the_clip, stop_and_face_the_arrow])
@pytest.mark.hazard("H-23", "C-CAPS")
def test_no_way_leads_out_of_a_rest_before_its_time(meanwhile: Callable[[Machine], None]) -> None:
    machine = Resting()
    bout_ns = machine.state.exercise.bout_ns
    meanwhile(machine)
    for _ in range(3):
        pressed_s = machine.rested_s + 1.3
        assert machine.refused() == f"rest {int(REST_S - pressed_s) + 1} s"
        assert machine.state.exercise.bout_ns == bout_ns
    machine.run_until(lambda m: m.rested_s >= REST_S, REST_S)
    machine.run(0.1)
    if machine.state.preparation.step is Step.ARROW:
        machine.press(Input.OK)
    machine.start()
    assert machine.chart is State.WORK
    assert machine.rested_s > REST_S


def test_a_clip_closed_again_in_a_rest_shows_what_is_left_of_it() -> None:
    machine = Resting()
    open_and_close_the_clip(machine)
    left_s = int(REST_S - machine.rested_s) + 1
    assert [line.strip() for line in machine.lines()[:2]] == ["READY, but:", f"rest {left_s} s"]


def test_after_the_rest_the_patient_faces_the_arrow_even_when_the_harness_was_checked_in_it() -> None:
    machine = Resting()
    open_and_close_the_clip(machine)
    assert machine.state.preparation.step is Step.READY
    machine.run_until(lambda m: m.rested_s >= REST_S, REST_S)
    assert machine.state.preparation.step is Step.ARROW
    machine.press(Input.OK)
    machine.run(5)
    assert machine.state.preparation.step is Step.READY, "asked once"
    machine.start()
    assert machine.chart is State.WORK


def test_a_harness_check_that_the_rests_end_finds_unfinished_goes_on() -> None:
    machine = Resting()
    machine.run_until(lambda m: m.rested_s >= REST_S - 2, REST_S)
    machine.open(Input.CLIP)
    machine.run(3)
    assert machine.state.preparation.step is Step.CLIP
    assert machine.refused() == "not at the step READY"
    machine.harness_check()
    machine.start()
    assert machine.chart is State.WORK


def test_what_the_drive_granted_for_a_start_in_the_rest_is_taken_back_or_dies() -> None:
    machine = Resting()
    assert machine.refused().startswith("rest ")
    assert machine.drive_state is not DriveState.GRANTED
    open_and_close_the_clip(machine)
    assert machine.refused().startswith("rest ")
    machine.run(5.5)
    assert machine.drive_state is not DriveState.GRANTED
    assert machine.drive.travel_m < 1


def test_dizziness_in_a_long_rest_does_not_shorten_it() -> None:
    machine = Machine()
    long = msgspec.structs.replace(RESTS, phases=(RESTS.phases[0], Phase(PhaseKind.REST, 290), WALK))
    machine.to_walking(long)
    machine.run_until(lambda m: m.chart is State.REST, 15)
    until_ns = machine.state.exercise.rest_until_at_ns
    machine.run(5)
    machine.report("dizziness", grade=3)
    machine.run(0.1)
    assert Event.DIZZINESS_MILD in machine.events
    assert machine.state.exercise.rest_until_at_ns == until_ns
    machine.run(100)
    machine.report("dizziness", grade=0)
    machine.run(0.1)
    assert machine.state.exercise.rest_until_at_ns == until_ns


def test_a_pause_after_a_reset_still_names_what_had_stopped() -> None:
    machine = Machine()
    machine.to_walking()
    machine.open(Input.DECK_FRONT)
    machine.to_rest()
    machine.close(Input.DECK_FRONT)
    machine.run(0.5)
    machine.press(Input.RESET)
    assert machine.chart is State.PAUSED
    assert machine.state.stopped_by is Event.DECK_FRONT


def told_to_stop(machine: Machine) -> None:
    machine.open(Input.STOP)
    machine.run(0.2)
    machine.close(Input.STOP)


def told_to_stop_from_afar(machine: Machine) -> None:
    machine.requests.append(Stop("s", "desk"))
    machine.scan()


def told_a_symptom(machine: Machine) -> None:
    machine.press(Input.SYMPTOM)


@pytest.mark.parametrize("stop", [told_to_stop, told_to_stop_from_afar, told_a_symptom])
@pytest.mark.parametrize("steps_done", [0, 1, 2])
@pytest.mark.hazard("H-12", "C-HARNESS-CHECK")
def test_a_stop_in_a_rest_leaves_the_harness_check_that_is_owed(stop: Callable[[Machine], None], steps_done: int) -> None:
    """Somebody opened the clip and closed it again: whatever happens then, nobody walks before the strap was tried."""
    machine = Resting()
    machine.open(Input.CLIP)
    machine.run(0.3)
    machine.close(Input.CLIP)
    machine.run(0.3)
    for _ in range(steps_done):
        machine.load_n = 0.05 * WEIGHT_N
        machine.run(1.2)
        machine.press(Input.OK)
    machine.load_n = 0.0
    machine.run(0.3)
    assert machine.state.preparation.step is (Step.TAUT, Step.SLACK, Step.SIT)[steps_done]
    stop(machine)
    machine.run(0.3)
    assert machine.chart is State.PAUSED
    assert machine.state.preparation.step is Step.TAUT, "the strap is clipped in, and that is all that is known of it"


def test_a_stop_in_a_rest_after_the_harness_check_asks_for_the_arrow_alone() -> None:
    machine = Resting()
    open_and_close_the_clip(machine)
    told_to_stop(machine)
    assert machine.chart is State.PAUSED
    assert machine.state.preparation.steps == (Step.ARROW, Step.READY)
