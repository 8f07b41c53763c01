"""Simulated pins never run a real drive, nor real pins an emulated one; and a drive runs only the way for which it was made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from controller.core.commands import Action, DriveCommand
from controller.drive_adapter import DriveAdapter
from controller.hardware.errors import HardwareError
from controller.pairing import why_not_mounted, why_not_paired, why_refused
from firmware_bridge.codec import Frame, Hello
from firmware_bridge.drive import (
    BeltDirection,
    DriveLimits,
    DriveOrder,
    DriveState,
    DriveTarget,
    IdentFrame,
    LinkLoss,
    LossCause,
    Mounting,
    Run,
    StatusFrame,
    Stop,
)
from firmware_bridge.reference_drive import open_reference_drive
from tests.bridge.peer import FarEnd

REAL_DRIVE = "The pins are simulated, but the drive is real."
EMULATED_DRIVE = "The pins are real, but the drive is emulated."


def a_drive(target: DriveTarget | None = None, pseudo_terminal: bool | None = None, mounting: Mounting = Mounting.BELT_REVERSED):
    """As much of a drive as is looked at: what it says of itself, or, where it says nothing, on what line it hangs."""
    capabilities = SimpleNamespace(has_hello=target is not None, mounting=mounting, name="a drive")
    identity = SimpleNamespace(target=target) if target is not None else None
    return SimpleNamespace(identity=identity, capabilities=capabilities, is_pseudo_terminal=pseudo_terminal)


@pytest.mark.parametrize("target", DriveTarget)
@pytest.mark.hazard("H-30", "C-PAIRING")
def test_a_drive_that_says_what_it_is_is_believed(target: DriveTarget) -> None:
    real = target is DriveTarget.BOARD
    assert why_not_paired(a_drive(target), panel_is_simulated=True) == (REAL_DRIVE if real else "")
    assert why_not_paired(a_drive(target), panel_is_simulated=False) == ("" if real else EMULATED_DRIVE)


@pytest.mark.parametrize("pseudo_terminal", [True, False])
@pytest.mark.hazard("H-30", "C-PAIRING")
def test_one_that_says_nothing_is_judged_by_its_line(pseudo_terminal: bool) -> None:
    drive = a_drive(pseudo_terminal=pseudo_terminal)
    assert why_not_paired(drive, panel_is_simulated=True) == ("" if pseudo_terminal else REAL_DRIVE)
    assert why_not_paired(drive, panel_is_simulated=False) == (EMULATED_DRIVE if pseudo_terminal else "")


@pytest.mark.parametrize("simulated", [True, False])
def test_a_drive_that_has_not_been_heard_is_the_drive_watchs_business(simulated: bool) -> None:
    silent = SimpleNamespace(identity=None, capabilities=SimpleNamespace(has_hello=True), is_pseudo_terminal=None)
    assert why_not_paired(silent, simulated) == ""
    assert why_not_paired(a_drive(pseudo_terminal=None), simulated) == ""


@pytest.mark.parametrize("configured", Mounting)
@pytest.mark.parametrize("able", Mounting)
@pytest.mark.hazard("H-06", "H-30")
def test_a_drive_runs_only_the_way_for_which_it_was_made(configured: Mounting, able: Mounting) -> None:
    reason = why_not_mounted(a_drive(mounting=able), configured)
    assert bool(reason) is (configured is not able)
    if reason:
        assert configured.value in reason
        assert able.value in reason


MS = 1_000_000
SECOND = 1000 * MS
RUN = DriveCommand(Action.RUN, target_mm_s=100, rate_mm_s2=100, nonce=7, tick_ms=20)
STOP = DriveCommand(Action.STOP, rate_mm_s2=300)


def ident(target: DriveTarget, nonce: int = 7) -> IdentFrame:
    return IdentFrame(target, (1, 0, 0), nonce, DriveLimits())


def status(tick: int, nonce: int = 7) -> StatusFrame:
    return StatusFrame(nonce, tick, DriveState.GRANTED, 0, BeltDirection.REST, 0, 100, 0, 0, 0, 0x3C, 0, 0, 0)


@pytest.fixture
def far_end(tmp_path: Path) -> Iterator[FarEnd]:
    end = FarEnd(tmp_path / "drive")
    yield end
    end.unplug()


class Bench:
    """The real driver and the adapter on a pseudo-terminal whose far end is whatever drive the test plugs in."""

    def __init__(self, far_end: FarEnd, panel_is_simulated: bool) -> None:
        self.far_end = far_end
        self.drive = open_reference_drive(far_end.device, DriveLimits(), 0)
        self.said: list[str] = []
        self.adapter = DriveAdapter(self.drive, panel_is_simulated, self.said.append)
        self.now_ns = 0

    def tick_after(self, *frames: Frame) -> int | None:
        """The tick of the newest STATUS that the core gets once the drive has sent these frames."""
        self.far_end.send(*frames)
        self.now_ns += 20 * MS
        reading = self.adapter.receive(self.now_ns)
        return reading.tick_ms if reading is not None else None

    def tick_after_silence(self) -> int | None:
        self.now_ns += SECOND
        reading = self.adapter.receive(self.now_ns)
        return reading.tick_ms if reading is not None else None

    def orders(self) -> list[type[Frame]]:
        return [type(frame) for frame in self.far_end.frames() if not isinstance(frame, Hello)]


@pytest.fixture
def bench(far_end: FarEnd) -> Iterator[Bench]:
    made = Bench(far_end, panel_is_simulated=True)
    yield made
    made.drive.close()


@pytest.mark.hazard("H-30", "C-PAIRING")
def test_nothing_of_a_drive_reaches_the_core_before_it_has_said_who_it_is(bench: Bench) -> None:
    assert bench.tick_after(status(20)) is None
    bench.adapter.send(RUN)
    bench.adapter.send(DriveCommand(Action.CLEAR))
    bench.adapter.send(STOP)
    assert bench.orders() == [Stop], "only a stop may go to a drive that nobody knows"
    assert bench.tick_after(ident(DriveTarget.HOST)) is None
    assert bench.tick_after(status(40)) == 40
    bench.adapter.send(RUN)
    assert bench.orders() == [Run]


@pytest.mark.parametrize("panel_is_simulated", [True, False])
@pytest.mark.hazard("H-30", "C-PAIRING")
def test_a_drive_that_comes_after_the_start_is_judged_before_its_first_status(far_end: FarEnd, panel_is_simulated: bool) -> None:
    far_end.unplug()
    bench = Bench(far_end, panel_is_simulated)
    assert bench.adapter.receive(0) is None
    far_end.plug_in_another()
    bench.adapter.receive(SECOND)
    wrong, words = (DriveTarget.BOARD, REAL_DRIVE) if panel_is_simulated else (DriveTarget.HOST, EMULATED_DRIVE)
    far_end.send(status(20), ident(wrong), status(40))
    for _ in range(2):
        with pytest.raises(HardwareError, match=words):
            bench.adapter.receive(SECOND + 20 * MS)
        bench.adapter.send(RUN)
    bench.adapter.send(STOP)
    assert bench.orders() == [Stop], "the belt of a drive that does not belong here is stopped and never run"
    bench.drive.close()


@pytest.mark.hazard("H-30", "C-PAIRING")
def test_a_drive_that_is_exchanged_is_judged_anew(bench: Bench) -> None:
    bench.tick_after(ident(DriveTarget.HOST))
    assert bench.tick_after(status(20)) == 20
    bench.far_end.unplug()
    bench.adapter.receive(SECOND)
    bench.far_end.plug_in_another()
    bench.now_ns = 2 * SECOND
    bench.adapter.receive(bench.now_ns)
    assert bench.tick_after(status(30)) == 20, "what is handed up is what the drive that was judged said last"
    with pytest.raises(HardwareError, match=REAL_DRIVE):
        bench.tick_after(ident(DriveTarget.BOARD), status(40))


@pytest.mark.hazard("H-30", "C-PAIRING")
def test_a_drive_that_is_exchanged_behind_its_adapter_is_judged_anew(bench: Bench) -> None:
    """The line stays; only the boot's nonce is another one."""
    bench.tick_after(ident(DriveTarget.HOST))
    assert bench.tick_after(status(20)) == 20
    assert bench.tick_after(status(30, nonce=8)) == 20
    bench.adapter.send(RUN)
    assert bench.orders() == []
    with pytest.raises(HardwareError, match=REAL_DRIVE):
        bench.tick_after(status(40, nonce=8), ident(DriveTarget.BOARD, nonce=8))


