"""The judges on belts that are made up instant by instant: what each must say, and that none speaks of a sound walk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.core.inputs import ALL_INPUTS_MASK, INPUT_TABLE, Contact, Input
from messages.plan import Phase, PhaseKind, Plan
from simulator.campaign.invariants import all_invariants
from simulator.campaign.observation import Observation

PLAN = Plan("p", 70.0, (Phase(PhaseKind.WARM_UP, 20, 0.10), Phase(PhaseKind.WORK, 60, 0.40)))
AT_REST = ALL_INPUTS_MASK & ~sum(rule.input.bit for rule in INPUT_TABLE if rule.contact is Contact.NORMALLY_OPEN)
STEP_S = 0.01
FIRST_RESET_S = 0.5
"""The controller's first life begins latched, and a hand opens it."""
START_S, START_HELD_S = 5.0, 0.2
MOVES_S = START_S + START_HELD_S + 0.1
CLIMBS_S = 27.0
Change = Callable[[Observation, float], None]


def complaints(lasts_s: float, *changes: Change) -> dict[str, float]:
    """Plays it: each change sees every instant, in order. Returns who complained, and when first."""
    seen = Observation(now_ns=10**12, contacts=AT_REST, pins=AT_REST, sessions=0)
    judges = all_invariants(PLAN, 0.8)
    found: dict[str, float] = {}
    for number in range(int(lasts_s / STEP_S)):
        at_s = number * STEP_S
        seen.now_ns += int(STEP_S * 1e9)
        seen.host.heard_ns = seen.now_ns
        seen.contacts = seen.pins = AT_REST
        seen.lives, seen.latched = 1, at_s < FIRST_RESET_S
        press(Input.RESET, FIRST_RESET_S - 0.3, FIRST_RESET_S + 0.2)(seen, at_s)
        for change in changes:
            change(seen, at_s)
        seen.powered = seen.relay_closed
        seen.travel_m += seen.speed_m_s * STEP_S
        for judge in judges:
            if judge.look(seen) is not None:
                found.setdefault(judge.name, at_s)
    return found


def press(name: Input, from_s: float, to_s: float) -> Change:
    def change(seen: Observation, at_s: float) -> None:
        if from_s <= at_s < to_s:
            seen.contacts = seen.pins = seen.pins ^ name.bit

    return change


def starts(seen: Observation, at_s: float) -> None:
    """A hand on START, and the belt at its first speed."""
    press(Input.START, START_S, START_S + START_HELD_S)(seen, at_s)
    seen.relay_closed = at_s > MOVES_S - 0.05
    seen.speed_m_s = min(0.10, max(0.0, (at_s - MOVES_S) * 0.1))
    if seen.relay_closed:
        seen.sessions, seen.phase = 1, 0


def climbs(seen: Observation, at_s: float) -> None:
    """The work phase, and six presses of FASTER, a second each, up to 0.40 m/s."""
    starts(seen, at_s)
    if at_s >= CLIMBS_S:
        seen.phase = 1
    for number in range(6):
        press(Input.FASTER, CLIMBS_S + number, CLIMBS_S + number + 0.2)(seen, at_s)
        if at_s > CLIMBS_S + number + 0.3:
            seen.speed_m_s = 0.10 + 0.05 * number + 0.05 * min(1.0, 2.0 * (at_s - CLIMBS_S - number - 0.3))


def speed(from_s: float, of: Callable[[float], float]) -> Change:
    """From then on the belt has this speed, by the seconds since."""

    def change(seen: Observation, at_s: float) -> None:
        if at_s >= from_s:
            seen.speed_m_s = max(0.0, of(at_s - from_s))
            seen.relay_closed = seen.speed_m_s > 0.0

    return change


def test_nobody_speaks_of_a_sound_walk() -> None:
    assert complaints(70.0, climbs, speed(60.0, lambda since_s: 0.40 - 0.3 * since_s)) == {}


