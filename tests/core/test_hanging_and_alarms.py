"""The nurse call after a fall, and how alarms are told by lamp and buzzer."""

import pytest

from controller.core.alarms import active_priority, clear_alarms, indicate, raise_alarms, silence
from controller.core.events import RULES, Event, Happening, Priority
from controller.core.hanging import NOBODY, judge_hanging
from controller.core.state import AlarmState

MS = 1_000_000
S = 1000 * MS
WEIGHT_N = 700.0


@pytest.mark.hazard("H-21", "C-HANGING")
def test_the_call_comes_at_once_then_at_one_and_three_minutes_and_stays_until_reset() -> None:
    state, said = NOBODY, []
    for second in range(0, 200):
        state, happenings = judge_hanging(state, True, 400.0, WEIGHT_N, second * S + S)
        said += [(second, happening.event) for happening in happenings]
    assert said == [(0, Event.NURSE_CALL), (60, Event.HANGING_60_S), (180, Event.HANGING_180_S)]
    state, _ = judge_hanging(state, True, 5.0, WEIGHT_N, 300 * S)
    assert state.called
    assert state.since_ns == 0
    assert judge_hanging(state, False, 5.0, WEIGHT_N, 301 * S) == (NOBODY, ())


def test_a_hoisted_patient_who_is_not_in_a_stop_calls_nobody() -> None:
    assert judge_hanging(NOBODY, False, 600.0, WEIGHT_N, S) == (NOBODY, ())


def test_an_unknown_load_neither_calls_nor_takes_the_call_back() -> None:
    assert judge_hanging(NOBODY, True, None, WEIGHT_N, S) == (NOBODY, ())
    called, _ = judge_hanging(NOBODY, True, 400.0, WEIGHT_N, S)
    assert judge_hanging(called, True, None, WEIGHT_N, 2 * S) == (called, ())


def test_a_light_load_is_nobody() -> None:
    assert judge_hanging(NOBODY, True, 69.9, WEIGHT_N, S) == (NOBODY, ())
    assert judge_hanging(NOBODY, True, 70.1, WEIGHT_N, S)[0].called


def alarms_of(*events: Event) -> AlarmState:
    return raise_alarms(AlarmState(), [Happening(event, 0) for event in events])


def trace(alarms: AlarmState, duration_ns: int) -> tuple[list[bool], list[bool], list[bool]]:
    red, yellow, buzzer = [], [], []
    for now in range(0, duration_ns, 10 * MS):
        lit = indicate(alarms, 0, now)
        red.append(lit[0])
        yellow.append(lit[1])
        buzzer.append(lit[2])
    return red, yellow, buzzer


def rises(values: list[bool]) -> int:
    return sum(1 for before, after in zip([False, *values], values, strict=False) if after and not before)


@pytest.mark.hazard("H-31", "C-PLAIN-WORDS")
def test_high_priority_flashes_red_at_two_hertz_with_ten_pulses_a_burst() -> None:
    red, yellow, buzzer = trace(alarms_of(Event.HARNESS_LOADED), 10 * S)
    assert 14 <= rises(red) <= 28
    assert not any(yellow)
    assert rises(buzzer) == 20
    assert 0.2 <= sum(red) / len(red) <= 0.6


def test_medium_priority_flashes_yellow_with_three_pulses() -> None:
    red, yellow, buzzer = trace(alarms_of(Event.SYMPTOM_BUTTON), 10 * S)
    assert not any(red)
    assert 4 <= rises(yellow) <= 8
    assert rises(buzzer) == 3


def test_low_priority_is_steady() -> None:
    red, yellow, _ = trace(alarms_of(Event.RAIL_RELEASED), 5 * S)
    assert not any(red)
    assert all(yellow)


def test_a_higher_priority_covers_a_lower_one() -> None:
    assert active_priority(alarms_of(Event.RAIL_RELEASED, Event.SYMPTOM_BUTTON, Event.CLIP_OPEN)) is Priority.HIGH


