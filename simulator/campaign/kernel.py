"""What an operating system gives the shell, in memory: one serial device, and sockets that keep datagrams apart.

Each class here stands for a standard module, and offers of it what the shipped code calls and no more: a call that is missing here
raises AttributeError in the campaign instead of passing unseen.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable

SEND_BUFFER_BYTES = 64 * 1024
LINE_BUFFER_BYTES = 4096
"""What a tty keeps for a host that does not read."""
_DESCRIPTOR = 3
_NOTHING_WAITS = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
"""What most reads of a socket end with, two or three a scan: made once, and raised without the way it went the last time."""


class Tty:
    """A serial device as the host sees it: bytes that wait, a sink for what is written, and ways to be gone or full."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._waiting = bytearray()
        self.plugged_in = True
        self.full = False
        """The line takes no byte: the adapter hangs, and its queue is full."""
        self._open = False
        self._unplugged_while_open = False

    def deliver(self, data: bytes) -> None:
        """Bytes from the wire; beyond what the tty keeps the newest are lost."""
        if self._open and self.plugged_in:
            room = LINE_BUFFER_BYTES - len(self._waiting)
            self._waiting += data[: max(0, room)]

    def unplug(self) -> None:
        """The device is gone; whoever has it open reads an error."""
        self.plugged_in = False
        self._unplugged_while_open = self._open
        self._waiting.clear()

    def plug_in(self) -> None:
        """The device is back under the same name; an old descriptor stays dead."""
        self.plugged_in = True

    # --- what the stand-ins below call --------------------------------------------------------------------------------

    def open(self) -> None:
        """Raises OSError when there is no device."""
        if not self.plugged_in:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self._open, self._unplugged_while_open = True, False

    def close(self) -> None:
        """Whatever waits is lost."""
        self._open = False
        self._waiting.clear()

    @property
    def readable(self) -> bool:
        """Whether a read would return at once: bytes, or an end."""
        return bool(self._waiting) or self._unplugged_while_open

    def read(self, size: int) -> bytes:
        """As read(2) on a tty with VMIN 1."""
        self._alive()
        if not self._waiting:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken

    def write(self, data: bytes) -> int:
        """As write(2): everything, or nothing on a full line."""
        self._alive()
        if self.full:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self._sink(data)
        return len(data)

    def unsent(self) -> int:
        """What TIOCOUTQ says. As on a pseudo-terminal, bytes have left as soon as they are written."""
        self._alive()
        return 16 if self.full else 0

    def flush(self, queue: int) -> None:
        """As tcflush; what is written here has left already."""
        self._alive()
        if queue in (termios.TCIFLUSH, termios.TCIOFLUSH):
            self._waiting.clear()

    def _alive(self) -> None:
        if self._unplugged_while_open:
            raise OSError(errno.EIO, "Input/output error")


class TtyOs:
    """Stands for `os` in the serial link."""

    path = os.path

    def __init__(self, tty: Tty) -> None:
        self.read = lambda _descriptor, size: tty.read(size)
        self.write = lambda _descriptor, data: tty.write(data)


class TtyFcntl:
    """Stands for `fcntl`: exclusive use is always granted, and TIOCOUTQ answered."""

    def __init__(self, tty: Tty) -> None:
        self._tty = tty

    def ioctl(self, _descriptor: int, request: int, _argument: bytes = b"") -> bytes:
        """Returns what the driver would write back."""
        return self._tty.unsent().to_bytes(4, "little") if request == termios.TIOCOUTQ else b""


class TtyTermios:
    """Stands for `termios`."""

    error = termios.error
    TIOCOUTQ, TIOCEXCL, TIOCNXCL = termios.TIOCOUTQ, termios.TIOCEXCL, termios.TIOCNXCL
    TCOFLUSH, TCIOFLUSH, TCSANOW, VMIN = termios.TCOFLUSH, termios.TCIOFLUSH, termios.TCSANOW, termios.VMIN

    def __init__(self, tty: Tty) -> None:
        self.tcflush = lambda _descriptor, queue: tty.flush(queue)

    def tcgetattr(self, _descriptor: int) -> list[object]:
        """Settings that nobody reads again."""
        return [0, 0, 0, 0, 0, 0, [0] * 32]

    def tcsetattr(self, _descriptor: int, _when: int, _attributes: list[object]) -> None:
        """The simulated line has none."""


class TtyPoll:
    """What `select.poll()` returns."""

    def __init__(self, tty: Tty) -> None:
        self._tty = tty

    def register(self, _descriptor: int, _events: int) -> None:
        """There is one device."""

    def unregister(self, _descriptor: int) -> None:
        """There is one device."""

    def poll(self, _timeout: int) -> bool:
        """Truthy when a read would return at once."""
        return self._tty.readable