def test_a_drive_that_boots_anew_goes_on_once_it_has_said_again_who_it_is(bench: Bench) -> None:
    bench.tick_after(ident(DriveTarget.HOST))
    assert bench.tick_after(status(5000)) == 5000
    assert bench.tick_after(status(20, nonce=8)) == 5000
    assert bench.tick_after(status(40, nonce=8), ident(DriveTarget.HOST, nonce=8), status(60, nonce=8)) == 60


def test_what_another_drive_sent_just_before_is_not_taken_for_this_ones(bench: Bench) -> None:
    assert bench.tick_after(status(9000, nonce=9), ident(DriveTarget.HOST)) is None


@pytest.mark.hazard("H-04", "C-UNKNOWN-DRIVE")
def test_a_drive_with_other_limits_is_told_once_with_what_to_do_and_moves_nothing(bench: Bench) -> None:
    faster = msgspec.structs.replace(ident(DriveTarget.HOST), limits=DriveLimits(max_speed_mm_s=2000))
    for tick in (20, 40, 60):
        assert bench.tick_after(faster, status(tick)) is None
    bench.adapter.send(RUN)
    assert bench.orders() == []
    (words,) = bench.said
    assert "max_speed_mm_s is 2000, expected 1600" in words
    assert "Set [firmware] and drive.lease_ms" in words
    assert "max_speed_mm_s is 2000" in why_refused(bench.drive)
    assert bench.tick_after(ident(DriveTarget.HOST), status(80)) == 80
    assert why_refused(bench.drive) == ""
    assert bench.tick_after(faster, status(100)) == 80
    assert len(bench.said) == 2, "what was mended and comes back is news"


