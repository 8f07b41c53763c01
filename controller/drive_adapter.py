"""Between the core's words and the bridge's: the one place where both are known."""

from __future__ import annotations

from collections.abc import Callable

from controller.core.commands import Action, DriveCommand
from controller.core.readings import Direction, DriveReading, DriveState
from controller.pairing import PairWatch, why_refused
from firmware_bridge.drive import BeltDirection, Clear, Drive, DriveInput, Run, StatusFrame, Stop
from firmware_bridge.drive import DriveState as BridgeState

_REOPEN_NS = 500_000_000
_FULL_STOP_MM_S2 = 1500
REFUSED_REMEDY = (
    "It gets no order but to stop. Set [firmware] and drive.lease_ms to what its firmware was built with and start the controller "
    "again, or put firmware built with these limits onto it."
)
# Each STATUS and each scan asks for these, and Python 3.11 takes long to find an enumeration's member.
_STATES = {state: DriveState(state) for state in BridgeState}
_DIRECTIONS = {direction: Direction(direction) for direction in BeltDirection}
_START_CLOSED, _FASTER_CLOSED = int(DriveInput.START_CLOSED), int(DriveInput.FASTER_CLOSED)
_STOP_INPUT_CLOSED, _RELAY_CLOSED = int(DriveInput.STOP_INPUT_CLOSED), int(DriveInput.RELAY_CLOSED)
_CONTACTOR_1, _CONTACTOR_2 = int(DriveInput.CONTACTOR_1_CLOSED), int(DriveInput.CONTACTOR_2_CLOSED)
_NOTHING = Action.NOTHING


class DriveAdapter:
    """A bridge's drive as the scan uses it: the newest STATUS, and one command a scan.

    A lost line is opened again now and then; what is sent on it first is never a motion. Of a drive that has not been judged to
    belong to these pins nothing is handed up, and only a stop is sent to it.
    """

    def __init__(self, drive: Drive, panel_is_simulated: bool, say: Callable[[str], None] = lambda _text: None) -> None:
        """Takes an opened driver. say: is told once of each loss of the line, and of each drive that is refused."""
        self._drive = drive
        self._pair = PairWatch(drive, panel_is_simulated)
        self._is_paired = False
        self._say = say
        self._said = ""
        self._latest: DriveReading | None = None
        self._reopen_due_ns = 0

    def receive(self, now_ns: int) -> DriveReading | None:
        """Reads what has come; returns the newest STATUS with the time at which it was read, None before the first.

        Raises HardwareError where the drive that answers, now or after an exchange, does not belong to these pins.
        """
        frames = self._drive.receive(now_ns)
        self._is_paired = False  # holds where the next line raises
        self._is_paired = self._pair.knows_the_drive()
        if self._is_paired:
            identity = self._drive.identity
            for frame in frames:
                if identity is None or frame.nonce == identity.nonce:  # others were read with it, from a boot before
                    self._latest = reading_of_status(frame, now_ns)
        loss = self._drive.loss
        if loss is None:
            self._tell(why_refused(self._drive), REFUSED_REMEDY)
        elif now_ns >= self._reopen_due_ns:
            self._reopen_due_ns = now_ns + _REOPEN_NS
            self._tell(loss.text, "It is opened again and again.")
            self._is_paired = False
            self._drive.reopen(now_ns)
        return self._latest

    def _tell(self, problem: str, what_follows: str) -> None:
        """Says what is new; an empty problem is none, and the next is new again."""
        if problem != self._said:
            self._said = problem
            if problem:
                self._say(f"{problem} {what_follows}")

    def wait_descriptor(self, now_ns: int) -> int | None:
        """Reads what has come and returns the descriptor to wait on; None while there is no line."""
        self.receive(now_ns)
        descriptor = self._drive.fileno()
        return descriptor if descriptor >= 0 else None

    def send(self, command: DriveCommand) -> None:
        """Writes the command's frame. What the line does not take is not sent again: the next scan decides anew."""
        if command.action is _NOTHING:
            return
        match command.action:
            case Action.RUN if self._is_paired:
                self._drive.send(Run(command.target_mm_s, command.rate_mm_s2, command.nonce, command.tick_ms))
            case Action.STOP:
                self._drive.send(Stop(command.rate_mm_s2))
            case Action.POWER_OFF:
                self._drive.send(Stop(_FULL_STOP_MM_S2, category_0=True))
            case Action.CLEAR if self._is_paired:
                self._drive.send(Clear())


def reading_of_status(frame: StatusFrame, now_ns: int) -> DriveReading:
    """Returns the STATUS in the core's terms, with the time at which it was read."""
    inputs = frame.inputs
    return DriveReading(
        received_at_ns=now_ns,
        nonce=frame.nonce,
        tick_ms=frame.tick,
        state=_STATES[frame.state],
        measured_mm_s=frame.measured_mm_s,
        direction=_DIRECTIONS[frame.direction],
        commanded_mm_s=frame.commanded_mm_s,
        granted_mm_s=frame.granted_mm_s,
        distance_mm=frame.distance_mm,
        current_ma=frame.current_ma,
        faults=frame.faults,
        start_closed=bool(inputs & _START_CLOSED),
        faster_closed=bool(inputs & _FASTER_CLOSED),
        stop_input_closed=bool(inputs & _STOP_INPUT_CLOSED),
        relay_closed=bool(inputs & _RELAY_CLOSED),
        contactors_closed=bool(inputs & _CONTACTOR_1) + bool(inputs & _CONTACTOR_2),
        refusal=frame.refusal,
    )
