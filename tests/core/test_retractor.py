"""A strap that hangs from a retractor, on the whole core: its pull is nobody's weight wherever load is judged, and must last."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import LATCHED_STATES, State
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.preparation import Step
from tests.core.machine import PLAN, WEIGHT_N, Machine, proposal

LIGHT = msgspec.structs.replace(PLAN, mass_kg=25.0)
"""0.10 of this weight is 24.5 N, and 0.05 of it 12.3 N: less than a retractor may pull."""
HARD_N = 29.0


@pytest.fixture
def walking() -> Machine:
    """The lightest of patients on the hardest of pulls."""
    machine = Machine()
    machine.hang_from_retractor(HARD_N)
    machine.to_standby()
    prepare_light(machine)
    machine.start()
    machine.run(3)
    return machine


def prepare_light(machine: Machine, held_n: float = 0.0) -> None:
    """As `Machine.prepare`, whose loads are too heavy for the light. held_n: what pulls at the empty hook while it is tared."""
    machine.open(Input.CLIP)
    machine.run(0.2)
    machine.requests.append(proposal("r", "test", LIGHT))
    machine.scan()
    machine.mount()
    machine.confirm_list()
    machine.load_n = held_n
    machine.run(1.5)
    machine.press(Input.OK)
    machine.load_n = 0.0
    check_harness(machine)


def check_harness(machine: Machine) -> None:
    machine.close(Input.CLIP)
    machine.run(1.5)
    machine.press(Input.OK)
    assert machine.state.preparation.step is Step.TAUT, "the retractor alone proves no strap"
    machine.pull_taut(0.1 * WEIGHT_N)
    machine.run(3.0)
    assert machine.state.preparation.step is Step.SIT, "nor that somebody has sat in it"
    machine.sit(0.2 * WEIGHT_N)


def refused(machine: Machine, event: Event) -> list[object]:
    return [dict(happening.detail)["missing"] for happening in machine.happenings if happening.event is event]


def test_who_walks_on_a_retractor_is_not_stopped_by_it(walking: Machine) -> None:
    walking.run(5)
    assert walking.chart is State.WARM_UP
    assert Event.BALANCE_RECOVERED not in walking.events
    assert not walking.state.preparation.tare_n > 1.0, "the empty hook was tared, not the pull"


@pytest.mark.hazard("H-12", "C-HARNESS-CHECK")
def test_a_pull_that_goes_stops_the_belt_after_its_time_and_reset_waits_for_it(walking: Machine) -> None:
    walking.retractor_n = 7.0
    walking.run(0.27)
    assert walking.chart is State.WARM_UP
    walking.run(0.1)
    assert walking.state.causes == (Event.TENSION_LOST,)
    walking.to_rest()
    walking.run(0.5)
    walking.press(Input.RESET)
    assert refused(walking, Event.RESET_REFUSED) == ["strap has no pull"]
    walking.retractor_n = HARD_N
    walking.run(0.5)
    walking.press(Input.RESET)
    assert walking.chart is State.PAUSED, walking.where()
    assert walking.state.preparation.step in (Step.CLIP, Step.TAUT), "and the whole harness check"
    check_harness(walking)
    walking.start()
    assert walking.chart is State.WARM_UP


def test_without_the_key_a_slack_strap_is_as_ever() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(5)
    assert machine.chart is State.WARM_UP


def test_a_clip_that_opens_is_the_only_cause(walking: Machine) -> None:
    walking.open(Input.CLIP)
    walking.to_rest()
    assert walking.state.causes == (Event.CLIP_OPEN,)
    assert Event.TENSION_LOST not in walking.events


@pytest.mark.hazard("H-21", "C-HANGING")
def test_the_pull_is_nobody_who_hangs_in_a_pause(walking: Machine) -> None:
    walking.open(Input.STOP)
    walking.to_rest()
    walking.close(Input.STOP)
    walking.run(62)
    assert not walking.outputs.nurse_call
    assert walking.chart is State.PAUSED
    walking.load_n = 0.5 * WEIGHT_N
    walking.run(61)
    assert walking.outputs.nurse_call
    walking.load_n = 0.0
    walking.run(0.5)
    assert not walking.outputs.nurse_call, "the weight is taken, whatever pulls on"


def test_the_pull_stands_not_in_the_way_of_reset_after_a_fall_and_weight_does(walking: Machine) -> None:
    walking.load_n = 0.25 * WEIGHT_N
    walking.to_rest()
    assert walking.outputs.nurse_call
    walking.run(0.5)
    walking.press(Input.RESET)
    assert refused(walking, Event.RESET_REFUSED) == ["unload the strap"]
    walking.load_n = 0.0
    walking.run(0.5)
    assert not walking.state.hanging.since_ns
    walking.press(Input.RESET)
    assert walking.chart is State.COMPLETE, walking.where()


@pytest.mark.hazard("H-21", "C-HANGING")
def test_what_was_a_fall_is_somebody_however_hard_the_retractor_may_pull() -> None:
    """0.10 of 25 kg and 60 N are 84.5 N; a fall is 73.6 N, and stopped the belt without a call, and RESET opened under it."""
    machine = Machine()
    machine.hang_from_retractor(20.0, pretension_n=60.0)
    machine.to_standby()
    prepare_light(machine)
    machine.start()
    machine.run(3)
    machine.load_n = 56.0
    machine.to_rest()
    assert machine.state.causes == (Event.HARNESS_LOADED,)
    assert machine.outputs.nurse_call
    machine.run(0.5)
    machine.press(Input.RESET)
    assert refused(machine, Event.RESET_REFUSED) == ["unload the strap"]


def test_a_calls_load_is_the_cells(walking: Machine) -> None:
    walking.load_n = 0.25 * WEIGHT_N
    walking.to_rest()
    said = {happening.event: dict(happening.detail) for happening in walking.happenings}
    called_n, fell_n = said[Event.NURSE_CALL]["load_n"], said[Event.HARNESS_LOADED]["load_n"]
    assert called_n == pytest.approx(fell_n, abs=1.0)


def test_a_clip_that_flickers_under_the_pull_is_no_loss_of_balance(walking: Machine) -> None:
    """The rope pulls on while the contact is open: for a moment its pull was somebody's weight, and the record had a loss."""
    walking.load_n, walking.retractor_n = HARD_N, 0.0
    walking.run(1.0)
    walking.open(Input.CLIP)
    walking.run(0.03)
    walking.close(Input.CLIP)
    walking.to_rest()
    walking.run(2)
    assert walking.state.causes == (Event.CLIP_OPEN,)
    assert Event.BALANCE_RECOVERED not in walking.events


def test_a_stop_under_the_pull_alone_brakes_as_for_one_who_stands(walking: Machine) -> None:
    walking.open(Input.DECK_REAR)
    walking.run(0.1)
    assert walking.chart in LATCHED_STATES
    assert walking.state.deceleration_m_s2 == walking.settings.core.ramp.protective_deceleration_m_s2


def refusals_of_start(machine: Machine) -> list[object]:
    machine.run(1.0)
    machine.press(Input.START, 0.3)
    machine.run(1.0)
    assert machine.belt_m_s == 0.0
    return refused(machine, Event.START_REFUSED)


def test_a_start_without_the_pull_is_refused() -> None:
    machine = Machine()
    machine.hang_from_retractor(HARD_N)
    machine.to_standby()
    prepare_light(machine)
    machine.retractor_n = 0.0
    assert refusals_of_start(machine) == ["strap has no pull"]


def test_a_pull_that_was_tared_away_is_found_at_start() -> None:
    machine = Machine()
    machine.hang_from_retractor(HARD_N)
    machine.to_standby()
    prepare_light(machine, held_n=HARD_N)
    assert refusals_of_start(machine) == ["strap has no pull"]
