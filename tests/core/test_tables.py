"""The event table and the input table are complete and say what design and gate rely on."""

import pytest

from controller.core.events import EVENT_TABLE, RULES, Effect, Event, Priority, Severity
from controller.core.inputs import INPUT_TABLE, Contact, Input, Role


def test_every_event_has_exactly_one_row() -> None:
    assert sorted(rule.event.value for rule in EVENT_TABLE) == sorted(event.value for event in Event)


@pytest.mark.parametrize("rule", EVENT_TABLE, ids=lambda rule: rule.event.value)
@pytest.mark.hazard("H-31", "H-28", "C-PLAIN-WORDS")
def test_what_stops_the_belt_says_what_to_do(rule) -> None:
    assert rule.text
    if rule.effect >= Effect.SLOW and rule.event is not Event.SESSION_COMPLETE:
        assert rule.remedy, "a stop without a remedy leaves the therapist alone"
    assert rule.latches == (rule.effect >= Effect.PROTECTIVE_STOP)


@pytest.mark.parametrize("rule", EVENT_TABLE, ids=lambda rule: rule.event.value)
def test_a_latched_stop_alarms(rule) -> None:
    if rule.latches:
        assert rule.severity is Severity.CRITICAL
        assert rule.priority >= Priority.MEDIUM


def test_only_misbehaving_drives_are_cut_off() -> None:
    cut = {event for event, rule in RULES.items() if rule.effect is Effect.POWER_OFF}
    assert cut == {Event.RUNAWAY, Event.WRONG_DIRECTION, Event.BRAKING_FAILED, Event.MOTION_AT_REST}


def test_every_input_has_its_row_in_the_order_of_its_bit() -> None:
    assert [rule.input for rule in INPUT_TABLE] == list(Input)


@pytest.mark.parametrize("rule", INPUT_TABLE, ids=lambda rule: rule.input.name.lower())
@pytest.mark.hazard("H-16", "C-CLIP")
def test_a_broken_wire_is_safe(rule) -> None:
    """What can only start or speed up must read as not pressed when its wire breaks; what stops must read as tripped."""
    if rule.role in (Role.TRIP, Role.STOP_BUTTON):
        assert rule.contact is Contact.NORMALLY_CLOSED
    elif rule.role is Role.BUTTON:
        assert rule.contact is Contact.NORMALLY_OPEN
        assert rule.longest_press_ms > 0
    else:
        assert rule.contact is Contact.PRESENCE
