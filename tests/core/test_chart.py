"""The flat table is the declared chart, pair by pair."""

import pytest

from controller.core.chart import LATCHED_STATES, MOVING_STATES, TRANSITIONS, State, Trigger, build_machine, follow


class Model:
    """What the live Machine moves."""

    state: str


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("trigger", Trigger)
def test_table_agrees_with_the_live_machine(state: State, trigger: Trigger) -> None:
    machine = build_machine()
    model = Model()
    machine.add_model(model, initial=state.value)
    machine.ignore_invalid_triggers = True
    for known in machine.states.values():
        known.ignore_invalid_triggers = True
    model.trigger(trigger.value)  # type: ignore[attr-defined]
    assert follow(state, trigger).value == model.state


@pytest.mark.hazard("H-02", "C-LATCH")
def test_a_latch_opens_only_by_reset() -> None:
    for (source, trigger), destination in TRANSITIONS.items():
        if source in LATCHED_STATES and destination not in LATCHED_STATES:
            assert trigger.value.startswith("reset_to_")


@pytest.mark.hazard("H-02", "C-LATCH")
def test_no_reset_leads_to_motion() -> None:
    for (_, trigger), destination in TRANSITIONS.items():
        if trigger.value.startswith("reset_to_"):
            assert destination not in MOVING_STATES


def test_every_unlatched_state_reaches_every_latch() -> None:
    for state in State:
        if state in LATCHED_STATES:
            continue
        assert follow(state, Trigger.PROTECT) is State.PROTECTIVE_STOP
        assert follow(state, Trigger.EMERGENCY) is State.EMERGENCY_STOP
        assert follow(state, Trigger.FAIL) is State.FAULT


def test_a_graver_latch_is_never_replaced_by_a_lighter_one() -> None:
    assert follow(State.FAULT, Trigger.PROTECT) is State.FAULT
    assert follow(State.FAULT, Trigger.EMERGENCY) is State.FAULT
    assert follow(State.EMERGENCY_STOP, Trigger.PROTECT) is State.EMERGENCY_STOP
