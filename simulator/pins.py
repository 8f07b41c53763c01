"""The simulated treadmill's pins: a shared file of 64-bit words, and the simulator's side of it.

The simulator writes contacts, load and faults; the stand-ins for RPi.GPIO and spidev, in the controller's process, read them
and write pin modes and output levels. Every word has one writer and is read and written whole, so there is no lock and
neither side ever waits. After each change of a contact the simulator writes one record into a named pipe of the stand-in's,
which thereby sees even edges that are undone before anyone polls. (A datagram socket holds ten records on some machines.)
"""

from __future__ import annotations

import enum
import errno
import mmap
import os
import time
from pathlib import Path
from typing import Final, NamedTuple, cast

import msgspec

from controller.core.inputs import ALL_INPUTS_MASK, Input
from controller.hardware.settings import NO_RAIL_CELLS, LoadCellSettings, PinSettings, RailCells

STANDINS_DIRECTORY: Final = Path(__file__).parent / "standins"
"""Put first on PYTHONPATH of the controller's process, it makes `RPi.GPIO` and `spidev` the simulated ones."""
PINS_VARIABLE: Final = "STERNWAY_SIMULATED_PINS"
"""The environment variable that names the shared file to the stand-ins."""

LINES: Final = 32
NOMINAL_PERIOD_NS: Final = 12_500_000
_FORMAT: Final = 0x5374_6572_6E77_0002


class Word(enum.IntEnum):
    """Where each single word lies. The simulator writes those of inputs and chips, the stand-in those from MODE to CHANGES."""

    FORMAT = 0
    CLOSED = 1
    """Mask by BCM number: the contact, or a fault, connects the pin to ground."""
    TAKEN = 2
    """Mask by BCM number: pins that another driver (SPI) has."""
    HARNESS_CELL = 3
    """The words of an HX711 from here, in the order of ChipWord."""
    MODE = 32
    """One word a pin from here: a PinMode. This and the following are written by the stand-in."""
    LEVEL = 64
    CHANGED_AT_NS = 96
    CHANGES = 128
    RAIL_CELL_LEFT = 160
    RAIL_CELL_RIGHT = 170
    END = 180


class ChipWord(enum.IntEnum):
    """Where each word of an HX711 lies, from the chip's first."""

    PD_SCK = 0
    """BCM number; -1: the pin is not the GPIO library's, or there is no chip."""
    DOUT = 1
    COUNTS = 2
    PERIOD_NS = 3
    DOUBLED_EVERY = 4
    """Each n-th conversion takes two periods; 0: none does."""
    DOUT_HELD = 5
    """A DoutHeld."""
    GLITCH_COUNTS = 6
    GLITCH_SEQUENCE = 7
    """Grows by one with each glitch asked for."""
    NO_CONVERSION_BEFORE_NS = 8
    STALL_NS = 9
    """How long the next high pulse on PD_SCK is held up; written back to 0 by the stand-in."""


CHIPS: Final = (Word.HARNESS_CELL, Word.RAIL_CELL_LEFT, Word.RAIL_CELL_RIGHT)
"""Every HX711 that a board may have."""


_NO_WIRES: Final = (-1, -1)


class PinMode(enum.IntEnum):
    """What the controller has made of a pin."""

    UNUSED = 0
    INPUT = 1
    INPUT_PULLED_UP = 2
    OUTPUT = 3


class DoutHeld(enum.IntEnum):
    """A fault of the HX711's data line."""

    FREE = 0
    LOW = 1
    HIGH = 2


class OutputState(NamedTuple):
    """An output as a relay sees it. `changes` counts level changes since the board was made: two for each whole pulse."""

    driven: bool
    level: bool
    changed_at_ns: int
    changes: int


