"""`sternway selftest`: a person walks through every input, every output, the watchdog relay and the belt at rest.

What was tried is recorded, what failed or was left out as well; a record with a failure keeps the machine from taking a patient.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, Protocol

import msgspec

from controller.commissioning.certificate import SelfTestItem
from controller.commissioning.console import Console, ask_yes
from controller.commissioning.self_test_plan import OUTPUTS, RESTING_MASK, TRIALS, Trial, names_of
from controller.core.readings import DriveReading, DriveState

WAIT_S = 30.0
"""How long a hand may take."""
_POLL_S = 0.02
_SETTLE_S = 0.1
_DISPLAY_S = 0.5
RELAY_WITHIN_S = 0.3
"""The relay opens 120 ms after the last pulse; the rest is for measuring [O]."""
MEASURING_S = 0.1
"""The off-delay may seem so much shorter than it is: the drive tells its inputs 50 times a second."""
LONGER_THAN_BRAKING_S = 3.0
"""An off-delay that is longer than braking by more leaves a drive that does not brake under power [O]."""
CLOSED_AGAIN_WITHIN_S = 6.0
PUSH_S = 8.0
_MOVES_MM_S = 20
PULL_N, SLACK_N = 50.0, 20.0
_RESET_CLEARS = "RESET clears it once the controller runs"
AtRest = Literal["holds", "rolls", "not tried"]


class Bench(Protocol):
    """The machine, scanned beside the questions."""

    @property
    def closed(self) -> int:
        """Mask of the contacts that are closed now."""

    @property
    def status(self) -> DriveReading | None:
        """The drive's STATUS, None while it is silent."""

    def switch(self, output: str, on: bool) -> None:
        """Switches an output."""

    def feed_watchdog(self) -> None:
        """Pulses come."""

    def park_watchdog(self, high: bool) -> None:
        """No pulses: their pin stays at this level."""


Gauge = Callable[[], float | None]
"""The load of a cell now, N; None while unknown."""


class DriveFacts(msgspec.Struct, frozen=True):
    """What is known of the drive.

    brakes_s: how long it brakes from its highest speed after its STOP input has opened. name_faults: names those of a STATUS that
    only RESET ends; none is an empty string. faults_of_push: those that a belt raises which is pushed along by hand, and rolls.
    """

    brakes_s: float
    name_faults: Callable[[int], str]
    faults_of_push: int


class Extras(msgspec.Struct, frozen=True):
    """What not every machine has at hand.

    load_n: the harness load. show: puts lines on the display; None: none is fitted. rails: by place the load of each rail that has
    a cell.
    """

    load_n: Gauge
    show: Callable[[tuple[str, ...]], None] | None
    rails: Mapping[str, Gauge] = {}


