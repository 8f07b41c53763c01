"""The harness load cell's amplifier, an HX711 at 80 conversions a second, read in a thread of its own.

The chip says with DOUT low that a conversion is ready. 24 pulses on PD_SCK then shift it out, most significant bit first, and
the 25th, which also chooses channel A at gain 128 for the next, sets DOUT high. A pulse that stays high for more than 60 us
powers the chip down (its data sheet), so a sample is dropped where a pulse may have been that long. Only samples that are
known to be bad are dropped here, by their clocking or framing; whether a value is believable is the core's business.
"""

from __future__ import annotations

import abc
import collections
import contextlib
import enum
import importlib
import threading
import time
from collections.abc import Callable
from typing import Protocol, cast

from controller.core.readings import LoadSample
from controller.hardware.errors import HardwareError
from controller.hardware.gpio import LoadCellPins, load_gpio
from controller.hardware.settings import LoadCellSettings

DATA_BITS = 24
_LONGEST_PULSE_NS = 60_000
_LONGEST_SHIFT_NS = 10_000_000
"""Shorter than the quickest chip's conversion (93 a second: 10.75 ms): bits of one sample then come from one conversion."""
_SHORTEST_INTERVAL_S = 0.009
_POLL_S = 0.0005
_SLOW_POLL_S = 0.005
_SLOW_POLL_AFTER_NS = 50_000_000
"""A chip without a conversion for so long is down or gone: it is looked at less often."""
_CONVERSIONS_TO_SETTLE = 2
"""After a start: the first may be the rest of a shift that was cut off, the second may have been taken at another gain."""
_CONVERSIONS_TO_SETTLE_AGAIN = 1
"""After an unsound shift: the chip may have counted more pulses than 25, which choose another gain for its next conversion."""
_LARGEST_BACKLOG = 64
_CLOSE_TIMEOUT_S = 1.0

_PULSES_25 = bytes([0xAA] * 6 + [0x80])
"""Each pulse is the two bits 1, 0. Bytes end in 0, so that a pause of the SPI peripheral between two never stretches a pulse."""
_LOOK = (0,)


class Discard(enum.Enum):
    """Why a sample was dropped."""

    LONG_PULSE = "a clock pulse may have lasted over 60 us, so the chip may have powered down"
    SLOW_SHIFT = "the shift took so long that its bits may come from two conversions"
    NOT_FRAMED = "DOUT was not high after the last pulse: it is stuck low, or pulses were lost"
    SETTLING = "one of the first conversions after the start, or the first after an unsound shift: its gain is in doubt"
    LATE = "it had waited so long for a neighbour on the same clock that the next conversion may have ended meanwhile"


class LoadCellBackend(Protocol):
    """One way to clock the chip."""

    def is_ready(self) -> bool:
        """Whether a conversion waits."""
        ...

    def shift(self) -> int | Discard:
        """Clock out one conversion: its 24 bits as they came, or why they cannot be trusted."""
        ...

    def close(self) -> None:
        """Give the pins back."""
        ...


def decode_counts(bits: int) -> int:
    """The signed counts, -8388608..8388607, of the 24 bits in two's complement."""
    return bits - (1 << DATA_BITS) if bits & (1 << (DATA_BITS - 1)) else bits


class ClockedPins(Protocol):
    """One PD_SCK and the DOUT of every chip on it."""

    def set_clock(self, level: int) -> None:
        """Drive PD_SCK to 0 or 1."""
        ...

    def data(self) -> int:
        """Mask of the lines that are high."""
        ...

    def close(self) -> None:
        """Give the pins back."""
        ...


