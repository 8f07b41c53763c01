"""Limits at their last nanosecond, and figures as they are told: a limit is on one side of its value, never near it."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.alarms import indicate
from controller.core.balance_settings import limits_for
from controller.core.checks import CheckFacts, CheckState, advance_check, ask_no_more
from controller.core.digital import DigitalState, advance_digital
from controller.core.drive_watch import DriveWatchState, watch_drive
from controller.core.events import RULES, Event, Priority
from controller.core.inputs import ALL_INPUTS_MASK, Input
from controller.core.readings import DriveState, Levels
from controller.core.settings import CheckSettings, DriveSettings
from controller.core.state import AlarmState
from controller.core.symptoms import Band
from messages.figures import Question
from messages.plan import Phase, PhaseKind
from tests.balance.test_balance import SETTINGS, Bench, estimate, facts
from tests.core.machine import NOT_PRESSED, PLAN, Machine, proposal
from tests.core.test_drive_watch import READING, RUNNING

MS, S = 1_000_000, 1_000_000_000
CHECKS = CheckSettings()
LONG = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 30, 0.1), Phase(PhaseKind.WORK, 600, 0.2)))
AT_REST = ALL_INPUTS_MASK & ~NOT_PRESSED
SILENT = CheckFacts(moving=True, ok_pressed=False, slower_pressed=False, symptom_pressed=False, symptom_held=False)
ASKED = CheckState(asking=(Question.PAIN, Question.LEGS), shown_at_ns=100 * S)


def told(machine: Machine, event: Event) -> dict[str, float | int | str]:
    """Returns what the last of these events told."""
    return dict(next(happening for happening in reversed(machine.happenings) if happening.event is event).detail)


# --- the symptom check ----------------------------------------------------------------------------------------------------


def test_a_question_is_missed_at_its_time_and_paused_at_the_next_and_each_is_told_once() -> None:
    missed_ns = ASKED.shown_at_ns + int(CHECKS.answer_s * 1e9)
    assert advance_check(ASKED, SILENT, CHECKS, missed_ns - 1) == (ASKED, None, ())
    late, answer, (happening,) = advance_check(ASKED, SILENT, CHECKS, missed_ns)
    assert late == msgspec.structs.replace(ASKED, warned=1, missed=1)
    assert answer is None
    assert (happening.event, happening.at_ns) == (Event.CHECK_MISSED, missed_ns)
    assert happening.detail == (("question", "pain"), ("waited_s", CHECKS.answer_s))
    paused_ns = missed_ns + int(CHECKS.slow_time_s * 1e9)
    assert advance_check(late, SILENT, CHECKS, paused_ns - 1) == (late, None, ())
    paused, answer, (happening,) = advance_check(late, SILENT, CHECKS, paused_ns)
    assert paused == msgspec.structs.replace(late, warned=2)
    assert answer is None
    assert (happening.event, happening.at_ns) == (Event.CHECK_PAUSE, paused_ns)
    assert happening.detail == (("question", "pain"), ("waited_s", CHECKS.answer_s + CHECKS.slow_time_s))
    assert advance_check(paused, SILENT, CHECKS, paused_ns + 100 * S) == (paused, None, ())


def test_at_rest_nobody_is_hurried() -> None:
    at_rest = msgspec.structs.replace(SILENT, moving=False)
    assert advance_check(ASKED, at_rest, CHECKS, 10_000 * S) == (ASKED, None, ())


def test_one_press_of_symptom_is_some_after_its_time_and_held_it_is_much() -> None:
    pressed_ns = ASKED.shown_at_ns + S
    pressing = msgspec.structs.replace(SILENT, symptom_pressed=True, symptom_held=True)
    pressed, answer, _ = advance_check(ASKED, pressing, CHECKS, pressed_ns)
    assert answer is None
    confirmed_ns = pressed_ns + int(CHECKS.confirm_s * 1e9)
    assert advance_check(pressed, SILENT, CHECKS, confirmed_ns - 1)[1] is None
    after, answer, said = advance_check(pressed, SILENT, CHECKS, confirmed_ns)
    assert (answer, said) == (Band.SOME, ())
    assert after == CheckState(asking=(Question.LEGS,), shown_at_ns=confirmed_ns)
    held = msgspec.structs.replace(SILENT, symptom_held=True)
    much_ns = pressed_ns + int(CHECKS.hold_s * 1e9)
    assert advance_check(pressed, held, CHECKS, much_ns - 1)[1] is None
    assert advance_check(pressed, held, CHECKS, much_ns)[1] is Band.MUCH
    assert advance_check(pressed, msgspec.structs.replace(SILENT, ok_pressed=True), CHECKS, pressed_ns + 1)[1] is Band.SOME
    assert advance_check(pressed, msgspec.structs.replace(SILENT, slower_pressed=True), CHECKS, pressed_ns + 1)[1] is Band.SOME


def test_nothing_is_asked_once_the_session_is_over() -> None:
    again = CheckState(again=((Question.PAIN, 7),), dizzy=True, missed=2)
    assert ask_no_more(ASKED) == CheckState(shown_at_ns=ASKED.shown_at_ns)
    assert ask_no_more(again) == CheckState(dizzy=True, missed=2)


# --- alarms -----------------------------------------------------------------------------------------------------------------


def windows(lit: list[bool]) -> list[tuple[int, int]]:
    """Returns where a signal is on, in ms from its start, ends excluded."""
    edges = [at for at in range(1, len(lit)) if lit[at] != lit[at - 1]]
    bounds = ([0] if lit[0] else []) + edges + ([len(lit)] if lit[-1] else [])
    return list(zip(bounds[::2], bounds[1::2], strict=True))


def of_priority(priority: Priority) -> AlarmState:
    event = next(rule.event for rule in RULES.values() if rule.priority is priority)
    return AlarmState(((event, 50 * S),))


def test_a_high_alarm_to_the_millisecond() -> None:
    seen = [indicate(of_priority(Priority.HIGH), 0, 50 * S + at * MS) for at in range(10_000)]
    assert windows([red for red, _, _ in seen]) == [(at, at + 250) for at in range(0, 10_000, 500)]
    assert not any(yellow for _, yellow, _ in seen)
    bursts = [(start + at, start + at + 150) for start in (0, 5_000) for at in range(0, 3_000, 300)]
    assert windows([buzzer for _, _, buzzer in seen]) == bursts


def test_a_medium_alarm_to_the_millisecond() -> None:
    seen = [indicate(of_priority(Priority.MEDIUM), 0, 50 * S + at * MS) for at in range(20_000)]
    assert windows([yellow for _, yellow, _ in seen]) == [(at, min(at + 800, 20_000)) for at in range(0, 20_000, 1_667)]
    bursts = [(start + at, start + at + 200) for start in (0, 10_000) for at in range(0, 1_200, 400)]
    assert windows([buzzer for _, _, buzzer in seen]) == bursts
    assert not any(red for red, _, _ in seen)


def test_a_low_alarm_and_a_prompt_to_the_millisecond() -> None:
    seen = [indicate(of_priority(Priority.LOW), 0, 50 * S + at * MS) for at in range(10_000)]
    assert {(red, yellow) for red, yellow, _ in seen} == {(False, True)}
    assert windows([buzzer for _, _, buzzer in seen]) == [(0, 200)]
    prompted = [indicate(AlarmState(), 50 * S, 50 * S + at * MS)[2] for at in range(1_000)]
    assert windows(prompted) == [(0, 200)]
    assert not indicate(AlarmState(), 50 * S, 50 * S - 1)[2]
    silenced = msgspec.structs.replace(of_priority(Priority.LOW), silent_until_ns=50 * S + 100 * MS)
    assert windows([indicate(silenced, 0, 50 * S + at * MS)[2] for at in range(1_000)]) == [(100, 200)]


# --- inputs -----------------------------------------------------------------------------------------------------------------


def test_chatter_is_more_edges_than_the_limit_within_a_second_that_ends_after_its_last_nanosecond() -> None:
    for edges, last_ns, chatters in ((30, 300 * MS, False), (31, 310 * MS, True), (31, S, True), (31, S + 1, False)):
        state = DigitalState(closed=AT_REST, raw=AT_REST, window_started_ns=5 * S)
        said = []
        for at in range(edges):
            now_ns = 5 * S + (last_ns if at == edges - 1 else (at + 1) * 10 * MS)
            state, _, happenings = advance_digital(state, Levels(now_ns, AT_REST, Input.CLIP.bit), 30, now_ns)
            said += happenings
        assert [happening.event for happening in said] == [Event.INPUT_CHATTER] * chatters
        if chatters:
            assert said[0].at_ns == 5 * S + last_ns
            assert said[0].detail == (("input", "clip"), ("edges_per_s", 31))


# --- the drive ---------------------------------------------------------------------------------------------------------------


def test_a_silent_drive_tells_how_old_its_last_word_is() -> None:
    settings = DriveSettings()
    heard = msgspec.structs.replace(READING, received_at_ns=7 * S)
    limit_ns = int(settings.status_limit_ms) * MS
    assert watch_drive(DriveWatchState(), heard, RUNNING, settings, 7 * S + limit_ns)[1].heard
    now_ns = 7 * S + limit_ns + 10 * MS
    state, silent, (happening,) = watch_drive(DriveWatchState(), heard, RUNNING, settings, now_ns)
    assert not silent.heard
    assert happening.at_ns == now_ns
    assert happening.detail == (("status_age_ms", settings.status_limit_ms + 10),)
    assert state.unknown_since_ns == now_ns


def test_a_drive_that_has_yet_to_speak_has_its_time_counted_from_the_first_look() -> None:
    first, facts_then, said = watch_drive(DriveWatchState(), None, RUNNING, DriveSettings(), 7 * S)
    assert (first.unknown_since_ns, facts_then.heard, said) == (7 * S, False, ())
    later, _, _ = watch_drive(first, None, RUNNING, DriveSettings(), 7 * S + 10 * MS)
    assert later.unknown_since_ns == 7 * S


# --- figures -----------------------------------------------------------------------------------------------------------------


def test_the_figures_of_the_balance_rules_as_they_are_told() -> None:
    bench = Bench()
    ugly = facts(body_weight_n=701.37, estimate=estimate(512.3456, 9012.3456, 0.0))
    bench.scan(ugly)
    said = {happening.event: dict(happening.detail) for happening in bench.said}
    assert said[Event.HARNESS_LOADED] == {"load_n": 512.3, "limit_n": 210.4}
    falling = Bench()
    falling.scan(facts(body_weight_n=701.37, estimate=estimate(201.2345, 9012.3456, 0.0)))
    limits = limits_for(SETTINGS, 701.37)
    fast = {happening.event: dict(happening.detail) for happening in falling.said}[Event.LOADING_FAST]
    assert fast == {"load_n": 201.2, "rate_n_s": 9012.3, "limit_n": round(limits.fast_n, 1), "limit_n_s": 8416.4}
    leaning = Bench()
    leaning.scan(facts(body_weight_n=701.37, estimate=estimate(1.0, 0.0, 45.678)), 3_000)
    support = {happening.event: dict(happening.detail) for happening in leaning.said}[Event.SUSTAINED_SUPPORT]
    assert support == {"mean_1s_n": 45.7, "limit_n": 31.6, "lasting_s": 1.0}
    slack = Bench()
    slack.scan(facts(retractor=True, estimate=estimate(20.0, 0.0, 20.0)), 500)
    slack.scan(facts(retractor=True, estimate=estimate(6.789)), 1_000)
    tension = {happening.event: dict(happening.detail) for happening in slack.said}[Event.TENSION_LOST]
    assert tension == {"load_n": 6.8, "least_n": 7.5, "lasting_s": 0.3}


def test_a_longest_bout_ends_in_the_scan_in_which_it_is_reached() -> None:
    machine = Machine()
    machine.to_walking(LONG, bout_s=12.0)
    machine.run_until(lambda m: Event.BOUT_TOO_LONG in m.events, 20)
    assert machine.state.exercise.bout_ns == 12 * S
    assert told(machine, Event.BOUT_TOO_LONG) == {"bout_s": 12.0}


def test_who_asked_for_what_is_told() -> None:
    machine = Machine()
    machine.to_standby()
    machine.open(Input.CLIP)
    machine.run(0.2)
    machine.requests.append(proposal("r", "desk", LONG))
    machine.scan()
    assert told(machine, Event.SESSION_PREPARED) == {"session": "b00t-1", "patient": "p-017", "origin": "desk"}
    machine.run(1.1)
    machine.requests.append(proposal("again", "another desk", LONG))
    machine.scan()
    refused = told(machine, Event.REQUEST_REFUSED)
    assert (refused["origin"], refused["command"]) == ("another desk", "prepare")
    assert refused["reason"] == "the treadmill is in state prepared; a session is prepared in standby"
    said = machine.events.count(Event.REQUEST_REFUSED)
    for _ in range(99):
        machine.requests.append(proposal("again", "another desk", LONG))
        machine.scan()
    assert machine.events.count(Event.REQUEST_REFUSED) == said, "one refusal a second is told"
    machine.requests.append(proposal("again", "another desk", LONG))
    machine.scan()
    assert machine.events.count(Event.REQUEST_REFUSED) == said + 1


def reset_over_a_drive_fault(machine: Machine) -> int:
    """A stop by the mushroom, with everything right again but the drive's fault; returns the time of the scan that sees RESET."""
    machine.to_walking()
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.to_rest()
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.status_changes = {"state": DriveState.FAULT.value}
    machine.run(0.5)
    machine.close(Input.RESET)
    while not machine.state.reset_until_ns:
        machine.scan()
    return machine.state.scanned_ns


