"""A person at the treadmill, played by a script, and a cell in virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from controller.commissioning.console import AbandonedError
from controller.core.readings import LoadSample
from controller.core.state import GRAVITY_M_S2

PERIOD_NS = 15_000_000


class Technician:
    """Answers each question by the first rule whose words are in it; `said` has every line of the program."""

    def __init__(self, answers: dict[str, str | Callable[[], str]]) -> None:
        self.answers = answers
        self.said: list[str] = []
        self.asked: list[str] = []
        self.on_say: Callable[[str], None] = lambda _text: None

    def say(self, text: str) -> None:
        self.said.append(text)
        self.on_say(text)

    def ask(self, question: str) -> str:
        self.asked.append(question)
        for words, answer in self.answers.items():
            if words in question:
                return answer() if callable(answer) else answer
        raise AbandonedError

    @property
    def text(self) -> str:
        return "\n".join(self.said)


class VirtualCell:
    """A load cell whose time passes only while somebody waits for it. Everything that may be wrong with one can be set."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)
        self.zero_counts = 1_035_688.0
        self.newtons_per_count = 3.58722e-3
        self.noise_counts = 100.0
        self.period_ns = PERIOD_NS
        self.load_kg = 0.0
        self.swing_n = 0.0
        """How far a weight that hangs swings to either side, once a second."""
        self.creep_counts_per_s = 0.0
        self.friction_n = 0.0
        self.held_counts: int | None = None
        self.glitch_every = 0
        self.discard_every = 0
        self.silent = False
        self._now_ns = 1_000_000_000
        self._made = 0
        self._discarded = 0
        self._samples: list[LoadSample] = []

    def wait(self, seconds: float) -> None:
        until_ns = self._now_ns + round(seconds * 1e9)
        while self._now_ns + self.period_ns <= until_ns:
            self._now_ns += self.period_ns
            self._made += 1
            if self.silent:
                continue
            if self.discard_every and self._made % self.discard_every == 0:
                self._discarded += 1
            elif self.glitch_every and self._made % self.glitch_every == 0:
                self._samples.append(LoadSample(self._now_ns, 0x3FFFFF))
            else:
                self._samples.append(LoadSample(self._now_ns, self._counts()))
        self._now_ns = until_ns

    def _counts(self) -> int:
        if self.held_counts is not None:
            return self.held_counts
        swing_n = self.swing_n * math.sin(math.tau * self._now_ns / 1e9) if self.load_kg else 0.0
        force_n = self.load_kg * GRAVITY_M_S2 + swing_n + self.friction_n
        creep = self.creep_counts_per_s * self._now_ns / 1e9
        ideal = self.zero_counts + force_n / self.newtons_per_count + creep
        return max(-0x800000, min(0x7FFFFF, round(self._random.gauss(ideal, self.noise_counts))))

    def drain(self) -> tuple[LoadSample, ...]:
        samples, self._samples = tuple(self._samples), []
        return samples

    def discarded_total(self) -> int:
        return self._discarded
