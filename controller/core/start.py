"""What must hold before START is honoured, and the short wait for the drive to say that it saw the same hand."""

from __future__ import annotations

import msgspec

from controller.core.attendance import attendant_present
from controller.core.chart import State
from controller.core.digital import PROVED_MASK
from controller.core.events import Event, Happening
from controller.core.inputs import Input
from controller.core.latch import STRAP_HAS_NO_PULL, UNLOAD_THE_STRAP
from controller.core.patient import known_load_n, rails_as_planned, strap_hangs_limp
from controller.core.preparation import Step
from controller.core.readings import DriveState
from controller.core.settings import CoreSettings
from controller.core.state import CoreState, Scan
from messages.plan import AttendantStage

START_SHORTEST_NS = 50_000_000
START_LONGEST_NS = 2_000_000_000
START_OPEN_NS = 1_000_000_000
DRIVE_ANSWER_NS = 500_000_000
"""The drive must report the grant within this of the release at the panel."""

_CLOSED_TO_START = (
    (Input.EMERGENCY_A, "mushroom pressed"),
    (Input.EMERGENCY_B, "mushroom pressed"),
    (Input.LANYARD, "lanyard off"),
    (Input.OVERLOAD, "overload switch"),
    (Input.CLIP, "clip open"),
    (Input.DECK_FRONT, "deck front blocked"),
    (Input.DECK_REAR, "deck rear blocked"),
    (Input.STOP, "STOP pressed"),
    (Input.SYMPTOM, "symptom button"),
)


def missing_to_start(state: CoreState, settings: CoreSettings, now_ns: int) -> tuple[str, ...]:
    """What is missing, in words that fit a line of the display; empty when START may be honoured."""
    closed = state.digital.closed
    missing = [words for name, words in _CLOSED_TO_START if not closed & name.bit]
    plan = state.exercise.plan
    if not rails_as_planned(plan, closed):
        missing.append("hold the rails")
    stage = plan.attendant if plan is not None else AttendantStage.CONTACT_GUARD
    if not attendant_present(stage, state.attendance, closed, settings.attendant, now_ns):
        missing.append("attendant's pedal")
    load_n = known_load_n(state)
    if load_n is None:
        missing.append("load cell unknown")
    elif not load_n < state.hangs_from_n:
        missing.append(UNLOAD_THE_STRAP)
    elif strap_hangs_limp(state):
        missing.append(STRAP_HAS_NO_PULL)
    if state.exercise.check.asking:
        missing.append("symptom check")
    rest_s = (state.exercise.rest_until_at_ns - now_ns) // 1_000_000_000
    if rest_s >= 0:
        missing.append(f"rest {rest_s + 1} s")
    missing.extend(_machine_missing(state))
    return tuple(missing)


# Control C-SELF-TEST.
def _machine_missing(state: CoreState) -> list[str]:
    missing = []
    drive = state.drive
    if not drive.heard or drive.state not in (DriveState.IDLE, DriveState.LATCHED, DriveState.GRANTED):
        missing.append("drive not ready")
    if not drive.standstill:
        missing.append("belt not at rest")
    if state.chart is State.PREPARED:
        unproved = PROVED_MASK & ~state.digital.seen_changed
        missing.extend(f"try {name.name.lower()}" for name in Input if unproved & name.bit)
        if not state.telemetry_present:
            missing.append("recording away")
        if not state.display_healthy:
            missing.append("display lost")
        missing.extend(state.unready)
    return missing


def judge_start(scan: Scan) -> bool:
    """Whether the belt starts in this scan: START was pressed as a hand presses it, nothing is missing, and the drive granted.

    Appends START_REFUSED with what was missing.
    """
    state, facts = scan.state, scan.digital
    ready = state.preparation.step is Step.READY
    if facts.was_released(Input.START):
        refusal = _why_not(scan, ready)
        if refusal:
            _refuse(scan, refusal)
        else:
            scan.state = msgspec.structs.replace(scan.state, start_until_ns=scan.now_ns + DRIVE_ANSWER_NS)
    if not scan.state.start_until_ns:
        return False
    if scan.now_ns > scan.state.start_until_ns:
        _refuse(scan, "the drive did not grant it")
        return False
    missing = missing_to_start(scan.state, scan.settings.core, scan.now_ns)
    if not ready or missing:
        _refuse(scan, ", ".join(missing) or "not at the step READY")
        return False
    if scan.drive.state is not DriveState.GRANTED:
        return False
    scan.state = msgspec.structs.replace(scan.state, start_until_ns=0)
    return True


def refuse_early_start(scan: Scan) -> None:
    """A START before any step is up, in a rest, is answered with what is missing: the rest's time above all."""
    if scan.digital.was_released(Input.START):
        _refuse(scan, ", ".join(missing_to_start(scan.state, scan.settings.core, scan.now_ns)))


def _why_not(scan: Scan, ready: bool) -> str:
    held_ns = scan.now_ns - scan.state.start_pressed_ns
    if not ready:
        return "symptom check" if scan.state.exercise.check.asking else "not at the step READY"
    if not scan.state.start_pressed_ns > scan.state.preparation.confirmed_ns:
        return "START was pressed before READY"
    if not START_SHORTEST_NS <= held_ns <= START_LONGEST_NS:
        return f"held {held_ns // 1_000_000} ms: hold START 0.05-2 s"
    if scan.state.start_open_before_ns < START_OPEN_NS:
        return "START must have been open for 1 s"
    return ", ".join(missing_to_start(scan.state, scan.settings.core, scan.now_ns))


def _refuse(scan: Scan, reason: str) -> None:
    scan.state = msgspec.structs.replace(scan.state, start_until_ns=0)
    scan.happenings.append(Happening(Event.START_REFUSED, scan.now_ns, (("missing", reason),)))