class Walk:
    """One walk through the machine. `items` grows by one with each thing that was tried."""

    def __init__(
        self,
        bench: Bench,
        drive: DriveFacts,
        extras: Extras,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bench = bench
        self._facts = drive
        self._extras = extras
        self._console = console
        self._clock = clock
        self._wait = wait
        self._faults_of_push = 0
        self.items: list[SelfTestItem] = []
        self.belt_at_rest: AtRest = "not tried"

    def run(self) -> None:
        """Everything, in order. Raises AbandonedError when the person leaves, HardwareError when a device fails."""
        self._console.say("Nobody stands on the treadmill. Nothing here moves the belt; hands must do everything else.")
        self._try("drive", self._drive)
        self._try("inputs at rest", self._at_rest)
        for number, trial in enumerate(TRIALS, 1):
            self._try(trial.name, partial(self._input, trial), f"[{number}/{len(TRIALS)}] ")
        for name, words in OUTPUTS:
            self._try(name, partial(self._output, name, words))
        if self._extras.show is not None:
            self._try("display", self._display)
        self._try("watchdog relay", self._watchdog)
        self._try("belt at rest", self._belt)
        self._try("load cell", self._load)
        for place, gauge in self._extras.rails.items():
            self._try(f"load cell at the {place}", partial(self._rail, place, gauge), protects=False)
        self._try("drive at the end", self._drive)

    def _try(self, name: str, trial: Callable[[], tuple[bool, str]], prefix: str = "", *, protects: bool = True) -> None:
        """Tries it, and again as long as it fails and the person wants to; the last result is recorded.

        A failure counts from the moment it is found, also for a person who leaves at the question or while it is tried again.
        """
        self._console.say(f"{prefix}{name}")
        place = len(self.items)
        while True:
            passed, found = trial()
            self.items[place:] = [SelfTestItem(name, passed, found, protects)]
            self._console.say(f"  {'ok' if passed else 'FAILED'}: {found}")
            if passed or not ask_yes(self._console, "  Try it again?"):
                return

    @property
    def failed(self) -> list[str]:
        """The names of what protects somebody and was found wrong."""
        return [item.name for item in self.items if item.protects and not item.passed]

    def _until(self, condition: Callable[[], object], within_s: float) -> bool:
        deadline = self._clock() + within_s
        while not condition():
            if self._clock() > deadline:
                return False
            self._wait(_POLL_S)
        return True

    # --- what is tried -------------------------------------------------------------------------------------------------

    def _drive(self) -> tuple[bool, str]:
        if not self._until(lambda: self._bench.status is not None, 3.0):
            return False, "the drive is silent: check its power and its cable"
        status = self._bench.status
        if status is None or status.measured_mm_s > _MOVES_MM_S:
            return False, "the belt moves"
        if status.relay_closed:
            return False, "the drive's relay reads closed at rest: it is welded, or its read-back is shorted"
        faults = self._facts.name_faults(status.faults & ~self._faults_of_push)
        if status.state is DriveState.FAULT and (faults or not self._faults_of_push):
            return False, f"the drive has faulted ({faults or 'it does not say why'}); {_RESET_CLEARS}"
        if not self._until(lambda: self._chain_closed() and self._contactors() == 2, 3.0):
            return False, "the stop chain is open at the drive: mushroom, lanyard, overload switch, watchdog relay, contactors"
        words = "the drive answers, the belt rests, the stop chain is closed"
        if status.state is DriveState.FAULT:
            words += f"; the push made it fault ({self._facts.name_faults(self._faults_of_push)}), {_RESET_CLEARS}"
        return True, words

    def _at_rest(self) -> tuple[bool, str]:
        self._wait(_SETTLE_S)
        wrong = self._bench.closed ^ RESTING_MASK
        return not wrong, f"not as it rests: {names_of(wrong)}" if wrong else "all as they rest"

    def _input(self, trial: Trial) -> tuple[bool, str]:
        before = self._bench.closed
        if before & trial.mask != (trial.mask if trial.rests_closed else 0):
            return False, f"{names_of((before ^ RESTING_MASK) & trial.mask)} does not rest as it should"
        for words, closed in ((trial.do, not trial.rests_closed), (trial.undo, trial.rests_closed)):
            self._console.say(f"  {words}")
            within_s = WAIT_S if words == trial.do else self._left_to_let_go_s(trial)
            if not self._until(lambda: self._follows(trial, closed), within_s):  # noqa: B023  called before the next turn
                return False, self._why_not(trial, closed, before, within_s)
            self._wait(_SETTLE_S)
            others = (self._bench.closed ^ before) & ~trial.mask
            if others:
                return False, f"{names_of(others)} changed with it: wires touch, or are swapped"
        return True, "both ways" + (", and the drive saw it" if trial.drive_sees else "")

    def _left_to_let_go_s(self, trial: Trial) -> float:
        """From when the press has settled."""
        return WAIT_S if trial.longest_press_s is None else trial.longest_press_s - _SETTLE_S

    def _follows(self, trial: Trial, closed: bool) -> bool:
        if self._bench.closed & trial.mask != (trial.mask if closed else 0):
            return False
        status = self._bench.status
        return not trial.drive_sees or (status is not None and getattr(status, trial.drive_sees) is closed)

    def _why_not(self, trial: Trial, closed: bool, before: int, within_s: float) -> str:
        status = self._bench.status
        if trial.longest_press_s is not None and not closed and status is not None and getattr(status, trial.drive_sees):
            return f"held longer than {trial.longest_press_s:g} s: the drive has faulted, {_RESET_CLEARS}"
        now = self._bench.closed
        wanted = trial.mask if closed else 0
        if now & trial.mask == wanted:
            return f"the Pi saw it, the drive did not ({trial.drive_sees.replace('_', ' ')})"
        others = (now ^ before) & ~trial.mask
        if others:
            return f"{names_of(others)} changed instead: the wires are swapped"
        return f"{names_of((now ^ wanted) & trial.mask)} did not change within {within_s:g} s"

    def _output(self, name: str, words: str) -> tuple[bool, str]:
        self._bench.switch(name, True)
        self._wait(_SETTLE_S)
        comes = ask_yes(self._console, f"  Is {words} ON now?")
        self._bench.switch(name, False)
        self._wait(_SETTLE_S)
        goes = ask_yes(self._console, f"  Is {words} OFF now?")
        return comes and goes, "on and off" if comes and goes else "does not come on" if not comes else "does not go off"

    def _display(self) -> tuple[bool, str]:
        if self._extras.show is None:
            return False, "none is fitted"
        code = f"{secrets.randbelow(10_000):04d}"
        self._extras.show(("SELF TEST", code, "", ""))
        self._wait(_DISPLAY_S)
        read = self._console.ask("  Which four digits does the display show?")
        self._extras.show(("SELF TEST", "", "", ""))
        return read == code, "shows what it is told" if read == code else f"was told {code}, {read or 'nothing'} was read"

    def _watchdog(self) -> tuple[bool, str]:
        """The pulses stop; relay and contactors must open by themselves, each read back through the drive.

        Once with the pin low and once with it high: a capacitor that is shorted lets a level hold the relay.
        """
        found = []
        for level in ("low", "high"):
            try:
                self._bench.park_watchdog(level == "high")
                passed, words = self._opens_by_itself()
            finally:
                self._bench.feed_watchdog()
            if not passed:
                return False, f"pin {level}: {words}"
            if not self._until(lambda: self._chain_closed() and self._contactors() == 2, CLOSED_AGAIN_WITHIN_S):
                return False, f"pin {level}: relay and contactors did not close again with the pulses"
            found.append(f"pin {level}: {words}")
        return True, "; ".join((*found, "closed again each time"))

    def _opens_by_itself(self) -> tuple[bool, str]:
        began = self._clock()
        if not self._until(lambda: self._chain_closed() is False, RELAY_WITHIN_S):
            return False, f"the relay did not open within {RELAY_WITHIN_S:g} s after the last pulse"
        relay_s = self._clock() - began
        brakes_s = self._facts.brakes_s
        longest_s = brakes_s + LONGER_THAN_BRAKING_S
        self._until(lambda: self._contactors() in (0, 1), longest_s)
        delay_s = self._clock() - began - relay_s
        if delay_s < brakes_s - MEASURING_S:
            words = f"a contactor fell {delay_s:.2f} s after the relay, and the drive takes {brakes_s:.2f} s to brake"
            return False, f"{words}: the off-delay of K4 is too short"
        if not self._until(lambda: self._contactors() == 0, longest_s - delay_s):
            return False, f"{self._contactors()} of 2 contactors are still closed {longest_s:.1f} s after the relay opened"
        contactors_s = self._clock() - began
        if not ask_yes(self._console, "  The pulses have stopped. Is the RED lamp on?"):
            return False, "the red lamp hangs on the relay's closed contact and stayed dark"
        return True, f"relay open after {relay_s:.2f} s, both contactors after {contactors_s:.2f} s"

    def _chain_closed(self) -> bool | None:
        status = self._bench.status
        return None if status is None else status.stop_input_closed

    def _contactors(self) -> int | None:
        status = self._bench.status
        return None if status is None else status.contactors_closed

    def _belt(self) -> tuple[bool, str]:
        """Both answers are right; it must be known whether a patient steps onto a belt that holds or one that gives way."""
        faults_before = self._drive_faults()
        self._console.ask(f"  Press Enter, then push the belt along by hand for {PUSH_S:g} s.")
        fastest = 0
        deadline = self._clock() + PUSH_S
        while self._clock() < deadline:
            status = self._bench.status
            if status is None:
                return False, "the drive fell silent"
            fastest = max(fastest, status.measured_mm_s)
            self._wait(_POLL_S)
        rolls = ask_yes(self._console, "  Did the belt give way and roll?")
        self.belt_at_rest = "rolls" if rolls else "holds"
        if rolls:
            self._faults_of_push |= self._drive_faults() & ~faults_before & self._facts.faults_of_push
        if rolls != (fastest > _MOVES_MM_S):
            return False, f"it was said to {self.belt_at_rest[:-1]}, but the encoder saw up to {fastest} mm/s: check the encoder"
        return True, f"it {self.belt_at_rest}; up to {fastest} mm/s were measured"

    def _drive_faults(self) -> int:
        status = self._bench.status
        return 0 if status is None else status.faults

    def _load(self) -> tuple[bool, str]:
        self._console.say(f"  Pull on the hook with more than {PULL_N:g} N (5 kg).")
        if not self._until(lambda: (self._extras.load_n() or 0.0) > PULL_N, WAIT_S):
            return False, "the load cell did not feel it"
        self._console.say("  Let go.")
        if not self._until(lambda: abs(self._load_or_infinite()) < SLACK_N, WAIT_S):
            return False, f"it did not come back below {SLACK_N:g} N"
        return True, "felt, and back to zero"

    def _load_or_infinite(self) -> float:
        load_n = self._extras.load_n()
        return float("inf") if load_n is None else load_n

    def _rail(self, place: str, gauge: Gauge) -> tuple[bool, str]:
        """By the change, so that a cell which is not calibrated yet can be tried, too."""
        if not self._until(lambda: gauge() is not None, WAIT_S):
            return False, "no sample comes"
        resting_n = gauge() or 0.0

        def change_n() -> float:
            load_n = gauge()
            return float("nan") if load_n is None else load_n - resting_n

        self._console.say(f"  Lean on the {place} with more than {PULL_N:g} N (5 kg).")
        if not self._until(lambda: change_n() > PULL_N, WAIT_S):
            return False, "the cell did not feel it"
        self._console.say(f"  Let go of the {place}.")
        if not self._until(lambda: abs(change_n()) < SLACK_N, WAIT_S):
            return False, f"it did not come back to within {SLACK_N:g} N"
        return True, "felt, and back"
