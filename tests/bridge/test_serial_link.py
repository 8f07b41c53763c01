"""The link over a real pseudo-terminal: what the kernel does to it, it must survive and say."""

from __future__ import annotations

import fcntl
import os
import select
import stat
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge import serial_link
from firmware_bridge.codec import Hello, encode
from firmware_bridge.drive import LossCause, Run, SendResult, Stop
from firmware_bridge.serial_link import SerialLink
from tests.bridge.peer import FarEnd

NOBODY = 65534


def run_frame(number: int) -> bytes:
    return encode(Run(target_mm_s=400, acceleration_mm_s2=100, nonce=0x01020304, tick=number), number & 0xFF)


STOP = Stop(deceleration_mm_s2=300)
STOP_FRAME = encode(STOP, 9)


@pytest.fixture
def link(far_end: FarEnd) -> Iterator[SerialLink]:
    opened = SerialLink(far_end.device)
    assert opened.reopen(), opened.loss
    yield opened
    opened.close()


@contextmanager
def without_privileges() -> Iterator[None]:
    """The superuser may open what is held exclusively and what is forbidden; the daemon runs as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def fill(link: SerialLink) -> int:
    """Send RUN frames that nobody reads until one is refused; how many went out."""
    for number in range(10_000):
        if link.send(run_frame(number)) is not SendResult.SENT:
            return number
    raise RuntimeError("the line never filled")


def test_frames_pass_both_ways(link: SerialLink, far_end: FarEnd) -> None:
    assert link.send(run_frame(1)) is SendResult.SENT
    assert [packet.sequence for packet in far_end.packets()] == [1]
    far_end.write(b"from the drive")
    assert select.select([link.fileno()], [], [], 1)[0]
    assert link.receive() == b"from the drive"
    assert link.counts.bytes_received == 14


def test_every_byte_value_passes_unchanged(link: SerialLink, far_end: FarEnd) -> None:
    """No newline translation, echo, flow control or signal character is left on."""
    everything = bytes(range(256))
    far_end.write(everything)
    assert link.receive() == everything
    assert link.send(everything) is SendResult.SENT
    assert far_end.read() == everything


def test_the_line_is_115200_8n1_without_flow_control(link: SerialLink, far_end: FarEnd) -> None:
    input_flags, _, control_flags, _, input_speed, output_speed, _ = termios.tcgetattr(far_end.kept_open)
    assert (input_speed, output_speed) == (termios.B115200, termios.B115200)
    assert control_flags & termios.CSIZE == termios.CS8
    assert not control_flags & (termios.PARENB | termios.CSTOPB | termios.CRTSCTS)
    assert not input_flags & (termios.IXON | termios.IXOFF)


def test_a_pseudo_terminal_is_told_and_has_no_low_latency(link: SerialLink) -> None:
    assert link.is_pseudo_terminal is True
    assert link.is_low_latency is False
    link.close()
    assert link.is_pseudo_terminal is None


def test_a_second_link_is_refused_and_the_first_goes_on(link: SerialLink, far_end: FarEnd) -> None:
    second = SerialLink(far_end.device)
    assert not second.reopen()
    assert second.loss is not None
    assert second.loss.cause is LossCause.IN_USE
    assert "held by another program" in second.loss.text
    assert link.send(run_frame(1)) is SendResult.SENT
    assert len(far_end.packets()) == 1


def test_a_program_that_asks_no_lock_is_refused_too_until_the_link_is_closed(link: SerialLink, far_end: FarEnd) -> None:
    os.fchmod(far_end.kept_open, 0o666)
    path = os.ttyname(far_end.kept_open)
    with without_privileges(), pytest.raises(OSError, match="busy"):
        os.close(os.open(path, os.O_RDWR | os.O_NOCTTY))
    link.close()
    with without_privileges():
        os.close(os.open(path, os.O_RDWR | os.O_NOCTTY))


def test_the_lock_is_free_again_after_close(link: SerialLink, far_end: FarEnd) -> None:
    link.close()
    successor = SerialLink(far_end.device)
    assert successor.reopen()
    successor.close()


def test_what_waited_before_opening_is_discarded(far_end: FarEnd) -> None:
    """STATUS that came while nobody listened would all be stale."""
    assert far_end.write_all_that_fits() > 8192
    link = SerialLink(far_end.device)
    assert link.reopen()
    assert link.receive() == b""
    assert link.loss is None
    assert far_end.read() == b""
    link.close()


def test_what_a_killed_predecessor_left_unsent_is_discarded(far_end: FarEnd) -> None:
    assert os.write(far_end.kept_open, run_frame(1) * 500) > 8192
    link = SerialLink(far_end.device)
    assert link.reopen()
    assert len(far_end.read()) <= 4096  # what had crossed already, as bytes on a wire would have
    link.close()


def test_the_backlog_of_a_long_freeze_is_read_in_one_call(link: SerialLink, far_end: FarEnd) -> None:
    """Seconds of STATUS: all that a tty holds. The newest, the only one that counts, is the last of it."""
    backlog = far_end.write_all_that_fits()
    assert backlog > 8192
    assert len(link.receive()) == backlog


def test_silence_never_blocks(link: SerialLink) -> None:
    """Ten seconds of scans over a silent line."""
    longest_s = 0.0
    for _ in range(1000):
        started = time.perf_counter()
        assert link.receive() == b""
        longest_s = max(longest_s, time.perf_counter() - started)
    assert link.loss is None
    assert longest_s < 0.5


def test_a_full_line_drops_run_and_lets_stop_overtake(link: SerialLink, far_end: FarEnd) -> None:
    assert link.send_stop(STOP_FRAME) is SendResult.SENT
    assert far_end.frames() == [STOP]
    sent = fill(link)
    assert sent * len(run_frame(0)) > 4096
    started = time.perf_counter()
    assert link.send(run_frame(0)) is SendResult.BUSY
    assert link.send_stop(STOP_FRAME) is SendResult.SENT
    assert time.perf_counter() - started < 0.5
    assert link.counts.stops_overtaking == 1
    arrived = far_end.read()
    packets = far_end.decoder.feed(arrived)
    assert packets[-1].frame == STOP
    assert packets[-1].sequence == 9
    # 4096 bytes had crossed to the far end's own buffer, as bytes on a wire would have; all that were still here are gone.
    assert len(arrived) <= 4096 + 1 + len(STOP_FRAME)


@pytest.mark.parametrize("offset", range(19))
@pytest.mark.parametrize("stops", [False, True], ids=["run", "stop"])
def test_a_frame_cut_by_a_full_line_spoils_neither_the_next_run_nor_a_stop(
    link: SerialLink, far_end: FarEnd, stops: bool, offset: int
) -> None:
    """The offset moves the cut through all bytes of the frame."""
    link.send(b"\x55" * offset)
    sent = fill(link)
    arrived = far_end.read()
    cut_length = len(arrived) - offset - sent * len(run_frame(0))
    assert 0 <= cut_length < len(run_frame(0))
    far_end.decoder.feed(arrived)
    newest = STOP_FRAME if stops else run_frame(200)
    assert (link.send_stop if stops else link.send)(newest) is SendResult.SENT
    sequences = [packet.sequence for packet in far_end.packets()]
    # Where nothing but its delimiter was missing, the cut frame is whole after all; it still comes before the newer one.
    earlier = [sent & 0xFF] if cut_length == len(run_frame(0)) - 1 else []
    assert sequences == [*earlier, 9 if stops else 200]


def test_a_stop_that_the_line_does_not_take_is_finished_later(link: SerialLink, far_end: FarEnd) -> None:
    termios.tcflow(link.fileno(), termios.TCOOFF)
    assert link.send_stop(STOP_FRAME) is SendResult.QUEUED
    assert link.send(run_frame(1)) is SendResult.BUSY
    assert link.receive() == b""
    assert far_end.frames() == []
    termios.tcflow(link.fileno(), termios.TCOON)
    assert link.receive() == b""
    assert far_end.frames() == [STOP]
    assert link.send(run_frame(1)) is SendResult.SENT


def test_a_stop_never_discards_the_stop_before_it(link: SerialLink, far_end: FarEnd) -> None:
    """The earlier one may be the harder; a pseudo-terminal hands bytes over so late that a flush would still catch it."""
    harder = encode(Stop(deceleration_mm_s2=0, category_0=True), 8)
    for _ in range(200):
        assert link.send(run_frame(1)) is SendResult.SENT
        assert link.send_stop(harder) is SendResult.SENT
        assert link.send_stop(STOP_FRAME) is SendResult.SENT
        assert [packet.sequence for packet in far_end.packets()][-2:] == [8, 9]


def test_stops_for_ever_into_a_line_that_nobody_reads_stay_bounded(link: SerialLink, far_end: FarEnd) -> None:
    for number in range(10_000):
        result = link.send_stop(encode(STOP, number & 0xFF))
        assert result in (SendResult.SENT, SendResult.QUEUED)
    link.receive()
    arrived = far_end.read()
    assert len(arrived) < 65536
    assert far_end.decoder.feed(arrived)[-1].sequence == 9999 & 0xFF


def test_of_two_stops_that_wait_the_newer_goes_out_alone(link: SerialLink, far_end: FarEnd) -> None:
    termios.tcflow(link.fileno(), termios.TCOOFF)
    assert link.send_stop(STOP_FRAME) is SendResult.QUEUED
    harder = Stop(deceleration_mm_s2=0, category_0=True)
    assert link.send_stop(encode(harder, 10)) is SendResult.QUEUED
    termios.tcflow(link.fileno(), termios.TCOON)
    link.receive()
    assert far_end.frames() == [harder]
    assert link.counts.stops_overtaking == 1


def test_run_waits_for_bytes_that_the_kernel_still_holds(
    link: SerialLink, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pseudo-terminal always answers 0 to TIOCOUTQ, so this one answer is put in the kernel's mouth."""
    unsent = [7]
    kernel = fcntl.ioctl

    def ioctl(descriptor: int, request: int, *arguments: Any) -> Any:
        if request == termios.TIOCOUTQ:
            return unsent[0].to_bytes(4, "little")
        return kernel(descriptor, request, *arguments)

    monkeypatch.setattr(serial_link.fcntl, "ioctl", ioctl)
    assert link.send(run_frame(1)) is SendResult.BUSY
    assert far_end.read() == b""
    assert link.send_stop(STOP_FRAME) is SendResult.SENT
    assert link.counts.stops_overtaking == 1
    assert far_end.frames() == [STOP]
    unsent[0] = 0
    assert link.send(run_frame(2)) is SendResult.SENT


