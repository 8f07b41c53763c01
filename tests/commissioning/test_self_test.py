"""The walk through the machine in virtual time: what it finds wrong with chain, drive and buttons."""

from __future__ import annotations

import heapq
import re
import time

import pytest

from controller.commissioning.panel_bench import PanelBench
from controller.commissioning.self_test import Extras, Walk
from controller.commissioning.self_test_plan import LONGEST_PRESS_S, RESTING_MASK, TRIALS
from controller.commissioning_programs import STOP_INPUT_DECELERATION_MM_S2, facts_of
from controller.core.inputs import Input
from controller.core.readings import Direction, DriveReading, DriveState, Levels
from firmware_bridge.drive import DriveFault, DriveLimits
from simulator.drive_build import FIRMWARE
from simulator.stop_chain import ChainParameters, StopChain
from tests.commissioning.people import Technician

MS = 1_000_000
FACTS = facts_of(DriveLimits())
STUCK = {Input.START: DriveFault.START_STUCK, Input.FASTER: DriveFault.FASTER_STUCK}


class Machine:
    """Panel, stop chain and drive whose time passes only while somebody waits, and a person who does what the lines say."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.chain = StopChain(ChainParameters(), self.now_ns)
        self.state, self.faults, self.relay_closed = DriveState.IDLE, 0, False
        self.measured_mm_s = 0
        self.first_contactor_waits = True
        self.load_n = 0.0
        self.hand_s: dict[Input, float] = {}
        """How long a button stays pressed, other than as long as is said."""
        self._closed = RESTING_MASK
        self._pulsing, self._pin_is_high = True, False
        self._chain_closed, self._contactors = True, True
        self._pressed_ns = dict.fromkeys(STUCK, 0)
        self._due: list[tuple[int, int, bool]] = []
        self.person = Technician(
            {
                "ON now?": "yes",
                "OFF now?": "yes",
                "RED lamp on?": "yes",
                "push the belt": "",
                "roll": "no",
                "again": self._not_again,
            }
        )
        self.person.on_say = self._act
        self.wait(0.1)

    # --- the bench ------------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> int:
        return self._closed

    @property
    def status(self) -> DriveReading | None:
        return DriveReading(
            received_at_ns=self.now_ns,
            nonce=1,
            tick_ms=self.now_ns // MS,
            state=self.state,
            measured_mm_s=self.measured_mm_s,
            direction=Direction.REST,
            commanded_mm_s=0,
            granted_mm_s=0,
            distance_mm=0,
            current_ma=0,
            faults=self.faults,
            start_closed=bool(self._closed & Input.START.bit),
            faster_closed=bool(self._closed & Input.FASTER.bit),
            stop_input_closed=self._chain_closed,
            relay_closed=self.relay_closed,
            contactors_closed=self._contactors + (self._contactors if self.first_contactor_waits else self._chain_closed),
            refusal=0,
        )

    def switch(self, _output: str, _on: bool) -> None:
        pass

    def feed_watchdog(self) -> None:
        self._pulsing = True

    def park_watchdog(self, high: bool) -> None:
        self._pulsing, self._pin_is_high = False, high

    # --- time, and the person -------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        until_ns = self.now_ns + round(seconds * 1e9)
        while self.now_ns < until_ns:
            self.now_ns += 10 * MS
            while self._due and self._due[0][0] <= self.now_ns:
                _, mask, closed = heapq.heappop(self._due)
                self._closed = self._closed | mask if closed else self._closed & ~mask
            if self._pulsing:
                self._pin_is_high = not self._pin_is_high
                self.chain.pulse(self.now_ns)
            self._chain_closed, self._contactors = self.chain.advance(self.now_ns, self._closed)
            self._time_the_buttons()

    def _time_the_buttons(self) -> None:
        """As the firmware does."""
        for button, fault in STUCK.items():
            self._pressed_ns[button] = self._pressed_ns[button] + 10 * MS if self._closed & button.bit else 0
            if self._pressed_ns[button] > 2000 * MS:
                self.fault(fault)

    def fault(self, fault: int) -> None:
        self.state, self.faults = DriveState.FAULT, self.faults | fault

    def short_the_capacitor(self) -> None:
        self.chain.high_level_holds = lambda: self._pin_is_high

    def _not_again(self) -> str:
        """Whoever has time to read the question has let go."""
        self.wait(6.0)
        return "no"

    def _act(self, text: str) -> None:
        words = text.strip()
        self.load_n = 100.0 if words.startswith("Pull on the hook") else 0.0 if words == "Let go." else self.load_n
        for trial in TRIALS:
            if words == trial.do:
                self._move(trial.mask, not trial.rests_closed, 0.2)
            elif words == trial.undo:
                self._move(trial.mask, trial.rests_closed, self.hand_s.get(trial.inputs[0], 0.2))

    def _move(self, mask: int, closed: bool, after_s: float) -> None:
        heapq.heappush(self._due, (self.now_ns + round(after_s * 1e9), mask, closed))

    def walk(self) -> dict[str, tuple[bool, str]]:
        """By name what was found."""
        walk = Walk(self, FACTS, Extras(lambda: self.load_n, None), self.person, lambda: self.now_ns / 1e9, self.wait)
        walk.run()
        return {item.name: (item.passed, item.found) for item in walk.items}


@pytest.fixture
def machine() -> Machine:
    return Machine()


def failed(found: dict[str, tuple[bool, str]]) -> list[str]:
    return [name for name, (passed, _) in found.items() if not passed]


def test_a_machine_without_a_fault_passes(machine: Machine) -> None:
    found = machine.walk()
    assert failed(found) == []
    words = "relay open after 0.1. s, both contactors after 2.1. s"
    _, relay = found["watchdog relay"]
    assert re.fullmatch(f"pin low: {words}; pin high: {words}; closed again each time", relay), relay


def test_a_relay_that_a_high_level_holds_is_found(machine: Machine) -> None:
    machine.short_the_capacitor()
    found = machine.walk()
    assert failed(found) == ["watchdog relay"]
    assert "pin high: the relay did not open" in found["watchdog relay"][1]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (ChainParameters(off_delay_ns=0), "a contactor fell 0.00 s after the relay, and the drive takes 1.60 s to brake"),
        (ChainParameters(off_delay_ns=300 * MS), "s after the relay, and the drive takes 1.60 s to brake: the off-delay of K4"),
        (ChainParameters(off_delay_ns=1450 * MS), "the off-delay of K4 is too short"),
        (ChainParameters(off_delay_ns=4700 * MS), "2 of 2 contactors are still closed 4.6 s after the relay opened"),
        (ChainParameters(watchdog_ns=400 * MS), "the relay did not open within 0.3 s after the last pulse"),
        (ChainParameters(watchdog_ns=800 * MS), "the relay did not open within 0.3 s after the last pulse"),
    ],
)
def test_a_chain_whose_times_are_wrong_is_found(machine: Machine, parameters: ChainParameters, words: str) -> None:
    machine.chain.parameters = parameters
    found = machine.walk()
    assert failed(found) == ["watchdog relay"]
    assert words in found["watchdog relay"][1]


@pytest.mark.parametrize("off_delay_ns", [1600 * MS, 4500 * MS])
def test_any_off_delay_that_lets_the_drive_brake_passes(machine: Machine, off_delay_ns: int) -> None:
    machine.chain.parameters = ChainParameters(watchdog_ns=250 * MS, off_delay_ns=off_delay_ns)
    assert failed(machine.walk()) == []


def test_one_contactor_that_falls_at_once_is_found(machine: Machine) -> None:
    machine.first_contactor_waits = False
    found = machine.walk()
    assert failed(found) == ["watchdog relay"]
    assert "a contactor fell 0.00 s after the relay" in found["watchdog relay"][1]


def test_the_drives_time_to_brake_is_that_of_its_limits() -> None:
    assert facts_of(DriveLimits()).brakes_s == 1.6
    assert facts_of(DriveLimits(max_speed_mm_s=2000)).brakes_s == 2.0
    assert facts_of(DriveLimits(max_speed_mm_s=600, max_deceleration_mm_s2=500)).brakes_s == 1.2
    header = (FIRMWARE / "core" / "limits.h").read_text()
    assert f"#define STOP_INPUT_DECELERATION_MM_S2 {STOP_INPUT_DECELERATION_MM_S2}u\n" in header


@pytest.mark.parametrize("button", [Input.START, Input.FASTER])
@pytest.mark.parametrize("held_s", [2.2, 6.0])
def test_a_button_that_the_drive_takes_for_stuck_is_found_and_so_is_the_drives_fault(
    machine: Machine, button: Input, held_s: float
) -> None:
    machine.hand_s[button] = held_s
    found = machine.walk()
    name = button.name.lower()
    assert failed(found) == [name, "drive at the end"]
    assert found[name][1] == "held longer than 2 s: the drive has faulted, RESET clears it once the controller runs"
    assert found["drive at the end"][1].startswith(f"the drive has faulted ({name} stuck);")


def test_a_button_may_be_held_for_a_second_and_the_others_for_as_long_as_people_like(machine: Machine) -> None:
    machine.hand_s |= {Input.START: 1.5, Input.FASTER: 1.5, Input.RESET: 20.0}
    found = machine.walk()
    assert failed(found) == []
    assert list(found)[-1] == "drive at the end"


def test_the_longest_press_is_the_drives() -> None:
    header = (FIRMWARE / "core" / "limits.h").read_text()
    assert f"#define PRESS_MAXIMUM_MS {LONGEST_PRESS_S * 1000:g}u\n" in header


@pytest.mark.parametrize(
    ("faults", "names"),
    [
        (DriveFault.OVER_CURRENT | DriveFault.STOP_INPUT, "over current"),
        (DriveFault.BRAKE | DriveFault.WATCHDOG, "brake, watchdog"),
        (1 << 15, "bit 15"),
        (0, "it does not say why"),
    ],
)
def test_a_drive_in_fault_passes_neither_at_the_start_nor_at_the_end(machine: Machine, faults: int, names: str) -> None:
    machine.fault(faults)
    found = machine.walk()
    assert failed(found) == ["drive", "drive at the end"]
    assert found["drive"][1] == f"the drive has faulted ({names}); RESET clears it once the controller runs"


def test_a_drive_that_has_only_latched_passes(machine: Machine) -> None:
    machine.state, machine.faults = DriveState.LATCHED, DriveFault.STOP_INPUT | DriveFault.LEASE
    assert failed(machine.walk()) == []


def test_a_relay_that_reads_closed_at_rest_is_found(machine: Machine) -> None:
    machine.relay_closed = True
    found = machine.walk()
    assert failed(found) == ["drive", "drive at the end"]
    assert "reads closed at rest" in found["drive"][1]


def push(machine: Machine, fault: int) -> None:
    """The belt gives way and rolls, and the drive sees it move at rest."""

    def roll() -> str:
        machine.measured_mm_s = 150
        machine.fault(fault)
        return ""

    def rest() -> str:
        machine.measured_mm_s = 0
        return "yes"

    machine.person.answers |= {"push the belt": roll, "roll": rest}


def test_a_belt_that_rolls_passes_with_the_fault_that_the_push_has_made(machine: Machine) -> None:
    push(machine, DriveFault.UNEXPECTED_MOTION)
    found = machine.walk()
    assert failed(found) == []
    assert "the push made it fault (unexpected motion), RESET clears it once the controller runs" in found["drive at the end"][1]


def test_a_belt_that_rolls_excuses_no_other_fault_and_none_of_before(machine: Machine) -> None:
    push(machine, DriveFault.UNEXPECTED_MOTION | DriveFault.RELAY)
    found = machine.walk()
    assert failed(found) == ["drive at the end"]
    assert "the drive has faulted (relay)" in found["drive at the end"][1]
    before = Machine()
    before.fault(DriveFault.UNEXPECTED_MOTION)
    push(before, DriveFault.UNEXPECTED_MOTION)
    assert failed(before.walk()) == ["drive", "drive at the end"]


class Pins:
    """The pin of the pulses, low at first, and what was asked of it."""

    def __init__(self) -> None:
        self.high = False
        self.pulses = 0

    def read(self, now_ns: int) -> Levels:
        return Levels(now_ns, RESTING_MASK, 0)

    def write(self, **_outputs: bool) -> None:
        pass

    def pulse(self) -> None:
        self.high = not self.high
        self.pulses += 1


class SilentDrive:
    def receive(self, _now_ns: int) -> None:
        return None


@pytest.mark.parametrize("level", [False, True])
def test_the_pin_of_the_pulses_stays_where_it_is_parked(level: bool) -> None:
    pins = Pins()
    bench = PanelBench(pins, SilentDrive())
    try:
        for _ in range(6):
            bench.feed_watchdog()
            time.sleep(0.025)
            bench.park_watchdog(level)
            time.sleep(0.1)
            pulses = pins.pulses
            time.sleep(0.05)
            assert (pins.high, pins.pulses) == (level, pulses)
        assert pins.pulses > 6, "fed between"
    finally:
        bench.close()
