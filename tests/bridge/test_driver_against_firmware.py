"""The driver against the firmware's own C, over a real pseudo-terminal, in virtual time: do both read the document alike?"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.drive import (
    Clear,
    DriveFault,
    DriveInput,
    DriveLimits,
    DriveState,
    DriveTarget,
    Run,
    SendResult,
    StatusFrame,
    Stop,
)
from firmware_bridge.reference_drive import ReferenceDrive, open_reference_drive
from tests.bridge.peer import FarEnd

ROOT = Path(__file__).parents[2]
CORE = ROOT / "firmware_bridge" / "firmware" / "core"
SHIM = Path(__file__).with_name("firmware_shim.c")
NONCE = 0xA0B0C0D0
NS_PER_MS = 1_000_000


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("a C compiler is needed: the firmware's core is compiled for this test")
    library = tmp_path_factory.mktemp("firmware") / "firmware.so"
    sources = [str(source) for source in (SHIM, *sorted(CORE.glob("*.c")))]
    flags = ["-std=c99", "-O1", "-shared", "-fPIC", f"-I{CORE}", "-o", str(library)]
    subprocess.run([compiler, *flags, *sources], check=True, capture_output=True, text=True)
    return ctypes.CDLL(str(library))


class Bench:
    """The firmware at the far end of the line, and the driver at the near one. A step is one ms of both."""

    def __init__(self, firmware: ctypes.CDLL, far_end: FarEnd) -> None:
        self.firmware = firmware
        self.far_end = far_end
        self.now_ms = 0
        self.latest: StatusFrame | None = None
        firmware.shim_boot(ctypes.c_uint32(NONCE))
        self.drive: ReferenceDrive = open_reference_drive(far_end.device, DriveLimits(), 0)

    def step(self, milliseconds: int = 1) -> None:
        for _ in range(milliseconds):
            self.now_ms += 1
            for byte in self.far_end.read():
                self.firmware.shim_receive(byte)
            self.firmware.shim_step_1ms()
            sent = bytearray()
            while (byte := self.firmware.shim_transmit()) >= 0:
                sent.append(byte)
            if sent:
                os.write(self.far_end.master, sent)
            for status in self.drive.receive(self.now_ms * NS_PER_MS):
                self.latest = status

    def status(self) -> StatusFrame:
        """The next STATUS."""
        self.latest = None
        for _ in range(25):
            self.step()
            if self.latest is not None:
                return self.latest
        raise RuntimeError("the firmware sent no STATUS in 25 ms")

    def grant_by_hand(self) -> None:
        self.step(1200)
        self.firmware.shim_start(True)
        self.step(200)
        self.firmware.shim_start(False)
        self.step(100)

    def run(self, target_mm_s: int = 100) -> SendResult:
        status = self.status()
        return self.drive.send(Run(target_mm_s, 100, status.nonce, status.tick))


@pytest.fixture
def bench(firmware: ctypes.CDLL, far_end: FarEnd) -> Iterator[Bench]:
    made = Bench(firmware, far_end)
    yield made
    made.drive.close()


def test_the_firmware_says_who_it_is_and_its_limits_are_the_documented_ones(bench: Bench) -> None:
    bench.step(60)
    assert bench.drive.problem is None
    identity = bench.drive.identity
    assert identity is not None
    assert (identity.target, identity.nonce, identity.limits) == (DriveTarget.HOST, NONCE, DriveLimits())


def test_status_comes_every_20_ms_without_a_gap(bench: Bench) -> None:
    ticks = [bench.status().tick for _ in range(300)]
    assert {later - earlier for earlier, later in itertools.pairwise(ticks)} == {20}
    counts = bench.drive.statistics
    assert (counts.sequence_gaps, sum(counts.rejected.values()), bench.firmware.shim_dropped_frames()) == (0, 0, 0)


def test_no_run_moves_it_before_a_hand_has_pressed_start(bench: Bench) -> None:
    bench.step(1200)
    assert bench.run() is SendResult.SENT
    status = bench.status()
    assert (status.state, status.refusal, status.refusals) == (DriveState.IDLE, 2, 1)
    assert not status.inputs & DriveInput.RELAY_CLOSED


def test_a_granted_run_is_accepted_and_a_stop_ends_it(bench: Bench) -> None:
    bench.grant_by_hand()
    status = bench.status()
    assert (status.state, status.granted_mm_s) == (DriveState.GRANTED, DriveLimits().first_speed_mm_s)
    for _ in range(20):
        assert bench.run() is SendResult.SENT
    status = bench.status()
    assert (status.state, status.refusals) == (DriveState.RUNNING, 0)
    assert status.inputs & DriveInput.RELAY_CLOSED
    assert 20 <= status.commanded_mm_s <= 45  # 0.4 s at 100 mm/s2
    assert bench.drive.send(Stop(1500)) is SendResult.SENT
    assert bench.status().state in (DriveState.BRAKING, DriveState.LATCHED)
    bench.step(2000)
    status = bench.status()
    assert status.state is DriveState.LATCHED
    assert not status.inputs & DriveInput.RELAY_CLOSED
    assert bench.run() is SendResult.SENT
    assert bench.status().refusal == 2


def test_a_stop_of_category_0_opens_the_relay_at_once(bench: Bench) -> None:
    bench.grant_by_hand()
    for _ in range(5):
        bench.run()
    assert bench.status().inputs & DriveInput.RELAY_CLOSED
    assert bench.drive.send(Stop(0, category_0=True)) is SendResult.SENT
    bench.step(5)
    assert not bench.status().inputs & DriveInput.RELAY_CLOSED


def test_more_than_hands_granted_is_refused(bench: Bench) -> None:
    bench.grant_by_hand()
    assert bench.run(target_mm_s=101) is SendResult.SENT
    assert bench.status().refusal == 3


def test_an_echo_of_too_old_a_status_is_refused(bench: Bench) -> None:
    bench.grant_by_hand()
    old = bench.status()
    bench.step(160)
    assert bench.drive.send(Run(100, 100, old.nonce, old.tick)) is SendResult.SENT
    status = bench.status()
    assert (status.state, status.refusal) == (DriveState.GRANTED, 1)


def test_the_lease_runs_out_on_a_driver_that_only_listens(bench: Bench) -> None:
    bench.grant_by_hand()
    for _ in range(5):
        bench.run()
    bench.step(200)
    status = bench.status()
    assert status.state in (DriveState.BRAKING, DriveState.LATCHED)
    assert status.faults & DriveFault.LEASE


def test_a_stall_is_a_fault_that_clear_opens(bench: Bench) -> None:
    """The belt of this bench never moves."""
    bench.grant_by_hand()
    for _ in range(100):
        bench.run()
    status = bench.status()
    assert status.state is DriveState.FAULT
    assert status.faults & DriveFault.STALL
    bench.step(20_000)
    assert bench.drive.send(Clear()) is SendResult.SENT
    assert bench.status().state is DriveState.IDLE


def test_a_reboot_of_the_firmware_is_followed(bench: Bench) -> None:
    bench.step(100)
    bench.firmware.shim_boot(ctypes.c_uint32(NONCE + 1))
    bench.step(100)
    assert bench.drive.statistics.reboots == 1
    assert bench.drive.identity is not None
    assert bench.drive.identity.nonce == NONCE + 1
