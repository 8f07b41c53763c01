"""Filters: a trip counts at its first sample and must be quiet to clear; a press must last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.digital import PROVED_MASK, DigitalState, advance_digital, forget_patient
from controller.core.events import Event
from controller.core.inputs import ALL_INPUTS_MASK, INPUT_TABLE, Input, Role
from controller.core.readings import Levels

MS = 1_000_000
TRIPS = [rule.input for rule in INPUT_TABLE if rule.role in (Role.TRIP, Role.STOP_BUTTON)]
BUTTONS = [rule.input for rule in INPUT_TABLE if rule.role is Role.BUTTON]
BUTTON_MASK = sum(name.bit for name in BUTTONS)
RESTING = ALL_INPUTS_MASK & ~BUTTON_MASK


class Bench:
    """Feeds levels scan by scan."""

    def __init__(self, closed: int = RESTING) -> None:
        self.now_ns = 1_000 * MS
        self.closed = closed
        self.state = DigitalState()
        self.events: list[Event] = []
        for _ in range(10):
            self.scan()

    def scan(self, edges: int = 0, limit: int = 30):
        self.now_ns += 10 * MS
        levels = Levels(self.now_ns, self.closed, edges)
        self.state, facts, happenings = advance_digital(self.state, levels, limit, self.now_ns)
        self.events += [happening.event for happening in happenings]
        return facts


@pytest.mark.parametrize("name", TRIPS)
def test_a_trip_opens_at_the_first_sample_and_closes_after_quiet(name: Input) -> None:
    bench = Bench()
    bench.closed &= ~name.bit
    assert bench.scan().was_released(name)
    bench.closed |= name.bit
    assert not bench.scan().is_closed(name)
    for _ in range(3):
        assert not bench.scan().is_closed(name)
    while not bench.scan().is_closed(name):
        assert bench.now_ns < 2_000 * MS, "never closed"
    assert bench.now_ns - 1_100 * MS >= 50 * MS


@pytest.mark.parametrize("name", TRIPS)
@pytest.mark.hazard("H-16", "C-CLIP")
def test_an_opening_shorter_than_a_scan_is_a_trip(name: Input) -> None:
    bench = Bench()
    assert bench.scan(edges=name.bit).was_released(name)


@pytest.mark.parametrize("name", BUTTONS)
def test_a_press_must_last_and_is_reported_once(name: Input) -> None:
    bench = Bench()
    bench.closed |= name.bit
    pressed = [bench.scan().was_pressed(name) for _ in range(8)]
    assert pressed.count(True) == 1
    assert pressed.index(True) >= 2


@pytest.mark.parametrize("name", BUTTONS)
def test_a_bounce_is_no_press(name: Input) -> None:
    bench = Bench()
    for _ in range(20):
        bench.closed ^= name.bit
        facts = bench.scan(edges=name.bit, limit=100)
        assert not facts.was_pressed(name)


@pytest.mark.parametrize("name", BUTTONS)
@pytest.mark.hazard("H-26", "C-FRESH-START")
def test_a_button_held_too_long_is_stuck_and_said_once(name: Input) -> None:
    bench = Bench()
    bench.closed |= name.bit
    for _ in range(700):
        bench.scan()
    assert bench.events == [Event.BUTTON_STUCK]
    assert bench.state.stuck == name.bit
    bench.closed &= ~name.bit
    for _ in range(10):
        bench.scan()
    assert bench.state.stuck == 0


@pytest.mark.parametrize("name", list(Input))
@pytest.mark.hazard("H-26", "C-CHATTER")
def test_chatter_is_found_and_said_once_a_second(name: Input) -> None:
    bench = Bench()
    for _ in range(60):
        bench.scan(edges=name.bit)
    assert bench.events.count(Event.INPUT_CHATTER) == 1
    assert bench.state.counting
    for _ in range(250):
        bench.scan()
    assert bench.state.chattering == 0
    assert not bench.state.counting, "after a quiet second there is nothing to count, and a scan need not look"


@pytest.mark.parametrize(("more", "chatters"), [(0, False), (1, True)])
def test_an_edge_beyond_the_limit_is_chatter_and_the_limit_itself_is_none(more: int, chatters: bool) -> None:
    bench = Bench()
    for _ in range(150):  # a new window begins with the first edge
        bench.scan()
    for _ in range(30 + more):
        bench.scan(edges=Input.CLIP.bit)
    assert (Event.INPUT_CHATTER in bench.events) is chatters


@pytest.mark.hazard("H-12", "H-15", "H-16", "C-SEEN-TO-CHANGE")
def test_what_changed_is_remembered_until_the_patient_goes() -> None:
    bench = Bench()
    bench.closed &= ~Input.CLIP.bit
    bench.scan()
    assert bench.state.seen_changed & Input.CLIP.bit
    assert not forget_patient(bench.state).seen_changed


def test_the_inputs_to_be_proved_are_those_of_the_table() -> None:
    assert sum(rule.input.bit for rule in INPUT_TABLE if rule.proved_between_patients) == PROVED_MASK


@given(st.lists(st.tuples(st.integers(0, ALL_INPUTS_MASK), st.integers(0, ALL_INPUTS_MASK)), max_size=60))
@pytest.mark.hazard("H-12", "H-16", "C-CLIP")
def test_no_trip_is_ever_read_closed_while_it_is_open(scans: list[tuple[int, int]]) -> None:
    bench = Bench()
    for closed, edges in scans:
        bench.closed = closed
        facts = bench.scan(edges=edges)
        for name in TRIPS:
            if not closed & name.bit or edges & name.bit:
                assert not facts.is_closed(name)


@pytest.mark.parametrize("name", list(Input))
def test_a_contact_that_never_settles_is_a_fault_even_where_the_library_sees_no_edge(name: Input) -> None:
    """Level polling alone: the contact changes at every other scan, and not one edge is reported."""
    bench = Bench()
    for _ in range(100):
        bench.closed ^= name.bit
        bench.scan()
        bench.scan()
    assert set(bench.events) == {Event.INPUT_CHATTER}


def test_hands_that_press_in_haste_are_no_chatter_without_edges_either() -> None:
    bench = Bench()
    for _ in range(10):  # five presses a second, seen by polling alone
        bench.closed ^= Input.FASTER.bit
        for _ in range(10):
            bench.scan()
    assert Event.INPUT_CHATTER not in bench.events


def test_nothing_is_stuck_or_chatters_before_anything_was_closed() -> None:
    state, _, said = advance_digital(DigitalState(), Levels(1_000 * MS, 0, 0), 30, 1_000 * MS)
    assert (state.stuck, state.chattering, said) == (0, 0, ())
