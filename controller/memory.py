"""What the controller must remember over its own death: whether it stopped cleanly, what had latched, and the next event id.

Writing is a helper thread's work, after the STOP frame has gone out; the scan only hands over the newest value.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from controller.durable_file import write_durably

ID_RESERVE = 256
"""Ids are promised ahead by so many, so that a lost power supply never makes one twice; a gap is then left, and said."""


class UncleanStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A start that found no clean stop before it. kernel_boot: the computer's boot, on whose monotonic clock at_ns is."""

    kernel_boot: str
    at_ns: int


class Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content. clean: ended at rest with nothing latched. orderly: ended by itself, latched or not."""

    clean: bool
    causes: tuple[str, ...] = ()
    reserved_event_id: int = 0
    orderly: bool = False
    unclean_starts: tuple[UncleanStart, ...] = ()


_AGAIN_AFTER_S = 1.0


class Memory:
    """Reads the file once and writes the newest value whenever it changes, fsynced, in its own thread.

    A value that could not be written is tried again every second until it could, or a newer one takes its place.
    """

    def __init__(self, path: Path, say: Callable[[str], None] = lambda _text: None) -> None:
        """Loads what is there. A missing or damaged file counts as an unclean stop, and so does a clean one that cannot be taken
        back: it would call the next start clean, too, whatever happens until then. say: is told of each failure, once."""
        self._path = path
        self._say = say
        self.failure = ""
        self.found = self._take_back(self._load())
        self._newest: Remembered | None = None
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._write_forever, name="memory", daemon=True)
        self._thread.start()

    def _load(self) -> Remembered:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Remembered)
        except FileNotFoundError:
            return Remembered(clean=False)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Remembered(clean=False, causes=("damaged",))

    def _take_back(self, found: Remembered) -> Remembered:
        """Before the first scan and in its thread: a power cut from now on finds no clean stop."""
        taken_back = msgspec.structs.replace(found, clean=False, orderly=False)
        if (found.clean or found.orderly) and not self._write_or_say(taken_back):
            return msgspec.structs.replace(taken_back, causes=("cannot-be-written",))
        return found

    def keep(self, value: Remembered) -> None:
        """Hands the newest value to the writer; an older one that was not written yet is superseded."""
        with self._condition:
            self._newest = value
            self._condition.notify()

    def close(self, value: Remembered) -> None:
        """Writes the last value and ends the thread; waits at most two seconds for the disk."""
        with self._condition:
            self._newest = value
            self._closing = True
            self._condition.notify()
        self._thread.join(timeout=2.0)

    def _write_forever(self) -> None:
        while True:
            with self._condition:
                while self._newest is None and not self._closing:
                    self._condition.wait()
                value, self._newest = self._newest, None
                if value is None:
                    return
            if not self._write_or_say(value):
                self._try_again(value)

    def _try_again(self, value: Remembered) -> None:
        """Unless a newer value has come meanwhile, or the process ends."""
        with self._condition:
            if not self._closing and self._newest is None:
                self._condition.wait(_AGAIN_AFTER_S)
            if not self._closing and self._newest is None:
                self._newest = value

    def _write_or_say(self, value: Remembered) -> bool:
        try:
            self._write(value)
        except OSError as error:
            failure = f"cannot write {self._path}: {error.strerror}"
            if failure != self.failure:
                self.failure = failure
                self._say(f"Memory: {failure}. What it holds may be old: see to the disk.")
            return False
        self.failure = ""
        return True

    def _write(self, value: Remembered) -> None:
        write_durably(self._path, msgspec.json.encode(value), 0o640)
