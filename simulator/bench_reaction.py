"""From an input's edge to the frame's last byte: the controller's process beside a minimal C program, taking turns.

The drive here says that it was granted though nobody awaits it, so a healthy controller at rest tells it to stop in every scan.
An edge of OK, which then means nothing, brings one of these scans forward. Edges fall in the middle between two scans of the grid:
a frame that comes within the next few milliseconds is the edge's doing, and one that was missed shows as a reaction of 4-6 ms.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from controller.core.inputs import ALL_INPUTS_MASK, INPUT_TABLE, Contact, Input
from controller.hardware.settings import LoadCellSettings, PinSettings
from firmware_bridge.codec import Decoder, Frame, Hello, Sender, encode
from firmware_bridge.drive import (
    BeltDirection,
    DriveInput,
    DriveLimits,
    DriveState,
    DriveTarget,
    IdentFrame,
    StatusFrame,
    Stop,
)
from simulator.bench_figures import Figure, Section, percentile, spread
from simulator.demo_configuration import write_configuration
from simulator.display import EmulatedDisplay
from simulator.load_cell import CellParameters
from simulator.pins import EDGE_RECORD_BYTES, PinBoard, edge_pipe_path
from simulator.processes import ServiceProcess, controller_process
from simulator.serial_pty import SerialPty

P50_MS, P99_MS = 1.0, 5.0
RATIO, P99_OVER_C_MS = 4.0, 1.0
_STATUS_NS = 20_000_000
_SETTLE_S = 3.0
_AFTER_FRAME_NS = (4_000_000, 6_000_000)
_SILENCE_S = 2.0
_NOISE_COUNTS = 40
_AT_REST = ALL_INPUTS_MASK & ~sum(rule.input.bit for rule in INPUT_TABLE if rule.contact is Contact.NORMALLY_OPEN)
_INPUTS = DriveInput.STOP_INPUT_CLOSED | DriveInput.CONTACTOR_1_CLOSED | DriveInput.CONTACTOR_2_CLOSED
_NO_BROKER = 1


class BenchError(RuntimeError):
    """The bench could not measure; the message says what did not happen."""


def measure_reaction(directory: Path, samples: int) -> Section:
    """Reactions of both, `samples` each, in turn. directory: an empty one. Raises BenchError."""
    ours: list[float] = []
    least: list[float] = []
    random = Random(1)
    with _Controller(directory / "ours", random) as controller:
        frame = controller.settle()
        with _LeastProgram(directory / "c", frame) as program:
            for number in range(samples):
                controller.wait_between_frames()
                ours.append(_react(controller.board, controller.cable, number % 2 == 0))
                controller.wait_between_frames()
                least.append(_react(program.board, program.cable, number % 2 == 0))
    return _section(ours, least)


def _section(ours: list[float], least: list[float]) -> Section:
    p99_limit = percentile(least, 99) + P99_OVER_C_MS
    ratio = percentile(ours, 50) / percentile(least, 50)
    return Section(
        "Reaction: from an edge to the frame's last byte",
        f"{len(ours)} edges each, in turn: the controller's own process (RPi.GPIO's stand-in with its callback thread, scan loop, "
        "core, gate, serial link), and a C program that only waits for the same kind of edge and writes the same bytes to the same "
        "kind of pseudo-terminal. Time runs from before the contact changes to after the bench has read the last byte. An edge "
        "that did not bring a scan forward would show as 4 ms or more.",
        (
            *spread("controller", ours, "ms", (P50_MS, P99_MS)),
            *spread("C program", least, "ms"),
            Figure("ratio of the medians", ratio, "", RATIO),
            Figure("controller, p99", percentile(ours, 99), "ms", p99_limit, "C's p99 + 1 ms"),
        ),
    )


def _react(board: PinBoard, cable: SerialPty, closed: bool) -> float:
    """Changes OK and returns the ms until a whole frame has been read."""
    began = time.monotonic_ns()
    board.set_closed(Input.OK, closed)
    _read_frame(cable)
    return (time.monotonic_ns() - began) / 1e6


def _read_frame(cable: SerialPty) -> bytes:
    """Waits for bytes until the last of them ends a frame."""
    data = b""
    while not data.endswith(b"\0"):
        ready, _, _ = select.select([cable.fileno()], [], [], _SILENCE_S)
        if not ready:
            raise BenchError("no frame came after an edge")
        data += cable.read()
    return data


class _Controller:
    """The controller's process with a drive that talks, contacts at rest, a load cell and a display."""

    def __init__(self, directory: Path, random: Random) -> None:
        directory.mkdir()
        cell = CellParameters()
        self._random = random
        self._zero_counts = int(cell.zero_counts)
        load_cell = LoadCellSettings(counts_zero=self._zero_counts, newtons_per_count=cell.newtons_per_count)
        self.board = PinBoard.create(directory / "pins", PinSettings(), load_cell)
        self.board.set_contacts(_AT_REST)
        self.cable = SerialPty(directory / "drive")
        self._display = EmulatedDisplay(directory / "display")
        configuration = write_configuration(directory, directory, _NO_BROKER)
        self._process: ServiceProcess = controller_process(configuration, directory, directory / "pins")
        self._decoder = Decoder(Sender.HOST)
        self._sequence = 0
        self._boot_ns = time.monotonic_ns()
        self._status_due_ns = self._boot_ns

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._display.close()
        self.cable.unplug()
        self.board.close()

    def settle(self) -> bytes:
        """Talks until the self-test is over; returns a STOP frame as it was written. Raises BenchError."""
        until = time.monotonic_ns() + int(_SETTLE_S * 1e9)
        stops: list[bytes] = []
        while time.monotonic_ns() < until:
            data = self._talk(until)
            if data and self._is_stop(data):
                stops.append(data)
        if not stops:
            raise BenchError(f"the controller wrote no STOP:\n{self._process.last_words()}")
        return stops[-1]

    def wait_between_frames(self) -> None:
        """Returns in the middle between a frame and the next, however often one comes before that."""
        due = 0
        deadline = time.monotonic() + _SILENCE_S
        self.board.set_load_counts(self._zero_counts + self._random.randint(-_NOISE_COUNTS, _NOISE_COUNTS))
        while True:
            data = self._talk(due or time.monotonic_ns() + 20_000_000)
            now = time.monotonic_ns()
            if data:
                due = now + self._random.randint(*_AFTER_FRAME_NS)
            elif due and now >= due:
                return
            if time.monotonic() > deadline:
                raise BenchError(f"the controller fell silent:\n{self._process.last_words()}")

    def _talk(self, until_ns: int) -> bytes:
        """Waits for bytes of the host's until then, sending STATUS whenever it is due."""
        while True:
            now = time.monotonic_ns()
            if now >= self._status_due_ns:
                self._status_due_ns = now + _STATUS_NS
                self._send(self._status(now))
            if now >= until_ns:
                return b""
            wait_ns = min(until_ns, self._status_due_ns) - now
            if select.select([self.cable.fileno()], [], [], max(0, wait_ns) / 1e9)[0]:
                data = self.cable.read()
                self._answer(data)
                return data

    def _answer(self, data: bytes) -> None:
        for packet in self._decoder.feed(data):
            if isinstance(packet.frame, Hello):
                self._send(IdentFrame(DriveTarget.HOST, (1, 0, 0), 1, DriveLimits()))

    @staticmethod
    def _is_stop(data: bytes) -> bool:
        packets = Decoder(Sender.HOST).feed(data)
        return len(packets) == 1 and isinstance(packets[0].frame, Stop)

    def _send(self, frame: Frame) -> None:
        self._sequence = (self._sequence + 1) & 0xFF
        self.cable.write(encode(frame, self._sequence))

    def _status(self, now_ns: int) -> StatusFrame:
        return StatusFrame(
            nonce=1,
            tick=(now_ns - self._boot_ns) // 1_000_000,
            state=DriveState.GRANTED,
            measured_mm_s=0,
            direction=BeltDirection.REST,
            commanded_mm_s=0,
            granted_mm_s=100,
            distance_mm=0,
            current_ma=0,
            faults=0,
            inputs=_INPUTS,
            refusal=0,
            refusals=0,
            echo_sequence=0,
        )


