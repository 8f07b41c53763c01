"""The four lines of the 20-character display: what is, what is asked of a hand, and why it stopped.

The first line begins with the state's or the step's keyword in capitals; a large reader needs no more than that.
"""

from __future__ import annotations

from controller.core.chart import LATCHED_STATES, MOVING_STATES, State
from controller.core.check_text import check_lines
from controller.core.events import RULES, Effect, Event
from controller.core.exercise import ExerciseState, next_speed_m_s
from controller.core.hands_free import may_escape
from controller.core.latch import DRIVE_FAULT, UNLOAD_THE_STRAP, ended_by_fall, reset_blockers
from controller.core.patient import body_weight_n, ceiling_m_s, known_load_n
from controller.core.preparation import RESTART_STEPS, Step
from controller.core.settings import CoreSettings
from controller.core.state import CoreState

COLUMNS, ROWS = 20, 4
_TAKE_THE_WEIGHT = RULES[Event.HANGING_AT_REST].remedy.split(".")[0]
Lines = tuple[str, str, str, str]

_STEP_TEXT: dict[Step, tuple[str, str]] = {
    Step.AREA: ("around, deck ends", "clear: OK"),
    Step.SHOES: ("firm shoes, laces", "tied: OK"),
    Step.GLASSES: ("glasses on, no", "varifocals: OK"),
    Step.HARNESS: ("fitted, leg straps", "snug: OK"),
    Step.LANYARD: ("clipped to patient:", "OK"),
    Step.HIPS: ("10 circles each hip,", "hold on: OK"),
    Step.ANKLES: ("20 heel-toe rocks,", "hold on: OK"),
    Step.AFTER_HIPS: ("10 circles each hip:", "OK, or unclip"),
    Step.AFTER_ANKLES: ("20 heel-toe rocks:", "OK, or unclip"),
    Step.EMPTY_HOOK: ("clip open, hook", "empty and still: OK"),
    Step.CLIP: ("clip the harness", "to the strap"),
    Step.TAUT: ("stand tall, strap", "taut: OK"),
    Step.SLACK: ("FASTER/SLOWER: mark", "let out to it: OK"),
    Step.SIT: ("hold rails, sit in", "harness and stand up"),
    Step.ARROW: ("patient faces arrow", "<=== belt    OK"),
    Step.READY: ("hold rails, pedal", "press START"),
}


# Control C-PLAIN-WORDS.
def display_lines(state: CoreState, settings: CoreSettings, missing: tuple[str, ...], now_ns: int) -> Lines:
    """Returns the lines to show. missing: what START still lacks, shown at the step READY."""
    if state.chart in LATCHED_STATES:
        return _latched(state)
    if state.exercise.check.asking:
        return check_lines(state.exercise, state.chart is State.COMPLETE, state.hanging.called)
    if state.chart in MOVING_STATES:
        return _moving(state, settings, now_ns)
    step = state.preparation.step
    if step is not None and (state.chart is not State.COMPLETE or state.drive.standstill):
        return _with_call(_step(step, state, settings, missing), state)
    return _with_call(_quiet(state, now_ns), state)


def _with_call(lines: Lines, state: CoreState) -> Lines:
    """Who hangs at rest is named in the second line; what OK would confirm stays in sight below."""
    if not state.hanging.called:
        return lines
    return _fit(lines[0], _TAKE_THE_WEIGHT, *lines[2:])


def _fit(*lines: str) -> Lines:
    padded = [line[:COLUMNS].ljust(COLUMNS) for line in lines[:ROWS]]
    padded += [" " * COLUMNS] * (ROWS - len(padded))
    return padded[0], padded[1], padded[2], padded[3]


def _wrap(text: str) -> tuple[str, str]:
    """Two lines, broken at a blank where there is one."""
    if len(text) <= COLUMNS:
        return text, ""
    cut = text.rfind(" ", 0, COLUMNS + 1)
    cut = cut if cut > 0 else COLUMNS
    return text[:cut], text[cut:].strip()


def _latched(state: CoreState) -> Lines:
    cause = state.stopped_by or (state.causes[0] if state.causes else None)
    text = RULES[cause].text if cause is not None else ""
    blockers = reset_blockers(state)
    standing = [blocker for blocker in blockers if blocker != DRIVE_FAULT]
    hint = standing[0] if standing else f"{DRIVE_FAULT}: RESET" if blockers else "press RESET"
    if state.hanging.since_ns and UNLOAD_THE_STRAP in blockers:  # whatever else stands in RESET's way waits
        hint = _TAKE_THE_WEIGHT
    return _fit(state.chart.value.replace("_", " ").upper(), *_wrap(text), hint)