def map_words(path: Path) -> memoryview:
    """The file's words. An item is read or written in one piece. Raises OSError, or ValueError for another kind of file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        words = memoryview(mmap.mmap(descriptor, Word.END * 8)).cast("q")
    finally:
        os.close(descriptor)
    if words[Word.FORMAT] != _FORMAT:
        raise ValueError(f"{path} does not hold simulated pins of this version")
    return words


def edge_pipe_path(path: Path) -> Path:
    """The named pipe in which the stand-in awaits edges."""
    return path.with_name(path.name + ".edges")


def edge_record(changed: int, closed: int) -> bytes:
    """One record: mask of changed pins, mask of closed pins."""
    return changed.to_bytes(8, "little") + closed.to_bytes(8, "little")


EDGE_RECORD_BYTES: Final = len(edge_record(0, 0))


class ChipBoard:
    """The simulator's side of one HX711."""

    def __init__(self, words: memoryview, first: Word) -> None:
        self._words = words[first : first + len(ChipWord)]

    def set_counts(self, counts: int) -> None:
        """What the next conversion reads, -8388608..8388607."""
        self._words[ChipWord.COUNTS] = counts

    def set_conversions(self, period_ns: int, doubled_every: int = 0) -> None:
        """Real chips convert 62 to 93 times a second; in recordings every fourth or fifth conversion takes two periods."""
        self._words[ChipWord.PERIOD_NS] = period_ns
        self._words[ChipWord.DOUBLED_EVERY] = doubled_every

    def glitch(self, counts: int) -> None:
        """The next conversion, and only that, reads these counts."""
        self._words[ChipWord.GLITCH_COUNTS] = counts
        self._words[ChipWord.GLITCH_SEQUENCE] += 1

    def pause_conversions(self, duration_ns: int) -> None:
        """No conversion becomes ready for this long from now."""
        self._words[ChipWord.NO_CONVERSION_BEFORE_NS] = time.monotonic_ns() + duration_ns

    def hold_dout(self, held: DoutHeld) -> None:
        """Tie the data line, or free it."""
        self._words[ChipWord.DOUT_HELD] = held

    def stall_next_pulse(self, duration_ns: int) -> None:
        """Hold up whoever next raises PD_SCK bit by bit, as a busy processor does."""
        self._words[ChipWord.STALL_NS] = duration_ns


