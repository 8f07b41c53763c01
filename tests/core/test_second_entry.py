"""What the tables of events, inputs and chart must say, written down a second time on purpose: a slip in one of them is found here.

Whoever changes what a fault does, or what an input is, changes it in both places, and so has thought of it twice.
"""

from __future__ import annotations

import pytest

from controller.core.chart import TRANSITIONS, State, Trigger
from controller.core.commands import Action, DriveCommand
from controller.core.events import RULES, Effect, Event, Priority, Severity
from controller.core.figures import MAXIMUM_ANSWERS
from controller.core.inputs import INPUT_TABLE, Contact, Input, Role
from controller.core.state import STANDARD_MASS_KG

CALLS = {"nurse-call", "hanging-at-rest", "hanging-60-s", "hanging-180-s"}
"""The belt is at rest already: what is asked for is a person."""
LEAVES_THE_PATIENT_STANDING = {
    "input-chatter",
    "button-stuck",
    "start-disagrees",
    "run-refused",
    "belt-stalled",
    "scan-overrun",
    "unclean-start",
    "self-test-failed",
}
"""Faults of the machine that end with a belt at rest under a patient who stands: somebody should come soon, not run."""
DOES: dict[Effect, set[str]] = {
    Effect.REFUSE: {"telemetry-lost", "display-lost"},
    Effect.SLOW: {"check-missed", "rail-slow", "attendant-gone", "pain-raised", "effort-high", "breath-short"},
    Effect.PAUSE: {
        *("stop-pressed", "network-stop", "bout-too-long", "symptom-button", "network-symptom", "check-pause", "dizziness-mild"),
        *("legs-unsure", "breathless", "sustained-support", "rails-grabbed", "rail-pause", "attendant-pause"),
    },
    Effect.END: {
        *("session-complete", "pause-too-long", "pain-severe", "dizziness-again", "dizziness-severe", "nausea", "leg-symptoms"),
        *("effort-severe", "heart-rate-high", "blood-pressure-high", "blood-pressure-fall", "session-ended"),
    },
    Effect.PROTECTIVE_STOP: {
        *("clip-open", "overload-switch", "deck-front", "deck-rear", "harness-loaded", "loading-fast", "tension-lost"),
    },
    Effect.EMERGENCY_STOP: {"emergency-pressed", "lanyard-pulled", "drive-stop-input-open"},
    Effect.FAULT: {
        *("emergency-discrepancy", "load-gap", "load-stuck", "load-out-of-range", "drive-silent", "drive-restarted", "drive-fault"),
        *("drive-tick-stuck", "lease-lost", "gate-denied", "restart-loop", "stop-chain-closed"),
        *LEAVES_THE_PATIENT_STANDING,
    },
    Effect.POWER_OFF: {"runaway", "wrong-direction", "braking-failed", "motion-at-rest"},
}
"""What is in none of these is only recorded."""

AS_INTENDED = {
    *("slower-pressed", "check-asked", "check-answered", "telemetry-back", "started", "self-test-passed", "latch-reset"),
    *("session-prepared", "session-cancelled", "step-confirmed", "session-started", "phase-started", "rise-offered"),
    *("rise-accepted", "rise-declined", "hands-free-begun", "hands-free-ended", "session-resumed", "session-complete"),
}
NOT_AS_PLANNED = {
    *("balance-recovered", "scan-late", "reset-refused", "request-refused", "start-refused", "session-lapsed", "step-refused"),
    *("stop-pressed", "rail-released", "telemetry-lost", "display-lost", "check-missed", "network-stop", "bout-too-long"),
    *("pause-too-long", "session-ended"),
}
"""Somebody should know; nobody's health is asked after."""
WITHOUT_ALARM = {"stop-pressed", "session-ended", "post-fall-form", "pain-raised", "effort-high", "breath-short"}
"""Beside what is only recorded: who pressed or answered knows it already."""
QUIETLY_ALARMED = {"rail-released", "rail-slow", *(NOT_AS_PLANNED & {event for names in DOES.values() for event in names})}


@pytest.mark.parametrize("event", Event, ids=lambda event: event.value)
def test_what_an_event_does(event: Event) -> None:
    expected = next((effect for effect, names in DOES.items() if event.value in names), Effect.RECORD)
    assert RULES[event].effect is expected


@pytest.mark.parametrize("event", Event, ids=lambda event: event.value)
def test_how_grave_an_event_is(event: Event) -> None:
    if RULES[event].latches or event.value in CALLS:
        expected = Severity.CRITICAL
    elif event.value in AS_INTENDED:
        expected = Severity.INFO
    else:
        expected = Severity.NOTICE if event.value in NOT_AS_PLANNED else Severity.WARNING
    assert RULES[event].severity is expected


@pytest.mark.parametrize("event", Event, ids=lambda event: event.value)
def test_how_urgently_somebody_is_called(event: Event) -> None:
    rule = RULES[event]
    if event.value in WITHOUT_ALARM or event.value in AS_INTENDED:
        expected = Priority.NONE
    elif event.value in QUIETLY_ALARMED:
        expected = Priority.LOW
    elif rule.severity is Severity.CRITICAL:
        expected = Priority.MEDIUM if event.value in LEAVES_THE_PATIENT_STANDING else Priority.HIGH
    else:
        expected = Priority.NONE if rule.effect is Effect.RECORD else Priority.MEDIUM
    assert rule.priority is expected