def test_a_lost_line_is_told_as_a_loss_and_as_no_refusal(bench: Bench) -> None:
    bench.far_end.unplug()
    for _ in range(5):
        bench.tick_after_silence()
    assert bench.said
    assert len(set(bench.said)) == len(bench.said), "each loss is told once"
    assert all(words.endswith("It is opened again and again.") for words in bench.said)
    assert why_refused(bench.drive) == ""


class WordlessDrive:
    """A drive without HELLO: all that is known of it is the line on which it hangs."""

    identity = None
    problem = None
    capabilities = SimpleNamespace(has_hello=False)
    loss: LinkLoss | None = None
    is_pseudo_terminal: bool | None = True
    comes_back_on_a_wire = False

    def __init__(self) -> None:
        self.orders: list[DriveOrder] = []

    def receive(self, now_ns: int) -> tuple[StatusFrame, ...]:
        return (status(now_ns // MS),) if self.loss is None else ()

    def unplug(self) -> None:
        self.loss = LinkLoss(LossCause.UNPLUGGED, "The drive was unplugged.")
        self.is_pseudo_terminal = None

    def reopen(self, _now_ns: int) -> bool:
        self.loss = None
        self.is_pseudo_terminal = not self.comes_back_on_a_wire
        return True

    def send(self, order: DriveOrder) -> None:
        self.orders.append(order)


@pytest.mark.hazard("H-30", "C-PAIRING")
def test_a_wordless_drive_is_judged_by_each_line_that_is_opened() -> None:
    drive = WordlessDrive()
    adapter = DriveAdapter(drive, panel_is_simulated=True)
    reading = adapter.receive(20 * MS)
    assert reading is not None
    assert reading.tick_ms == 20
    drive.unplug()
    drive.comes_back_on_a_wire = True
    adapter.receive(SECOND)
    adapter.send(RUN)
    assert drive.orders == [], "between the line's opening and the judgement nothing runs"
    with pytest.raises(HardwareError, match=REAL_DRIVE):
        adapter.receive(SECOND + 10 * MS)
    adapter.send(RUN)
    adapter.send(DriveCommand(Action.CLEAR))
    assert drive.orders == []
