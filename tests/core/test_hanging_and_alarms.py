"""The nurse call after a fall, and how alarms are told by lamp and buzzer."""

import math

import msgspec
import pytest

from controller.core.alarms import active_priority, clear_alarms, indicate, raise_alarms, silence
from controller.core.balance_settings import BalanceSettings, limits_for
from controller.core.chart import State
from controller.core.events import RULES, Event, Happening, Priority
from controller.core.hanging import NOBODY, HangingState, hanging_limits, judge_hanging, judge_rest
from controller.core.inputs import Input
from controller.core.state import AlarmState
from messages.figures import Question
from messages.plan import Phase, PhaseKind
from messages.wire import Cancel, Silence
from tests.core.machine import PLAN, Machine
from tests.core.machine import WEIGHT_N as MASS_N

MS = 1_000_000
S = 1000 * MS
WEIGHT_N = 700.0
LIMITS = hanging_limits(BalanceSettings(), WEIGHT_N)


@pytest.mark.hazard("H-21", "C-HANGING")
def test_the_call_comes_at_once_then_at_one_and_three_minutes_and_stays_until_reset() -> None:
    state, said = NOBODY, []
    for second in range(0, 200):
        state, happenings = judge_hanging(state, True, False, 400.0, LIMITS, second * S + S)
        said += [(second, happening.event) for happening in happenings]
    assert said == [(0, Event.NURSE_CALL), (60, Event.HANGING_60_S), (180, Event.HANGING_180_S)]
    state, _ = judge_hanging(state, True, False, 5.0, LIMITS, 300 * S)
    assert state.called
    assert state.since_ns == 0
    assert judge_hanging(state, False, False, 5.0, LIMITS, 301 * S) == (NOBODY, ())


@pytest.mark.parametrize(
    ("balance", "weight_n", "hangs_from_n", "down_below_n"),
    [
        (BalanceSettings(), WEIGHT_N, 70.0, 35.0),
        (BalanceSettings(pretension_n=60.0), WEIGHT_N, 70.0, 35.0),
        (BalanceSettings(retractor=True, pretension_n=60.0), WEIGHT_N, 130.0, 95.0),
        (BalanceSettings(retractor=True, pretension_n=52.0), 200.0, 60.0, 54.0),
        (BalanceSettings(retractor=True, loaded_share=0.10), 600.0, 60.0, 54.0),
        (BalanceSettings(loaded_ceiling_n=100.0), 1900.0, 100.0, 90.0),
        (BalanceSettings(), math.nan, 19.62, 9.81),
    ],
)
def test_a_fall_is_somebody_and_the_pull_alone_is_nobody(
    balance: BalanceSettings, weight_n: float, hangs_from_n: float, down_below_n: float
) -> None:
    limits = hanging_limits(balance, weight_n)
    assert limits.hangs_from_n == pytest.approx(hangs_from_n)
    assert limits.down_below_n == pytest.approx(down_below_n)
    assert limits.hangs_from_n <= limits_for(balance, weight_n).loaded_n
    called, _ = judge_hanging(NOBODY, True, False, limits.hangs_from_n, limits, S)
    assert called.called
    assert not judge_hanging(called, True, False, limits.down_below_n - 1e-6, limits, S)[0].since_ns


def test_a_hoisted_patient_who_is_not_in_a_stop_calls_nobody() -> None:
    assert judge_hanging(NOBODY, False, False, 600.0, LIMITS, S) == (NOBODY, ())


def test_an_unknown_load_without_a_fall_calls_nobody() -> None:
    assert judge_hanging(NOBODY, True, False, None, LIMITS, S) == (NOBODY, ())


def test_a_cell_that_falls_silent_while_somebody_walks_calls_nobody() -> None:
    """A stop without a fall, and no load to go by: whoever stands there needs no nurse."""
    machine = Machine()
    machine.to_walking()
    machine.load_silent = True
    machine.run(3)
    assert machine.chart is State.FAULT
    assert Event.NURSE_CALL not in machine.events


