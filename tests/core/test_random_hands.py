"""Hands that do anything, in any order, on the whole core with the real firmware: judged on the belt alone.

Seeds are fresh at each run and printed, so that a failure can be repeated with `STERNWAY_SEED`.
"""

from __future__ import annotations

import random

import pytest

from controller.core.chart import LATCHED_STATES, State
from controller.core.inputs import ALL_INPUTS_MASK, Input
from controller.core.preparation import Step
from messages.figures import Question
from messages.wire import Cancel, Silence, Stop, Symptom
from tests.core.machine import NOT_PRESSED, PLAN, WEIGHT_N, Machine, S, proposal
from tests.seeds import draw_seed

STOPPERS = (
    Input.EMERGENCY_A,
    Input.EMERGENCY_B,
    Input.LANYARD,
    Input.CLIP,
    Input.DECK_FRONT,
    Input.DECK_REAR,
    Input.OVERLOAD,
    Input.STOP,
    Input.SYMPTOM,
)
STOPPERS_MASK = sum(name.bit for name in STOPPERS)
BUTTONS = (Input.START, Input.FASTER, Input.SLOWER, Input.OK, Input.RESET)
STRETCHES = 8
MOVES_M_S = 0.02
TOLERANCE_M_S = 0.03
LIMITS: dict[str, object] = {"questions": tuple(Question), "check_interval_s": 8.0, "hands_free": True, "bout_s": 25.0}
"""Checks, windows and bouts are in it, too."""