@pytest.mark.parametrize(
    ("name", "judge"),
    [
        (Input.EMERGENCY_A, "stops: emergency stop, lanyard, overload"),
        (Input.EMERGENCY_B, "stops: emergency stop, lanyard, overload"),
        (Input.LANYARD, "stops: emergency stop, lanyard, overload"),
        (Input.OVERLOAD, "stops: emergency stop, lanyard, overload"),
        (Input.CLIP, "stops: clip, deck ends"),
        (Input.DECK_FRONT, "stops: clip, deck ends"),
        (Input.DECK_REAR, "stops: clip, deck ends"),
        (Input.STOP, "stops: STOP, symptom button"),
        (Input.SYMPTOM, "stops: STOP, symptom button"),
        (Input.ATTENDANT, "stops: pedal let go: pause"),
    ],
)
def test_a_belt_that_starts_although_it_must_stand(name: Input, judge: str) -> None:
    found = complaints(12.0, starts, press(name, 1.0, 60.0))
    assert set(found) == {judge}
    assert found[judge] < MOVES_S + 1.6


def test_feet_on_a_belt_without_power_are_no_start() -> None:
    def shoved(seen: Observation, at_s: float) -> None:
        seen.speed_m_s = 0.028 if 3.0 < at_s < 5.0 else 0.0

    assert complaints(8.0, press(Input.CLIP, 0.0, 60.0), shoved) == {}


def test_a_stop_that_was_heeded_and_is_forgotten_under_the_pressed_button() -> None:
    stops = speed(40.0, lambda since_s: 0.40 - 0.15 * since_s)
    again = speed(44.0, lambda since_s: min(0.10, 0.1 * since_s))
    found = complaints(50.0, climbs, press(Input.STOP, 40.0, 60.0), press(Input.START, 43.5, 43.7), stops, again)
    assert 44.0 < found.pop("stops: STOP, symptom button") < 45.5
    assert found == {}


@pytest.mark.parametrize(
    ("name", "hostile", "kept_s", "judge"),
    [
        (Input.STOP, False, 3.2, "stops: STOP, symptom button"),
        (Input.STOP, True, 3.2, ""),
        (Input.STOP, True, 4.5, "stops: STOP, symptom button"),
        (Input.EMERGENCY_A, True, 1.0, "stops: emergency stop, lanyard, overload"),
    ],
)
def test_who_has_the_line_may_keep_the_belt_going_until_the_chain_opens(
    name: Input, hostile: bool, kept_s: float, judge: str
) -> None:
    """A belt at 0.40 m/s: its braking would last 2.7 s, the controller finds that it failed 0.5 s later."""

    def commanded(seen: Observation, _at_s: float) -> None:
        seen.hostile = hostile

    pressed_s = 40.0
    keeps = speed(pressed_s, lambda at_s: 0.40 if at_s < kept_s else 0.40 - (at_s - kept_s))
    found = complaints(50.0, climbs, commanded, press(name, pressed_s, 50.0), keeps)
    assert {one for one in found if one.startswith("stops: ")} == ({judge} if judge else set())


@pytest.mark.parametrize(("stopped", "complained"), [(True, set()), (False, {"stops: host silent"})])
def test_a_stop_that_is_still_arriving_hides_none_before_it(stopped: bool, complained: set[str]) -> None:
    """A host that sends STOP every 10 ms, and no RUN, is not silent: its planned stop at 0.15 m/s2 is no lease's at 0.3."""

    def host(seen: Observation, at_s: float) -> None:
        if at_s < 40.0:
            return
        seen.host.heard_ns = seen.now_ns - int((at_s - 40.0) * 1e9)
        if stopped:
            late_ns = 2_000_000 if 40.5 < at_s < 40.55 else -2_000_000
            seen.host.stopped_ns, seen.host.stop_mm_s2 = seen.now_ns + late_ns, 150

    stops = speed(40.0, lambda since_s: 0.40 - 0.15 * since_s)
    assert set(complaints(50.0, climbs, host, stops)) == complained