@pytest.mark.hazard("H-21", "C-HANGING")
@pytest.mark.parametrize(("first_n", "fell"), [(400.0, False), (None, True)], ids=["cell lost later", "cell lost before"])
def test_who_fell_or_hangs_is_called_for_on_time_though_the_load_is_unknown(first_n: float | None, fell: bool) -> None:
    state, said = judge_hanging(NOBODY, True, fell, first_n, LIMITS, S)
    for second in range(1, 200):
        state, more = judge_hanging(state, True, fell, None, LIMITS, S + second * S)
        said += more
    assert [happening.event for happening in said] == [Event.NURSE_CALL, Event.HANGING_60_S, Event.HANGING_180_S]
    assert [dict(happening.detail)["hanging_s"] for happening in said] == [0.0, 60.0, 180.0]
    assert ["load_n" in dict(happening.detail) for happening in said] == [first_n is not None, False, False]
    assert judge_hanging(state, True, fell, 5.0, LIMITS, 300 * S)[0].since_ns == 0, "a known empty strap holds nobody"


@pytest.mark.hazard("H-21", "C-HANGING")
def test_a_load_that_is_no_number_hangs() -> None:
    assert judge_hanging(NOBODY, True, False, math.nan, LIMITS, S)[0].called


@pytest.mark.hazard("H-21", "C-HANGING")
def test_a_fall_onto_the_overload_switch_calls_though_the_cell_is_silent() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(1.0)
    machine.load_silent = True
    machine.run(0.05)
    machine.open(Input.OVERLOAD)
    machine.run(0.2)
    assert machine.outputs.nurse_call


@pytest.mark.hazard("H-21", "C-HANGING")
@pytest.mark.parametrize("cell", ["sees it", "is silent"])
def test_a_controller_that_died_calls_again_for_whoever_it_left_hanging(cell: str) -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(1.0)
    machine.load_n = 0.5 * MASS_N
    machine.run(1.0)
    assert machine.outputs.nurse_call
    machine.restart()
    machine.load_silent = cell == "is silent"
    machine.run(0.6)
    assert machine.chart is State.SELF_TEST
    assert machine.outputs.nurse_call, "before the first look is over"
    machine.run(200.0)
    assert machine.chart is State.FAULT
    assert machine.outputs.nurse_call
    assert machine.events.count(Event.HANGING_180_S) == 1


@pytest.mark.hazard("H-21", "C-HANGING")
def test_whoever_falls_while_nobody_watches_is_called_for_by_the_next_life() -> None:
    machine = Machine()
    machine.to_walking()
    machine.restart()
    machine.load_n = 0.5 * MASS_N
    machine.run(20.0)
    assert machine.outputs.nurse_call
    machine.load_n = 0.0
    machine.run(3.0)
    machine.press(Input.RESET)
    machine.run(0.2)
    assert machine.chart is State.STANDBY
    assert not machine.outputs.nurse_call
    machine.load_n = 0.5 * MASS_N
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(1.0)
    assert not machine.outputs.nurse_call, "a weight on the hook, and nobody in a session"


def test_a_light_load_is_nobody() -> None:
    assert judge_hanging(NOBODY, True, False, 69.9, LIMITS, S) == (NOBODY, ())
    assert judge_hanging(NOBODY, True, False, 70.1, LIMITS, S)[0].called


@pytest.mark.hazard("H-21", "C-HANGING")
@pytest.mark.parametrize("load_n", [70.1, 700.0, math.nan])
def test_in_a_pause_a_strap_that_stays_loaded_calls_after_a_minute_and_once(load_n: float) -> None:
    state, said = NOBODY, []
    for second in range(120):
        state, happenings = judge_rest(state, load_n, LIMITS, second * S + S)
        said += [(second, happening.event, state.called) for happening in happenings]
        assert state.called == (second >= 60)
    assert said == [(60, Event.HANGING_AT_REST, True)]
    assert judge_rest(state, None, LIMITS, 130 * S) == (state, ()), "a cell that is lost takes no weight"
    assert judge_rest(state, 35.1, LIMITS, 130 * S) == (state, ())
    assert judge_rest(state, 34.9, LIMITS, 130 * S) == (NOBODY, ()), "the weight is taken"


@pytest.mark.hazard("H-21", "C-HANGING")
def test_in_a_pause_a_cell_that_is_lost_meanwhile_calls_on_time_all_the_same() -> None:
    state, _ = judge_rest(NOBODY, 400.0, LIMITS, S)
    state, said = judge_rest(state, None, LIMITS, 61 * S)
    assert state.called
    assert [happening.detail for happening in said] == [(("hanging_s", 60.0),)]


