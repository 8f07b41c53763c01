"""Everything physical in one place, moved on together: hands, patient, strap, load cell, stop chain, drive and belt.

The world knows no clock and no process. Whoever owns time calls `advance`; whoever stands for the Pi feeds the watchdog relay and
reads contacts and load. So the same world runs under the controller's real process and in virtual time inside a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from controller.core.inputs import ALL_INPUTS_MASK, Input
from controller.core.readings import LoadSample
from simulator.drive import SimulatedDrive
from simulator.hands import Hands
from simulator.load_cell import CellParameters, LoadCell
from simulator.patient import Patient, PatientParameters
from simulator.stop_chain import ChainParameters, StopChain
from simulator.strap import NO_PULL, Strap, StrapParameters

MAXIMUM_SAMPLES = 256
"""Load samples that nobody has taken; older ones are lost, as in the chip."""


@dataclass(frozen=True)
class WorldParameters:
    """What everything is made of. step_ns: how finely physics is computed, 1-10 ms."""

    step_ns: int = 5_000_000
    patient: PatientParameters = field(default_factory=PatientParameters)
    strap: StrapParameters = field(default_factory=StrapParameters)
    cell: CellParameters = field(default_factory=CellParameters)
    chain: ChainParameters = field(default_factory=ChainParameters)


class World:
    """The treadmill and the people on it."""

    def __init__(self, drive: SimulatedDrive, random: Random, start_ns: int, parameters: WorldParameters | None = None) -> None:
        """drive: already powered. random: decides everything that chance decides. start_ns: the time it is now."""
        self.parameters = parameters or WorldParameters()
        if not 1_000_000 <= self.parameters.step_ns <= 10_000_000:
            raise ValueError(f"step_ns must be 1-10 ms, not {self.parameters.step_ns} ns")
        self.drive = drive
        self.now_ns = start_ns
        self.hands = Hands(random, start_ns)
        self.patient = Patient(random, self.parameters.patient)
        self.strap = Strap(self.parameters.strap)
        self.cell = LoadCell(random, start_ns, self.parameters.cell)
        self.chain = StopChain(self.parameters.chain, start_ns)
        self.pull = NO_PULL
        self.contacts = 0
        """Mask by `Input` of the contacts that are closed."""
        self.contactors_closed = True
        self.cut_to_drive = 0
        """Mask of buttons whose wire to the drive is broken."""
        self.stop_input_stuck: bool | None = None
        """What the drive's STOP input reads whatever the chain does: True closed, False open; None: it is sound."""
        self.watchers: list[Callable[[], None]] = []
        """Called after each step."""
        self._given: tuple[int, bool, bool] | None = None
        """Buttons, STOP input and contactors as the drive was last given them."""
        self._samples: list[LoadSample] = []
        self._close_contacts()

    @property
    def load_n(self) -> float:
        """The true force on the load cell."""
        return self.pull.tension_n

    @property
    def belt_m_s(self) -> float:
        """The belt's true speed."""
        return self.drive.speed_m_s

    @property
    def stop_input_closed(self) -> bool:
        """The drive's STOP input: the chain, unless the input is stuck."""
        return self.chain.closed if self.stop_input_stuck is None else self.stop_input_stuck

    def take_samples(self) -> tuple[LoadSample, ...]:
        """The load cell's samples since the last call."""
        samples = tuple(self._samples)
        self._samples.clear()
        return samples

    def advance(self, to_ns: int) -> None:
        """Lets everything go on until to_ns."""
        while self.now_ns < to_ns:
            step_ns = min(self.parameters.step_ns, to_ns - self.now_ns)
            if step_ns < 1000:
                return  # the drive counts whole microseconds; the rest comes with the next call
            self._step(step_ns // 1000 * 1000)

    def _step(self, step_ns: int) -> None:
        self.now_ns += step_ns
        step_s = step_ns / 1e9
        self.hands.advance(self.now_ns)
        self._move_body(step_s)
        samples = self.cell.advance(self.now_ns, self.pull.tension_n)
        if samples:
            self._samples.extend(samples)
            del self._samples[:-MAXIMUM_SAMPLES]
        self._close_contacts()
        self._move_belt(step_ns)
        for watcher in self.watchers:
            watcher()

    def _move_body(self, step_s: float) -> None:
        patient = self.patient
        if patient.can_be_harnessed:
            self.pull = self.strap.pull(patient.x_m, patient.drop_m, patient.forward_m_s, patient.down_m_s)
        else:
            self.pull = NO_PULL
        patient.advance(step_s, self.drive.speed_m_s, self.pull)

    def _close_contacts(self) -> None:
        patient = self.patient
        self.chain.follow_load(self.pull.tension_n)
        closed = self.hands.closed & _OF_HANDS
        if patient.blocks_front:
            closed &= ~_DECK_FRONT
        if patient.blocks_rear:
            closed &= ~_DECK_REAR
        if not self.chain.overload_closed:
            closed &= ~_OVERLOAD
        if patient.holds_left:
            closed |= _RAIL_LEFT
        if patient.holds_right:
            closed |= _RAIL_RIGHT
        self.contacts = closed

    def _move_belt(self, step_ns: int) -> None:
        _, contactors_closed = self.chain.advance(self.now_ns, self.contacts)
        self.contactors_closed = contactors_closed
        given = (self.contacts & ~self.cut_to_drive & _TO_DRIVE, self.stop_input_closed, contactors_closed)
        if given != self._given:
            self._given = given
            self._give(*given)
        self.drive.advance(step_ns // 1000, self.patient.belt_force_n, self.patient.belt_drag_n)

    def _give(self, buttons: int, stop_input: bool, contactors_closed: bool) -> None:
        self.drive.set_inputs(
            start=bool(buttons & Input.START.bit),
            faster=bool(buttons & Input.FASTER.bit),
            stop_input=stop_input,
            contactor_1=contactors_closed,
            contactor_2=contactors_closed,
        )


_TO_DRIVE = Input.START.bit | Input.FASTER.bit
_DECK_FRONT, _DECK_REAR, _OVERLOAD = Input.DECK_FRONT.bit, Input.DECK_REAR.bit, Input.OVERLOAD.bit
_RAIL_LEFT, _RAIL_RIGHT = Input.RAIL_LEFT.bit, Input.RAIL_RIGHT.bit
_OF_HANDS = ALL_INPUTS_MASK & ~(_RAIL_LEFT | _RAIL_RIGHT)
