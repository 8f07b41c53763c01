"""The display, letter by letter: what patient and therapist read in each state."""

from __future__ import annotations

import msgspec
import pytest

from controller.core.chart import State
from controller.core.display_text import COLUMNS, _why_paused, _wrap, display_lines
from controller.core.events import RULES, Effect, Event, EventRule, Priority
from controller.core.inputs import Input
from controller.core.preparation import Step
from controller.core.readings import Quality
from messages.figures import Question
from messages.plan import Phase, PhaseKind
from tests.core.machine import PLAN, WEIGHT_N, Machine, proposal

LONG = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 30, 0.1), Phase(PhaseKind.WORK, 600, 0.2)))

CELL = (Event.LOAD_GAP, Event.LOAD_STUCK, Event.LOAD_OUT_OF_RANGE)


def shown(machine: Machine) -> list[str]:
    """Returns the lines without the blanks at their ends; each is as wide as the display."""
    lines = machine.lines()
    assert [len(line) for line in lines] == [20] * 4, lines
    return [line.rstrip() for line in lines]


@pytest.mark.hazard("H-25", "C-PLAIN-WORDS")
def test_from_self_test_to_ready() -> None:
    machine = Machine()
    machine.scan()
    assert shown(machine) == ["SELF TEST", "please wait", "", ""]
    machine.to_standby()
    assert shown(machine) == ["STANDBY", "prepare a session", "", ""]
    machine.unready = ("one", "two", "three", "four")
    machine.scan()
    assert shown(machine) == ["STANDBY, but:", "one", "two", "three"]
    machine.unready = ()
    machine.open(Input.CLIP)
    machine.run(0.2)
    machine.requests.append(proposal("r", "desk", PLAN))
    machine.scan()
    assert shown(machine) == ["CONFIRM    OK", "p-017", " 70.0 kg", "first 0.10 m/s"]
    machine.mount()
    machine.press(Input.OK)
    machine.confirm_list()
    assert shown(machine) == ["EMPTY HOOK", "", "clip open, hook", "empty and still: OK"]
    machine.run(1.5)
    machine.press(Input.OK)
    assert shown(machine) == ["CLIP", "", "clip the harness", "to the strap"]
    machine.close(Input.CLIP)
    machine.run_until(lambda m: m.state.preparation.step is Step.TAUT, 1)
    assert shown(machine) == ["TAUT", "", "stand tall, strap", "taut: OK"]
    machine.load_n = 0.05 * WEIGHT_N
    machine.run(1.5)
    machine.press(Input.OK)
    mark = machine.state.preparation.slack_mark
    pitch_cm = machine.settings.core.session.slack_pitch_m * 100
    assert shown(machine) == ["SLACK", f"mark {mark:2d} = {mark * pitch_cm:4.1f} cm", "FASTER/SLOWER: mark", "let out to it: OK"]
    machine.load_n = 0.0
    machine.run(1.0)
    machine.press(Input.OK)
    assert shown(machine) == ["SIT", "", "hold rails, sit in", "harness and stand up"]
    machine.load_n = 0.3 * WEIGHT_N
    machine.run(0.8)
    machine.load_n = 0.0
    machine.run_until(lambda m: m.state.preparation.step is Step.ARROW, 2)
    assert shown(machine) == ["ARROW", "", "patient faces arrow", "<=== belt    OK"]
    machine.press(Input.OK)
    assert shown(machine) == ["READY", "", "hold rails, pedal", "press START"]
    machine.open(Input.ATTENDANT)
    machine.run(0.2)
    assert shown(machine) == ["READY, but:", "attendant's pedal", "hold rails, pedal", "press START"]