def test_unplugging_wakes_the_caller_and_is_noticed_by_reading(link: SerialLink, far_end: FarEnd) -> None:
    descriptor = link.fileno()
    far_end.unplug()
    assert select.select([descriptor], [], [], 1)[0]
    assert link.receive() == b""
    assert link.loss is not None
    assert link.loss.cause is LossCause.UNPLUGGED
    assert "check the cable" in link.loss.text
    assert link.fileno() == -1
    assert link.counts.times_lost == 1


@pytest.mark.parametrize("stops", [False, True], ids=["run", "stop"])
def test_unplugging_is_noticed_by_writing(link: SerialLink, far_end: FarEnd, stops: bool) -> None:
    far_end.unplug()
    send, frame = (link.send_stop, STOP_FRAME) if stops else (link.send, run_frame(1))
    assert send(frame) is SendResult.LOST
    assert link.loss is not None
    assert link.loss.cause is LossCause.UNPLUGGED
    assert send(frame) is SendResult.LOST
    assert link.receive() == b""
    assert link.counts.times_lost == 1


def test_nothing_of_before_a_loss_is_sent_after_it(link: SerialLink, far_end: FarEnd) -> None:
    termios.tcflow(link.fileno(), termios.TCOOFF)
    assert link.send_stop(STOP_FRAME) is SendResult.QUEUED
    far_end.unplug()
    link.receive()
    assert link.loss is not None
    assert not link.reopen()
    assert link.loss.cause is LossCause.ABSENT
    far_end.plug_in_another()
    assert link.reopen()
    assert link.loss is None
    link.receive()
    assert far_end.read() == b""
    assert link.send(run_frame(3)) is SendResult.SENT
    assert far_end.read() == run_frame(3)


