"""A technician who calibrates and tests the machine through the prompts of the installed programs, over a terminal.

The cell, panel and drive are simulated; the programs do not know. What the lamps do is looked up on the kernel's own pins.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from controller.commissioning.self_test_plan import OUTPUTS, TRIALS
from controller.core.inputs import Input
from controller.core.state import GRAVITY_M_S2
from hil_tests.vm.image import BOARD
from hil_tests.vm.kernel_board import KernelBoard
from hil_tests.vm.treadmill import Treadmill
from hil_tests.vm.virtual_machine import Conversation, VirtualMachine
from simulator.load_cell import CellParameters

WEIGHTS_KG = (10.0, 20.0, 30.0)
_PULL_KG = 12.0
_RAILS = Input.RAIL_LEFT.bit | Input.RAIL_RIGHT.bit
_WITHIN_S = 900.0
_PRESS_NS = 1_000_000_000
Answer = Callable[[], str]


class Technician:
    """Hands, eyes and answers; nobody else is at the machine."""

    def __init__(self, machine: VirtualMachine, treadmill: Treadmill, board: KernelBoard) -> None:
        self._machine = machine
        self._treadmill = treadmill
        self._board = board
        self._weights = iter(WEIGHTS_KG)
        self._deeds = {words: (trial.inputs, done) for trial in TRIALS for words, done in ((trial.do, True), (trial.undo, False))}
        self._presses = {trial.do: trial.inputs for trial in TRIALS if trial.longest_press_s is not None}

    def calibrate(self) -> str:
        """`sternway calibrate` up to its certificate; returns what was said."""
        self._hang(0.0)
        answers: dict[str, Answer] = {
            "Your name": lambda: "Ada",
            "Serial number": lambda: "C-1234",
            "when the hook is empty": lambda: "",
            "Its mass in kg": self._next_weight,
            "Take the weights off": lambda: self._hang(0.0),
            "Accept": lambda: "yes",
            "again": lambda: "yes",
        }
        return self._do("sternway calibrate", answers)

    def walk_through(self) -> str:
        """`sternway selftest` up to its record; returns what was said."""
        self._actuate((Input.CLIP,), actuated=False)
        answers: dict[str, Answer] = {
            "Your name": lambda: "Ada",
            "ON now?": lambda: self._sees(lambda: len(self._lit()) == 1),
            "OFF now?": lambda: self._sees(lambda: not self._lit()),
            "RED lamp on?": lambda: self._sees(lambda: not self._treadmill.real.world.chain.relay_closed),
            "four digits": self._code_on_display,
            "push the belt": lambda: "",
            "give way and roll": lambda: "no",
            "Try it again": lambda: "no",
        }
        said = self._do("sternway selftest", answers)
        self._hang(0.0)
        self._actuate((Input.CLIP,), actuated=True)
        return said

    def _do(self, command: str, answers: dict[str, Answer]) -> str:
        talk = self._machine.talk("env", BOARD, *command.split())
        deadline = time.monotonic() + _WITHIN_S
        read = heard = 0
        while talk.code is None or heard < len(talk.said):
            with talk.news:
                if talk.code is None and len(talk.said) == heard:
                    talk.news.wait(1.0)
                heard = len(talk.said)
                fresh = talk.said[read:]
            assert time.monotonic() < deadline, f"{command} did not end:\n{talk.said}"
            *lines, question = fresh.split("\n")
            for line in lines:
                self._act(line.strip())
            read += len(fresh)
            read -= len(question)
            if question.endswith(" "):  # what asks ends so; anything else is the beginning of a line
                read += len(question) + len(self._reply(talk, question, answers)) + 1
        assert talk.code == 0, f"{command} ended with {talk.code}:\n{talk.said}"
        return talk.said

    def _reply(self, talk: Conversation, question: str, answers: dict[str, Answer]) -> str:
        for words, answer in answers.items():
            if words in question:
                given = answer()
                talk.answer(given)
                return given
        raise AssertionError(f"nobody knows what to answer to {question!r}:\n{talk.said}")

    def _act(self, words: str) -> None:
        if words in self._presses:
            self._press(self._presses[words])
        elif words in self._deeds:
            self._actuate(*self._deeds[words])
        elif words.startswith("Pull on the hook"):
            self._hang(_PULL_KG)
        elif words == "Let go.":
            self._hang(0.0)

    def _press(self, inputs: tuple[Input, ...]) -> None:
        """Lets go by the machine's clock: what the program says next may come too late here, and the drive faults a long press."""
        hands = self._treadmill.real.world.hands

        def do() -> None:
            for one in inputs:
                hands.actuate(one, True)
                hands.actuate(one, False, after_ns=_PRESS_NS)

        self._treadmill.real.ask(do)

    def _actuate(self, inputs: tuple[Input, ...], actuated: bool) -> None:
        """The rails belong to the simulated patient, who is away: there a wire does what a hand would."""
        mask = sum(one.bit for one in inputs)
        if mask & _RAILS:
            self._treadmill.real.ask(lambda: self._board.set_wires(shorted=mask if actuated else 0))
        else:
            self._treadmill.actuate(inputs, actuated)

    def _next_weight(self) -> str:
        mass_kg = next(self._weights, None)
        return "" if mass_kg is None else self._hang(mass_kg)

    def _hang(self, mass_kg: float) -> str:
        cell = self._treadmill.real.world.cell
        self._treadmill.real.ask(lambda: setattr(cell, "parameters", CellParameters(hook_n=mass_kg * GRAVITY_M_S2)))
        since_ns = self._board.now_ns
        while self._board.now_ns - since_ns < 1_000_000_000:
            time.sleep(0.02)
        return f"{mass_kg:g}"

    def _code_on_display(self) -> str:
        self._sees(lambda: self._treadmill.lines[1].strip().isdecimal())
        return self._treadmill.lines[1].strip()

    def _lit(self) -> list[str]:
        return [name for name, _ in OUTPUTS if self._board.output(name).level]

    def _sees(self, condition: Callable[[], bool]) -> str:
        """What an eye says that looks for a second: what the machine tells outside comes a moment later than what it asks."""
        since_ns = self._board.now_ns
        while not condition() and self._board.now_ns - since_ns < 1_000_000_000:
            time.sleep(0.02)
        return "yes" if condition() else "no"
