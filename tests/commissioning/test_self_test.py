"""The walk through the machine in virtual time: what it finds wrong with chain, drive and buttons."""

from __future__ import annotations

import heapq
import re
import time

import pytest

from controller.commissioning.panel_bench import PanelBench
from controller.commissioning.programs import STOP_INPUT_DECELERATION_MM_S2, facts_of
from controller.commissioning.self_test import DriveFacts, Extras, Walk
from controller.commissioning.self_test_plan import RESTING_MASK, TRIALS
from controller.core.inputs import Input
from controller.core.readings import Direction, DriveReading, DriveState, Levels
from firmware_bridge.drive import DriveLimits
from simulator.drive_build import FIRMWARE
from simulator.stop_chain import ChainParameters, StopChain
from tests.commissioning.people import Technician

MS = 1_000_000
FACTS = DriveFacts(brakes_s=1.6)


class Machine:
    """Panel, stop chain and drive whose time passes only while somebody waits, and a person who does what the lines say."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.chain = StopChain(ChainParameters(), self.now_ns)
        self.state, self.faults, self.relay_closed = DriveState.IDLE, 0, False
        self.first_contactor_waits = True
        self.load_n = 0.0
        self.hand_s: dict[Input, float] = {}
        """How long a button stays pressed, other than as long as is said."""
        self._closed = RESTING_MASK
        self._pulsing, self._pin_is_high = True, False
        self._chain_closed, self._contactors = True, True
        self._due: list[tuple[int, int, bool]] = []
        self.person = Technician(
            {"ON now?": "yes", "OFF now?": "yes", "RED lamp on?": "yes", "push the belt": "", "roll": "no", "again": "no"}
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
            measured_mm_s=0,
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

    def short_the_capacitor(self) -> None:
        self.chain.high_level_holds = lambda: self._pin_is_high

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