def test_in_a_pause_neither_a_light_nor_an_unknown_load_begins_to_hang() -> None:
    assert judge_rest(NOBODY, 69.9, LIMITS, S) == (NOBODY, ())
    assert judge_rest(NOBODY, None, LIMITS, S) == (NOBODY, ())
    assert judge_rest(NOBODY, 70.1, LIMITS, S) == (HangingState(S), ())


def hanging_in_a_pause(**limits: object) -> Machine:
    """Somebody who stopped by hand, and has been in the strap for more than a minute since."""
    machine = Machine()
    machine.to_walking(**limits)
    machine.run(2.0)
    machine.open(Input.STOP)
    machine.to_rest()
    machine.close(Input.STOP)
    machine.load_n = 0.4 * MASS_N
    machine.run(59.0)
    assert not machine.outputs.nurse_call, "who sits down to rest calls nobody"
    machine.run(2.0)
    assert machine.outputs.nurse_call
    return machine


@pytest.mark.hazard("H-21", "C-HANGING")
def test_whoever_hangs_through_a_pause_is_called_for_and_may_go_on_when_the_weight_is_taken() -> None:
    machine = hanging_in_a_pause()
    assert machine.chart is State.PAUSED
    assert [line.strip() for line in machine.lines()] == ["ARROW", "Take the weight", "patient faces arrow", "<=== belt    OK"]
    assert active_priority(machine.state.alarms) is Priority.HIGH
    machine.load_n = 0.0
    machine.run(1.0)
    assert not machine.outputs.nurse_call
    assert active_priority(machine.state.alarms) < Priority.HIGH, "nothing was latched"
    machine.press(Input.OK)
    machine.start()
    assert machine.events.count(Event.HANGING_AT_REST) == 1
    assert Event.SESSION_RESUMED in machine.events


@pytest.mark.hazard("H-21", "C-HANGING")
def test_whoever_hangs_in_a_planned_rest_is_called_for_as_in_a_pause() -> None:
    machine = Machine()
    phases = (Phase(PhaseKind.WORK, 5, 0.1), Phase(PhaseKind.REST, 200), Phase(PhaseKind.WORK, 5, 0.1))
    machine.to_walking(msgspec.structs.replace(PLAN, phases=phases))
    machine.run_until(lambda m: m.chart is State.REST, 15)
    machine.to_rest()
    machine.load_n = 0.4 * MASS_N
    machine.run(59.0)
    assert not machine.outputs.nurse_call
    machine.run(2.0)
    assert machine.chart is State.REST
    assert machine.outputs.nurse_call
    assert machine.lines()[1].strip() == "Take the weight"
    machine.run_until(lambda m: m.chart is State.COMPLETE, 500)
    machine.run(1.0)
    assert machine.outputs.nurse_call, "over the rest's end and the session's"


@pytest.mark.hazard("H-21", "C-HANGING")
def test_a_clip_that_bounces_under_whoever_hangs_ends_no_call() -> None:
    machine = hanging_in_a_pause()
    machine.run_until(lambda m: m.chart is State.COMPLETE, 300)
    machine.edges = Input.CLIP.bit
    machine.scan()
    machine.open(Input.CLIP)
    machine.run(2.0)
    assert machine.chart is State.COMPLETE
    assert machine.outputs.nurse_call
    machine.load_n = 0.0
    machine.run(1.0)
    assert machine.chart is State.STANDBY, "the weight taken and the clip open: the patient has left"
    assert not machine.outputs.nurse_call


@pytest.mark.parametrize("left_n", [None, 0.055 * MASS_N], ids=["unknown", "a moved zero"])
@pytest.mark.hazard("H-21", "C-HANGING")
def test_a_load_that_nobody_can_read_keeps_the_next_patient_away_no_longer_than_a_clip_bounces(left_n: float | None) -> None:
    machine = hanging_in_a_pause()
    machine.run_until(lambda m: m.chart is State.COMPLETE, 300)
    if left_n is None:
        machine.load_silent = True
        machine.run(1.0)
    else:
        machine.load_n = left_n
    machine.open(Input.CLIP)
    machine.run(1.9)
    assert machine.chart is State.COMPLETE
    machine.run(0.3)
    assert machine.chart is State.STANDBY
    machine.run(0.2)
    assert not machine.outputs.nurse_call
    assert active_priority(machine.state.alarms) < Priority.HIGH


