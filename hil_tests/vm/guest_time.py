"""What the virtual machine tells by its I/O port: how its time passes, and each output pin that changes.

The machine counts instructions for its clock (QEMU's icount): it believes in a processor of a thousand million instructions
a second, and its time goes slower than ours whenever it is busy. Belt, patient and hands go by its time, and it waits for them: its
port takes no more than a few words that nobody has read, and nobody reads while the world is behind. So nothing is late because
this machine is slow, or busy with other things.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from simulator.pins import OutputState
from simulator.scheduling import BESIDE_PRIORITY, schedule_this_thread

TICK_NS = 2_000_000
_AHEAD_NS = 6_000_000
"""How far the machine's time may be ahead of the world's; the words on their way come to it."""
_BEHIND_S = 5.0
"""A world that does nothing for so long has failed, which its own thread says."""
_SILENT_S = 0.01
_TICK, _LEVEL = 0x7F, 0x80
_NEVER = OutputState(driven=False, level=False, changed_at_ns=0, changes=0)


class GuestTime:
    """The time of the machine while it has told any since it was switched on, else ours. Never goes back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base_ns = time.monotonic_ns()
        self._ours_since_ns: int | None = self._base_ns
        """Since when our time counts; None while the machine's does."""
        self._outputs: dict[int, OutputState] = {}
        self._world_ns = self._base_ns
        self._world_moves = threading.Condition()

    def now_ns(self) -> int:
        """Monotonic, ns."""
        with self._lock:
            return self._now_ns()

    def output(self, line: int) -> OutputState:
        """What has become of a pin, by BCM number."""
        return self._outputs.get(line, _NEVER)

    def world_has_come_to(self, now_ns: int) -> None:
        """Belt, patient and hands have done everything up to this time, ns."""
        with self._world_moves:
            self._world_ns = now_ns
            self._world_moves.notify()

    def follow(self, wires: socket.socket, waker: socket.socket) -> None:
        """Listens to a machine that has been switched on. waker: a monitor of its own; both are closed in the end."""
        threading.Thread(target=self._listen, args=(wires, waker), daemon=True).start()

    def heard(self, data: bytes) -> None:
        """What the machine has told."""
        with self._lock:
            for byte in data:
                if byte == _TICK:
                    if self._ours_since_ns is not None:
                        self._base_ns, self._ours_since_ns = self._now_ns(), None
                    self._base_ns += TICK_NS
                else:
                    line, level = byte & ~_LEVEL, bool(byte & _LEVEL)
                    changes = self.output(line).changes + 1
                    self._outputs[line] = OutputState(True, level, self._now_ns(), changes)

    def alone(self) -> None:
        """The machine has been switched off: time goes on without it, and its pins drive nothing."""
        with self._lock:
            self._base_ns, self._ours_since_ns = self._now_ns(), time.monotonic_ns()
            self._outputs = {line: state._replace(driven=False) for line, state in self._outputs.items()}

    def _now_ns(self) -> int:
        ours_ns = 0 if self._ours_since_ns is None else time.monotonic_ns() - self._ours_since_ns
        return self._base_ns + ours_ns

    def _listen(self, wires: socket.socket, waker: socket.socket) -> None:
        schedule_this_thread(BESIDE_PRIORITY)
        wires.settimeout(_SILENT_S)
        waker.setblocking(False)
        with wires, waker, contextlib.suppress(OSError):
            while True:
                try:
                    data = wires.recv(4096)
                except TimeoutError:
                    _wake(waker)
                    continue
                if not data:
                    break
                self.heard(data)
                self._wait_for_world()
        self.alone()

    def _wait_for_world(self) -> None:
        with self._world_moves:
            self._world_moves.wait_for(lambda: self._world_ns >= self.now_ns() - _AHEAD_NS, _BEHIND_S)


def _wake(waker: socket.socket) -> None:
    """QEMU 7.2 now and then forgets to wake an idle processor at its next timer; any word to a monitor reminds it."""
    with contextlib.suppress(BlockingIOError):
        waker.recv(65536)
    with contextlib.suppress(BlockingIOError):
        waker.send(b"\n")
