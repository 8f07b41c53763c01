"""The state chart, declared with transitions and flattened once into a plain table.

The library checks the declaration (unknown states, duplicate triggers) and stays the reference: a test compares every pair of
state and trigger with the live Machine. The scan looks up the flat table, which costs a fraction of a microsecond.
"""

from __future__ import annotations

import enum

from transitions import Machine

from messages.plan import PhaseKind


class State(enum.Enum):
    """Where the treadmill is. The four exercising states carry the phase's name."""

    SELF_TEST = "self_test"
    STANDBY = "standby"
    PREPARED = "prepared"
    WARM_UP = "warm_up"
    WORK = "work"
    REST = "rest"
    COOL_DOWN = "cool_down"
    PAUSED = "paused"
    COMPLETE = "complete"
    PROTECTIVE_STOP = "protective_stop"
    EMERGENCY_STOP = "emergency_stop"
    FAULT = "fault"

    __hash__ = object.__hash__
    """There is one of each, so its identity will do; Enum's own is a call of Python code, several times a scan."""


class Trigger(enum.Enum):
    """What may change the state."""

    SELF_TEST_PASSED = "self_test_passed"
    PREPARE = "prepare"
    WITHDRAW = "withdraw"
    ENTER_WARM_UP = "enter_warm_up"
    ENTER_WORK = "enter_work"
    ENTER_REST = "enter_rest"
    ENTER_COOL_DOWN = "enter_cool_down"
    PAUSE = "pause"
    FINISH = "finish"
    LEAVE = "leave"
    PROTECT = "protect"
    EMERGENCY = "emergency"
    FAIL = "fail"
    RESET_TO_STANDBY = "reset_to_standby"
    RESET_TO_PAUSED = "reset_to_paused"
    RESET_TO_COMPLETE = "reset_to_complete"


MOVING_STATES = (State.WARM_UP, State.WORK, State.COOL_DOWN)
"""The belt may be driven in these, and in no other."""

EXERCISING_STATES = (*MOVING_STATES, State.REST)
LATCHED_STATES = (State.PROTECTIVE_STOP, State.EMERGENCY_STOP, State.FAULT)
SESSION_STATES = (*EXERCISING_STATES, State.PAUSED)
_UNLATCHED = tuple(state for state in State if state not in LATCHED_STATES)

STATE_OF_PHASE = {
    PhaseKind.WARM_UP: State.WARM_UP,
    PhaseKind.WORK: State.WORK,
    PhaseKind.REST: State.REST,
    PhaseKind.COOL_DOWN: State.COOL_DOWN,
}
TRIGGER_OF_PHASE = {
    PhaseKind.WARM_UP: Trigger.ENTER_WARM_UP,
    PhaseKind.WORK: Trigger.ENTER_WORK,
    PhaseKind.REST: Trigger.ENTER_REST,
    PhaseKind.COOL_DOWN: Trigger.ENTER_COOL_DOWN,
}

_DECLARED: tuple[tuple[Trigger, tuple[State, ...], State], ...] = (
    (Trigger.SELF_TEST_PASSED, (State.SELF_TEST,), State.STANDBY),
    (Trigger.PREPARE, (State.STANDBY,), State.PREPARED),
    (Trigger.WITHDRAW, (State.PREPARED,), State.STANDBY),
    (Trigger.ENTER_WARM_UP, (State.PREPARED, State.PAUSED, State.WARM_UP), State.WARM_UP),
    (Trigger.ENTER_WORK, (State.PREPARED, State.PAUSED, State.WARM_UP, State.REST, State.WORK), State.WORK),
    (Trigger.ENTER_REST, (State.WARM_UP, State.WORK), State.REST),
    (Trigger.ENTER_COOL_DOWN, (State.PAUSED, State.WARM_UP, State.WORK, State.REST, State.COOL_DOWN), State.COOL_DOWN),
    (Trigger.PAUSE, EXERCISING_STATES, State.PAUSED),
    (Trigger.FINISH, SESSION_STATES, State.COMPLETE),
    (Trigger.LEAVE, (State.COMPLETE,), State.STANDBY),
    (Trigger.PROTECT, _UNLATCHED, State.PROTECTIVE_STOP),
    (Trigger.EMERGENCY, (*_UNLATCHED, State.PROTECTIVE_STOP), State.EMERGENCY_STOP),
    (Trigger.FAIL, (*_UNLATCHED, State.PROTECTIVE_STOP, State.EMERGENCY_STOP), State.FAULT),
    (Trigger.RESET_TO_STANDBY, LATCHED_STATES, State.STANDBY),
    (Trigger.RESET_TO_PAUSED, (State.PROTECTIVE_STOP,), State.PAUSED),
    (Trigger.RESET_TO_COMPLETE, LATCHED_STATES, State.COMPLETE),
)


def build_machine() -> Machine:
    """Returns the live chart: the reference that the flat table is compared with."""
    machine = Machine(
        model=None,
        states=[state.value for state in State],
        initial=State.SELF_TEST.value,
        auto_transitions=False,
        queued=True,
    )
    for trigger, sources, destination in _DECLARED:
        machine.add_transition(trigger.value, [source.value for source in sources], destination.value)
    return machine


def _flatten(machine: Machine) -> dict[tuple[State, Trigger], State]:
    table: dict[tuple[State, Trigger], State] = {}
    for name, event in machine.events.items():
        for source, transitions in event.transitions.items():
            if len(transitions) != 1:
                raise ValueError(f"trigger {name} is declared {len(transitions)} times for state {source}")
            table[State(source), Trigger(name)] = State(transitions[0].dest)
    return table


TRANSITIONS: dict[tuple[State, Trigger], State] = _flatten(build_machine())
"""The chart as a table: (state, trigger) to destination. A pair that is not there changes nothing."""


def follow(state: State, trigger: Trigger) -> State:
    """Returns the state after the trigger; the same state where the chart has no such transition."""
    return TRANSITIONS.get((state, trigger), state)
