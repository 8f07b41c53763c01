"""Between the core's words and the bridge's: the one place where both are known."""

from __future__ import annotations

from collections.abc import Callable

from controller.core.commands import Action, DriveCommand
from controller.core.readings import Direction, DriveReading, DriveState
from firmware_bridge.drive import Clear, Drive, DriveInput, Run, StatusFrame, Stop

_REOPEN_NS = 500_000_000
_FULL_STOP_MM_S2 = 1500


class DriveAdapter:
    """A bridge's drive as the scan uses it: the newest STATUS, and one command a scan.

    A lost line is opened again now and then; what is sent on it first is never a motion.
    """

    def __init__(self, drive: Drive, say: Callable[[str], None] = lambda _text: None) -> None:
        """Takes an opened driver. say: is told of each loss of the line, once."""
        self._drive = drive
        self._say = say
        self._said = ""
        self._latest: DriveReading | None = None
        self._reopen_due_ns = 0

    def receive(self, now_ns: int) -> DriveReading | None:
        """Reads what has come; returns the newest STATUS with the time at which it was read, None before the first."""
        for frame in self._drive.receive(now_ns):
            self._latest = reading_of_status(frame, now_ns)
        loss = self._drive.loss
        if loss is None:
            self._said = ""
        elif now_ns >= self._reopen_due_ns:
            self._reopen_due_ns = now_ns + _REOPEN_NS
            if loss.text != self._said:
                self._said = loss.text
                self._say(f"{loss.text} It is opened again and again.")
            self._drive.reopen(now_ns)
        return self._latest

    def wait_descriptor(self, now_ns: int) -> int | None:
        """Reads what has come and returns the descriptor to wait on; None while there is no line."""
        self.receive(now_ns)
        descriptor = self._drive.fileno()
        return descriptor if descriptor >= 0 else None

    def send(self, command: DriveCommand) -> None:
        """Writes the command's frame. What the line does not take is not sent again: the next scan decides anew."""
        match command.action:
            case Action.RUN:
                self._drive.send(Run(command.target_mm_s, command.rate_mm_s2, command.nonce, command.tick_ms))
            case Action.STOP:
                self._drive.send(Stop(command.rate_mm_s2))
            case Action.POWER_OFF:
                self._drive.send(Stop(_FULL_STOP_MM_S2, category_0=True))
            case Action.CLEAR:
                self._drive.send(Clear())


def reading_of_status(frame: StatusFrame, now_ns: int) -> DriveReading:
    """Returns the STATUS in the core's terms, with the time at which it was read."""
    inputs = frame.inputs
    return DriveReading(
        received_at_ns=now_ns,
        nonce=frame.nonce,
        tick_ms=frame.tick,
        state=DriveState(frame.state),
        measured_mm_s=frame.measured_mm_s,
        direction=Direction(frame.direction),
        commanded_mm_s=frame.commanded_mm_s,
        granted_mm_s=frame.granted_mm_s,
        distance_mm=frame.distance_mm,
        current_ma=frame.current_ma,
        faults=frame.faults,
        start_closed=bool(inputs & DriveInput.START_CLOSED),
        faster_closed=bool(inputs & DriveInput.FASTER_CLOSED),
        stop_input_closed=bool(inputs & DriveInput.STOP_INPUT_CLOSED),
        relay_closed=bool(inputs & DriveInput.RELAY_CLOSED),
        contactors_closed=bool(inputs & DriveInput.CONTACTOR_1_CLOSED) + bool(inputs & DriveInput.CONTACTOR_2_CLOSED),
        refusal=frame.refusal,
    )
