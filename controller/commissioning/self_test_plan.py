"""What a self-test tries, in its order: every input with the words that tell a person what to do. A table, no program."""

from __future__ import annotations

import msgspec

from controller.core.inputs import INPUT_TABLE, Contact, Input


class Trial(msgspec.Struct, frozen=True):
    """One input (the mushroom: its two), to be brought out of its resting state and back.

    rests_closed: its state while nobody touches it. drive_sees: the field of the drive's STATUS that must follow, or empty.
    longest_press_s: the drive takes a longer one for a stuck button and faults; None: any is allowed.
    """

    inputs: tuple[Input, ...]
    do: str
    undo: str
    rests_closed: bool
    drive_sees: str = ""
    longest_press_s: float | None = None

    @property
    def name(self) -> str:
        """As in the input table."""
        return " and ".join(one.name.lower() for one in self.inputs)

    @property
    def mask(self) -> int:
        """Its bits."""
        mask = 0
        for one in self.inputs:
            mask |= one.bit
        return mask


_WORDS: tuple[tuple[tuple[Input, ...], str, str, str], ...] = (
    ((Input.EMERGENCY_A, Input.EMERGENCY_B), "Press the mushroom.", "Turn the mushroom free.", "stop_input_closed"),
    ((Input.LANYARD,), "Pull the lanyard off.", "Put the lanyard back.", "stop_input_closed"),
    ((Input.OVERLOAD,), "Open the overload switch at the hook.", "Let the overload switch close.", "stop_input_closed"),
    ((Input.CLIP,), "Open the harness clip.", "Close the harness clip.", ""),
    ((Input.DECK_FRONT,), "Block the light barrier at the FRONT of the deck.", "Clear the front barrier.", ""),
    ((Input.DECK_REAR,), "Block the light barrier at the REAR of the deck.", "Clear the rear barrier.", ""),
    ((Input.RAIL_LEFT,), "Hold the LEFT rail.", "Let go of the left rail.", ""),
    ((Input.RAIL_RIGHT,), "Hold the RIGHT rail.", "Let go of the right rail.", ""),
    ((Input.ATTENDANT,), "Press the attendant's pedal halfway.", "Let go of the pedal.", ""),
    ((Input.START,), "Press START for one second, then let go.", "Let go of START.", "start_closed"),
    ((Input.FASTER,), "Press FASTER for one second, then let go.", "Let go of FASTER.", "faster_closed"),
    ((Input.SLOWER,), "Press and hold SLOWER.", "Let go of SLOWER.", ""),
    ((Input.STOP,), "Press and hold STOP.", "Let go of STOP.", ""),
    ((Input.OK,), "Press and hold OK.", "Let go of OK.", ""),
    ((Input.RESET,), "Press and hold RESET.", "Let go of RESET.", ""),
    ((Input.SYMPTOM,), "Press and hold the patient's symptom button.", "Let go of the symptom button.", ""),
)
_RESTS_CLOSED = {rule.input: rule.contact is Contact.NORMALLY_CLOSED for rule in INPUT_TABLE}

LONGEST_PRESS_S = 2.0
"""As PRESS_MAXIMUM_MS of firmware_bridge/firmware/core/limits.h: the drive times its own two buttons."""
_LONGEST_PRESS_S = {Input.START: LONGEST_PRESS_S, Input.FASTER: LONGEST_PRESS_S}

TRIALS: tuple[Trial, ...] = tuple(
    Trial(inputs, do, undo, _RESTS_CLOSED[inputs[0]], sees, _LONGEST_PRESS_S.get(inputs[0])) for inputs, do, undo, sees in _WORDS
)
"""Every input, once."""

RESTING_MASK = 0
"""The inputs that are closed while nobody touches the machine and nobody stands on it."""
for _rule in INPUT_TABLE:
    if _rule.contact is Contact.NORMALLY_CLOSED:
        RESTING_MASK |= _rule.input.bit

OUTPUTS: tuple[tuple[str, str], ...] = (
    ("lamp_red", "the RED lamp"),
    ("lamp_yellow", "the YELLOW lamp"),
    ("buzzer", "the buzzer"),
    ("nurse_call", "the nurse call"),
)


def names_of(mask: int) -> str:
    """Returns the inputs of a mask by name."""
    return ", ".join(one.name.lower() for one in Input if mask & one.bit)