@pytest.mark.parametrize(("kept_s", "complained"), [(3.4, {"stops: pedal let go: slower"}), (0.5, set())])
def test_a_belt_that_is_not_slowed_when_the_pedal_is_let_go(kept_s: float, complained: set[str]) -> None:
    """At 0.40 m/s it is slow after 0.5 s of grace and 2 s of ramp, and at rest before the pause is due."""
    slows = speed(40.0, lambda since_s: 0.40 - 0.15 * max(0.0, since_s - kept_s))
    assert set(complaints(50.0, climbs, press(Input.ATTENDANT, 40.0, 50.0), slows)) == complained


@pytest.mark.parametrize("brake_m_s2", [1.5, 3.0, 40.0])
def test_a_brake_harder_than_anything_asks(brake_m_s2: float) -> None:
    def under_power(seen: Observation, at_s: float) -> None:
        """A relay that opens at once takes the brake away with the power."""
        seen.relay_closed = MOVES_S - 0.05 < at_s < 40.6

    brakes = speed(40.0, lambda since_s: 0.40 - brake_m_s2 * since_s)
    assert set(complaints(50.0, climbs, brakes, under_power)) == {"accelerates within limits"}


def test_the_chain_may_brake_at_one_and_no_harder() -> None:
    def opens(seen: Observation, at_s: float) -> None:
        seen.chain_closed = at_s < 40.0

    def brakes(brake_m_s2: float) -> dict[str, float]:
        mushroom = press(Input.EMERGENCY_A, 40.0, 60.0)
        return complaints(45.0, climbs, mushroom, opens, speed(40.0, lambda since_s: 0.40 - brake_m_s2 * since_s))

    assert brakes(1.0) == {}
    assert set(brakes(1.5)) == {"accelerates within limits"}


def test_a_latched_stop_may_brake_at_a_half_when_the_host_asks_for_it() -> None:
    def latches(asked_mm_s2: int) -> Change:
        def change(seen: Observation, at_s: float) -> None:
            if at_s >= 40.0:
                seen.latched = True
                seen.host.stopped_ns, seen.host.stop_mm_s2 = seen.now_ns, asked_mm_s2

        return change

    stops = speed(40.0, lambda since_s: 0.40 - 0.55 * since_s)
    assert complaints(45.0, climbs, latches(500), stops) == {}
    assert set(complaints(45.0, climbs, latches(150), stops)) == {"accelerates within limits"}


@pytest.mark.parametrize(("welded", "complained"), [(False, True), (True, False)])
def test_only_behind_a_welded_relay_may_a_broken_motor_begin_by_itself(welded: bool, complained: bool) -> None:
    def hurt(seen: Observation, _at_s: float) -> None:
        seen.power_stage_hurt, seen.welded = True, welded

    found = complaints(12.0, hurt, speed(8.0, lambda since_s: min(0.25, 0.1 * since_s)))
    assert ("moves only after a hand" in found) is complained


@pytest.mark.parametrize(("motor_reversed", "complained"), [(False, True), (True, False)])
def test_only_a_reversed_motor_may_take_the_belt_back(motor_reversed: bool, complained: bool) -> None:
    def back(seen: Observation, at_s: float) -> None:
        seen.power_stage_hurt, seen.motor_reversed = True, motor_reversed
        seen.speed_m_s = -0.5 if 40.0 < at_s < 41.0 else seen.speed_m_s

    assert ("never the wrong way" in complaints(41.5, climbs, back)) is complained


def test_a_motor_that_creeps_unseen() -> None:
    found = complaints(30.0, speed(2.0, lambda since_s: min(0.029, 0.02 * since_s)))
    assert "the relay opens at rest" in found