def test_reset_waits_half_a_second_for_the_drive_to_clear_its_fault() -> None:
    machine = Machine()
    pressed_ns = reset_over_a_drive_fault(machine)
    machine.run_until(lambda m: Event.RESET_REFUSED in m.events, 2)
    assert machine.state.scanned_ns - pressed_ns == 500 * MS
    assert told(machine, Event.RESET_REFUSED) == {"missing": "drive fault"}
    machine = Machine()
    pressed_ns = reset_over_a_drive_fault(machine)
    while machine.state.scanned_ns - pressed_ns < 450 * MS:
        machine.scan()
    machine.status_changes = {}
    machine.run(0.05)
    assert Event.LATCH_RESET in machine.events
    assert Event.RESET_REFUSED not in machine.events


def test_a_session_counts_its_stops_from_none() -> None:
    machine = Machine()
    machine.to_walking()
    assert machine.state.exercise.stops == 0
    machine.open(Input.STOP)
    machine.to_rest()
    assert machine.state.exercise.stops == 1
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.1)
    assert machine.state.exercise.stops == 2


def test_a_prepared_session_lapses_after_its_time() -> None:
    machine = Machine()
    machine.to_standby()
    machine.open(Input.CLIP)
    machine.run(0.2)
    machine.requests.append(proposal("r", "desk", LONG))
    machine.scan()
    lapse_s = machine.settings.core.session.prepared_lapse_s
    machine.state = msgspec.structs.replace(machine.state, since_ns=machine.now_ns + 5 * 10 * MS - int(lapse_s * 1e9))
    machine.run(0.05)
    assert Event.SESSION_LAPSED not in machine.events
    machine.scan()
    assert told(machine, Event.SESSION_LAPSED) == {"session": "b00t-1"}


@pytest.mark.parametrize("late_ms", [20.004, 33.337])
def test_a_late_scan_tells_by_how_much(late_ms: float) -> None:
    machine = Machine()
    machine.to_standby()
    machine.lateness_ns = int(late_ms * MS)
    machine.scan()
    late = [happening for happening in machine.outputs.happenings if happening.event is Event.SCAN_LATE]
    assert [dict(happening.detail) for happening in late] == [{"late_ms": round(late_ms, 2)}]


@pytest.mark.parametrize(("late_ns", "stops"), [(50_000_000, False), (50_000_001, True)])
def test_a_scan_is_too_late_from_the_first_nanosecond_beyond_the_limit(late_ns: int, stops: bool) -> None:
    machine = Machine()
    machine.to_walking()
    machine.lateness_ns = late_ns
    machine.run(0.02)
    assert (Event.SCAN_OVERRUN in machine.events) is stops