class PinBoard:
    """The simulator's side: contacts, load cells and faults in; outputs out. For use from one thread."""

    def __init__(self, path: Path, pins: PinSettings) -> None:
        self.path = path
        self._words = map_words(path)
        self._numbers = cast("dict[str, int]", msgspec.structs.asdict(pins))
        self.harness_cell = ChipBoard(self._words, Word.HARNESS_CELL)
        self.rail_cells = (ChipBoard(self._words, Word.RAIL_CELL_LEFT), ChipBoard(self._words, Word.RAIL_CELL_RIGHT))
        """Left and right; one that is not fitted is there and on no wire."""
        self._contacts = 0
        self._open_wires = 0
        self._grounded_wires = 0
        self._lost_edges = 0
        self._edge_pipe: int | None = None

    @classmethod
    def create(cls, path: Path, pins: PinSettings, load_cell: LoadCellSettings, rail_cells: RailCells = NO_RAIL_CELLS) -> PinBoard:
        """Make the file, with all contacts open and load cells that read their zero at 80 conversions a second."""
        words = [0] * Word.END
        words[Word.FORMAT] = _FORMAT
        by_bit = load_cell.backend == "gpio"
        chips = {Word.HARNESS_CELL: ((load_cell.pd_sck, load_cell.dout) if by_bit else _NO_WIRES, load_cell.counts_zero)}
        for first, cell in zip((Word.RAIL_CELL_LEFT, Word.RAIL_CELL_RIGHT), (rail_cells.left, rail_cells.right), strict=True):
            chips[first] = ((rail_cells.pd_sck, cell.dout) if cell.fitted else _NO_WIRES, cell.zero_counts)
        for first, (wires, zero_counts) in chips.items():
            words[first + ChipWord.PD_SCK], words[first + ChipWord.DOUT] = wires
            words[first + ChipWord.COUNTS] = zero_counts
            words[first + ChipWord.PERIOD_NS] = NOMINAL_PERIOD_NS
        path.write_bytes(b"".join(word.to_bytes(8, "little", signed=True) for word in words))
        return cls(path, pins)

    # --- contacts ------------------------------------------------------------------------------------------------------

    @property
    def contacts(self) -> int:
        """Mask by `Input` of the contacts that are closed, whatever their wires do."""
        return self._contacts

    def set_closed(self, line: Input, closed: bool) -> None:
        """Close or open one contact."""
        self.set_contacts(self._contacts | line.bit if closed else self._contacts & ~line.bit)

    def set_contacts(self, closed_mask: int) -> None:
        """Close exactly these contacts (mask by `Input`)."""
        if closed_mask & ~ALL_INPUTS_MASK:
            raise ValueError(f"{closed_mask:#x} has bits that are no input's")
        self._contacts = closed_mask
        self._update_pins()

    def chatter(self, line: Input, edges: int) -> None:
        """Change one contact so many times in a row, as fast as it goes."""
        for _ in range(edges):
            self.set_contacts(self._contacts ^ line.bit)

    def break_wire(self, line: Input) -> None:
        """The input reads open, whatever its contact does, until `repair`."""
        self._open_wires |= line.bit
        self._update_pins()

    def short_to_ground(self, line: Input) -> None:
        """The input reads closed, whatever its contact does, until `repair`: a welded contact, a tied pedal, a short."""
        self._grounded_wires |= line.bit
        self._update_pins()

    def repair(self, line: Input) -> None:
        """End both faults of an input's wire."""
        self._open_wires &= ~line.bit
        self._grounded_wires &= ~line.bit
        self._update_pins()

    @property
    def lost_edges(self) -> int:
        """Edges that found the pipe full (4,096 of them), because the controller was stopped. The levels are there all the same."""
        return self._lost_edges

    # --- load cells ----------------------------------------------------------------------------------------------------

    def set_load_counts(self, counts: int) -> None:
        """What the harness cell's next conversion reads, -8388608..8388607."""
        self.harness_cell.set_counts(counts)

    def set_conversions(self, period_ns: int, doubled_every: int = 0) -> None:
        """The pace of all chips."""
        for chip in (self.harness_cell, *self.rail_cells):
            chip.set_conversions(period_ns, doubled_every)

    def hold_dout(self, held: DoutHeld) -> None:
        """Tie the harness cell's data line, or free it."""
        self.harness_cell.hold_dout(held)

    # --- outputs and pins ----------------------------------------------------------------------------------------------

    def output(self, name: str) -> OutputState:
        """An output by its name in PinSettings, as `lamp_red`."""
        number = self._numbers[name]
        words = self._words
        return OutputState(
            driven=words[Word.MODE + number] == PinMode.OUTPUT,
            level=bool(words[Word.LEVEL + number]),
            changed_at_ns=words[Word.CHANGED_AT_NS + number],
            changes=words[Word.CHANGES + number],
        )

    def mode(self, name: str) -> PinMode:
        """What the controller has made of a pin, by its name in PinSettings."""
        return PinMode(self._words[Word.MODE + self._numbers[name]])

    def mode_of(self, number: int) -> PinMode:
        """The same by BCM number: for pins that are no input or output of the panel."""
        return PinMode(self._words[Word.MODE + number])

    def take_pin(self, number: int) -> None:
        """Let another driver have this BCM number."""
        self._words[Word.TAKEN] |= 1 << number

    def close(self) -> None:
        """Close the pipe; the files stay until their owner removes them."""
        if self._edge_pipe is not None:
            os.close(self._edge_pipe)
            self._edge_pipe = None

    def _update_pins(self) -> None:
        effective = self._contacts & ~self._open_wires | self._grounded_wires
        closed = 0
        for line in Input:
            if effective & line.bit:
                closed |= 1 << self._numbers[line.name.lower()]
        changed = closed ^ self._words[Word.CLOSED]
        if changed:
            self._words[Word.CLOSED] = closed
            self._send_edges(changed, closed)

    def _send_edges(self, changed: int, closed: int) -> None:
        if self._edge_pipe is None and not self._open_edge_pipe():
            return
        try:
            self._write_edges(changed, closed)
        except BrokenPipeError:
            # The listener has gone. Another may have come, with a pipe of its own.
            self.close()
            if self._open_edge_pipe():
                self._write_edges(changed, closed)

    def _write_edges(self, changed: int, closed: int) -> None:
        if self._edge_pipe is not None:
            try:
                os.write(self._edge_pipe, edge_record(changed, closed))
            except BlockingIOError:
                self._lost_edges += changed.bit_count()

    def _open_edge_pipe(self) -> bool:
        """False where nobody listens: an edge that nobody watches is no loss."""
        try:
            self._edge_pipe = os.open(edge_pipe_path(self.path), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return False
        return True