def test_silence_holds_for_medium_until_a_new_alarm_and_never_for_high() -> None:
    alarms = silence(alarms_of(Event.SYMPTOM_BUTTON), 0)
    assert alarms is not None
    assert not any(trace(alarms, 10 * S)[2])
    louder = raise_alarms(alarms, [Happening(Event.ATTENDANT_GONE, 5 * S)])
    assert louder.silent_until_ns == 0
    assert silence(alarms_of(Event.CLIP_OPEN), 0) is None


@pytest.mark.parametrize("event", [event for event in Event if RULES[event].priority > Priority.NONE])
def test_every_alarm_can_be_cleared(event: Event) -> None:
    assert clear_alarms(alarms_of(event), frozenset({event})).active == ()


def test_a_prompt_beeps_once_also_beside_a_low_alarm() -> None:
    asked_at = 10 * S
    low = alarms_of(Event.RAIL_RELEASED)
    assert indicate(AlarmState(), asked_at, asked_at + 100 * MS) == (False, False, True)
    assert indicate(AlarmState(), asked_at, asked_at + 300 * MS) == (False, False, False)
    assert indicate(low, asked_at, asked_at + 100 * MS) == (False, True, True)
    assert indicate(low, asked_at, asked_at + 300 * MS) == (False, True, False)


@pytest.mark.hazard("H-21", "C-HANGING")
def test_somebody_hangs_from_a_tenth_of_body_weight_and_is_down_below_a_twentieth() -> None:
    """Between the two nothing changes: weight that shifts neither calls twice nor takes the time back."""
    assert judge_hanging(NOBODY, True, 0.10 * WEIGHT_N, WEIGHT_N, S)[0].since_ns == S
    hangs, called = judge_hanging(NOBODY, True, 400.0, WEIGHT_N, S)
    assert dict(called[0].detail) == {"load_n": 400.0, "hanging_s": 0.0}
    assert hangs.stage == 1
    assert judge_hanging(hangs, True, 0.05 * WEIGHT_N, WEIGHT_N, 2 * S)[0].since_ns == S
    down, said = judge_hanging(hangs, True, 0.0499 * WEIGHT_N, WEIGHT_N, 2 * S)
    assert (down.since_ns, down.stage, down.called, said) == (0, 0, True, ())
    again, called = judge_hanging(down, True, 400.0, WEIGHT_N, 3 * S)
    assert [happening.event for happening in called] == [Event.NURSE_CALL], "who hangs again is called for again"
    assert again.since_ns == 3 * S


@pytest.mark.hazard("H-21", "C-HANGING")
def test_each_call_comes_exactly_at_its_time_with_how_long() -> None:
    state, _ = judge_hanging(NOBODY, True, 400.0, WEIGHT_N, S)
    assert judge_hanging(state, True, 400.0, WEIGHT_N, 61 * S - 1) == (state, ())
    state, (at_one_minute,) = judge_hanging(state, True, 412.34, WEIGHT_N, 61 * S)
    assert dict(at_one_minute.detail) == {"load_n": 412.3, "hanging_s": 60.0}
    assert judge_hanging(state, True, 400.0, WEIGHT_N, 181 * S - 1) == (state, ())
    state, (at_three_minutes,) = judge_hanging(state, True, 400.0, WEIGHT_N, 181 * S)
    assert at_three_minutes.event is Event.HANGING_180_S
    assert judge_hanging(state, True, 400.0, WEIGHT_N, 999 * S) == (state, ())


def test_without_a_latch_nobody_hangs_and_an_open_call_ends() -> None:
    called, _ = judge_hanging(NOBODY, True, 400.0, WEIGHT_N, S)
    assert judge_hanging(called, False, 400.0, WEIGHT_N, 2 * S)[0] is NOBODY
    assert judge_hanging(NOBODY, False, None, WEIGHT_N, 2 * S)[0] is NOBODY