def test_a_first_session_is_shown_line_by_line_and_a_returning_patient_the_list() -> None:
    for first in (True, False):
        machine = Machine()
        machine.to_standby()
        machine.open(Input.CLIP)
        machine.run(0.2)
        plan = msgspec.structs.replace(PLAN, first_session=first)
        machine.requests.append(proposal("r", "desk", plan, ask_glasses=True))
        machine.scan()
        machine.mount()
        seen = []
        while machine.state.preparation.step is not Step.EMPTY_HOOK:
            machine.press(Input.OK)
            seen.append(shown(machine))
        if first:
            assert [lines[0] for lines in seen] == [
                "AREA",
                "SHOES",
                "GLASSES",
                "HARNESS",
                "LANYARD",
                "HIPS",
                "ANKLES",
                "EMPTY HOOK",
            ]
            assert seen[6] == ["ANKLES", "", "20 heel-toe rocks,", "hold on: OK"]
        else:
            assert [lines[0] for lines in seen] == ["LIST    all done: OK", "EMPTY HOOK"]
            assert seen[0][1:] == ["deck shoes glasses", "harness, lanyard", "hips, ankles warm"]


def test_while_walking_the_time_left_the_speed_and_the_load() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.run_until(lambda m: m.state.exercise.phase_elapsed_ns >= 10e9, 20)
    assert shown(machine) == ["WARM UP         0:20", "0.10 m/s     0% BW", "", ""]
    machine.load_n = 0.05 * WEIGHT_N
    machine.run(0.3)
    assert shown(machine)[1] == "0.10 m/s     5% BW"
    machine.load_n = 0.0
    machine.run_until(lambda m: m.chart is State.WORK, 30)
    assert shown(machine)[0] in {"WORK           10:00", "WORK            9:59"}
    machine.run_until(lambda m: Event.RISE_OFFERED in m.events, 30)
    assert shown(machine)[2] == "FASTER? 0.15 m/s"
    seconds = int(machine.settings.core.speed.offer_s)
    assert shown(machine)[3] in {f"press within {seconds:2d} s", f"press within {seconds - 1:2d} s"}
    machine.press(Input.FASTER)
    machine.telemetry = False
    machine.run(2)
    assert shown(machine)[2:] == ["", RULES[Event.TELEMETRY_LOST].remedy.split(".")[0][:20].rstrip()]


def test_a_load_that_is_not_known_is_a_question_mark() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.load_silent = True
    machine.run_until(lambda m: m.state.estimate.load.quality is not Quality.GOOD, 1)
    moving = msgspec.structs.replace(machine.state, chart=State.WARM_UP)
    lines = display_lines(moving, machine.settings.core, (), machine.now_ns)
    assert lines[1][4:] == " m/s    load ?  "


def test_a_rest_counts_down_and_a_completed_session_asks_to_unclip() -> None:
    machine = Machine()
    plan = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 5, 0.1), Phase(PhaseKind.REST, 20), LONG.phases[1]))
    machine.to_walking(plan)
    machine.run_until(lambda m: m.chart is State.REST, 15)
    machine.run(5.5)
    assert shown(machine) == ["REST            0:14", "stand and rest", "", ""]
    machine.press(Input.STOP)
    machine.open(Input.STOP)
    machine.run(0.2)
    machine.close(Input.STOP)
    machine.run_until(lambda m: m.chart is State.COMPLETE, machine.settings.core.session.pause_limit_s + 5)
    assert shown(machine)[0] == "COMPLETE"
    assert shown(machine)[3] == "unclip the patient"


def test_a_latched_stop_says_why_and_what_is_in_the_way_of_reset() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.run(0.1)
    assert shown(machine)[0] == "EMERGENCY STOP"
    assert shown(machine)[3] != "press RESET"
    machine.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    machine.to_rest()
    machine.run(2)
    assert shown(machine)[3] == "press RESET"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Exactly twenty here.", ("Exactly twenty here.", "")),
        ("One letter too long a", ("One letter too long", "a")),
        ("Broken at the last blank", ("Broken at the last", "blank")),
        ("Twenty letters first, then", ("Twenty letters", "first, then")),
        ("a_single_word_longer_than_it", ("a_single_word_longer", "_than_it")),
        ("ends at twenty whole more", ("ends at twenty whole", "more")),
        ("", ("", "")),
    ],
)
def test_a_sentence_is_broken_at_a_blank_where_there_is_one(text: str, lines: tuple[str, str]) -> None:
    assert _wrap(text) == lines


def test_the_symptom_check_shows_numbers_where_the_question_asks_for_numbers() -> None:
    machine = Machine()
    machine.to_walking(LONG, questions=(Question.EFFORT,), check_interval_s=20.0)
    machine.asked(within_s=25)
    assert shown(machine) == ["CHECK         OK 0-4", "effort, 0 to 10?", "SLOWER: from 5", "SYMPTOM 2x: from 7"]


