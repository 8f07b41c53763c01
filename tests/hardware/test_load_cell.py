"""The HX711: both backends and the sampling thread over the modelled chip; the timing rules with a clock of the test's."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.readings import LoadSample
from controller.hardware.errors import HardwareError
from controller.hardware.gpio import load_gpio
from controller.hardware.hx711 import BitByBit, Discard, LoadCellSampler, SpiClocked, decode_counts, open_load_cell
from controller.hardware.settings import LoadCellSettings
from simulator.pins import DoutHeld, PinBoard, map_words
from simulator.standins.hx711_model import Hx711Model

MILLISECOND_NS = 1_000_000
BACKENDS = ("spi", "gpio")


class Rig:
    """A board with its load cell being sampled, and all samples so far."""

    def __init__(self, board: PinBoard, sampler: LoadCellSampler) -> None:
        self.board = board
        self.sampler = sampler
        self.samples: list[LoadSample] = []

    def drain(self) -> list[LoadSample]:
        self.samples += self.sampler.drain()
        return self.samples

    def counts(self) -> list[int]:
        return [sample.counts for sample in self.drain()]


@pytest.fixture(params=BACKENDS)
def rig(request, make_board) -> Iterator[Rig]:
    settings = LoadCellSettings(backend=request.param, counts_zero=1000)
    board = make_board(settings)
    sampler = open_load_cell(settings)
    yield Rig(board, sampler)
    sampler.close()
    assert not sampler.alive


# --- decoding ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bits", "counts"),
    [(0, 0), (1, 1), (0x7FFFFF, 8388607), (0x800000, -8388608), (0xFFFFFF, -1), (0x800001, -8388607)],
)
def test_the_ends_of_24_bits(bits: int, counts: int) -> None:
    assert decode_counts(bits) == counts


@given(st.integers(-(1 << 23), (1 << 23) - 1))
def test_decoding_undoes_twos_complement(counts: int) -> None:
    assert decode_counts(int.from_bytes(counts.to_bytes(3, "big", signed=True), "big")) == counts


# --- the chip with the test's clock --------------------------------------------------------------------------------------


class Bench:
    """The chip, with PD_SCK and DOUT at hand and time that passes only where said: in a pulse, or after it."""

    SHORT_NS = 500

    def __init__(self, board: PinBoard) -> None:
        self.now_ns = 0
        self.chip = Hx711Model(map_words(board.path), 0)
        self.pulses = 0
        self.high_ns: dict[int, int] = {}
        self.low_ns: dict[int, int] = {}

    def clock(self) -> int:
        return self.now_ns

    def set_clock(self, level: int) -> None:
        self.chip.set_clock(level, self.now_ns)
        if level:
            self.pulses += 1
            self.now_ns += self.high_ns.get(self.pulses, self.SHORT_NS)

    def data(self) -> int:
        level = self.chip.data(self.now_ns)
        self.now_ns += self.low_ns.get(self.pulses, self.SHORT_NS)
        return level

    def close(self) -> None: ...

    def when_ready(self, backend: BitByBit) -> None:
        while not backend.is_ready():
            self.now_ns += MILLISECOND_NS // 10


@pytest.fixture
def bench(board: PinBoard) -> Bench:
    return Bench(board)


@pytest.mark.parametrize("pulse", [1, 13, 24, 25])
def test_a_pulse_of_60_us_counts_and_a_longer_one_does_not(board: PinBoard, bench: Bench, pulse: int) -> None:
    board.set_load_counts(-123456)
    backend = BitByBit(bench, bench.clock)
    bench.when_ready(backend)
    bench.high_ns = {pulse: 60_000}
    assert backend.shift() == -123456 & 0xFFFFFF
    bench.when_ready(backend)
    bench.pulses = 0
    bench.high_ns = {pulse: 60_001}
    assert backend.shift() is Discard.LONG_PULSE


def test_after_a_long_pulse_the_chip_settles_and_reads_right_again(board: PinBoard, bench: Bench) -> None:
    board.set_load_counts(777)
    backend = BitByBit(bench, bench.clock)
    bench.when_ready(backend)
    bench.high_ns = {25: 61_000}
    assert backend.shift() is Discard.LONG_PULSE
    reset_ns = bench.now_ns
    bench.when_ready(backend)
    assert 50 * MILLISECOND_NS <= bench.now_ns - reset_ns <= 51 * MILLISECOND_NS
    assert backend.shift() == 777


def test_a_shift_across_two_conversions_is_dropped(board: PinBoard, bench: Bench) -> None:
    board.set_load_counts(0x555555)
    backend = BitByBit(bench, bench.clock)
    bench.when_ready(backend)
    bench.low_ns = {12: 9 * MILLISECOND_NS}
    assert backend.shift() == 0x555555
    bench.when_ready(backend)
    bench.pulses = 0
    bench.low_ns = {12: 13 * MILLISECOND_NS}
    assert backend.shift() is Discard.SLOW_SHIFT


def test_a_chip_that_nobody_reads_keeps_the_newest_conversion(board: PinBoard, bench: Bench) -> None:
    backend = BitByBit(bench, bench.clock)
    board.set_load_counts(1)
    bench.when_ready(backend)
    board.set_load_counts(2)
    bench.now_ns += 3_600_000 * MILLISECOND_NS
    bench.when_ready(backend)
    assert backend.shift() == 2


@given(st.integers(0, (1 << 24) - 1))
def test_spi_takes_the_second_sample_of_each_pulse(bits: int) -> None:
    """The first falls close to the chip's change of DOUT on a long wire, and is here always the wrong one."""
    pairs = "".join("10" if bit == "0" else "01" for bit in f"{bits:024b}") + "1" * 8

    class Wire:
        max_speed_hz, mode = 500_000, 0

        def open(self, bus: int, device: int) -> None: ...

        def close(self) -> None: ...

        def xfer2(self, values: tuple[int, ...]) -> tuple[int, ...]:
            assert "".join(f"{value:08b}" for value in values) == "10" * 25 + "0" * 6, "25 pulses, and low at the end"
            return tuple(int(pairs[at : at + 8], 2) for at in range(0, 56, 8))

    cell = SpiClocked(Wire())
    assert cell.shift() == bits
    assert cell.shift() == bits, "what came back is never sent as the next pulses"