@pytest.mark.hazard("H-21", "C-HANGING")
def test_a_question_that_is_put_while_somebody_hangs_says_so_first() -> None:
    machine = hanging_in_a_pause(questions=(Question.EFFORT,))
    machine.run_until(lambda m: m.chart is State.COMPLETE, 300)
    machine.run(0.5)
    question = ["effort, 0 to 10?", "SLOWER: from 5", "SYMPTOM 2x: from 7"]
    assert [line.strip() for line in machine.lines()] == ["TAKE WEIGHT   OK 0-4", *question]
    machine.press(Input.SYMPTOM)
    assert machine.lines()[0] == "TAKE WEIGHT  OK done"
    machine.load_n = 0.0
    machine.run(0.5)
    assert machine.lines()[0] == "CHECK/unclip OK done"


@pytest.mark.hazard("H-21", "C-HANGING")
def test_a_session_that_ends_over_somebody_who_hangs_goes_on_calling() -> None:
    machine = hanging_in_a_pause()
    machine.run_until(lambda m: m.chart is State.COMPLETE, 300)
    machine.run(1.0)
    assert machine.outputs.nurse_call
    assert machine.lines()[1].strip() == "Take the weight"
    machine.load_n = 0.0
    machine.run(1.0)
    assert not machine.outputs.nurse_call
    machine.load_n = 0.4 * MASS_N
    machine.run(100.0)
    assert not machine.outputs.nurse_call, "after a session somebody is lifted out of it"


@pytest.mark.hazard("H-21", "C-HANGING")
def test_a_stop_over_somebody_who_hangs_in_a_pause_counts_on_from_where_it_was() -> None:
    machine = hanging_in_a_pause()
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.5)
    assert machine.outputs.nurse_call
    assert [machine.events.count(event) for event in (Event.NURSE_CALL, Event.HANGING_60_S)] == [1, 1]
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.load_n = 0.08 * MASS_N  # too little to refuse RESET, too much to be nobody
    machine.run(3.0)
    assert machine.outputs.nurse_call, "a latch keeps it until a hand opens it"
    machine.press(Input.RESET)
    machine.run(0.5)
    assert not machine.outputs.nurse_call
    assert not {Event.HANGING_AT_REST, Event.NURSE_CALL} & {event for event, _ in machine.state.alarms.active}


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
    assert judge_hanging(NOBODY, True, False, 0.10 * WEIGHT_N, LIMITS, S)[0].since_ns == S
    hangs, called = judge_hanging(NOBODY, True, False, 400.0, LIMITS, S)
    assert dict(called[0].detail) == {"load_n": 400.0, "hanging_s": 0.0}
    assert hangs.stage == 1
    assert judge_hanging(hangs, True, False, 0.05 * WEIGHT_N, LIMITS, 2 * S)[0].since_ns == S
    down, said = judge_hanging(hangs, True, False, 0.0499 * WEIGHT_N, LIMITS, 2 * S)
    assert (down.since_ns, down.stage, down.called, said) == (0, 0, True, ())
    again, called = judge_hanging(down, True, False, 400.0, LIMITS, 3 * S)
    assert [happening.event for happening in called] == [Event.NURSE_CALL], "who hangs again is called for again"
    assert again.since_ns == 3 * S


@pytest.mark.hazard("H-21", "C-HANGING")
def test_each_call_comes_exactly_at_its_time_with_how_long() -> None:
    state, _ = judge_hanging(NOBODY, True, False, 400.0, LIMITS, S)
    assert judge_hanging(state, True, False, 400.0, LIMITS, 61 * S - 1) == (state, ())
    state, (at_one_minute,) = judge_hanging(state, True, False, 412.34, LIMITS, 61 * S)
    assert dict(at_one_minute.detail) == {"load_n": 412.3, "hanging_s": 60.0}
    assert judge_hanging(state, True, False, 400.0, LIMITS, 181 * S - 1) == (state, ())
    state, (at_three_minutes,) = judge_hanging(state, True, False, 400.0, LIMITS, 181 * S)
    assert at_three_minutes.event is Event.HANGING_180_S
    assert judge_hanging(state, True, False, 400.0, LIMITS, 999 * S) == (state, ())