TRIPS = {"EMERGENCY_A", "EMERGENCY_B", "LANYARD", "CLIP", "DECK_FRONT", "DECK_REAR", "OVERLOAD"}
STOP_BUTTONS = {"STOP", "SYMPTOM"}
HELD = {"RAIL_LEFT": Role.RAIL, "RAIL_RIGHT": Role.RAIL, "ATTENDANT": Role.ATTENDANT}
LONGEST_PRESS_MS = {"START": 2000, "FASTER": 2000, "RESET": 2000, "SLOWER": 5000, "OK": 5000}
PROVED_BETWEEN_PATIENTS = {"CLIP", "DECK_FRONT", "DECK_REAR", "RAIL_LEFT", "RAIL_RIGHT", "ATTENDANT", "OK"}


@pytest.mark.parametrize("rule", INPUT_TABLE, ids=lambda rule: rule.input.name.lower())
@pytest.mark.hazard("H-16", "H-26", "C-SEEN-TO-CHANGE")
def test_what_an_input_is(rule) -> None:
    name = rule.input.name
    role = HELD.get(name) or (Role.TRIP if name in TRIPS else Role.STOP_BUTTON if name in STOP_BUTTONS else Role.BUTTON)
    contact = {Role.TRIP: Contact.NORMALLY_CLOSED, Role.STOP_BUTTON: Contact.NORMALLY_CLOSED, Role.BUTTON: Contact.NORMALLY_OPEN}
    assert rule.role is role
    assert rule.contact is contact.get(role, Contact.PRESENCE)
    assert rule.filter_ms == (30 if role is Role.BUTTON else 50)
    assert rule.longest_press_ms == LONGEST_PRESS_MS.get(name, 0)
    assert rule.proved_between_patients is (name in PROVED_BETWEEN_PATIENTS)


def test_every_input_is_written_down() -> None:
    assert {name.name for name in Input} == TRIPS | STOP_BUTTONS | set(HELD) | set(LONGEST_PRESS_MS)


GOES: dict[State, dict[Trigger, State]] = {
    State.SELF_TEST: {Trigger.SELF_TEST_PASSED: State.STANDBY},
    State.STANDBY: {Trigger.PREPARE: State.PREPARED},
    State.PREPARED: {
        Trigger.WITHDRAW: State.STANDBY,
        Trigger.ENTER_WARM_UP: State.WARM_UP,
        Trigger.ENTER_WORK: State.WORK,
    },
    State.WARM_UP: {
        Trigger.ENTER_WARM_UP: State.WARM_UP,
        Trigger.ENTER_WORK: State.WORK,
        Trigger.ENTER_REST: State.REST,
        Trigger.ENTER_COOL_DOWN: State.COOL_DOWN,
        Trigger.PAUSE: State.PAUSED,
        Trigger.FINISH: State.COMPLETE,
    },
    State.WORK: {
        Trigger.ENTER_WORK: State.WORK,
        Trigger.ENTER_REST: State.REST,
        Trigger.ENTER_COOL_DOWN: State.COOL_DOWN,
        Trigger.PAUSE: State.PAUSED,
        Trigger.FINISH: State.COMPLETE,
    },
    State.REST: {
        Trigger.ENTER_WORK: State.WORK,
        Trigger.ENTER_COOL_DOWN: State.COOL_DOWN,
        Trigger.PAUSE: State.PAUSED,
        Trigger.FINISH: State.COMPLETE,
    },
    State.COOL_DOWN: {
        Trigger.ENTER_COOL_DOWN: State.COOL_DOWN,
        Trigger.PAUSE: State.PAUSED,
        Trigger.FINISH: State.COMPLETE,
    },
    State.PAUSED: {
        Trigger.ENTER_WARM_UP: State.WARM_UP,
        Trigger.ENTER_WORK: State.WORK,
        Trigger.ENTER_COOL_DOWN: State.COOL_DOWN,
        Trigger.FINISH: State.COMPLETE,
    },
    State.COMPLETE: {Trigger.LEAVE: State.STANDBY},
    State.PROTECTIVE_STOP: {
        Trigger.EMERGENCY: State.EMERGENCY_STOP,
        Trigger.FAIL: State.FAULT,
        Trigger.RESET_TO_STANDBY: State.STANDBY,
        Trigger.RESET_TO_PAUSED: State.PAUSED,
        Trigger.RESET_TO_COMPLETE: State.COMPLETE,
    },
    State.EMERGENCY_STOP: {
        Trigger.FAIL: State.FAULT,
        Trigger.RESET_TO_STANDBY: State.STANDBY,
        Trigger.RESET_TO_COMPLETE: State.COMPLETE,
    },
    State.FAULT: {Trigger.RESET_TO_STANDBY: State.STANDBY, Trigger.RESET_TO_COMPLETE: State.COMPLETE},
}
"""Beside these: from every state that is not latched a protective stop, an emergency stop and a fault are reached."""
LATCHED = {State.PROTECTIVE_STOP, State.EMERGENCY_STOP, State.FAULT}


@pytest.mark.parametrize("state", State)
@pytest.mark.hazard("H-02", "C-LATCH")
def test_where_a_state_leads(state: State) -> None:
    stops = {Trigger.PROTECT: State.PROTECTIVE_STOP, Trigger.EMERGENCY: State.EMERGENCY_STOP, Trigger.FAIL: State.FAULT}
    expected = GOES[state] | ({} if state in LATCHED else stops)
    assert {trigger: to for (source, trigger), to in TRANSITIONS.items() if source is state} == expected


def test_constants_that_a_rule_rests_on() -> None:
    assert STANDARD_MASS_KG == 70.0, "whose weight counts while nobody is prepared"
    assert MAXIMUM_ANSWERS == 80, "answers that a session's record keeps"
    assert DriveCommand(Action.STOP) == DriveCommand(Action.STOP, target_mm_s=0, rate_mm_s2=0, nonce=0, tick_ms=0)