class TtySelect:
    """Stands for `select`."""

    POLLIN = 1

    def __init__(self, tty: Tty) -> None:
        self.poll = lambda: TtyPoll(tty)


class TtySerial:
    """Stands for pyserial: opens the device."""

    def __init__(self, tty: Tty) -> None:
        self._tty = tty

    def Serial(self, _device: str, _baud_rate: int, **_options: object) -> TtyPort:
        """Raises OSError when the device is not there."""
        self._tty.open()
        return TtyPort(self._tty)


class TtyPort:
    """An open serial.Serial."""

    def __init__(self, tty: Tty) -> None:
        self.close = tty.close

    def fileno(self) -> int:
        """The one descriptor there is."""
        return _DESCRIPTOR

    def set_low_latency_mode(self, _wanted: bool) -> None:
        """As a pseudo-terminal: no such mode, which pyserial says by this error and the link takes for an answer."""
        raise NotImplementedError("Low latency not supported on this platform")


class Sockets:
    """Stands for `socket` at both ends of the controller's Unix socket: SOCK_SEQPACKET in memory, by path."""

    AF_UNIX, SOL_SOCKET, SO_SNDBUF = socket.AF_UNIX, socket.SOL_SOCKET, socket.SO_SNDBUF
    SOCK_SEQPACKET, SOCK_NONBLOCK, SOCK_CLOEXEC = socket.SOCK_SEQPACKET, socket.SOCK_NONBLOCK, socket.SOCK_CLOEXEC

    def __init__(self) -> None:
        self._listeners: dict[str, MemorySocket] = {}

    def socket(self, _family: int, _kind: int) -> MemorySocket:
        """A socket that is neither bound nor connected."""
        return MemorySocket(self._listeners)

    def chmod(self, _path: str, _mode: int) -> None:
        """Stands for os.chmod on the socket's path."""


class MemorySocket:
    """One end. Never blocks."""

    def __init__(self, listeners: dict[str, MemorySocket]) -> None:
        self._listeners = listeners
        self._path = ""
        self._backlog: deque[MemorySocket] = deque()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._peer: MemorySocket | None = None
        self._closed = False
        self._ended = False

    @property
    def readable(self) -> bool:
        """Whether recv would return at once."""
        return bool(self._waiting) or self._ended

    @property
    def writable(self) -> bool:
        """Whether a small datagram would be taken."""
        return self._peer is None or self._peer._waiting_bytes < SEND_BUFFER_BYTES

    def bind(self, path: str) -> None:
        """Takes the path over, as the channel does by unlinking it first."""
        self._path = path
        self._listeners[path] = self

    def listen(self, _backlog: int) -> None:
        """From now on `connect` finds it."""

    def setblocking(self, _blocking: bool) -> None:
        """Never does."""

    def setsockopt(self, *_options: int) -> None:
        """The buffer has one size."""

    def getsockopt(self, _level: int, option: int, _size: int) -> bytes:
        """SO_PEERCRED: everybody here is this process. Supplementary groups nobody has."""
        if option != socket.SO_PEERCRED:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        return struct.pack("=iII", os.getpid(), os.getuid(), os.getgid())

    def accept(self) -> tuple[MemorySocket, str]:
        """The next connection; raises BlockingIOError without one."""
        if not self._backlog:
            raise _NOTHING_WAITS.with_traceback(None)
        return self._backlog.popleft(), ""

    def connect(self, path: str) -> None:
        """Raises ConnectionRefusedError when nobody listens."""
        listener = self._listeners.get(path)
        if listener is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        server = MemorySocket(self._listeners)
        self._peer, server._peer = server, self
        listener._backlog.append(server)

    def send(self, datagram: bytes) -> int:
        """Raises BlockingIOError when the reader is slow, BrokenPipeError when there is none."""
        peer = self._peer
        if peer is None or self._closed or peer._closed:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        if peer._waiting_bytes + len(datagram) > SEND_BUFFER_BYTES:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        peer._waiting.append(datagram)
        peer._waiting_bytes += len(datagram)
        return len(datagram)

    def recv(self, size: int) -> bytes:
        """The next datagram, cut to size; empty at the end; raises BlockingIOError when none waits."""
        if self._waiting:
            datagram = self._waiting.popleft()
            self._waiting_bytes -= len(datagram)
            return datagram[:size]
        if self._ended:
            return b""
        raise _NOTHING_WAITS.with_traceback(None)

    def close(self) -> None:
        """The peer reads what it has not read, then the end."""
        self._closed = True
        if self._path and self._listeners.get(self._path) is self:
            del self._listeners[self._path]
        for waiting in self._backlog:
            waiting.close()
        if self._peer is not None:
            self._peer._ended = True
