"""Every key of the demo: what it is called, what it does. And a keyboard that is read without waiting."""

from __future__ import annotations

import select
import sys
import termios
import tty
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from controller.core.inputs import Input
from simulator.hands import TAP_NS
from simulator.load_cell import CellFault
from simulator.patient import Posture
from simulator.play import befall_world
from simulator.rig import Rig
from simulator.scenarios import Action
from simulator.therapist import Therapist

_START_HELD_NS = 300_000_000


@dataclass(frozen=True)
class Key:
    """One key: `deed` is done in the treadmill's own thread, between two of its steps."""

    name: str
    text: str
    group: str
    deed: Callable[[Rig, Therapist], None]


def _press(name: Input, held_ns: int = TAP_NS) -> Callable[[Rig, Therapist], None]:
    return lambda rig, _: rig.treadmill.world.hands.press(name, held_ns)


def _toggle(*names: Input) -> Callable[[Rig, Therapist], None]:
    def deed(rig: Rig, _: Therapist) -> None:
        hands = rig.treadmill.world.hands
        closed = not hands.is_closed(names[0])
        for index, name in enumerate(names):
            hands.set_closed(name, closed, after_ns=index * 3_000_000)

    return deed


def _do(action: Action) -> Callable[[Rig, Therapist], None]:
    def deed(rig: Rig, therapist: Therapist) -> None:
        if not befall_world(action, rig.treadmill.world, therapist):
            rig.machinery.befall(action)

    return deed


def _clip(rig: Rig, _: Therapist) -> None:
    """With the clip goes the strap."""
    world = rig.treadmill.world
    closed = not world.hands.is_closed(Input.CLIP)
    world.hands.set_closed(Input.CLIP, closed)
    if closed:
        world.strap.attach(max(0.0, world.strap.slack_m))
    else:
        world.strap.detach()


def _rail(left: bool) -> Callable[[Rig, Therapist], None]:
    def deed(rig: Rig, _: Therapist) -> None:
        patient = rig.treadmill.world.patient
        if patient.wants(left=left):
            patient.let_go(left=left, right=not left)
        else:
            patient.hold(left=left, right=not left)

    return deed


def _stand(rig: Rig, _: Therapist) -> None:
    patient = rig.treadmill.world.patient
    if patient.posture is Posture.FROZEN:
        patient.walk_on()
    else:
        patient.freeze()


def _get_up(rig: Rig, _: Therapist) -> None:
    rig.treadmill.world.patient.get_up()


def _cable(rig: Rig, _: Therapist) -> None:
    rig.machinery.befall(Action.UNPLUG if rig.treadmill.cable.plugged_in else Action.PLUG_IN)


def _sensor(rig: Rig, _: Therapist) -> None:
    cell = rig.treadmill.world.cell
    cell.fault = CellFault.STUCK if cell.fault is CellFault.NONE else CellFault.NONE


def _autopilot(_: Rig, therapist: Therapist) -> None:
    therapist.works = not therapist.works
    therapist.helps = therapist.works


def _kill(rig: Rig, _: Therapist) -> None:
    rig.machinery.befall(Action.KILL if rig.controller.alive else Action.RESTART)


KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        Key("s", "START (0.3 s)", "panel", _press(Input.START, _START_HELD_NS)),
        Key("f", "FASTER", "panel", _press(Input.FASTER)),
        Key("d", "SLOWER", "panel", _press(Input.SLOWER)),
        Key(" ", "STOP", "panel", _press(Input.STOP)),
        Key("o", "OK", "panel", _press(Input.OK)),
        Key("r", "RESET", "panel", _press(Input.RESET)),
        Key("m", "mushroom in/out", "panel", _toggle(Input.EMERGENCY_A, Input.EMERGENCY_B)),
        Key("l", "lanyard off/on", "panel", _toggle(Input.LANYARD)),
        Key("c", "clip open/closed", "panel", _clip),
        Key("a", "attendant's pedal", "panel", _toggle(Input.ATTENDANT)),
        Key("[", "left rail", "patient", _rail(left=True)),
        Key("]", "right rail", "patient", _rail(left=False)),
        Key("1", "stumble", "patient", _do(Action.STUMBLE)),
        Key("2", "near fall", "patient", _do(Action.NEAR_FALL)),
        Key("3", "fall", "patient", _do(Action.FALL)),
        Key("4", "stand still/walk on", "patient", _stand),
        Key("5", "dizzy: symptom button", "patient", _do(Action.SYMPTOM)),
        Key("h", "help up", "patient", _get_up),
        Key("u", "pull/put back serial cable", "machine", _cable),
        Key("6", "load cell stuck/free", "machine", _sensor),
        Key("z", "freeze controller", "machine", _do(Action.FREEZE)),
        Key("w", "thaw controller", "machine", _do(Action.THAW)),
        Key("k", "kill/restart controller", "machine", _kill),
        Key("t", "therapist's autopilot", "machine", _autopilot),
    )
}
"""p (prepare a session) and q (quit) belong to the demo itself."""


class Keyboard:
    """Single key presses of the terminal; without a terminal there are none."""

    def __init__(self) -> None:
        self.present = sys.stdin.isatty() and sys.stdout.isatty()

    def __enter__(self) -> Self:
        if self.present:
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.present:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def wait(self, seconds: float) -> str:
        """The next key, or an empty string after so many seconds."""
        ready, _, _ = select.select([sys.stdin] if self.present else [], [], [], seconds)
        return sys.stdin.read(1) if ready else ""
