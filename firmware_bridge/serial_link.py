"""The serial line to a drive: one writer, nothing blocks, and no fault of the line raises.

pyserial opens and configures the line. Reading and writing go straight to the descriptor, because pyserial's write with
a zero timeout spins for ever once the line is full, its `flush` can hang, and its read cannot tell silence from an
unplugged cable.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import termios

import msgspec
import serial

from firmware_bridge.drive import LinkLoss, LossCause, SendResult

BAUD_RATE = 115200
READ_SIZE = 4096
READS_AT_MOST = 16
"""64 KiB a call: more than a tty holds, so the newest frame is reached at once even after a long freeze of the host."""

_DELIMITER = b"\x00"
_PSEUDO_TERMINAL_MAJORS = range(136, 144)  # Linux: Documentation/admin-guide/devices.txt, Unix98 pty slaves
_OPEN_CAUSES = {
    errno.ENOENT: LossCause.ABSENT,
    errno.ENODEV: LossCause.ABSENT,
    errno.ENXIO: LossCause.ABSENT,
    errno.EACCES: LossCause.DENIED,
    errno.EPERM: LossCause.DENIED,
    errno.EBUSY: LossCause.IN_USE,
    errno.EAGAIN: LossCause.IN_USE,  # what a held flock answers
    errno.EIO: LossCause.UNPLUGGED,
}
_TEXTS = {
    LossCause.CLOSED: "The drive's serial line {device} is not open.",
    LossCause.ABSENT: "The drive's serial line {device} is not there: check its power, its cable and the configured path.",
    LossCause.DENIED: "The drive's serial line {device} may not be opened by this user: check the group of the device; "
    "where that is right, restart sternway-controller.",
    LossCause.IN_USE: "The drive's serial line {device} is held by another program: end that program.",
    LossCause.UNPLUGGED: "The drive's serial line {device} is gone: check the cable and the drive's power.",
    LossCause.STOLEN: "The drive's serial line {device} lost bytes to another program that reads it: end that program.",
    LossCause.FAILED: "The drive's serial line {device} failed.",
}


class LinkCounts(msgspec.Struct):
    """What a link has done, reopenings included."""

    bytes_received: int = 0
    stops_overtaking: int = 0
    times_opened: int = 0
    times_lost: int = 0


class SerialLink:
    """One serial device, 115200 8N1 without flow control, held exclusively while open.

    Use a path that names the device itself, such as one under /dev/serial/by-id: a ttyUSB number changes owner when
    cables move.
    """

    def __init__(self, device: str) -> None:
        """device: absolute path. Opens nothing; see `reopen`. Raises ValueError for a relative path."""
        if not os.path.isabs(device):
            raise ValueError(f"the drive's device is {device!r}: an absolute path such as /dev/serial/by-id/... is needed")
        self.device = device
        self.counts = LinkCounts()
        self._port: serial.Serial | None = None
        self._descriptor = -1
        self._poll = select.poll()
        self._loss: LinkLoss | None = self._describe(LossCause.CLOSED)
        self._is_low_latency = False
        self._is_frame_cut = False
        self._is_stop_last = False
        self._stop_remainder = b""

    @property
    def loss(self) -> LinkLoss | None:
        """Why there is no link, or None while there is one."""
        return self._loss

    @property
    def is_low_latency(self) -> bool:
        """Whether the kernel hands bytes on without gathering them first.

        A pseudo-terminal and some adapters cannot; the link works all the same.
        """
        return self._is_low_latency

    @property
    def is_pseudo_terminal(self) -> bool | None:
        """Whether a program, and no wire, is at the other end; None while there is no link."""
        if self._port is None:
            return None
        return os.major(os.fstat(self._descriptor).st_rdev) in _PSEUDO_TERMINAL_MAJORS

    def fileno(self) -> int:
        """The descriptor to wait on for input; -1 while there is no link."""
        return self._descriptor

    def reopen(self) -> bool:
        """Open the line, closing it first if need be, and discard what waits in it.

        Writes nothing. False: see `loss`.
        """
        self.close()
        try:
            self._port = serial.Serial(
                self.device, BAUD_RATE, timeout=0, write_timeout=0, xonxoff=False, rtscts=False, dsrdtr=False, exclusive=True
            )
            self._descriptor = self._port.fileno()
            self._poll.register(self._descriptor, select.POLLIN)
            self._configure()
            termios.tcflush(self._descriptor, termios.TCIOFLUSH)
        except (OSError, termios.error) as error:
            self._lose(_OPEN_CAUSES.get(_error_number(error), LossCause.FAILED), error)
            return False
        self._loss = None
        self.counts.times_opened += 1
        return True

    def receive(self) -> bytes:
        """All bytes that have come, at most 64 KiB of them.

        Also goes on with a STOP that the line has taken only in part.
        """
        if self._port is None:
            return b""
        self._continue_stop()
        chunks = []
        for _ in range(READS_AT_MOST):
            chunk = self._read_waiting()
            if not chunk:
                break
            chunks.append(chunk)
        received = b"".join(chunks)
        self.counts.bytes_received += len(received)
        return received

    def send(self, frame: bytes) -> SendResult:
        """Write one frame, but only onto a line that is free: SENT, BUSY (dropped) or LOST.

        So at most one frame is ever queued here, and what the drive receives is a decision of now.
        """
        self._continue_stop()
        is_free = self._is_free()
        if self._port is None:
            return SendResult.LOST
        if not is_free:
            return SendResult.BUSY
        # A frame that the line took only in part is never finished: a delimiter ends it and this newer decision follows.
        to_write = _DELIMITER + frame if self._is_frame_cut else frame
        written = self._write(to_write)
        if self._port is None:
            return SendResult.LOST
        if written > 0:
            self._is_stop_last = False
            self._is_frame_cut = written < len(to_write)
        return SendResult.SENT if written == len(to_write) else SendResult.BUSY

    def send_stop(self, frame: bytes) -> SendResult:
        """Write a STOP ahead of everything: SENT, QUEUED or LOST.

        Whatever is unsent is discarded, except an earlier STOP that may be the harder one: a STOP only follows it. Should
        the line take no more, the newest STOP alone waits. The delimiter in front ends a frame that was cut.
        """
        if self._stop_remainder or not self._is_stop_last:
            self._discard_unsent()
        if self._port is None:
            return SendResult.LOST
        self._is_stop_last = True
        self._is_frame_cut = False
        self._stop_remainder = _DELIMITER + frame
        self._continue_stop()
        if self._port is None:
            return SendResult.LOST
        return SendResult.QUEUED if self._stop_remainder else SendResult.SENT

    def close(self) -> None:
        """Give the line back at once.

        Unsent bytes are discarded: the kernel would wait up to half a minute for a line that does not drain.
        """
        self._release()
        self._loss = self._describe(LossCause.CLOSED)

    def _configure(self) -> None:
        """What pyserial leaves open: a lock that others must obey, silence told apart from an end, and low latency."""
        fcntl.ioctl(self._descriptor, termios.TIOCEXCL)
        attributes = termios.tcgetattr(self._descriptor)
        attributes[6][termios.VMIN] = 1  # else an empty line and a hung-up one both read as b""
        termios.tcsetattr(self._descriptor, termios.TCSANOW, attributes)
        self._is_low_latency = self._ask_low_latency()

    def _ask_low_latency(self) -> bool:
        if self._port is None:
            return False
        try:
            self._port.set_low_latency_mode(True)
        except (ValueError, OSError, NotImplementedError):  # pyserial turns the kernel's refusal into a ValueError
            return False
        return True

    def _read_waiting(self) -> bytes:
        """One read, b"" if nothing waits or the line was lost over it."""
        try:
            if not self._poll.poll(0):
                return b""
            chunk = os.read(self._descriptor, READ_SIZE)
        except BlockingIOError as error:
            self._lose(LossCause.STOLEN, error)
            return b""
        except OSError as error:
            self._lose(LossCause.UNPLUGGED, error)
            return b""
        if not chunk:
            self._lose(LossCause.UNPLUGGED, None)
        return chunk

    def _discard_unsent(self) -> None:
        is_overtaking = self._is_frame_cut or not self._is_free()
        if self._port is None:
            return
        self.counts.stops_overtaking += is_overtaking
        try:
            termios.tcflush(self._descriptor, termios.TCOFLUSH)
        except termios.error as error:
            self._lose(LossCause.UNPLUGGED, error)

    def _continue_stop(self) -> None:
        if self._stop_remainder:
            written = self._write(self._stop_remainder)
            self._stop_remainder = self._stop_remainder[written:]  # only now: losing the line has emptied it

    def _write(self, data: bytes) -> int:
        """How many bytes the kernel took, 0 if it is full or the line was lost over it."""
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._lose(LossCause.UNPLUGGED, error)
            return 0

    def _is_free(self) -> bool:
        """Whether all earlier bytes have left the kernel.

        A pseudo-terminal always says so: there only a full line tells.
        """
        if self._stop_remainder or self._port is None:
            return False
        try:
            unsent = fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, bytes(4))
        except OSError as error:
            self._lose(LossCause.UNPLUGGED, error)
            return False
        return not any(unsent)

    def _lose(self, cause: LossCause, error: Exception | None) -> None:
        if self._port is not None and self._loss is None:
            self.counts.times_lost += 1
        self._release()
        self._loss = self._describe(cause, error)

    def _release(self) -> None:
        """Close the descriptor: a lost line that stayed open would wake the caller for ever."""
        port, self._port = self._port, None
        if port is None:
            return
        # If the device is gone there is nothing to give back but the descriptor.
        with contextlib.suppress(OSError, termios.error, KeyError):
            self._poll.unregister(self._descriptor)
            termios.tcflush(self._descriptor, termios.TCOFLUSH)
            fcntl.ioctl(self._descriptor, termios.TIOCNXCL)
        with contextlib.suppress(OSError):  # Linux frees the descriptor even then
            port.close()
        self._descriptor = -1
        self._is_frame_cut = False
        self._is_stop_last = False
        self._stop_remainder = b""

    def _describe(self, cause: LossCause, error: Exception | None = None) -> LinkLoss:
        text = _TEXTS[cause].format(device=self.device)
        return LinkLoss(cause, f"{text} ({error})" if error else text)


def _error_number(error: Exception) -> int:
    """The errno in an OSError, a SerialException or a termios.error; 0 if it carries none."""
    number = getattr(error, "errno", None)
    if number is None and error.args:
        number = error.args[0]
    return number if isinstance(number, int) else 0