class _LeastProgram:
    """bench_peer.c, built and waiting, with pins and a line of its own."""

    def __init__(self, directory: Path, frame: bytes) -> None:
        directory.mkdir()
        pins = directory / "pins"
        self.board = PinBoard.create(pins, PinSettings(), LoadCellSettings())
        self.board.set_contacts(_AT_REST)
        self._pipe_path = edge_pipe_path(pins)
        os.mkfifo(self._pipe_path)
        self.cable = SerialPty(directory / "line")
        self._command = [str(_build(directory)), str(self._pipe_path), str(directory / "line"), frame.hex()]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        if self._process.stdout is None or self._process.stdout.readline() != b"ready\n":
            raise BenchError("the C program did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.board.close()
        if self._process is not None and self._process.poll() is None:
            pipe = os.open(self._pipe_path, os.O_WRONLY | os.O_NONBLOCK)
            os.write(pipe, bytes(EDGE_RECORD_BYTES))
            os.close(pipe)
            self._process.wait(timeout=_SILENCE_S)
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self.cable.unplug()


def _build(directory: Path) -> Path:
    program = directory / "bench_peer"
    source = Path(__file__).with_name("bench_peer.c")
    compiler = os.environ.get("CC", "cc").split()
    result = subprocess.run(
        [*compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)],
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    if result.returncode != 0:
        raise BenchError(f"bench_peer.c was not built:\n{result.stderr}")
    return program