@pytest.mark.hazard("H-31", "C-PLAIN-WORDS")
def test_while_the_belt_runs_the_gravest_alarm_is_shown_and_what_asks_a_hand_before_what_only_tells() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.run(2)
    machine.telemetry = False
    machine.run(0.5)
    assert shown(machine)[2:] == ["", "The session goes on"]
    machine.open(Input.ATTENDANT)
    machine.run(1)
    machine.telemetry = True
    machine.run(0.5)
    machine.telemetry = False
    machine.run(0.1)
    assert shown(machine)[2:] == ["Press the", "attendant's pedal"], "and not that the recording is away once more"
    machine.close(Input.ATTENDANT)
    machine.run(0.2)
    machine.open(Input.RAIL_LEFT)
    machine.run(0.2)
    assert Event.RAIL_RELEASED in machine.events
    machine.telemetry = True
    machine.run(0.1)
    machine.telemetry = False
    machine.run(0.1)
    assert shown(machine)[2:] == ["Both hands on the", "rails"]


@pytest.mark.hazard("H-21", "H-31", "C-PLAIN-WORDS")
def test_whoever_hangs_in_a_stop_comes_before_everything_else_that_keeps_it_latched() -> None:
    """The lanyard is clipped to the patient, and a fall pulls it first."""
    machine = Machine()
    machine.to_walking(LONG)
    machine.run(2)
    machine.open(Input.LANYARD)
    machine.load_n = 0.8 * WEIGHT_N
    machine.run(3)
    assert shown(machine) == ["EMERGENCY STOP", "Lanyard pulled", "", "Take the weight"]
    machine.load_n = 0.07 * WEIGHT_N
    machine.run(0.5)
    assert shown(machine)[3] == "put lanyard back", "what is left of the load is not in the way"
    machine.load_silent = True
    machine.run(1)
    machine.close(Input.LANYARD)
    machine.run(1)
    assert shown(machine)[3] == "load cell unknown"


@pytest.mark.hazard("H-31", "C-PLAIN-WORDS")
def test_before_a_restart_the_display_says_why_it_paused() -> None:
    machine = Machine()
    machine.to_walking(LONG)
    machine.run(2)
    machine.open(Input.SYMPTOM)
    machine.to_rest()
    machine.close(Input.SYMPTOM)
    machine.run(0.2)
    assert machine.chart is State.PAUSED
    assert shown(machine) == ["ARROW", "Ask what is wrong", "patient faces arrow", "<=== belt    OK"]
    machine.press(Input.OK)
    assert shown(machine)[:2] == ["READY", "Ask what is wrong"]
    machine.open(Input.RAIL_LEFT)
    machine.run(0.2)
    assert shown(machine)[:2] == ["READY, but:", "hold the rails"]


def test_one_line_says_of_each_pause_why_or_what_to_do() -> None:
    said = {rule.event: _why_paused(rule.event) for rule in RULES.values() if rule.effect is Effect.PAUSE}
    assert all(0 < len(line) <= 20 for line in said.values())
    assert said[Event.STOP_PRESSED] == "STOP pressed"
    assert said[Event.SYMPTOM_BUTTON] == "Ask what is wrong"
    assert said[Event.NETWORK_STOP] == "Stopped from the"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.event.value)
def test_what_the_display_says_of_an_event_fits_it(rule: EventRule) -> None:
    """A latched stop shows the text in two lines; while the belt runs an alarm shows its remedy's first sentence in two."""
    assert max(map(len, _wrap(rule.text))) <= COLUMNS
    if rule.priority > Priority.NONE and rule.effect < Effect.END:
        assert max(map(len, _wrap(rule.remedy.split(".")[0]))) <= COLUMNS


@pytest.mark.parametrize("event", [*(rule.event for rule in RULES.values() if rule.effect is Effect.POWER_OFF), *CELL])
def test_a_machine_that_failed_under_somebody_sends_first_to_them(event: Event) -> None:
    assert RULES[event].remedy.startswith("Look after the patient. ")
