"""The HX711's shift register and clock, as its data sheet has them, for both stand-ins.

It is driven by levels of PD_SCK and asked for the level of DOUT, each with the time at which that is. What the data sheet
leaves open is modelled the harsh way: a conversion that ends during a shift replaces the register's bits under the reader.
"""

from __future__ import annotations

from typing import Final

from simulator.pins import ChipWord, DoutHeld, Word

_POWERS_DOWN_AFTER_NS: Final = 60_000
_SETTLES_IN_NS: Final = 50_000_000
"""After power-up or reset, at 80 conversions a second."""
_DATA_PULSES: Final = 24
_GAIN_SHIFT: Final = {25: 0, 26: 2, 27: 1}
"""Pulses of a shift -> how many halvings of gain 128 the next conversion has: 128, 32 (channel B), 64."""
_LONGEST_BACKLOG: Final = 16


class Hx711Model:
    """One chip. Times are monotonic nanoseconds; a call with a time before the last one's counts as at the last one's."""

    def __init__(self, words: memoryview, now_ns: int, first: Word = Word.HARNESS_CELL) -> None:
        """words: the whole board's; first: where the chip's own begin."""
        words = words[first : first + len(ChipWord)]
        self._words = words
        self._now_ns = now_ns
        self._clock_high_since_ns: int | None = None
        self._register = 0
        self._ready = False
        self._pulses = 0
        self._gain_shift = 0
        self._conversions = 0
        self._glitches_taken = words[ChipWord.GLITCH_SEQUENCE]
        self._next_ready_ns = now_ns + _SETTLES_IN_NS

    def set_clock(self, level: int, now_ns: int) -> None:
        """PD_SCK is driven to this level."""
        now_ns = self._advance(now_ns)
        if level and self._clock_high_since_ns is None:
            self._clock_high_since_ns = now_ns
            if self._ready:
                self._pulses += 1
                if self._pulses > _DATA_PULSES:
                    self._gain_shift = _GAIN_SHIFT.get(self._pulses, self._gain_shift)
        elif not level and self._clock_high_since_ns is not None:
            if now_ns - self._clock_high_since_ns > _POWERS_DOWN_AFTER_NS:
                self._reset(now_ns)
            self._clock_high_since_ns = None

    def data(self, now_ns: int) -> int:
        """The level of DOUT."""
        held = self._words[ChipWord.DOUT_HELD]
        if held != DoutHeld.FREE:
            return int(held == DoutHeld.HIGH)
        now_ns = self._advance(now_ns)
        high_since_ns = self._clock_high_since_ns
        if high_since_ns is not None and now_ns - high_since_ns > _POWERS_DOWN_AFTER_NS:
            return 1
        if not self._ready or self._pulses > _DATA_PULSES:
            return 1
        if self._pulses == 0:
            return 0
        return self._register >> (_DATA_PULSES - self._pulses) & 1

    def _reset(self, now_ns: int) -> None:
        self._ready = False
        self._pulses = 0
        self._gain_shift = 0
        self._next_ready_ns = now_ns + _SETTLES_IN_NS

    def _advance(self, now_ns: int) -> int:
        now_ns = max(now_ns, self._now_ns)
        self._now_ns = now_ns
        if now_ns < self._next_ready_ns:
            return now_ns
        period_ns = self._words[ChipWord.PERIOD_NS]
        # Nobody looked for a while: only the newest conversions can still matter.
        behind = (now_ns - self._next_ready_ns) // period_ns
        if behind > _LONGEST_BACKLOG:
            self._next_ready_ns += (behind - _LONGEST_BACKLOG) * period_ns
        while now_ns >= self._next_ready_ns:
            self._convert(period_ns)
        return now_ns

    def _convert(self, period_ns: int) -> None:
        words = self._words
        ended_ns = self._next_ready_ns
        self._conversions += 1
        doubled_every = words[ChipWord.DOUBLED_EVERY]
        doubled = doubled_every and self._conversions % doubled_every == 0
        self._next_ready_ns = ended_ns + (2 * period_ns if doubled else period_ns)
        if ended_ns < words[ChipWord.NO_CONVERSION_BEFORE_NS]:
            return
        counts = words[ChipWord.COUNTS] >> self._gain_shift
        sequence = words[ChipWord.GLITCH_SEQUENCE]
        if sequence != self._glitches_taken:
            self._glitches_taken = sequence
            counts = words[ChipWord.GLITCH_COUNTS]
        self._register = counts & 0xFFFFFF
        if not self._ready or self._pulses > _DATA_PULSES:
            self._pulses = 0
        self._ready = True