def test_bytes_taken_by_another_reader_are_noticed(link: SerialLink, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real second reader, made to strike between the link's look and its read."""
    look = link._poll

    class Thief:
        def poll(self, timeout_ms: int) -> list[tuple[int, int]]:
            ready = look.poll(timeout_ms)
            if ready:
                os.read(far_end.kept_open, 4096)
            return ready

        def unregister(self, descriptor: int) -> None:
            look.unregister(descriptor)

    monkeypatch.setattr(link, "_poll", Thief())
    far_end.write(b"stolen")
    assert link.receive() == b""
    assert link.loss is not None
    assert link.loss.cause is LossCause.STOLEN


def test_a_line_that_is_not_there() -> None:
    link = SerialLink("/dev/serial/by-id/no-such-drive")
    assert not link.reopen()
    assert link.loss is not None
    assert link.loss.cause is LossCause.ABSENT
    assert "/dev/serial/by-id/no-such-drive" in link.loss.text
    assert link.counts.times_lost == 0
    assert link.send(run_frame(1)) is SendResult.LOST
    assert link.send_stop(STOP_FRAME) is SendResult.LOST


def test_a_line_that_may_not_be_opened(far_end: FarEnd) -> None:
    os.fchmod(far_end.kept_open, 0o600 if os.geteuid() == 0 else 0)
    Path(far_end.device).parent.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    link = SerialLink(os.ttyname(far_end.kept_open))
    with without_privileges():
        assert not link.reopen()
    assert link.loss is not None
    assert link.loss.cause is LossCause.DENIED


def test_what_is_no_serial_line_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"untouched")
    for path in (file, tmp_path):
        link = SerialLink(str(path))
        assert not link.reopen()
        assert link.loss is not None
        assert link.loss.cause is LossCause.FAILED
    assert file.read_bytes() == b"untouched"


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(ValueError, match="an absolute path"):
        SerialLink("ttyUSB0")


def test_opening_and_failing_leak_no_descriptor(far_end: FarEnd) -> None:
    link = SerialLink(far_end.device)
    absent = SerialLink(far_end.device + "-absent")
    assert link.reopen()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert link.reopen()
        assert not absent.reopen()
        assert not SerialLink(far_end.device).reopen()
    assert len(os.listdir("/proc/self/fd")) == before
    link.close()
    assert link.send(encode(Hello(), 0)) is SendResult.LOST