def test_the_bus_is_given_nothing_that_spidev_would_overwrite() -> None:
    """spidev 3.8 puts what it received into a list that it is given; only the kernel's own bus shows that, and the stand-in."""
    given: list[object] = []

    class Bus:
        max_speed_hz, mode = 500_000, 0

        def open(self, bus: int, device: int) -> None: ...

        def close(self) -> None: ...

        def xfer2(self, values: tuple[int, ...]) -> tuple[int, ...]:
            given.append(values)
            return (0xFF,) * len(values)

    cell = SpiClocked(Bus())
    cell.is_ready()
    cell.shift()
    assert [type(values) for values in given] == [tuple, tuple]


# --- the sampling thread -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [0, 1, -1, 8388607, -8388608, 1034655])
def test_counts_come_through(rig: Rig, counts: int, wait_until: Callable[..., None]) -> None:
    rig.board.set_load_counts(counts)
    wait_until(lambda: rig.counts()[-3:] == [counts] * 3, f"three samples of {counts}")
    assert set(rig.counts()) <= {1000, counts}, "nothing but what was there before and after"


def test_samples_are_stamped_in_order_when_they_were_taken(rig: Rig, wait_until: Callable[..., None]) -> None:
    began_ns = time.monotonic_ns()
    wait_until(lambda: len(rig.drain()) >= 5, "five samples")
    ended_ns = time.monotonic_ns()
    times = [sample.measured_at_ns for sample in rig.samples]
    assert times == sorted(set(times))
    assert began_ns - 1000 * MILLISECOND_NS < times[0] < times[-1] < ended_ns
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert min(steps) >= 9 * MILLISECOND_NS, "no conversion is read twice"


