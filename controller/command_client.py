"""The command line's end of the controller's socket: one request, one answer, and the machine as it says it is.

Nothing is sent twice. Whoever gets no answer is told what to do by hand.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from controller.peers import group_name
from messages.wire import (
    MAXIMUM_MESSAGE_BYTES,
    About,
    Cancel,
    FromController,
    Prepare,
    Reply,
    Snapshot,
    Stop,
    Symptom,
    decode_from_controller,
    encode,
)

Found = TypeVar("Found", bound=FromController)

ANSWER_WITHIN_S = 3.0
_STOP_BY_HAND = "to stop the belt, press STOP at the panel"


class ClientError(Exception):
    """The controller cannot be asked; the text says why and what to do."""


class ControllerClient:
    """A connection to the controller. Close it, or use it in a `with`."""

    def __init__(self, path: Path, answer_within_s: float = ANSWER_WITHIN_S, clock: Callable[[], float] = time.monotonic) -> None:
        """Connects; raises ClientError when nobody listens. answer_within_s: how long each question may take, in seconds."""
        self._path = path
        self._clock = clock
        self._answer_within_s = answer_within_s
        self._admitted = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        self._socket.settimeout(answer_within_s)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise ClientError(_why_not_connected(path, error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def ask(self, request: Prepare | Cancel | Stop | Symptom) -> Reply:
        """Sends one request and returns its answer; raises ClientError when none comes in time."""
        with contextlib.suppress(OSError):  # it has closed already: what it said before that, if anything, tells why
            self._socket.send(encode(request))
        return self._wait(Reply, lambda reply: reply.request == request.request)

    def look(self) -> tuple[About, Snapshot]:
        """Returns what the controller is and how it is now; raises ClientError when it does not say so in time."""
        about = self._wait(About, lambda _: True)
        return about, self._wait(Snapshot, lambda _: True)

    def _wait(self, kind: type[Found], fits: Callable[[Found], bool]) -> Found:
        """Passes over other messages, ten snapshots a second among them, until the one that fits or the time is over."""
        deadline = self._clock() + self._answer_within_s
        while (left_s := deadline - self._clock()) > 0:
            self._socket.settimeout(left_s)
            message = self._receive()
            if isinstance(message, kind) and fits(message):
                return message
        raise ClientError(_silent(self._answer_within_s))

    def _receive(self) -> FromController:
        try:
            datagram = self._socket.recv(MAXIMUM_MESSAGE_BYTES + 1)
        except TimeoutError as error:
            raise ClientError(_silent(self._answer_within_s)) from error
        except ConnectionResetError:  # it has left a request unread; what it said before that comes after this error
            return self._receive()
        except OSError as error:
            raise ClientError(f"The connection to the controller broke: {error.strerror}; {_STOP_BY_HAND}.") from error
        if not datagram:
            raise ClientError(self._closed())
        self._admitted = True
        try:
            return decode_from_controller(datagram)
        except msgspec.DecodeError as error:
            raise ClientError("The controller speaks another version: use the command line installed with it.") from error

    def _closed(self) -> str:
        """Whoever is admitted is told first what this is."""
        if self._admitted:
            return f"The controller has closed the connection; {_STOP_BY_HAND}."
        return (
            f"The controller closed the connection (socket {self._path}) at once: you are not a member of access.group; "
            f"join it, or use sudo; {_STOP_BY_HAND}."
        )


def _silent(seconds: float) -> str:
    return f"The controller does not answer within {seconds:g} s; {_STOP_BY_HAND}."


def _why_not_connected(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            why = "The controller is not running"
            remedy = "start it with: systemctl start sternway-controller"
        case PermissionError():
            why = "You may not speak to the controller"
            remedy = f"join the group {_group_in_the_way(path.absolute())}, or use sudo"
        case TimeoutError() | BlockingIOError():
            why = "The controller takes no more connections"
            remedy = "see: systemctl status sternway-controller"
        case _:
            why = f"The controller's socket cannot be used ({error.strerror or error})"
            remedy = "name the right one with --socket"
    return f"{why} (socket {path}): {remedy}; {_STOP_BY_HAND}."


def _group_in_the_way(place: Path) -> str:
    """The group of the socket, or of the directory that hides it."""
    try:
        return group_name(place.stat().st_gid)
    except OSError:
        return _group_in_the_way(place.parent)