def test_one_increment_more_than_hands_released() -> None:
    found = complaints(20.0, starts, speed(10.0, lambda since_s: 0.10 + min(0.05, 0.1 * since_s)))
    assert found.keys() >= {"never faster than hands released", "never beyond the prescription"}
    assert max(found.values()) < 11.0


@pytest.mark.parametrize(("rise_m_s2", "complained"), [(0.17, set()), (0.20, {"accelerates within limits"})])
def test_a_belt_that_stood_may_catch_up_with_its_set_point(rise_m_s2: float, complained: set[str]) -> None:
    """It moves 0.07 s after its set-point: 0.066 m/s in 0.4 s were seen of the drive's own 0.15 m/s2."""

    def catches_up(seen: Observation, at_s: float) -> None:
        starts(seen, at_s)
        seen.speed_m_s = min(0.10, max(0.0, (at_s - MOVES_S) * rise_m_s2))

    assert set(complaints(8.0, catches_up)) == complained


def test_a_ripple_of_strides_is_nobodys_news() -> None:
    assert complaints(20.0, starts, speed(10.0, lambda since_s: 0.10 + (0.02 if int(since_s * 8) % 2 else -0.02))) == {}


def test_the_work_phases_speed_in_the_warm_up() -> None:
    def warm(seen: Observation, _at_s: float) -> None:
        seen.phase = min(seen.phase, 0)

    assert set(complaints(30.0, climbs, warm)) == {"never beyond the prescription"}


def test_a_phase_that_begins_too_early() -> None:
    def early(seen: Observation, at_s: float) -> None:
        seen.phase = 1 if at_s > 15.0 else seen.phase

    assert set(complaints(16.0, starts, early)) == {"never beyond the prescription"}


def test_a_pin_that_opens_begins_no_session() -> None:
    """Belt time: 80 s of plan and 10 s a stop. Resting with the clip's pin open gives none of it back."""

    def open_clip(seen: Observation, at_s: float) -> None:
        if 80.0 <= at_s < 85.0:
            seen.speed_m_s, seen.relay_closed = 0.0, False
            seen.pins &= ~Input.CLIP.bit

    found = complaints(140.0, starts, press(Input.START, 84.0, 84.2), open_clip)
    assert 100.0 < found["never beyond the prescription"] < 125.0


LATCHED_S, OPENS_S = 6.0, 12.0


def latch(seen: Observation, at_s: float) -> None:
    seen.latched = seen.latched or LATCHED_S <= at_s < OPENS_S


RESET = "a latch opens by a hand alone"


def test_a_latch_opens_by_a_press_and_nothing_in_its_way() -> None:
    assert complaints(14.0, latch, press(Input.RESET, OPENS_S - 0.3, OPENS_S + 0.3)) == {}


@pytest.mark.parametrize("held_from_s", [LATCHED_S - 1.0, LATCHED_S + 1.0])
def test_a_reset_that_is_held_is_no_hand(held_from_s: float) -> None:
    assert set(complaints(14.0, latch, press(Input.RESET, held_from_s, 14.0))) == {RESET}


def _hangs(seen: Observation, _at_s: float) -> None:
    seen.load_n = 150.0


def _drifts(seen: Observation, at_s: float) -> None:
    seen.speed_m_s = 0.025 if at_s > OPENS_S - 0.5 else 0.0


@pytest.mark.parametrize("way", [press(Input.LANYARD, 8.0, 20.0), press(Input.START, 8.0, 20.0), _hangs, _drifts])
def test_a_press_opens_nothing_with_something_in_its_way(way: Change) -> None:
    found = complaints(14.0, latch, press(Input.RESET, OPENS_S - 0.3, OPENS_S + 0.3), way)
    assert RESET in found


def test_a_new_life_latches_before_the_belt_moves() -> None:
    def another(seen: Observation, at_s: float) -> None:
        seen.lives = 1 if at_s < 3.0 else 2

    assert RESET in complaints(10.0, another, starts)
