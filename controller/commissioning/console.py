"""Plain questions and answers, as they go over ssh: one line out, one line in, no colours and no cursor."""

from __future__ import annotations

import math
import sys
from typing import Protocol


class AbandonedError(Exception):
    """The person ended it, or the connection broke."""


class Console(Protocol):
    """Whoever does the work at the machine."""

    def say(self, text: str) -> None:
        """One line for them to read."""

    def ask(self, question: str) -> str:
        """Their answer, without blanks around it; raises AbandonedError when there is none."""


class Terminal:
    """Standard input and output."""

    def say(self, text: str) -> None:
        """Prints the line at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def ask(self, question: str) -> str:
        """Prints the question and waits for a line."""
        sys.stdout.write(f"{question} ")
        sys.stdout.flush()
        try:
            line = sys.stdin.readline()
        except (KeyboardInterrupt, UnicodeDecodeError) as error:
            raise AbandonedError from error
        if not line:
            raise AbandonedError
        return line.strip()


def ask_yes(console: Console, question: str) -> bool:
    """Whether they say yes; asks again until the answer is yes or no."""
    while True:
        answer = console.ask(f"{question} [yes/no]").lower()
        if answer in ("y", "yes"):
            return True
        if answer in ("n", "no"):
            return False
        console.say("Please answer yes or no.")


def ask_text(console: Console, question: str, longest: int) -> str:
    """A text of 1 to `longest` printable characters."""
    while True:
        answer = console.ask(question)
        if 1 <= len(answer) <= longest and answer.isprintable():
            return answer
        console.say(f"Please answer with 1 to {longest} letters, digits or signs.")


def ask_kg(console: Console, question: str, lowest_kg: float, highest_kg: float) -> float | None:
    """A mass in kg, or None for an empty answer; a decimal comma is understood."""
    while True:
        answer = console.ask(question).lower().removesuffix("kg").strip()
        if not answer:
            return None
        try:
            mass_kg = float(answer.replace(",", "."))
        except ValueError:
            mass_kg = math.nan
        if lowest_kg <= mass_kg <= highest_kg:
            return mass_kg
        console.say(f"Please give a number from {lowest_kg:g} to {highest_kg:g} kg, or an empty line when there is no more.")
