"""Every input of the Pi: stuck high, stuck low, chattering; contacts tied, buttons held, channels that disagree."""

from __future__ import annotations

from controller.core.inputs import Input
from simulator.campaign.fault import Fault, Undo, fault
from simulator.campaign.stage import Stage

GROUP = "inputs"


def _some(one: Fault) -> Input:
    return Input(one.pick % len(Input))


@fault("gpio-stuck-high", GROUP, 30, 4000, 2.0)
def stuck_high(stage: Stage, one: Fault) -> Undo:
    """The pin reads open: a broken wire."""
    pins, bit = stage.system.pins, _some(one).bit
    pins.stuck_open |= bit
    return lambda: setattr(pins, "stuck_open", pins.stuck_open & ~bit)


@fault("gpio-stuck-low", GROUP, 30, 4000, 2.0)
def stuck_low(stage: Stage, one: Fault) -> Undo:
    """The pin reads closed: a short to ground."""
    pins, bit = stage.system.pins, _some(one).bit
    pins.stuck_closed |= bit
    return lambda: setattr(pins, "stuck_closed", pins.stuck_closed & ~bit)


@fault("gpio-chattering", GROUP, 30, 2000, 1.5)
def chatter(stage: Stage, one: Fault) -> Undo:
    """The pin changes at each look."""
    pins, bit = stage.system.pins, _some(one).bit
    pins.chattering |= bit
    return lambda: setattr(pins, "chattering", pins.chattering & ~bit)


@fault("channel-discrepancy", GROUP, 50, 4000)
def disagree(stage: Stage, one: Fault) -> Undo:
    """One of the emergency stop's two channels opens alone, at the contact."""
    channel = Input.EMERGENCY_A if one.pick % 2 else Input.EMERGENCY_B
    stage.system.world.hands.actuate(channel, True)
    return lambda: stage.system.world.hands.actuate(channel, False)


_BUTTONS = (Input.START, Input.FASTER, Input.SLOWER, Input.OK, Input.RESET)


@fault("button-stuck", GROUP, 300, 8000)
def stuck_button(stage: Stage, one: Fault) -> Undo:
    """A button stays pressed, for panel and drive alike."""
    name = _BUTTONS[one.pick % len(_BUTTONS)]
    stage.system.world.hands.set_closed(name, True)
    return lambda: stage.system.world.hands.set_closed(name, False)


@fault("pedal-tied", GROUP, 2000, 20000, 0.5)
def tied_pedal(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """Somebody has tied the attendant's pedal down."""
    pins, bit = stage.system.pins, Input.ATTENDANT.bit
    pins.stuck_closed |= bit
    return lambda: setattr(pins, "stuck_closed", pins.stuck_closed & ~bit)


@fault("start-wire-to-drive-cut", GROUP, 200, 6000, 0.5)
def start_wire(stage: Stage, one: Fault) -> Undo:
    """START or FASTER reaches the Pi and not the drive."""
    world, bit = stage.system.world, (Input.START if one.pick % 2 else Input.FASTER).bit
    world.cut_to_drive |= bit
    return lambda: setattr(world, "cut_to_drive", world.cut_to_drive & ~bit)