def test_the_chips_own_rate_is_followed(rig: Rig, wait_until: Callable[..., None]) -> None:
    rig.board.set_conversions(period_ns=16 * MILLISECOND_NS, doubled_every=4)
    wait_until(lambda: len(rig.drain()) >= 43, "43 samples")
    times = [sample.measured_at_ns for sample in rig.samples[3:43]]
    four_ms = [(later - earlier) / MILLISECOND_NS for earlier, later in zip(times, times[4:], strict=False)]
    # Every fourth takes 32 ms, so that any four take 80 ms; a stall of this machine lengthens some and moves no median.
    assert 76 <= statistics.median(four_ms) <= 90


def test_a_glitch_passes_on_as_it_came(rig: Rig, wait_until: Callable[..., None]) -> None:
    wait_until(lambda: rig.counts()[-1:] == [1000], "a sample")
    rig.board.harness_cell.glitch((1 << 20) - 1)
    wait_until(lambda: (1 << 20) - 1 in rig.counts() and rig.counts()[-1] == 1000, "the glitch and a sample after it")
    assert rig.counts().count((1 << 20) - 1) == 1


def test_a_gap_is_a_gap(rig: Rig, wait_until: Callable[..., None]) -> None:
    wait_until(rig.drain, "a sample")
    rig.board.harness_cell.pause_conversions(300 * MILLISECOND_NS)
    paused_ns = time.monotonic_ns()
    wait_until(lambda: rig.drain()[-1].measured_at_ns > paused_ns + 100 * MILLISECOND_NS, "a sample after the gap")
    times = [sample.measured_at_ns for sample in rig.samples]
    assert max(later - earlier for earlier, later in pairwise(times)) >= 280 * MILLISECOND_NS
    assert rig.sampler.alive


def test_a_data_line_stuck_low_gives_no_samples(rig: Rig, wait_until: Callable[..., None]) -> None:
    wait_until(rig.drain, "a sample")
    rig.board.hold_dout(DoutHeld.LOW)
    dropped = rig.sampler.discarded[Discard.NOT_FRAMED]
    wait_until(lambda: rig.sampler.discarded[Discard.NOT_FRAMED] >= dropped + 3, "samples dropped for their framing")
    rig.drain()
    before = len(rig.samples)
    dropped = rig.sampler.discarded[Discard.NOT_FRAMED]
    wait_until(lambda: rig.sampler.discarded[Discard.NOT_FRAMED] >= dropped + 5, "more of them")
    assert len(rig.drain()) == before
    rig.board.hold_dout(DoutHeld.FREE)
    wait_until(lambda: len(rig.drain()) > before + 3, "samples again")
    # Reads of a tied line give the chip more than 25 pulses a conversion, which sets it to another gain: halved, quartered.
    assert set(rig.counts()) == {1000}


def test_a_data_line_stuck_high_gives_no_samples(rig: Rig, wait_until: Callable[..., None]) -> None:
    wait_until(rig.drain, "a sample")
    rig.board.hold_dout(DoutHeld.HIGH)
    held_ns = time.monotonic_ns()
    wait_until(lambda: time.monotonic_ns() - held_ns > 200 * MILLISECOND_NS, "time in which 16 conversions end")
    # A shift may have been under way; its conversion was ready before.
    assert rig.drain()[-1].measured_at_ns < held_ns + 20 * MILLISECOND_NS
    assert rig.sampler.alive


def test_a_held_up_pulse_costs_its_sample_and_nothing_else(make_board, wait_until: Callable[..., None]) -> None:
    settings = LoadCellSettings(backend="gpio", counts_zero=4321)
    board = make_board(settings)
    rig = Rig(board, open_load_cell(settings))
    wait_until(rig.drain, "a sample")
    dropped = rig.sampler.discarded[Discard.LONG_PULSE]
    board.harness_cell.stall_next_pulse(2 * MILLISECOND_NS)
    wait_until(lambda: rig.sampler.discarded[Discard.LONG_PULSE] > dropped, "the dropped sample")
    before = len(rig.drain())
    wait_until(lambda: len(rig.drain()) > before, "samples after it")
    assert set(rig.counts()) == {4321}
    rig.sampler.close()


