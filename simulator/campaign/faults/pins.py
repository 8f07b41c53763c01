"""Every input of the Pi: stuck high, stuck low, chattering; contacts tied, buttons held, channels that disagree.

Of its outputs the watchdog relay's. Lamps, buzzer and nurse call may stick as well: nobody in the simulated world looks at them.
"""

from __future__ import annotations

from controller.core.inputs import Input
from simulator.campaign.fault import Fault, Undo, fault
from simulator.campaign.holding import hold, hold_bits, hold_by
from simulator.campaign.stage import Stage

GROUP, OUTPUTS = "inputs", "outputs"


def _some(one: Fault) -> Input:
    return Input(one.pick % len(Input))


def keep_pressed(stage: Stage, name: Input, after_ns: int = 0) -> Undo:
    """A contact is as a hand puts it, until the last such hand has let go, each so long after it wants to."""
    hands = stage.system.world.hands
    return hold_by(hands, name.name, True, lambda pressed: hands.actuate(name, pressed, after_ns))


@fault("gpio-stuck-high", GROUP, 30, 4000, 2.0)
def stuck_high(stage: Stage, one: Fault) -> Undo:
    """The pin reads open: a broken wire."""
    return hold_bits(stage.system.pins, "stuck_open", _some(one).bit)


@fault("gpio-stuck-low", GROUP, 30, 4000, 2.0)
def stuck_low(stage: Stage, one: Fault) -> Undo:
    """The pin reads closed: a short to ground."""
    return hold_bits(stage.system.pins, "stuck_closed", _some(one).bit)


@fault("gpio-chattering", GROUP, 30, 2000, 1.5)
def chatter(stage: Stage, one: Fault) -> Undo:
    """The pin changes at each look."""
    return hold_bits(stage.system.pins, "chattering", _some(one).bit)


@fault("channel-discrepancy", GROUP, 50, 4000)
def disagree(stage: Stage, one: Fault) -> Undo:
    """One of the emergency stop's two channels opens alone, at the contact."""
    return keep_pressed(stage, Input.EMERGENCY_A if one.pick % 2 else Input.EMERGENCY_B)


_BUTTONS = (Input.START, Input.FASTER, Input.SLOWER, Input.OK, Input.RESET)


@fault("button-stuck", GROUP, 300, 8000)
def stuck_button(stage: Stage, one: Fault) -> Undo:
    """A button stays pressed, for panel and drive alike; whoever presses it besides frees it."""
    return keep_pressed(stage, _BUTTONS[one.pick % len(_BUTTONS)])


@fault("pedal-tied", GROUP, 2000, 20000, 0.5)
def tied_pedal(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """Somebody has tied the attendant's pedal down."""
    return hold_bits(stage.system.pins, "stuck_closed", Input.ATTENDANT.bit)


@fault("start-wire-to-drive-cut", GROUP, 200, 6000, 0.5)
def start_wire(stage: Stage, one: Fault) -> Undo:
    """START or FASTER reaches the Pi and not the drive."""
    return hold_bits(stage.system.world, "cut_to_drive", (Input.START if one.pick % 2 else Input.FASTER).bit)


@fault("pulse-output-stuck", OUTPUTS, 50, 3000)
def stuck_pulse(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The output that feeds the watchdog relay stays at one level: the chain opens 120 ms later."""
    return hold(stage.system.pins, "pulse_stuck", True)