class Judge:
    """Watches the plant after every scan."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.start_released_ns = -(10**18)
        self.released_m_s = 0.0
        self.was_closed = machine.closed
        self.was_latched = False
        self.reset_pressed_ns = -(10**18)
        self.stop_began_ns = 0
        self.stop_due_ns = 0
        self.stopping = 0
        """The stoppers that opened on a moving belt and whose stop is not due yet, as a mask."""
        self.stopped = 0
        """Those that were seen to stop one."""
        self.travel_m = machine.drive.travel_m
        self.moved = False

    def look(self) -> None:
        machine, now = self.machine, self.machine.now_ns
        released = self.was_closed & ~machine.closed
        pressed = machine.closed & ~self.was_closed
        self.was_closed = machine.closed
        if released & Input.START.bit:
            self.start_released_ns = now
            self.released_m_s = 0.10
        if released & Input.FASTER.bit:
            self.released_m_s += 0.10 if self.released_m_s >= 0.5 else 0.05
        if pressed & Input.RESET.bit:
            self.reset_pressed_ns = now
        self._judge_motion(now)
        self._judge_stop(now, released)
        latched = machine.chart in LATCHED_STATES
        if self.was_latched and not latched:
            assert now - self.reset_pressed_ns < 1 * S, "a latch opened by itself"
        self.was_latched = latched

    def _judge_motion(self, now: int) -> None:
        drive = self.machine.drive
        assert drive.travel_m >= self.travel_m - 0.002, "the belt ran the wrong way"
        self.travel_m = max(self.travel_m, drive.travel_m)
        assert drive.speed_m_s <= self.released_m_s + TOLERANCE_M_S, "faster than hands released"
        if drive.speed_m_s > TOLERANCE_M_S and not self.moved:
            assert now - self.start_released_ns < 6 * S, "the belt began to move without a START"
            self.moved = True
        elif drive.speed_m_s < 0.002:
            self.moved = False

    def _judge_stop(self, now: int, released: int) -> None:
        """At rest within v/a of the gentlest stop and a second; only a START after it may have set the belt in motion again."""
        speed_m_s, opened = self.machine.drive.speed_m_s, released & STOPPERS_MASK
        if opened and not self.stop_due_ns:
            self.stop_began_ns = now
            self.stop_due_ns = now + int((speed_m_s / 0.15 + 1.0) * S)
            self.stopping = opened if speed_m_s > MOVES_M_S else 0
        if self.stop_due_ns and now >= self.stop_due_ns:
            if self.start_released_ns <= self.stop_began_ns:
                assert speed_m_s < MOVES_M_S, "a stop did not stop"
                self.stopped |= self.stopping
            self.stop_due_ns = 0


def act(machine: Machine, chance: random.Random) -> None:
    """One thing that a hand, a patient or the network does."""
    kind = chance.random()
    if kind < 0.35:
        machine.closed ^= chance.choice(BUTTONS).bit
    elif kind < 0.45:
        machine.closed ^= chance.choice(STOPPERS).bit
    elif kind < 0.50:
        machine.closed ^= chance.choice((Input.RAIL_LEFT, Input.RAIL_RIGHT, Input.ATTENDANT)).bit
    elif kind < 0.55:
        machine.load_n = chance.choice((0.0, 0.0, 0.05, 0.2, 0.5)) * WEIGHT_N
    elif kind < 0.60:
        request = chance.choice(
            (Stop("1", "x"), Cancel("2", "x"), Symptom("3", "x", "y"), Silence("4", "x"), proposal("5", "x", PLAN))
        )
        machine.requests.append(request)
    elif kind < 0.63:
        machine.edges |= 1 << chance.randrange(len(Input))
    elif kind < 0.66:
        machine.lateness_ns = chance.choice((25_000_000, 60_000_000))
    elif kind < 0.68:
        machine.drive_connected = not machine.drive_connected
    elif kind < 0.70:
        machine.telemetry = not machine.telemetry
    elif kind < 0.71:
        machine.drive.reset()


def tidy(machine: Machine) -> None:
    """A therapist puts everything right, so that the next stretch may walk again."""
    machine.closed = ALL_INPUTS_MASK & ~NOT_PRESSED
    machine.load_n, machine.drive_connected, machine.telemetry = 0.0, True, True


def make_ready(machine: Machine) -> None:
    """The therapist goes on with the session that there is, or prepares the next, as far as the state allows."""
    machine.press(Input.RESET)
    for _ in machine.state.exercise.check.asking:
        machine.press(Input.OK)
    if machine.chart is State.PAUSED and machine.state.preparation.step in (Step.CLIP, Step.TAUT):
        machine.harness_check()
    elif machine.state.preparation.step is Step.ARROW:
        machine.press(Input.OK)
    elif machine.chart in (State.COMPLETE, State.STANDBY):
        machine.open(Input.CLIP)
        machine.run(0.5)
        machine.requests.append(proposal("p", "t", PLAN, **LIMITS))
        machine.run(0.1)
        if machine.chart is State.PREPARED:
            machine.mount()
            machine.confirm_list()
            machine.run(1.5)
            machine.press(Input.OK)
            machine.harness_check()


def walk(machine: Machine, seconds: float) -> bool:
    """START, where everything is ready for it; whether the belt moves at the end."""
    if machine.state.preparation.step is Step.READY:
        machine.run(1.2)
        machine.press(Input.START, 0.3)
        machine.run(seconds)
    return machine.belt_m_s > MOVES_M_S


@pytest.mark.parametrize("first_stopper", STOPPERS, ids=lambda stopper: stopper.name)
@pytest.mark.hazard("H-01", "H-02", "H-04", "C-GRANT", "C-GATE", "C-LATCH")
def test_whatever_hands_do_the_belt_obeys_the_four_laws(first_stopper: Input) -> None:
    """Chance alone seldom opens a stopper on a moving belt: each ends the first walk of one case, any of them half of the later
    walks. The first is over before its first check of symptoms, which could stop the belt, too."""
    chance = random.Random(draw_seed(first_stopper.name))
    machine = Machine()
    judge = Judge(machine)
    original = machine.scan

    def scan() -> None:
        original()
        judge.look()

    machine.scan = scan  # type: ignore[method-assign]
    has_walked = False
    for _ in range(STRETCHES):
        tidy(machine)
        machine.run(8)
        make_ready(machine)
        if walk(machine, chance.uniform(0.5, 15) if has_walked else chance.uniform(2, 4)):
            if not has_walked or chance.random() < 0.5:
                machine.open(chance.choice(STOPPERS) if has_walked else first_stopper)
                machine.run(3)
            has_walked = True
        for _ in range(chance.randrange(5, 60)):
            act(machine, chance)
            machine.run(chance.choice((0.01, 0.05, 0.2, 1.0)))
    assert judge.stopped & first_stopper.bit, "it never met a moving belt: the test would mean nothing"