def _moving(state: CoreState, settings: CoreSettings, now_ns: int) -> Lines:
    exercise = state.exercise
    phase = exercise.phase
    left_s = 0.0 if phase is None else max(0.0, phase.duration_s - exercise.phase_elapsed_ns / 1e9)
    title = f"{state.chart.value.replace('_', ' ').upper():<10}{_clock(left_s):>10}"
    load_n = known_load_n(state)
    load = "load ?" if load_n is None else f"{round(load_n / body_weight_n(state) * 100):4d}% BW"
    speed = f"{state.drive.speed_m_s:4.2f} m/s {load:>9}"
    if exercise.offered_until_ns:
        offered = next_speed_m_s(exercise, ceiling_m_s(exercise.plan, settings, exercise.limits), settings.speed)
        seconds = max(0, (exercise.offered_until_ns - now_ns) // 1_000_000_000)
        return _fit(title, speed, f"FASTER? {offered:4.2f} m/s", f"press within {seconds:2d} s")
    if exercise.hands_free.open:
        return _fit(title, speed, *_hands_free(exercise, settings, now_ns))
    return _fit(title, speed, *_most_urgent(state))


def _most_urgent(state: CoreState) -> tuple[str, str]:
    """What to do about the gravest alarm; of equals what asks for a hand before what only tells, then the latest."""
    latest_first = [event for event, _ in reversed(state.alarms.active)]
    if not latest_first:
        return "", ""
    alarm = max(latest_first, key=lambda event: (RULES[event].priority, RULES[event].effect is not Effect.REFUSE))
    first, second = _wrap(RULES[alarm].remedy.split(".")[0])
    return (first, second) if second else ("", first)


def _hands_free(exercise: ExerciseState, settings: CoreSettings, now_ns: int) -> tuple[str, str]:
    left_s = max(0, (exercise.hands_free.until_ns - now_ns) // 1_000_000_000)
    if may_escape(exercise.hands_free, settings.hands_free, now_ns):
        return f"HANDS FREE      {left_s:2d} s", "grab both = stop"
    return "HOLD THE RAILS", f"within {left_s + 1:2d} s"


def _step(step: Step, state: CoreState, settings: CoreSettings, missing: tuple[str, ...]) -> Lines:
    plan = state.exercise.plan
    if step is Step.CONFIRM and plan is not None:
        return _fit("CONFIRM    OK", plan.patient, f"{plan.mass_kg:5.1f} kg", f"first {settings.speed.first_m_s:4.2f} m/s")
    if step is Step.LIST:
        return _fit("LIST    all done: OK", "deck shoes glasses", "harness, lanyard", "hips, ankles warm")
    if step is Step.SLACK:
        mark = state.preparation.slack_mark
        slack_cm = mark * settings.session.slack_pitch_m * 100
        return _fit("SLACK", f"mark {mark:2d} = {slack_cm:4.1f} cm", *_STEP_TEXT[step])
    if step is Step.READY and missing:
        return _fit("READY, but:", missing[0], *_STEP_TEXT[step])
    asks = state.chart is State.PAUSED and step in RESTART_STEPS
    return _fit(step.value, _why_paused(state.stopped_by) if asks and state.stopped_by is not None else "", *_STEP_TEXT[step])


def _why_paused(cause: Event) -> str:
    """Of the cause and what to do about it, what fits one line: going on is not all that is to be thought of."""
    text, remedy = RULES[cause].text, RULES[cause].remedy.split(".")[0]
    return remedy if len(remedy) <= COLUMNS < len(text) else _wrap(text)[0]


def _quiet(state: CoreState, now_ns: int) -> Lines:
    if state.chart is State.REST:
        phase = state.exercise.phase
        left_s = 0.0 if phase is None else max(0.0, phase.duration_s - (now_ns - state.since_ns) / 1e9)
        return _fit(f"REST{_clock(left_s):>16}", "stand and rest")
    if state.chart is State.COMPLETE:
        why = RULES[state.stopped_by].text if state.stopped_by is not None else ""
        if ended_by_fall(state) and state.drive.standstill:
            return _fit("COMPLETE", why, "post-fall form: desk", "unclip the patient")
        return _fit("COMPLETE", *_wrap(why), "unclip the patient" if state.drive.standstill else "belt is slowing")
    if state.chart is State.SELF_TEST:
        return _fit("SELF TEST", "please wait")
    if state.unready:
        return _fit("STANDBY, but:", *state.unready[: ROWS - 1])
    return _fit("STANDBY", "prepare a session")


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