def test_without_a_latch_nobody_hangs_and_an_open_call_ends() -> None:
    called, _ = judge_hanging(NOBODY, True, False, 400.0, LIMITS, S)
    assert judge_hanging(called, False, False, 400.0, LIMITS, 2 * S)[0] is NOBODY
    assert judge_hanging(NOBODY, False, False, None, LIMITS, 2 * S)[0] is NOBODY


def beeps(machine: Machine, seconds: float) -> int:
    """Returns in how many scans the buzzer sounded."""
    heard = 0
    for _ in range(round(seconds * 100)):
        machine.scan()
        heard += machine.outputs.buzzer
    return heard


def alarming(machine: Machine) -> set[Event]:
    return {event for event, _ in machine.state.alarms.active}


@pytest.mark.parametrize("away_s", [0.5, 1.5])
def test_a_hand_back_on_the_rail_ends_the_prompt_and_the_next_release_beeps_again(away_s: float) -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(3)
    machine.open(Input.RAIL_LEFT)
    assert beeps(machine, away_s)
    assert Event.RAIL_RELEASED in alarming(machine)
    assert machine.outputs.lamp_yellow
    machine.close(Input.RAIL_LEFT)
    machine.run(0.3)
    assert alarming(machine) == set()
    assert not machine.outputs.lamp_yellow
    assert "hands" not in "".join(machine.lines())
    machine.open(Input.RAIL_LEFT)
    assert beeps(machine, 0.5)


def test_a_rail_that_stays_free_pauses_and_says_so_until_the_restart() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(3)
    machine.open(Input.RAIL_LEFT)
    machine.run_until(lambda m: m.chart is State.PAUSED, 10)
    machine.to_rest()
    machine.close(Input.RAIL_LEFT)
    machine.run(1)
    assert alarming(machine) == {Event.RAIL_PAUSE}
    machine.press(Input.OK)
    machine.start()
    assert alarming(machine) == set()


def test_the_pedal_pressed_again_ends_the_attendants_alarm() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(3)
    machine.open(Input.ATTENDANT)
    machine.run_until(lambda m: Event.ATTENDANT_GONE in m.events, 5)
    machine.run(0.05)
    assert alarming(machine) == {Event.ATTENDANT_GONE}
    machine.close(Input.ATTENDANT)
    machine.run(0.1)
    assert machine.chart is State.WARM_UP
    assert alarming(machine) == set()
    assert not machine.outputs.lamp_yellow


def test_of_nobody_a_symptom_is_recorded_and_alarms_for_nobody_to_end() -> None:
    machine = Machine()
    machine.to_standby()
    machine.tap_symptom()
    assert machine.events[-1] is Event.SYMPTOM_BUTTON
    assert alarming(machine) == set()
    assert beeps(machine, 10) == 0


@pytest.mark.parametrize("how", ["report", "cancel"])
def test_a_session_taken_back_leaves_no_alarm_behind(how: str) -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.tap_symptom()
    assert alarming(machine) == {Event.SYMPTOM_BUTTON}, "there is a patient to ask"
    if how == "report":
        machine.report("spinning")
    else:
        machine.requests.append(Cancel("c", "desk"))
        machine.run(0.1)
    assert machine.chart is State.STANDBY
    assert alarming(machine) == set()
    assert beeps(machine, 10) == 0


@pytest.mark.hazard("H-24", "C-SYMPTOMS")
def test_a_patient_who_presses_again_is_heard_though_the_alarm_was_silenced() -> None:
    machine = Machine()
    machine.to_walking()
    machine.run(1)
    machine.tap_symptom()
    machine.to_rest()
    machine.requests.append(Silence("hush", "desk"))
    machine.run(11)
    assert not any(heard(machine) for _ in range(1_100)), "silenced"
    machine.tap_symptom()
    assert any(heard(machine) for _ in range(1_100)), "within a burst's time"


def heard(machine: Machine) -> bool:
    machine.scan()
    return machine.outputs.buzzer