@pytest.mark.parametrize("pulses", [1, 10, 24])
def test_a_shift_that_a_killed_controller_left_half_done_spoils_nothing(
    make_board, pulses: int, wait_until: Callable[..., None]
) -> None:
    settings = LoadCellSettings(backend="gpio", counts_zero=0x2AAAAA)
    rig_board = make_board(settings)
    gpio = load_gpio()
    gpio.setup(settings.pd_sck, gpio.OUT, initial=0)
    gpio.setup(settings.dout, gpio.IN, pull_up_down=gpio.PUD_UP)
    wait_until(lambda: not gpio.input(settings.dout), "a conversion")
    for _ in range(pulses):
        gpio.output(settings.pd_sck, 1)
        gpio.output(settings.pd_sck, 0)
    rig = Rig(rig_board, open_load_cell(settings))
    wait_until(lambda: len(rig.drain()) >= 3, "three samples")
    rig.sampler.close()
    assert set(rig.counts()) == {0x2AAAAA}
    discarded = rig.sampler.discarded
    unsound = sum(number for why, number in discarded.items() if why is not Discard.SETTLING)  # each asks for one more to settle
    assert 2 <= discarded[Discard.SETTLING] <= 2 + unsound


def test_what_nobody_drains_is_bounded_and_counted(rig: Rig, wait_until: Callable[..., None]) -> None:
    rig.board.set_conversions(period_ns=10_750_000)
    wait_until(lambda: rig.sampler.undrained >= 2, "samples lost")
    rig.sampler.close()
    undrained = rig.sampler.undrained
    samples = rig.sampler.drain()
    assert undrained >= 2
    assert len(samples) == 64
    assert rig.sampler.drain() == ()


# --- what fails ----------------------------------------------------------------------------------------------------------


def test_a_thread_that_dies_is_seen_to_be_dead_gpio(make_board, wait_until: Callable[..., None]) -> None:
    settings = LoadCellSettings(backend="gpio")
    make_board(settings)
    sampler = open_load_cell(settings)
    assert sampler.alive
    sys.modules["RPi.GPIO"].cleanup([settings.dout])
    wait_until(lambda: not sampler.alive, "the thread's end")
    assert "setup() the GPIO channel" in sampler.failure
    sampler.close()


def test_a_thread_that_dies_is_seen_to_be_dead_spi(make_board, wait_until: Callable[..., None]) -> None:
    make_board(LoadCellSettings())
    import spidev

    device = spidev.SpiDev()
    device.open(0, 0)
    sampler = LoadCellSampler(SpiClocked(device))
    sampler.start()
    assert sampler.alive
    device.close()
    wait_until(lambda: not sampler.alive, "the thread's end")
    assert "Bad file descriptor" in sampler.failure
    sampler.close()


def test_a_missing_spi_device_is_refused_with_a_remedy(make_board) -> None:
    make_board(LoadCellSettings())
    with pytest.raises(HardwareError, match=r"/dev/spidev1\.0 does not exist") as refusal:
        open_load_cell(LoadCellSettings(spi_bus=1))
    assert "dtparam=spi=on" in refusal.value.remedy


def test_a_missing_spi_library_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(HardwareError, match="spidev is not installed"):
        open_load_cell(LoadCellSettings())


def test_load_cell_pins_in_use_are_refused(make_board) -> None:
    settings = LoadCellSettings(backend="gpio")
    board = make_board(settings)
    board.take_pin(settings.dout)
    with pytest.raises(HardwareError, match=r"BCM 9 \(load_cell.dout\) is in use by SPI"):
        open_load_cell(settings)
