"""What the controller must remember over its own death: whether it stopped cleanly, what had latched, and the next event id.

Writing is a helper thread's work, after the STOP frame has gone out; the scan only hands over the newest value.
"""

from __future__ import annotations

import threading
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


class Memory:
    """Reads the file once and writes the newest value whenever it changes, fsynced, in its own thread."""

    def __init__(self, path: Path) -> None:
        """Loads what is there. A missing or damaged file counts as an unclean stop; a failure to write is kept in `failure`."""
        self._path = path
        self.found = self._load()
        self.failure = ""
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
            try:
                self._write(value)
                self.failure = ""
            except OSError as error:
                self.failure = f"cannot write {self._path}: {error.strerror}"

    def _write(self, value: Remembered) -> None:
        write_durably(self._path, msgspec.json.encode(value), 0o640)
