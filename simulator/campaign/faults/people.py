"""People: patients who stumble, therapists who press the wrong button, a network that asks for this and that."""

from __future__ import annotations

import math

from controller.core.inputs import Input
from messages.wire import Cancel, Silence, Stop, Symptom
from simulator.campaign.fault import UNFELT, Fault, Undo, Unfelt, fault
from simulator.campaign.faults.pins import keep_pressed
from simulator.campaign.holding import hold_by, is_held
from simulator.campaign.stage import Stage
from simulator.patient import Loss, Posture

PATIENT, OPERATOR = "patient", "operator"
_BUTTONS = (Input.START, Input.FASTER, Input.SLOWER, Input.STOP, Input.OK, Input.RESET, Input.SYMPTOM)
_MS = 1_000_000


@fault("stumble", PATIENT, 10, 10, 1.5)
def stumble(stage: Stage, one: Fault) -> Unfelt | None:
    """Balance is lost and found again, soon or late."""
    patient = stage.system.world.patient
    if not patient.is_settled:
        return UNFELT
    patient.lose_balance(list(Loss)[one.pick % 3], catch_after_s=0.15 + 1.0 * one.amount)
    return None


@fault("fall", PATIENT, 4000, 12000)
def fall(stage: Stage, one: Fault) -> Undo | Unfelt:
    """Balance is lost for good; somebody helps the patient up in the end."""
    patient = stage.system.world.patient
    if not patient.is_settled:
        return UNFELT
    patient.lose_balance(list(Loss)[one.pick % 3], math.inf)
    return patient.get_up


@fault("patient-stands-still", PATIENT, 300, 3000)
def stand_still(stage: Stage, one: Fault) -> Undo | Unfelt:  # noqa: ARG001 (every deed has one form)
    """The patient is carried along."""
    patient = stage.system.world.patient
    if patient.posture is not Posture.ON_FEET:
        return UNFELT
    patient.freeze()
    return patient.walk_on


@fault("rails-let-go", PATIENT, 100, 6000, 1.5)
def let_go(stage: Stage, one: Fault) -> Undo | Unfelt:
    """One hand off, or both; and back, if they held."""
    hands = [name for name in ("left", "right") if one.pick % 3 != ("left", "right").index(name)]
    patient = stage.system.world.patient
    off = [name for name in hands if patient.wants(left=name == "left") or is_held(patient, name)]
    if not off:
        return UNFELT
    undos = [_take_off(stage, name) for name in off]

    def end() -> None:
        for undo in undos:
            undo()

    return end


def _take_off(stage: Stage, name: str) -> Undo:
    patient, left = stage.system.world.patient, name == "left"

    def put(is_off: bool) -> None:
        if is_off:
            patient.let_go(left=left, right=not left)
        else:
            patient.hold(left=left, right=not left)

    return hold_by(patient, name, True, put)


@fault("clip-opens", PATIENT, 200, 5000)
def clip(stage: Stage, one: Fault) -> Undo | Unfelt:  # noqa: ARG001 (every deed has one form)
    """The harness clip opens, and is closed again."""
    return _open(stage, Input.CLIP)


def _open(stage: Stage, name: Input) -> Undo | Unfelt:
    hands = stage.system.world.hands
    if not hands.is_closed(name) and not is_held(hands, name.name):
        return UNFELT
    return hold_by(hands, name.name, True, lambda is_open: hands.set_closed(name, not is_open))


@fault("wrong-button", OPERATOR, 10, 10, 3.0)
def wrong_button(stage: Stage, one: Fault) -> Undo | None:
    """Any button, for as long as anybody presses one."""
    stage.system.world.hands.press(_BUTTONS[one.pick % len(_BUTTONS)], int((20 + 900 * one.amount) * _MS))
    return None


@fault("two-buttons-at-once", OPERATOR, 10, 10, 1.5)
def two_buttons(stage: Stage, one: Fault) -> Undo | None:
    """Two buttons, one shortly after the other or with it."""
    hands = stage.system.world.hands
    hands.press(_BUTTONS[one.pick % len(_BUTTONS)], 300 * _MS)
    hands.press(_BUTTONS[one.pick // 16 % len(_BUTTONS)], 300 * _MS, after_ns=int(one.amount * 200) * _MS)
    return None


@fault("start-held-down", OPERATOR, 10, 10)
def hold_start(stage: Stage, one: Fault) -> Undo | None:
    """START for 1 to 6 s."""
    stage.system.world.hands.press(Input.START, int((1000 + 5000 * one.amount) * _MS))
    return None


def _hammer(stage: Stage, button: Input, *, times: int, held_ms: int, every_ms: int) -> None:
    for number in range(times):
        stage.system.world.hands.press(button, held_ms * _MS, after_ns=number * every_ms * _MS)


@fault("reset-hammered", OPERATOR, 10, 10)
def hammer_reset(stage: Stage, one: Fault) -> None:
    """RESET ten times, as fast as a finger goes."""
    _hammer(stage, Input.RESET, times=10, held_ms=60, every_ms=int(110 + 100 * one.amount))


@fault("start-hammered", OPERATOR, 10, 10)
def hammer_start(stage: Stage, one: Fault) -> None:
    """START again and again, as if that helped."""
    _hammer(stage, Input.START, times=5, held_ms=150, every_ms=int(300 + 1200 * one.amount))


@fault("faster-hammered", OPERATOR, 10, 10)
def hammer_faster(stage: Stage, one: Fault) -> None:
    """FASTER again and again, offered or not."""
    _hammer(stage, Input.FASTER, times=8, held_ms=120, every_ms=int(250 + 400 * one.amount))


@fault("emergency-stop", OPERATOR, 500, 4000)
def mushroom(stage: Stage, one: Fault) -> Undo:
    """The mushroom, its two channels some milliseconds apart."""
    first = keep_pressed(stage, Input.EMERGENCY_A)
    second = keep_pressed(stage, Input.EMERGENCY_B, int(one.amount * 60) * _MS)

    def release() -> None:
        first()
        second()

    return release


@fault("lanyard-pulled", OPERATOR, 500, 4000)
def lanyard(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The lanyard comes off its switch."""
    return keep_pressed(stage, Input.LANYARD)


@fault("pedal-released", OPERATOR, 200, 6000)
def pedal(stage: Stage, one: Fault) -> Undo | Unfelt:  # noqa: ARG001 (every deed has one form)
    """The attendant's foot leaves the pedal for a while."""
    return _open(stage, Input.ATTENDANT)


@fault("network-request", OPERATOR, 10, 10, 2.0)
def request(stage: Stage, one: Fault) -> Undo | None:
    """Somebody far away asks for something."""
    choices = (
        lambda: stage.stop_from_network(Stop("n-stop", "campaign")),
        lambda: stage.system.ask(Cancel("n-cancel", "campaign")),
        lambda: stage.system.ask(Symptom("n-symptom", "campaign", "dizzy")),
        lambda: stage.system.ask(Silence("n-silence", "campaign")),
        lambda: stage.system.prepare(stage.plan, stage.screening),
        lambda: stage.system.prepare(stage.plan, None),
    )
    choices[one.pick % len(choices)]()
    return None