class SharedClock:
    """Clocks one chip, or several on one PD_SCK, through the GPIO library and times every pulse."""

    def __init__(self, pins: ClockedPins, lines: int, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._pins = pins
        self._all = (1 << lines) - 1
        self._bits = tuple(1 << line for line in range(lines))
        self._clock = clock

    def ready(self) -> int:
        """Mask of the lines on which a conversion waits."""
        return ~self._pins.data() & self._all

    def shift(self) -> tuple[int | Discard, ...]:
        """Clock out one conversion of each line: its 24 bits as they came, or why they cannot be trusted."""
        began_ns = self._clock()
        longest_pulse_ns = 0
        seen = []
        for _ in range(DATA_BITS + 1):
            levels, pulse_ns = self._pulse()
            seen.append(levels)
            longest_pulse_ns = max(longest_pulse_ns, pulse_ns)
        if longest_pulse_ns > _LONGEST_PULSE_NS:
            return (Discard.LONG_PULSE,) * len(self._bits)
        if self._clock() - began_ns > _LONGEST_SHIFT_NS:
            return (Discard.SLOW_SHIFT,) * len(self._bits)
        after_last = seen.pop()
        return tuple(_gather(seen, bit) if after_last & bit else Discard.NOT_FRAMED for bit in self._bits)

    def close(self) -> None:
        """Give the pins back."""
        self._pins.close()

    def _pulse(self) -> tuple[int, int]:
        """One pulse: the levels after it, and the longest it can have been high (the calls that made it included), ns."""
        pins, clock = self._pins, self._clock
        rises_ns = clock()
        pins.set_clock(1)
        pins.set_clock(0)
        high_ns = clock() - rises_ns
        return pins.data(), high_ns


def _gather(levels: list[int], bit: int) -> int:
    """One line's bits, most significant first."""
    bits = 0
    for level in levels:
        bits = bits << 1 | (1 if level & bit else 0)
    return bits


class BitByBit:
    """One chip on a clock of its own, through the GPIO library."""

    def __init__(self, pins: ClockedPins, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._shared = SharedClock(pins, 1, clock)

    def is_ready(self) -> bool:
        return bool(self._shared.ready())

    def shift(self) -> int | Discard:
        return self._shared.shift()[0]

    def close(self) -> None:
        self._shared.close()


class SpiDevice(Protocol):
    """The part of spidev's interface that is used here."""

    max_speed_hz: int
    mode: int

    def open(self, bus: int, device: int, /) -> None: ...
    def xfer2(self, values: tuple[int, ...], /) -> tuple[int, ...]: ...
    def close(self) -> None: ...


class SpiClocked:
    """MOSI is wired to PD_SCK and MISO to DOUT, so the SPI peripheral times the pulses, whatever the processor is busy with."""

    def __init__(self, device: SpiDevice) -> None:
        self._device = device
        # Never a list: spidev writes what it has received into a list that it is given, and the next shift would send that.
        self._pulses = tuple(_PULSES_25)

    def is_ready(self) -> bool:
        # Zeros on MOSI are no pulses; the last bit is the freshest.
        return not self._device.xfer2(_LOOK)[0] & 1

    def shift(self) -> int | Discard:
        received = self._device.xfer2(self._pulses)
        if received[6] & 0x7F != 0x7F:
            return Discard.NOT_FRAMED
        bits = 0
        for byte in received[:6]:
            # Of the two samples of each pulse the second: MISO has then long settled.
            nibble = byte >> 3 & 8 | byte >> 2 & 4 | byte >> 1 & 2 | byte & 1
            bits = bits << 4 | nibble
        return bits

    def close(self) -> None:
        self._device.close()


class Conversions:
    """What one chip delivers: its good samples until somebody drains them, at most 64, and a count of those that were dropped."""

    def __init__(self) -> None:
        self._samples: collections.deque[LoadSample] = collections.deque(maxlen=_LARGEST_BACKLOG)
        self._discarded = dict.fromkeys(Discard, 0)
        self._undrained = 0
        self._to_settle = _CONVERSIONS_TO_SETTLE

    @property
    def discarded(self) -> dict[Discard, int]:
        """How many samples were dropped so far, by cause."""
        return dict(self._discarded)

    @property
    def undrained(self) -> int:
        """How many samples were lost because nobody drained them in time."""
        return self._undrained

    def drain(self) -> tuple[LoadSample, ...]:
        """The samples since the last call, oldest first."""
        samples = self._samples
        if not samples:
            return ()
        # The length is taken once: what arrives meanwhile waits for the next call.
        return tuple(samples.popleft() for _ in range(len(samples)))

    def take(self, at_ns: int, outcome: int | Discard) -> None:
        """One shift: 24 bits as they came, or why they were dropped. For the sampling thread."""
        if isinstance(outcome, Discard):
            self._discarded[outcome] += 1
            if outcome is not Discard.LATE:  # its pulses were all in order
                self._to_settle = max(self._to_settle, _CONVERSIONS_TO_SETTLE_AGAIN)
            return
        if self._to_settle:
            self._to_settle -= 1
            self._discarded[Discard.SETTLING] += 1
            return
        if len(self._samples) == _LARGEST_BACKLOG:
            self._undrained += 1
        self._samples.append(LoadSample(at_ns, decode_counts(outcome)))

    def doubt(self) -> None:
        """The chip was clocked out of its turn: its next conversion may be shifted by bits, and the one after at another gain."""
        self._to_settle = _CONVERSIONS_TO_SETTLE


class Closing(Protocol):
    """What holds pins or a device."""

    def close(self) -> None:
        """Give them back."""
        ...


class SamplingThread(abc.ABC):
    """Takes turns in a thread of its own until it is closed or a turn fails; it is never started again."""

    def __init__(self, name: str, device: Closing, say_lost: Callable[[str], None]) -> None:
        """device: is closed with the thread. say_lost: is told what ended it."""
        self._device = device
        self._say_lost = say_lost
        self._failure = ""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False once the thread has ended, after which no further sample comes."""
        return self._thread.is_alive()

    @property
    def failure(self) -> str:
        """What ended the thread, or empty."""
        return self._failure

    def close(self) -> None:
        """End the thread and give the pins back."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_TIMEOUT_S)

    @abc.abstractmethod
    def turn(self) -> None:
        """Look, take what is there, and rest: what the thread does until it is closed."""

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self.turn()
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
            with contextlib.suppress(OSError, ValueError):  # nobody listens on standard error
                self._say_lost(self._failure)
        finally:
            self._device.close()


class LoadCellSampler(SamplingThread):
    """Reads the harness cell's conversions as they become ready and keeps the last 64 until the scan drains them."""

    def __init__(
        self,
        backend: LoadCellBackend,
        say: Callable[[str], None] = lambda _text: None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """say: is told what ended the thread."""

        def say_lost(failure: str) -> None:
            say(f"The load cell is lost: {failure}. Remedy: check its wiring, then start the controller again.")

        super().__init__("load-cell", backend, say_lost)
        self._backend = backend
        self._clock = clock
        self._conversions = Conversions()

    @property
    def discarded(self) -> dict[Discard, int]:
        """How many samples were dropped so far, by cause."""
        return self._conversions.discarded

    @property
    def undrained(self) -> int:
        """How many samples were lost because the scan did not drain them in time."""
        return self._conversions.undrained

    def drain(self) -> tuple[LoadSample, ...]:
        """The samples since the last call, oldest first; `measured_at_ns` is when the conversion was seen to be ready."""
        return self._conversions.drain()

    def turn(self) -> None:
        """Wait for a conversion and take it."""
        if self._wait_until_ready():
            ready_at_ns = self._clock()
            self._conversions.take(ready_at_ns, self._backend.shift())
            time.sleep(_SHORTEST_INTERVAL_S)

    def _wait_until_ready(self) -> bool:
        """False when the sampler is being closed."""
        since_ns = self._clock()
        while not self._closing.is_set():
            if self._backend.is_ready():
                return True
            waited_ns = self._clock() - since_ns
            time.sleep(_POLL_S if waited_ns < _SLOW_POLL_AFTER_NS else _SLOW_POLL_S)
        return False


def open_load_cell(settings: LoadCellSettings, say: Callable[[str], None] = lambda _text: None) -> LoadCellSampler:
    """Set up the configured backend and start sampling. say: is told should the sampling end by itself. Raises HardwareError."""
    backend: LoadCellBackend
    if settings.backend == "spi":
        backend = SpiClocked(_open_spi(settings))
    else:
        wires = {"load_cell.pd_sck": settings.pd_sck, "load_cell.dout": settings.dout}
        backend = BitByBit(LoadCellPins(wires, load_gpio()))
    sampler = LoadCellSampler(backend, say)
    sampler.start()
    return sampler


def _open_spi(settings: LoadCellSettings) -> SpiDevice:
    path = f"/dev/spidev{settings.spi_bus}.{settings.spi_device}"
    try:
        device = cast(SpiDevice, importlib.import_module("spidev").SpiDev())
        device.open(settings.spi_bus, settings.spi_device)
        device.max_speed_hz = settings.spi_clock_hz
        device.mode = 0  # MISO is then sampled in the middle of each MOSI bit
    except ModuleNotFoundError as error:
        raise HardwareError("spidev is not installed.", "install sternway[pi] or sternway[pi5].") from error
    except FileNotFoundError as error:
        raise HardwareError(f"{path} does not exist.", "put dtparam=spi=on into config.txt and restart.") from error
    except PermissionError as error:
        raise HardwareError(f"No permission for {path}.", "let the service's user be a member of the group spi.") from error
    except Exception as error:
        raise HardwareError(f"{path} cannot be used ({error}).", "end other users of the SPI bus, check config.txt.") from error
    return device
